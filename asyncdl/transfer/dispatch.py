"""A list of files: which one starts next, while some hosts are waited for.

Files start in order, as slots become free, except those of a host in trouble. These are parked,
in order, and only one of them starts at a time, to find out whether the host is back or only the
files before it were bad. Files that have started and wait hold no slot
(:mod:`~asyncdl.transfer.slots`). So a dead host costs the files of other hosts a few slots for a
second, and good files behind bad ones of the same host are found.

The number of files that have started and wait is bounded, and so is the number of parked ones. At
one of these bounds no further file is read from the list.

:func:`serve_queue` is such a list: a bounded queue of requests, with the outcome of each.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

import anyio
from anyio import EndOfStream, WouldBlock
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from msgspec import Struct, field

from asyncdl.errors import AsyncdlError
from asyncdl.net.hosts import host_of
from asyncdl.transfer.downloader import Downloader
from asyncdl.transfer.limits import Limits, Workers, files_at_once
from asyncdl.transfer.request import Fetched, FileFetcher, FileRequest
from asyncdl.transfer.slots import Slot, Slots

T = TypeVar("T")

MAX_PARKED = 4096
"""Files that have not started; each is no more than its request."""
MAX_WAITING = 512
"""Files that have started and wait, over all hosts."""
MAX_WAITING_PER_HOST = 32
EXTRA_SILENT = 3
"""This many files more than there are slots may wait for a first response of the same host."""

_log = logging.getLogger("asyncdl.transfer")


def _ignore(item: object, is_parked: bool) -> None:
    pass


def _do_nothing() -> None:
    pass


class _HostQueue(Struct, Generic[T], eq=False):
    """The files of one host."""

    parked: deque[T] = field(default_factory=deque)
    active: set[Slot] = field(default_factory=set)

    def may_start(self, *, is_troubled: bool, max_silent: int) -> bool:
        """Return whether another file may start."""
        waiting = silent = 0
        for slot in self.active:
            waiting += slot.is_waiting
            silent += slot.is_silent
        if waiting >= MAX_WAITING_PER_HOST:
            return False
        if not (silent or is_troubled):
            return True
        return silent < max_silent and not any(slot.is_new for slot in self.active)


class Dispatch(Generic[T]):
    """Starts the files of a list in order, host by host. Used once.

    Args:
        source: Where files come from; closed at the end.
        count: Number of files at once, 1 or more.
        host_of: Returns the host of a file; all of them, if it has several.
        is_troubled: Returns whether that host is waited for.
        work: Fetches one file; raises only what stops all others.
        max_parked: Number of files that may be parked.
        is_shared: Whether ``count`` is the budget of connections: there are fewer files at once
            while some use several connections each.
        on_park: Called with a file that is parked, and again when it starts, with whether it is
            parked.
        on_last_start: Called when the last file has started.
    """

    def __init__(
        self,
        source: MemoryObjectReceiveStream[T],
        count: int,
        *,
        host_of: Callable[[T], str],
        is_troubled: Callable[[T], bool],
        work: Callable[[T, Slot], Awaitable[None]],
        max_parked: int = MAX_PARKED,
        is_shared: bool = False,
        on_park: Callable[[T, bool], None] = _ignore,
        on_last_start: Callable[[], None] = _do_nothing,
    ) -> None:
        self._source = source
        self._host_of = host_of
        self._is_troubled = is_troubled
        self._work = work
        self._max_parked = max_parked
        self._max_silent = count + EXTRA_SILENT
        self._on_park = on_park
        self._on_last_start = on_last_start
        self._slots = Slots(count, self._note_change, is_shared=is_shared)
        self._queues: dict[str, _HostQueue[T]] = {}
        """Of hosts with files that are active or parked."""
        self._parked_hosts: dict[str, None] = {}
        """Hosts with parked files, in the order of their turns."""
        self._parked = 0
        self._received: deque[T] = deque()
        """A file that was received while a slot was free, and not looked at yet; one at most."""
        self._is_closed = False
        # Made once for all files, and so not of the kind that cannot be cleared.
        self._wants = asyncio.Event()
        """Set while the next file is waited for."""
        self._changed = asyncio.Event()

    def resize(self, count: int) -> None:
        """Work on another number of files at once from now on, 1 or more."""
        self._max_silent = count + EXTRA_SILENT
        self._slots.resize(count)

    async def run(self) -> None:
        """Start every file, and return when all have ended."""
        async with self._source, anyio.create_task_group() as tasks:
            tasks.start_soon(self._receive)
            while (item := await self._next()) is not None:
                tasks.start_soon(self._work_on, item, self._begin(item))
            self._on_last_start()

    async def _work_on(self, item: T | None, slot: Slot) -> None:
        """Work on a file, then on others in its place; a task for each would cost more."""
        while item is not None:
            try:
                await self._work(item, slot)
            finally:
                self._end(item, slot)
            item = self._take()
            if item is not None:
                slot = self._begin(item)

    def _begin(self, item: T) -> Slot:
        slot = Slot(self._slots)
        self._queue_of(self._host_of(item)).active.add(slot)
        return slot

    def _end(self, item: T, slot: Slot) -> None:
        host = self._host_of(item)
        self._queues[host].active.discard(slot)
        self._forget_if_empty(host)
        slot.close()

    async def _next(self) -> T | None:
        """Wait until a file may start; ``None`` after the last."""
        while True:
            self._changed.clear()
            if (item := self._take()) is not None:
                return item
            if self._slots.has_free and self._is_closed and not self._parked:
                return None
            await self._changed.wait()

    def _take(self) -> T | None:
        """Return the next file that may start now."""
        if not self._slots.has_free:
            return None
        item = self._take_parked()
        return self._take_new() if item is None else item

    def _take_parked(self) -> T | None:
        """Return the first parked file that may start; hosts take turns."""
        for host in list(self._parked_hosts):
            queue = self._queues[host]
            if self._may_start(queue, queue.parked[0]):
                return self._unpark(host, queue)
        return None

    def _unpark(self, host: str, queue: _HostQueue[T]) -> T:
        item = queue.parked.popleft()
        self._parked -= 1
        del self._parked_hosts[host]
        if queue.parked:
            self._parked_hosts[host] = None
        self._on_park(item, False)
        return item

    def _park(self, host: str, queue: _HostQueue[T], item: T) -> None:
        queue.parked.append(item)
        self._parked_hosts.setdefault(host, None)
        self._parked += 1
        self._on_park(item, True)

    def _take_new(self) -> T | None:
        """Return the next file of the source that may start, and park those before it."""
        while self._parked < self._max_parked:
            item = self._receive_nowait()
            if item is None:
                return None
            host = self._host_of(item)
            queue = self._queue_of(host)
            if not queue.parked and self._may_start(queue, item):
                return item
            self._park(host, queue, item)
        return None

    def _receive_nowait(self) -> T | None:
        """Return the next file if there is one, else have it waited for."""
        if self._received:
            return self._received.popleft()
        if self._wants.is_set():
            return None  # it may have come, and the source be at its end
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
                self._received.append(await self._source.receive())
            except EndOfStream:
                self._is_closed = True
            self._wants.clear()
            self._note_change()

    def _may_start(self, queue: _HostQueue[T], item: T) -> bool:
        if self._slots.waiting >= MAX_WAITING:
            return False
        # If none is active, one has to ask.
        return not queue.active or queue.may_start(
            is_troubled=self._is_troubled(item), max_silent=self._max_silent
        )

    def _queue_of(self, host: str) -> _HostQueue[T]:
        queue = self._queues.get(host)
        if queue is None:
            queue = self._queues[host] = _HostQueue()
        return queue

    def _forget_if_empty(self, host: str) -> None:
        """Forget a host that has no file left."""
        queue = self._queues[host]
        if not queue.active and not queue.parked:
            del self._queues[host]

    def _note_change(self) -> None:
        self._changed.set()


class Outcome(Struct, frozen=True):
    """How one request ended: exactly one of ``fetched`` and ``error`` is set."""

    request: FileRequest
    fetched: Fetched | None = None
    error: Exception | None = None


async def serve_queue(
    downloader: FileFetcher,
    requests: MemoryObjectReceiveStream[FileRequest],
    outcomes: MemoryObjectSendStream[Outcome],
    workers: Workers = "auto",
) -> None:
    """Fetch what comes out of ``requests`` until its senders have closed.

    Sends one outcome per request, in the order in which they end, and closes both streams at the
    end. An outcome that is not received holds up its worker, so a slow reader slows the
    downloads. A file that waits, for its host or for its next attempt, holds up none: others go
    on meanwhile.

    Args:
        downloader: Fetches; stays open.
        requests: Best bounded by a few times ``workers``.
        outcomes: Where the results go.
        workers: Number of files at once, 1 or more; ``"auto"`` for as many as the downloader
            may have connections.
    """
    async with outcomes:
        await fetch_each(downloader, requests, partial(send_promptly, outcomes), workers)


async def send_promptly(stream: MemoryObjectSendStream[T], item: T) -> None:
    """Send an item; the event loop gets a turn only if there is no room for it."""
    try:
        stream.send_nowait(item)
    except WouldBlock:
        await stream.send(item)


async def fetch_each(
    downloader: FileFetcher,
    requests: MemoryObjectReceiveStream[FileRequest],
    take: Callable[[Outcome], Awaitable[None]],
    workers: Workers,
) -> None:
    """Fetch what comes out of ``requests``, as :func:`serve_queue`, and have outcomes taken.

    Args:
        downloader: Fetches; stays open.
        requests: Closed at the end.
        take: Takes each outcome, and holds up its worker; raises only what stops all others.
        workers: Number of files at once.
    """
    limits = downloader.limits if isinstance(downloader, Downloader) else Limits()

    async def work(request: FileRequest, slot: Slot) -> None:
        await take(await _fetch(downloader, request, slot))

    await Dispatch(
        requests,
        files_at_once(workers, limits.connections),
        host_of=_hosts_of,
        is_troubled=lambda request: all(map(downloader.is_troubled, _urls_of(request))),
        work=work,
        is_shared=workers == "auto",
    ).run()


def _urls_of(request: FileRequest) -> tuple[str, ...]:
    return request.url, *request.mirrors


def _hosts_of(request: FileRequest) -> str:
    if not request.mirrors:
        return host_of(request.url)
    return " ".join(map(host_of, _urls_of(request)))


async def _fetch(downloader: FileFetcher, request: FileRequest, slot: Slot) -> Outcome:
    """Turn the end of one request into its outcome: one bad file stops no other."""
    try:
        return Outcome(request, fetched=await downloader.fetch(request, slot))
    except AsyncdlError as error:
        return Outcome(request, error=error)
    except Exception as error:
        _log.exception("unexpected error in download")
        return Outcome(request, error=error)
