"""How many files are worked on at once, and how a file that waits steps aside.

A file holds a slot while it is worked on. While it waits, for a host that is down or at rest,
for the pause before its next try, or for a fresh URL, it gives its slot to another file, and
takes one again when its time has come. A file that has asked and hears nothing does so, too;
when its answer comes, it goes on at once, even if there is no slot free: no other begins then
until there is.

Places of which there are so many, and who waits for one.

Whoever waits gets a place in the order of asking. A place may be taken beyond the number, by
whoever gave one back for a while and cannot wait for another; then nobody else gets one until
the number is right again.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio
from msgspec import Struct

SILENT_AFTER_S = 1.0
"""A host that has not answered after so long is waited for without a slot."""


def _do_nothing() -> None:
    pass


def _ignore(waits: bool) -> None:
    pass


class Slots:
    """The slots of one list of files.

    Args:
        count: Files at once.
        on_change: Called whenever another file may have become able to begin.
    """

    def __init__(
        self, count: int = sys.maxsize, on_change: Callable[[], None] = _do_nothing
    ) -> None:
        self.line = FairLimiter(count)
        self.on_change = on_change
        self.aside = 0
        """Files that have begun and wait."""

    @property
    def has_room(self) -> bool:
        """Whether another file may begin: those that come back go first."""
        return self.line.has_room


class Slot:
    """The slot of one file, which holds it from the beginning; not waited for here.

    Args:
        slots: Where it comes from; without any, nobody else wants it.
    """

    def __init__(self, slots: Slots | None = None) -> None:
        self._slots = slots or Slots()
        self._slots.line.take_now()
        self._is_held = True
        self.on_wait: Callable[[bool], None] = _ignore
        """Called with whether the file waits from now on, when that changes."""
        self.is_aside = False
        """Whether the file waits for something."""
        self.is_silent = False
        """Whether it waits for an answer that is long in coming."""
        self.is_answered = False
        """Whether any request for it has ended, in whatever way."""

    @property
    def is_new(self) -> bool:
        """Whether nothing is known yet of how its host treats it."""
        return not (self.is_answered or self.is_silent)

    def note_end_of_request(self) -> None:
        """Note that a request has been answered, or has failed."""
        if not self.is_answered:
            self.is_answered = True
            self._slots.on_change()

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Do without a slot while the block waits, and wait for one at its end."""
        self.leave()
        yield
        await self.come_back()

    def leave(self) -> None:
        """Give the slot to another file."""
        self._note_aside(waits=True)
        if self._is_held:
            self._is_held = False
            self._slots.line.give_back()
        self._slots.on_change()

    async def come_back(self) -> None:
        """Wait for a slot, before any file that has not begun."""
        if not self._is_held:
            await self._slots.line.take()
            self._is_held = True
        self._note_aside(waits=False)
        self._slots.on_change()

    def end(self) -> None:
        """Give the slot back for good."""
        self.stop_waiting()
        if self._is_held:
            self._is_held = False
            self._slots.line.give_back()
        self._slots.on_change()

    def stop_waiting(self) -> None:
        """Note that there is nothing more to wait for, with a slot or without."""
        self._note_aside(waits=False)

    def _note_aside(self, *, waits: bool) -> None:
        if self.is_aside != waits:
            self.is_aside = waits
            self._slots.aside += 1 if waits else -1
            self.on_wait(waits)

    @contextmanager
    def while_asking(
        self, on_silence: Callable[[], bool], on_answer: Callable[[], None]
    ) -> Iterator[Callable[[], None]]:
        """Give the slot back if the block, which waits for an answer, takes long.

        Gives what is to be called when the answer comes within the block.

        Args:
            on_silence: Called when it does; tells whether the slot may be given back.
            on_answer: Called at the end of the block, if it was.
        """

        def fall_silent() -> None:
            if on_silence():
                self.is_silent = True
                self.leave()

        def hear() -> None:
            timer.cancel()
            if self.is_silent:
                self._go_on()
                on_answer()
            self.note_end_of_request()

        timer = asyncio.get_running_loop().call_later(SILENT_AFTER_S, fall_silent)
        try:
            yield hear
        finally:
            hear()

    def _go_on(self) -> None:
        """Go on at once, since an answer does not wait."""
        self.is_silent = False
        self._slots.line.take_now()
        self._is_held = True
        self._note_aside(waits=False)
        self._slots.on_change()


class _Waiter(Struct, eq=False):
    """Somebody who waits."""

    served: anyio.Event
    is_new: bool


class FairLimiter:
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
