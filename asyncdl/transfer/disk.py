"""File system calls in threads of their own, with our errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from asyncdl.errors import DiskError

T = TypeVar("T")


class Disk:
    """Runs blocking calls off the loop, a few at a time.

    The threads are not those of the loop's default executor, where names are
    resolved: a slow disk must not keep connections from being made.

    Args:
        threads: How many calls run at once, 1 or more.
    """

    def __init__(self, threads: int) -> None:
        self._limiter = CapacityLimiter(threads)

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
