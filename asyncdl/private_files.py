"""Reads files with secrets, if nobody but their owner may open them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from asyncdl.redact import SecretBytes


class NotPrivate(Exception):
    """A file that is not safe for a secret; the text says why."""


def read_private(path: Path, *, max_bytes: int) -> SecretBytes:
    """Return what a file holds, and one byte more than ``max_bytes`` of a longer one. Blocks.

    Raises: NotPrivate, if it is no regular file or (on POSIX) may be opened by others
        than its owner; OSError, if it cannot be read. Of a link, the file it leads to counts.
    """
    # The open file is checked, so that it cannot be replaced in between; and it is opened
    # without waiting, for a pipe would wait until something is written into it.
    with open(path, "rb", opener=open_at_once) as file:
        check_private(path, os.fstat(file.fileno()))
        return SecretBytes(file.read(max_bytes + 1))


def check_private(path: Path, found: os.stat_result) -> None:
    """Check that an open file may hold a secret.

    Raises: NotPrivate.
    """
    if not stat.S_ISREG(found.st_mode):
        raise NotPrivate(f"{path} is not a regular file")
    if os.name == "posix" and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise NotPrivate(f"{path} is accessible to others than its owner; run: chmod 600 {path}")


def open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting, as an ``opener``: opening a pipe waits for its writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
