"""Room on the disk, looked for or taken before the bytes come.

A file that is written over several connections would else be laid out in the
order in which its pieces arrive, and a disk that is too small would be noticed
at the end only. The C library's ``posix_fallocate`` writes zeros where a file
system cannot do it (network mounts, some that copy on write), which costs more
than it brings; so the system call is used directly, and its "no" is an answer.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

from asyncdl.system.volumes import free_bytes, held_bytes

_KEEP_SIZE = 1
"""``FALLOC_FL_KEEP_SIZE``: the file does not look longer than what was written."""


def check(fd: int, path: Path, size_bytes: int) -> None:
    """Look whether there is room for ``size_bytes``, as far as the file system tells. Blocks.

    Args:
        fd: The partial file.
        path: Its name.
        size_bytes: Of the whole file.
    Raises: OSError with ENOSPC, if there is not.
    """
    free = free_bytes(path.parent)
    if free is not None and free + held_bytes(os.fstat(fd)) < size_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def reserve(fd: int, size_bytes: int) -> None:
    """Take the room for ``size_bytes`` where the file system can. Blocks.

    Raises: OSError, if there is no such room: ENOSPC, EDQUOT or EFBIG.
    """
    call = _fallocate()
    if call is None or call(fd, _KEEP_SIZE, 0, size_bytes) == 0:
        return
    number = _errno()
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise OSError(number, os.strerror(number))


def _errno() -> int:
    import ctypes

    return ctypes.get_errno()


@cache
def _fallocate() -> Callable[[int, int, int, int], int] | None:
    if sys.platform != "linux":
        return None
    import ctypes  # Files that one connection brings need no room beforehand.

    library = ctypes.CDLL(None, use_errno=True)
    call = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if call is None:
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    call.restype = ctypes.c_int
    checked: Callable[[int, int, int, int], int] = call
    return checked
