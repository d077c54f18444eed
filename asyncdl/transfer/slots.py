"""How many files are worked on at once, and how a file that waits gives up its slot.

A file holds a slot while it is worked on. While it waits for a host that is down or paused, for
its next attempt or for a fresh URL, it gives the slot to another file and takes one again
afterwards. A file whose request gets no response for a while does so too. When the response
arrives, the file continues at once, even if no slot is free; no other file starts until the
number is right again.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType

import anyio
from msgspec import Struct

from asyncdl.transfer.loop_load import LoopLoad

SILENT_AFTER_S = 1.0
"""A file that has waited this long for a response gives up its slot."""


class _Waiter(Struct, eq=False):
    """A task that waits for a permit."""

    served: anyio.Event
    is_new: bool


class FairLimiter:
    """A capacity limiter that serves its waiters in order.

    A permit can be taken beyond the capacity, by a task that released one for a while and cannot
    wait for another. No other task gets one then until the number is right again.

    Args:
        capacity: Number of permits, 1 or more.
    """

    def __init__(self, capacity: int) -> None:
        self.in_use = 0
        self.prefers_new = False
        """Whether tasks that have never asked before go first, such as files of a host that has
        not served any of the others."""
        self._capacity = capacity
        self._waiters: deque[_Waiter] = deque()

    @property
    def capacity(self) -> int:
        """Number of permits. Setting it below ``in_use`` takes no permit away."""
        return self._capacity

    @capacity.setter
    def capacity(self, capacity: int) -> None:
        self._capacity = capacity
        self._serve()

    @property
    def waiting(self) -> int:
        """Number of tasks that wait."""
        return len(self._waiters)

    @property
    def has_free(self) -> bool:
        """Whether :meth:`acquire` would return at once."""
        return self.in_use < self._capacity and not self._waiters

    @property
    def free(self) -> int:
        """Number of permits that could be had at once."""
        return 0 if self._waiters else max(0, self._capacity - self.in_use)

    def try_acquire(self) -> bool:
        """Take a permit that is free and that no task waits for; return whether there was one."""
        if self.has_free:
            self.in_use += 1
            return True
        return False

    def force_acquire(self) -> None:
        """Take a permit, even beyond the capacity."""
        self.in_use += 1

    async def acquire(self, *, is_new: bool = False) -> None:
        """Wait for a permit. A cancelled call holds none."""
        if self.try_acquire():
            return
        waiter = _Waiter(anyio.Event(), is_new)
        self._waiters.append(waiter)
        try:
            await waiter.served.wait()
        except BaseException:
            if waiter.served.is_set():
                self.release()
            else:
                self._waiters.remove(waiter)
            raise

    def release(self) -> None:
        """Return a permit; it goes to the first waiter."""
        self.in_use -= 1
        self._serve()

    def _serve(self) -> None:
        while self._waiters and self.in_use < self._capacity:
            waiter = self._first()
            self._waiters.remove(waiter)
            self.in_use += 1
            waiter.served.set()

    def _first(self) -> _Waiter:
        if self.prefers_new:
            return next((w for w in self._waiters if w.is_new), self._waiters[0])
        return self._waiters[0]


class Alarms:
    """Calls that are due some time after they were set, if they are still set then.

    All wait equally long, so that a single timer does for any number of them.

    Args:
        delay_s: How long, in seconds.
    """

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._due: dict[Callable[[], None], float] = {}
        """When each is due, the first one first."""
        self._is_timed = False

    def set(self, call: Callable[[], None]) -> None:
        """Have ``call`` called; it must not be set already."""
        due_s = asyncio.get_running_loop().time() + self._delay_s
        self._due[call] = due_s
        if not self._is_timed:
            self._time(due_s)

    def clear(self, call: Callable[[], None]) -> None:
        """Do not call it any more, if it is set."""
        self._due.pop(call, None)

    def _time(self, when_s: float) -> None:
        self._is_timed = True
        asyncio.get_running_loop().call_at(when_s, self._ring, when_s)

    def _ring(self, now_s: float) -> None:
        self._is_timed = False
        due = [call for call, due_s in self._due.items() if due_s <= now_s]
        for call in due:
            if self._due.pop(call, None) is not None:
                call()
        if self._due and not self._is_timed:
            self._time(next(iter(self._due.values())))


def _do_nothing() -> None:
    pass


def _ignore(waits: bool) -> None:
    pass


def files_beside(extra: int, connections: int) -> int:
    """Return how many files may be under way, if some use several connections each.

    Every file needs one. At least half of the connections are for that, so that large files
    do not keep small ones from starting.

    Args:
        extra: Connections that large files have, or want, besides one each; 0 or more.
        connections: The budget for all of them, 1 or more.
    """
    return connections - min(extra, connections // 2)


class Slots:
    """The slots of one list of files.

    Args:
        count: Number of files at once.
        on_change: Called whenever another file may be able to start.
        is_shared: Whether a slot stands for a connection, and there are fewer files at once while
            some use several connections each, or while this process can take in no more.
        load: By which the latter is known.
    """

    def __init__(
        self,
        count: int = sys.maxsize,
        on_change: Callable[[], None] = _do_nothing,
        *,
        is_shared: bool = False,
        load: LoopLoad | None = None,
    ) -> None:
        self._count = count
        self._is_shared = is_shared
        self._extra = 0
        """Connections that large files have besides one each."""
        self.ending = 0
        """Number of files that have all their bytes and gave their slot back before their end."""
        self._lacking: dict[Callable[[], None], None] = {}
        """What to call when a large file may have another one, the longest wait first."""
        self.limiter = FairLimiter(count)
        self.alarms = Alarms(SILENT_AFTER_S)
        """For files that wait for a response."""
        self.on_change = on_change
        self.waiting = 0
        """Number of files that have started and wait."""
        self._load = (load or LoopLoad()) if is_shared else None
        self._is_looking = False
        """Whether a file is held back until the next look at the load."""

    def resize(self, count: int) -> None:
        """Use another number of files at once from now on; those that have started go on."""
        self._count = count
        self.limiter.capacity = files_beside(self._extra + len(self._lacking), count)
        self.on_change()

    @property
    def has_free(self) -> bool:
        """Whether another file may start. Files that have waited go first.

        Where a slot stands for a connection, no more do than this process can take in;
        :attr:`on_change` is called when that may be more.
        """
        return self.limiter.has_free and self._is_worthwhile()

    def _is_worthwhile(self) -> bool:
        under_way = self.limiter.in_use
        if self._load is None or under_way < self._load.files(under_way):
            return True
        if not self._is_looking:
            self._is_looking = True
            asyncio.get_running_loop().call_later(self._load.interval_s, self._look_again)
        return False

    def _look_again(self) -> None:
        self._is_looking = False
        self.on_change()

    def note_end(self) -> None:
        """Record that a file has ended."""
        if self._load is not None:
            self._load.note_end()

    @property
    def may_end_beside(self) -> bool:
        """Whether a file that has all its bytes may leave its slot to another before its end.

        A slot that stands for a connection is for files that need one. No more do so than there
        are slots, so that there are never more than twice as many files.
        """
        return self._is_shared and self.ending < self._count

    @property
    def free(self) -> int:
        """How many connections large files may have besides those they have, as no other file
        needs them."""
        if not self._is_shared:
            return sys.maxsize
        return max(0, self._count - self.limiter.in_use - self._extra)

    def note_extra(
        self,
        change: int,
        had: Callable[[], None] | None = None,
        has: Callable[[], None] | None = None,
    ) -> None:
        """Record that a large file has more connections than before, or fewer.

        Args:
            change: How many.
            had: What was to be called when it may have another one; ``None`` for nothing.
            has: The same from now on.
        """
        if not self._is_shared:
            return
        self._extra += change
        if has is not None:
            self._lacking.setdefault(has)
        elif had is not None:
            self._lacking.pop(had, None)
        # What they lack is kept free for them, or a new file would always be faster.
        self.limiter.capacity = files_beside(self._extra + len(self._lacking), self._count)
        self.on_change()

    def note_free(self) -> None:
        """Record that a file needs its slot no more: another may start, or a large one grow."""
        self.on_change()
        if self._lacking:
            # Files of the list go first, if there are any.
            asyncio.get_running_loop().call_soon(self._offer)

    def _offer(self) -> None:
        if self._lacking and self.free:
            call = next(iter(self._lacking))
            # Others come before its next turn; it stays until its file lacks nothing.
            self._lacking[call] = self._lacking.pop(call)
            call()


class Slot:
    """The slot of one file. The file holds it from the start, without waiting.

    Args:
        slots: The list's slots; ``None`` for a file that belongs to no list.
    """

    def __init__(self, slots: Slots | None = None) -> None:
        self._slots = slots or Slots()
        self._slots.limiter.force_acquire()
        self._is_held = True
        self.on_wait: Callable[[bool], None] = _ignore
        """Called with whether the file waits, each time that this changes."""
        self.is_waiting = False
        """Whether the file waits for something."""
        self.is_silent = False
        """Whether it waits for a response that is late."""
        self.has_response = False
        """Whether any request for it has ended, with or without success."""
        self._extra = 0
        self._call: Callable[[], None] | None = None
        self._is_ending = False

    @property
    def is_new(self) -> bool:
        """Whether nothing is known yet about how its host treats it."""
        return not (self.has_response or self.is_silent)

    def note_end_of_request(self) -> None:
        """Record that a request got its response or failed."""
        if not self.has_response:
            self.has_response = True
            self._slots.on_change()

    @asynccontextmanager
    async def released(self) -> AsyncIterator[None]:
        """Release the slot while the block waits, then wait for one again."""
        self.release()
        yield
        await self.acquire()

    def release(self) -> None:
        """Give the slot to another file."""
        self._set_waiting(waits=True)
        if self._is_held:
            self._is_held = False
            self._slots.limiter.release()
        self._slots.note_free()

    async def acquire(self) -> None:
        """Wait for a slot. Files that have started go before those that have not."""
        if not self._is_held:
            await self._slots.limiter.acquire()
            self._is_held = True
        self._set_waiting(waits=False)
        self._slots.on_change()

    def release_for_end(self) -> bool:
        """Give the slot to another file, since this one needs no connection any more.

        Returns: False if it keeps its slot.
        """
        if not (self._is_held and self._slots.may_end_beside):
            return False
        self._set_ending(is_ending=True)
        self._is_held = False
        self._slots.limiter.release()
        self._slots.note_free()
        return True

    async def hold(self) -> None:
        """Wait for a slot again after :meth:`release_for_end`: the file needs a connection."""
        if self._is_ending:
            self._set_ending(is_ending=False)
            await self.acquire()

    def _set_ending(self, *, is_ending: bool) -> None:
        if self._is_ending != is_ending:
            self._is_ending = is_ending
            self._slots.ending += 1 if is_ending else -1

    def close(self) -> None:
        """Return the slot for good."""
        self.stop_waiting()
        self._set_ending(is_ending=False)
        self._slots.note_end()
        if self._is_held:
            self._is_held = False
            self._slots.limiter.release()
        self._slots.note_free()

    @property
    def free(self) -> int:
        """How many connections the file may have besides those it has."""
        return self._slots.free

    def set_extra(self, count: int, call: Callable[[], None] | None = None) -> None:
        """Record how many connections the file has besides its first.

        Args:
            count: 0 or more.
            call: Called when it may have another; ``None`` if it needs none.
        """
        if (count, call) != (self._extra, self._call):
            change, had = count - self._extra, self._call
            self._extra, self._call = count, call
            self._slots.note_extra(change, had, call)

    def stop_waiting(self) -> None:
        """Record that the file waits for nothing more, with or without a slot."""
        self._set_waiting(waits=False)

    def _set_waiting(self, *, waits: bool) -> None:
        if self.is_waiting != waits:
            self.is_waiting = waits
            self._slots.waiting += 1 if waits else -1
            self.on_wait(waits)

    def released_while_silent(
        self, on_silence: Callable[[], bool], on_response: Callable[[], None]
    ) -> SilentWait:
        """Release the slot if a block, which waits for a response, takes long.

        Args:
            on_silence: Called when it takes long; returns whether the slot may be released.
            on_response: Called when the wait ends, if the slot was released.
        """
        return SilentWait(self, self._slots.alarms, on_silence, on_response)

    def continue_at_once(self) -> None:
        """Take a slot without waiting, as for a response, which does not wait."""
        if not self._is_held:
            self._slots.limiter.force_acquire()
            self._is_held = True
        self._set_waiting(waits=False)
        self._slots.on_change()


class SilentWait(Struct, eq=False):
    """A block that waits for a response; the slot is released if that takes long.

    Made by :meth:`Slot.released_while_silent`. Entering it returns a function to call if the
    response arrives within the block.
    """

    slot: Slot
    alarms: Alarms
    on_silence: Callable[[], bool]
    on_response: Callable[[], None]

    def __enter__(self) -> Callable[[], None]:
        self.alarms.set(self._fall_silent)
        return self._end

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _fall_silent(self) -> None:
        if self.on_silence():
            self.slot.is_silent = True
            self.slot.release()

    def _end(self) -> None:
        self.alarms.clear(self._fall_silent)
        if self.slot.is_silent:
            self.slot.is_silent = False
            self.slot.continue_at_once()
            self.on_response()
        self.slot.note_end_of_request()
