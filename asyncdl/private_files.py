"""Files that only their owner may open, as a secret needs them, read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from asyncdl.redact import SecretBytes


class NotPrivate(Exception):
    """A file that is no place for a secret; its text says why."""


def read_private(path: Path, *, max_bytes: int) -> SecretBytes:
    """Return what a file holds, and one byte more than ``max_bytes`` of a longer one. Blocks.

    Raises: NotPrivate, if it is no regular file or (on POSIX) may be opened by others
        than its owner; OSError, if it cannot be read. Of a link, the file it leads to counts.
    """
    # Asked of the open file, so that nobody can swap it in between; and opened
    # without waiting, for a pipe would wait for somebody to write into it.
    with open(path, "rb", opener=open_at_once) as file:
        check_private(path, os.fstat(file.fileno()))
        return SecretBytes(file.read(max_bytes + 1))


def check_private(path: Path, found: os.stat_result) -> None:
    """Look whether an open file is one that a secret may be in.

    Raises: NotPrivate.
    """
    if not stat.S_ISREG(found.st_mode):
        raise NotPrivate(f"{path} is no regular file")
    if os.name == "posix" and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NotPrivate(f"{path} is open to others than its owner; run: chmod 600 {path}")


def open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting, for an ``opener``: a pipe waits for somebody to write."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
