"""Bringing bytes and names to stable storage, as far as a system lets anybody. Blocks."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from types import ModuleType

_fcntl: ModuleType | None
try:
    import fcntl as _fcntl
except ImportError:
    _fcntl = None

_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOTSUP})
"""File systems that cannot flush a folder say so, and keep its entries in their own way."""


def flush(fd: int) -> None:
    """Bring the bytes of an open file to stable storage.

    On macOS the usual call leaves them in the memory of the disk, and another one does not;
    some volumes there have only the usual one.

    Raises: OSError.
    """
    whole: int | None = getattr(_fcntl, "F_FULLFSYNC", None)
    if _fcntl is not None and whole is not None:
        with suppress(OSError):
            _fcntl.fcntl(fd, whole)
            return
    os.fsync(fd)


def flush_folder(folder: Path) -> None:
    """Bring the names in a folder to stable storage, where the system can.

    On Windows nobody can: NTFS keeps a log of names by itself, and after a power cut the
    last of them may be missing.

    Raises: OSError.
    """
    as_folder: int | None = getattr(os, "O_DIRECTORY", None)
    if as_folder is None:
        return
    fd = os.open(folder, os.O_RDONLY | as_folder)
    try:
        flush(fd)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(fd)
