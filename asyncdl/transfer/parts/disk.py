"""File system calls, in threads or on the event loop, with our errors; and preallocation.

A file that is written over several connections would otherwise be laid out in the order in which
its segments arrive, and a disk that is too small would be noticed only at the end. The C
library's ``posix_fallocate`` writes zeros on file systems that cannot preallocate (network
mounts, some copy-on-write ones), which costs more than it brings. So the system call is used
directly, and its refusal is accepted.

A hop to a thread and back costs more than most calls themselves: about as much as a whole small
file may cost. So brief calls are made on the event loop, as long as they turn out to be brief.
See docs/decisions/002-write-path.md.
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
from asyncdl.system.scheduling import times_waited
from asyncdl.system.volumes import free_bytes, held_bytes

_KEEP_SIZE = 1
"""``FALLOC_FL_KEEP_SIZE``: the length of the file stays that of what was written."""


def check_space(fd: int, path: Path, size_bytes: int) -> None:
    """Check that there is space for ``size_bytes``, as far as the file system reports. Blocks.

    Args:
        fd: The ``.part`` file.
        path: Its path.
        size_bytes: Of the whole file.
    Raises: OSError with ENOSPC, if there is not.
    """
    free = free_bytes(path.parent)
    if free is not None and free + held_bytes(os.fstat(fd)) < size_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def preallocate(fd: int, size_bytes: int) -> None:
    """Allocate ``size_bytes``, if the file system can. Blocks.

    Raises: OSError, if there is not enough space: ENOSPC, EDQUOT or EFBIG.
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
    import ctypes  # Only large files over several connections need it.

    library = ctypes.CDLL(None, use_errno=True)
    call = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if call is None:
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    call.restype = ctypes.c_int
    checked: Callable[[int, int, int, int], int] = call
    return checked


T = TypeVar("T")

SLOW_CALL_S = 0.02
"""A call on the event loop that takes longer delays the connections."""
SURELY_SLOW_S = 0.25
"""Longer than another process keeps the processor, however busy the machine is."""
COOLDOWN_FACTOR = 100
"""After such a call, all calls run in threads for this many times as long: the loop is blocked
for less than a hundredth of the time, however slow the disk is."""


class Disk:
    """Runs blocking calls without blocking the event loop for long.

    The threads are not those of the loop's default executor, which resolves host names: a slow
    disk must not prevent new connections.

    On a busy machine a call takes long because others have the processor, which threads would make
    worse. So after a first slow call the next ones are watched: one that is slow and has waited
    is the disk's fault.

    Args:
        threads: Number of calls at once in threads, 1 or more.
        clock: Returns the time in seconds.
        waits: Returns how often this thread has waited; ``None`` where that is not known.
    """

    def __init__(
        self,
        threads: int,
        clock: Callable[[], float] = time.perf_counter,
        waits: Callable[[], int | None] = times_waited,
    ) -> None:
        self._limiter = CapacityLimiter(threads)
        self._clock = clock
        self._waits = waits
        self._watched_until_s = 0.0
        self._cooldown_until_s = 0.0

    @property
    def is_quick(self) -> bool:
        """Whether brief calls may run on the event loop at present."""
        return self._clock() >= self._cooldown_until_s

    async def run(self, path: Path, call: Callable[[], T]) -> T:
        """Run ``call`` in a thread and wait for its end, even when cancelled.

        Args:
            path: The file or folder it is about, for the error.
            call: Blocks.
        Raises: DiskError, if it raises an OSError; its other errors unchanged.
        """
        try:
            return await to_thread.run_sync(call, limiter=self._limiter)
        except OSError as error:
            raise DiskError(path, error) from error

    async def run_brief(self, path: Path, call: Callable[[], T]) -> T:
        """Run a ``call`` that is brief on a healthy disk: no flush, no large read.

        Raises: as :meth:`run`.
        """
        return self.run_inline(path, call) if self.is_quick else await self.run(path, call)

    def run_inline(self, path: Path, call: Callable[[], T]) -> T:
        """Run a brief ``call`` on the event loop, while :attr:`is_quick`.

        After some that take long, the next ones run in threads for a while.

        Raises: as :meth:`run`.
        """
        began_s = self._clock()
        is_watched = began_s < self._watched_until_s
        waited = self._waits() if is_watched else None
        try:
            return call()
        except OSError as error:
            raise DiskError(path, error) from error
        finally:
            took_s = self._clock() - began_s
            if took_s > SLOW_CALL_S:
                self._note_slow(began_s, took_s, is_proven=is_watched and self._waits() != waited)

    def _note_slow(self, began_s: float, took_s: float, *, is_proven: bool) -> None:
        until_s = began_s + took_s * (1 + COOLDOWN_FACTOR)
        if is_proven or took_s > SURELY_SLOW_S or self._waits() is None:
            self._cooldown_until_s = until_s
        else:
            self._watched_until_s = until_s
