"""How much is received and not placed yet: a bound on the bytes of a spool."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio


class Spool:
    """Lets files begin while there is room for them; a file takes its room until it is placed.

    Files get room in the order in which they asked. One that is larger than all of it has the
    spool for itself.

    Args:
        limit_bytes: Of all files together; ``None`` for no limit.
    """

    def __init__(self, limit_bytes: int | None = None) -> None:
        self._limit_bytes = limit_bytes
        self.used_bytes = 0
        """What the files that have begun take, or will take."""
        self._waiting: deque[tuple[int, anyio.Event]] = deque()

    @asynccontextmanager
    async def room(self, size_bytes: int) -> AsyncIterator[None]:
        """Wait for room, and hold it during the block.

        Args:
            size_bytes: What the file takes at most, as far as that is known.
        """
        if self._limit_bytes is None:
            yield
            return
        await self._take(size_bytes)
        try:
            yield
        finally:
            self.used_bytes -= size_bytes
            self._serve()

    async def _take(self, size_bytes: int) -> None:
        if not self._waiting and self._fits(size_bytes):
            self.used_bytes += size_bytes
            return
        waiter = (size_bytes, anyio.Event())
        self._waiting.append(waiter)
        try:
            await waiter[1].wait()
        except BaseException:
            if waiter[1].is_set():
                self.used_bytes -= size_bytes
            else:
                self._waiting.remove(waiter)
            self._serve()
            raise

    def _fits(self, size_bytes: int) -> bool:
        limit = self._limit_bytes or 0
        return not self.used_bytes or self.used_bytes + size_bytes <= limit

    def _serve(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            size_bytes, served = self._waiting.popleft()
            self.used_bytes += size_bytes
            served.set()
