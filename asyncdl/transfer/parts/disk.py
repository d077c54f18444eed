"""File system calls with our errors, in threads or on the spot, and room taken in advance.

A file that is written over several connections would else be laid out in the
order in which its pieces arrive, and a disk that is too small would be noticed
at the end only. The C library's ``posix_fallocate`` writes zeros where a file
system cannot do it (network mounts, some that copy on write), which costs more
than it brings; so the system call is used directly, and its "no" is an answer.

A hop to a thread and back costs more than most calls themselves: about as much
as a whole small file has to cost. So brief calls are made on the loop, as long
as they turn out to be brief. See docs/decisions/002-write-path.md.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from asyncdl.errors import DiskError
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


T = TypeVar("T")

NOTICED_S = 0.02
"""A call on the loop that takes longer is felt by the connections."""
REST_FACTOR = 100
"""After such a call the loop is spared for so many times as long: it is blocked for
less than a hundredth of the time, however slow the disk is."""


class Disk:
    """Runs blocking calls so that the loop goes on, a few at a time.

    The threads are not those of the loop's default executor, where names are
    resolved: a slow disk must not keep connections from being made.

    Args:
        threads: How many calls run at once in threads, 1 or more.
        clock: Gives the time in seconds.
    """

    def __init__(self, threads: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._limiter = CapacityLimiter(threads)
        self._clock = clock
        self._spared_until_s = 0.0

    @property
    def is_quick(self) -> bool:
        """Whether brief calls may be made on the loop at present."""
        return self._clock() >= self._spared_until_s

    async def run(self, path: Path, call: Callable[[], T]) -> T:
        """Run ``call`` in a thread and wait for its end, even when cancelled.

        Args:
            path: The file or folder it is about, for the error.
            call: What blocks.
        Raises: DiskError, if it raises an OSError; its other errors unchanged.
        """
        try:
            return await to_thread.run_sync(call, limiter=self._limiter)
        except OSError as error:
            raise DiskError(path, error) from error

    async def run_brief(self, path: Path, call: Callable[[], T]) -> T:
        """Run a ``call`` that is brief on a disk in good order: no flush, no large read.

        Raises: as :meth:`run`.
        """
        return self.on_the_spot(path, call) if self.is_quick else await self.run(path, call)

    def on_the_spot(self, path: Path, call: Callable[[], T]) -> T:
        """Run a brief ``call`` here and now, while :attr:`is_quick`.

        One that takes long is the last for a while.

        Raises: as :meth:`run`.
        """
        began_s = self._clock()
        try:
            return call()
        except OSError as error:
            raise DiskError(path, error) from error
        finally:
            took_s = self._clock() - began_s
            if took_s > NOTICED_S:
                self._spared_until_s = began_s + took_s * (1 + REST_FACTOR)
