"""Places of which there are so many, and who waits for one.

Whoever waits gets a place in the order of asking. A place may be taken beyond the number, by
whoever gave one back for a while and cannot wait for another; then nobody else gets one until
the number is right again.
"""

from __future__ import annotations

from collections import deque

import anyio
from msgspec import Struct


class _Waiter(Struct, eq=False):
    """Somebody who waits."""

    served: anyio.Event
    is_new: bool


class WaitingLine:
    """So many places, and the line of those who wait for one.

    Args:
        capacity: Places, 1 or more.
    """

    def __init__(self, capacity: int) -> None:
        self.in_use = 0
        self.prefers_new = False
        """Whether those go first who have never asked before, such as files of a host that has
        not given any of the others."""
        self._capacity = capacity
        self._waiting: deque[_Waiter] = deque()

    @property
    def capacity(self) -> int:
        """Places; fewer than are in use takes none away."""
        return self._capacity

    @capacity.setter
    def capacity(self, capacity: int) -> None:
        self._capacity = capacity
        self._serve()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether :meth:`take` would not wait."""
        return self.in_use < self._capacity and not self._waiting

    def try_take(self) -> bool:
        """Take a place if one is free that nobody waits for; tell whether it was."""
        if self.has_room:
            self.in_use += 1
            return True
        return False

    def take_now(self) -> None:
        """Take a place, free or not."""
        self.in_use += 1

    async def take(self, *, is_new: bool = False) -> None:
        """Wait for a place. Cancelled, it has none."""
        if self.try_take():
            return
        waiter = _Waiter(anyio.Event(), is_new)
        self._waiting.append(waiter)
        try:
            await waiter.served.wait()
        except BaseException:
            if waiter.served.is_set():
                self.give_back()
            else:
                self._waiting.remove(waiter)
            raise

    def give_back(self) -> None:
        """Give a place back, to the first in the line."""
        self.in_use -= 1
        self._serve()

    def _serve(self) -> None:
        while self._waiting and self.in_use < self._capacity:
            waiter = self._first()
            self._waiting.remove(waiter)
            self.in_use += 1
            waiter.served.set()

    def _first(self) -> _Waiter:
        if self.prefers_new:
            return next((w for w in self._waiting if w.is_new), self._waiting[0])
        return self._waiting[0]
