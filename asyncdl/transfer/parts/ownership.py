"""Which finished files are ours, so that no file of somebody else is replaced by accident.

A host may name its file as it likes, ``Makefile`` for instance. What already has such a
name is replaced only if it is the same file of an earlier run. That is kept with the file
itself, in an extended attribute, along with the length and the time it had: whoever has
changed it since has made it theirs. Where a system or volume has no such attributes,
nothing is ours. Nothing secret is kept: the URL is a number. All of it blocks.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from asyncdl.system import files

_ATTRIBUTE = "user.asyncdl.file"


class OwnershipMark(Struct, frozen=True):
    """Stands for where a file comes from."""

    number: str
    is_changed_too: bool = False
    """Whether ours is ours also if it has changed since."""


def mark_ours(fd: int, file: OwnershipMark) -> None:
    """Let an open, finished file say which one it is, where the file system can keep that.

    Args:
        fd: The file. All its bytes are written, and it has its time.
        file: Where it comes from.
    """
    files.keep(fd, _ATTRIBUTE, _mark(os.fstat(fd), file))


def is_ours(path: Path, file: OwnershipMark) -> bool:
    """Tell whether a file is as :func:`mark_ours` left it, from the same place."""
    kept = files.kept(path, _ATTRIBUTE)
    if kept is None:
        return False
    try:
        now = _mark(path.stat(), file)
    except OSError:
        return False
    return kept == now or (file.is_changed_too and kept.split()[:1] == now.split()[:1])


def _mark(there: os.stat_result, file: OwnershipMark) -> bytes:
    return f"{file.number} {there.st_size} {there.st_mtime_ns}".encode()
