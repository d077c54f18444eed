"""Which file of a list begins next, when some hosts have to be waited for.

Files begin in their order, as slots become free; those of a host in trouble do not. They are
parked, in their order, and only one at a time begins, to find out whether the host is well again
or only the files before it were bad. Files that have begun and wait hold no slot
(:mod:`~asyncdl.transfer.slots`). So a dead host costs the files of the others a few slots for a
second, and good files behind bad ones of the same host are found.

All that is held is bounded: files that have begun and wait, and files that are parked. When one of
these bounds is reached, a list is read no further.

A bounded queue of requests, and the outcome of each.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio
from anyio import EndOfStream, WouldBlock
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import Struct, field

from asyncdl.errors import AsyncdlError
from asyncdl.net.hosts import host_of
from asyncdl.transfer.request import Fetched, FileFetcher, FileRequest
from asyncdl.transfer.slots import Slot, Slots

T = TypeVar("T")

MOST_PARKED = 4096
"""Files that have not begun; each is no more than its request."""
MOST_ASIDE = 512
"""Files that have begun and wait, over all hosts."""
MOST_ASIDE_PER_HOST = 32
SILENT_BEYOND = 3
"""So many files more than there are slots may have asked the same host and hear nothing."""


def _ignore(item: object, is_parked: bool) -> None:
    pass


class _Lane(Struct, Generic[T], eq=False):
    """The files of one host."""

    parked: deque[T] = field(default_factory=deque)
    under_way: set[Slot] = field(default_factory=set)

    def may_begin(self, *, is_troubled: bool, most_silent: int) -> bool:
        """Tell whether another file may begin."""
        aside = sum(slot.is_aside for slot in self.under_way)
        if aside >= MOST_ASIDE_PER_HOST:
            return False
        silent = sum(slot.is_silent for slot in self.under_way)
        if not (silent or is_troubled):
            return True
        return silent < most_silent and not any(slot.is_new for slot in self.under_way)


class Dispatch(Generic[T]):
    """Begins the files of a list in their order, host by host. Used once.

    Args:
        source: Where files come from; closed at the end.
        count: Files at once, 1 or more.
        host_of: Names the host of a file; where it has several, all of them.
        is_troubled: Tells whether that host is waited for.
        work: Sees one file to its end; raises only what stops all others.
        most_parked: Files that may be parked.
        on_park: Called with a file that is parked, and again when it begins, with whether it is.
    """

    def __init__(
        self,
        source: MemoryObjectReceiveStream[T],
        count: int,
        *,
        host_of: Callable[[T], str],
        is_troubled: Callable[[T], bool],
        work: Callable[[T, Slot], Awaitable[None]],
        most_parked: int = MOST_PARKED,
        on_park: Callable[[T, bool], None] = _ignore,
    ) -> None:
        self._source = source
        self._host_of = host_of
        self._is_troubled = is_troubled
        self._work = work
        self._most_parked = most_parked
        self._most_silent = count + SILENT_BEYOND
        self._on_park = on_park
        self._slots = Slots(count, self._note_change)
        self._lanes: dict[str, _Lane[T]] = {}
        """Of hosts with files that are under way or parked."""
        self._waiting: dict[str, None] = {}
        """Hosts with parked files, in the order in which they take turns."""
        self._parked = 0
        self._ahead: deque[T] = deque()
        """What has been received while a slot was free, and has not been looked at; one at most."""
        self._is_closed = False
        self._wants = anyio.Event()
        """Set while the next file is waited for."""
        self._changed = anyio.Event()

    async def run(self) -> None:
        """Begin every file, and return when all have ended."""
        async with self._source, anyio.create_task_group() as tasks:
            tasks.start_soon(self._receive)
            while (item := await self._next()) is not None:
                slot, lane = Slot(self._slots), self._lane_of(item)
                lane.under_way.add(slot)
                tasks.start_soon(self._see_through, item, slot)

    async def _see_through(self, item: T, slot: Slot) -> None:
        host = self._host_of(item)
        try:
            await self._work(item, slot)
        finally:
            self._lanes[host].under_way.discard(slot)
            self._forget(host)
            slot.end()

    async def _next(self) -> T | None:
        """Wait until a file may begin; ``None`` after the last."""
        while True:
            self._changed = anyio.Event()
            if self._slots.has_room:
                item = self._take_parked()
                if item is None:
                    item = self._take_ahead()
                if item is not None:
                    return item
                if self._is_closed and not self._parked:
                    return None
            await self._changed.wait()

    def _take_parked(self) -> T | None:
        """Return the first parked file that may begin; hosts take turns."""
        for host in list(self._waiting):
            lane = self._lanes[host]
            if self._may_begin(lane, lane.parked[0]):
                return self._unpark(host, lane)
        return None

    def _unpark(self, host: str, lane: _Lane[T]) -> T:
        item = lane.parked.popleft()
        self._parked -= 1
        del self._waiting[host]
        if lane.parked:
            self._waiting[host] = None
        self._on_park(item, False)
        return item

    def _park(self, host: str, lane: _Lane[T], item: T) -> None:
        lane.parked.append(item)
        self._waiting.setdefault(host, None)
        self._parked += 1
        self._on_park(item, True)

    def _take_ahead(self) -> T | None:
        """Return the next file of the source that may begin, and park those before it."""
        while self._parked < self._most_parked:
            item = self._look_ahead()
            if item is None:
                return None
            lane = self._lane_of(item)
            if not lane.parked and self._may_begin(lane, item):
                return item
            self._park(self._host_of(item), lane, item)
        return None

    def _look_ahead(self) -> T | None:
        """Return the next file if there is one, else have it waited for."""
        if self._ahead:
            return self._ahead.popleft()
        try:
            return self._source.receive_nowait()
        except WouldBlock:
            self._wants.set()
        except EndOfStream:
            self._is_closed = True
            self._wants.set()
        return None

    async def _receive(self) -> None:
        """Receive one file at a time when it is wanted: no file leaves the source before."""
        while not self._is_closed:
            await self._wants.wait()
            try:
                self._ahead.append(await self._source.receive())
            except EndOfStream:
                self._is_closed = True
            self._wants = anyio.Event()
            self._note_change()

    def _may_begin(self, lane: _Lane[T], item: T) -> bool:
        if self._slots.aside >= MOST_ASIDE:
            return False
        # Where none is under way, somebody has to ask.
        return not lane.under_way or lane.may_begin(
            is_troubled=self._is_troubled(item), most_silent=self._most_silent
        )

    def _lane_of(self, item: T) -> _Lane[T]:
        host = self._host_of(item)
        lane = self._lanes.get(host)
        if lane is None:
            lane = self._lanes[host] = _Lane()
        return lane

    def _forget(self, host: str) -> None:
        """Forget a host of which no file is left."""
        lane = self._lanes[host]
        if not lane.under_way and not lane.parked:
            del self._lanes[host]

    def _note_change(self) -> None:
        self._changed.set()


_log = logging.getLogger("asyncdl.transfer")


class Outcome(Struct, frozen=True):
    """How one request ended: exactly one of ``fetched`` and ``error`` is set."""

    request: FileRequest
    fetched: Fetched | None = None
    error: Exception | None = None


async def serve_queue(
    fetcher: FileFetcher,
    requests: MemoryObjectReceiveStream[FileRequest],
    outcomes: MemoryObjectSendStream[Outcome],
    workers: int,
) -> None:
    """Fetch what comes out of ``requests`` until its senders have closed.

    One outcome is sent per request, in the order in which they end. Both
    streams are closed at the end. An outcome that nobody takes holds up its
    worker, so a slow reader slows the downloads. A file that waits, for its host or for its
    next try, holds up none: others go on meanwhile.

    Args:
        fetcher: Fetches; stays open.
        requests: Best bounded by a few times ``workers``.
        outcomes: Where the results go.
        workers: Files at once, 1 or more.
    """

    async def work(request: FileRequest, slot: Slot) -> None:
        await _send(outcomes, await _settle(fetcher, request, slot))

    async with outcomes:
        await Dispatch(
            requests,
            workers,
            host_of=_hosts_of,
            is_troubled=lambda request: all(map(fetcher.is_troubled, _urls_of(request))),
            work=work,
        ).run()


def _urls_of(request: FileRequest) -> tuple[str, ...]:
    return request.url, *request.mirrors


def _hosts_of(request: FileRequest) -> str:
    return " ".join(map(host_of, _urls_of(request)))


# The stream's own way goes once around the loop even where nobody has to wait.


async def _send(outcomes: MemoryObjectSendStream[Outcome], outcome: Outcome) -> None:
    try:
        outcomes.send_nowait(outcome)
    except WouldBlock:
        await outcomes.send(outcome)


async def _settle(fetcher: FileFetcher, request: FileRequest, slot: Slot) -> Outcome:
    """Turn the end of one request into its outcome: one bad file stops no other."""
    try:
        return Outcome(request, fetched=await fetcher.fetch(request, slot))
    except AsyncdlError as error:
        return Outcome(request, error=error)
    except Exception as error:
        _log.exception("unexpected error in download")
        return Outcome(request, error=error)
