"""Which finished files are ours, so that no other file is replaced by accident.

A host may name its file as it likes, ``Makefile`` for instance. A file that already has the name
is replaced only if it is the same file of an earlier run. That is recorded with the file, in an
extended attribute, together with its length and modification time: a file that was changed since
is not ours any more. Where a system or volume has no such attributes, nothing is ours. Nothing
secret is kept: the URL is a hash. All functions block.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

from asyncdl.system import files

_ATTRIBUTE = "user.asyncdl.file"


class OwnershipMark(Struct, frozen=True):
    """Identifies the source of a file."""

    file_id: str
    ignores_changes: bool = False
    """Whether our file stays ours if it was changed since."""


def mark_ours(fd: int, mark: OwnershipMark) -> None:
    """Record the source of an open, finished file, if the file system can.

    Args:
        fd: The file. All its bytes are written, and it has its modification time.
        mark: Its source.
    """
    files.set_attribute(fd, _ATTRIBUTE, _encode(os.fstat(fd), mark))


def is_ours(path: Path, mark: OwnershipMark) -> bool:
    """Return whether a file is as :func:`mark_ours` left it, from the same source."""
    recorded = files.get_attribute(path, _ATTRIBUTE)
    if recorded is None:
        return False
    try:
        now = _encode(path.stat(), mark)
    except OSError:
        return False
    return recorded == now or (mark.ignores_changes and recorded.split()[:1] == now.split()[:1])


def _encode(found: os.stat_result, mark: OwnershipMark) -> bytes:
    return f"{mark.file_id} {found.st_size} {found.st_mtime_ns}".encode()
