"""File system calls with our errors: in threads, or on the spot while the disk is quick.

A hop to a thread and back costs more than most calls themselves: about as much
as a whole small file has to cost. So brief calls are made on the loop, as long
as they turn out to be brief. See docs/decisions/002-write-path.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from asyncdl.errors import DiskError

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
