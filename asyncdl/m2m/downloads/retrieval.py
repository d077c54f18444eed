"""The poller: poll the service's queue until every download that it prepares is resolved.

The response to a ``download-request`` has files that are ready and files that are still
prepared. For the latter, :func:`resolutions` polls the queue and resolves each file exactly
once, by the rules of :mod:`asyncdl.m2m.downloads.pending`.

All calls of ``download-retrieve`` go through :class:`SharedPolls`: those of the poller, of
renewals of refused URLs, and of runs that continue an earlier one. So the interval between
them is kept in one place.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from asyncdl.errors import ApiError, AuthError
from asyncdl.events import Emit, FilesPreparing, discard
from asyncdl.m2m.downloads.pending import DownloadUpdate, PendingDownloads, Resolution, Waiting
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.m2m_client import DownloadItem
from asyncdl.m2m.models import DownloadEntry, DownloadRequestReply, DownloadRetrieveReply


class DownloadQueue(Protocol):
    """The part of the client that the poller needs."""

    async def download_retrieve(self, label: str | None = None) -> DownloadRetrieveReply:
        """Return everything under a label."""

    async def download_search(
        self, label: str | None = None, *, active_only: bool | None = None
    ) -> list[DownloadEntry]:
        """Return what became of everything under a label."""

    async def download_request(
        self, downloads: Sequence[DownloadItem], *, label: str
    ) -> DownloadRequestReply:
        """Request files; safe to repeat."""

    async def download_remove(self, download_id: int) -> bool:
        """Remove one download from the queue; an unknown id is not an error."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """The response to one ``download-retrieve``."""

    began_s: float
    """On anyio's clock."""
    reply: DownloadRetrieveReply
    entries: Mapping[int, DownloadEntry]
    """All of them by download id."""


@dataclass(slots=True)
class _Label:
    """The polls of one label."""

    lock: anyio.Lock = field(default_factory=anyio.Lock)
    latest: PollResult | None = None
    ended_s: float = -math.inf


class SharedPolls:
    """The polls of one run.

    A poll of a label returns everything under it. Callers that arrive during a poll
    share the next one, so two calls are enough for any number of files that lose their
    URLs at the same time.

    Args:
        client: Makes the calls.
        interval_s: Seconds between the end of one poll of a label and the start of the
            next, at least.
    """

    def __init__(self, client: DownloadQueue, interval_s: float) -> None:
        self.client = client
        self.interval_s = interval_s
        self._labels: dict[str, _Label] = {}
        self._next_s: dict[object, float] = {}
        """When each poller will poll."""

    def note_next(self, poller: object, until_s: float) -> None:
        """Note in how many seconds a poller will poll."""
        self._next_s[poller] = anyio.current_time() + until_s

    def note_none(self, poller: object) -> None:
        """Note that a poller has nothing to poll for now, or has ended."""
        self._next_s.pop(poller, None)

    def is_due(self, within_s: float) -> bool:
        """Return whether any poller will poll within some seconds."""
        return min(self._next_s.values(), default=math.inf) - anyio.current_time() <= within_s

    def until_poll_s(self, label: str) -> float:
        """Return the seconds until the next poll of a label may begin; 0 before the first."""
        seen = self._labels.get(label)
        return 0.0 if seen is None else self._until_poll_of(seen)

    def _until_poll_of(self, seen: _Label) -> float:
        return max(0.0, seen.ended_s + self.interval_s - anyio.current_time())

    async def poll(self, label: str, *, since_s: float) -> PollResult:
        """Return what is under a label; if a poll is needed, wait until it may begin.

        Args:
            label: Of this job or of another one.
            since_s: A result is recent enough if its poll began after that, on anyio's clock.
        Raises: ApiError, AuthError, NetworkError.
        Source: endpoint ``download-retrieve``.
        """
        seen = self._labels.setdefault(label, _Label())
        async with seen.lock:
            if seen.latest is None or seen.latest.began_s <= since_s:
                await anyio.sleep(self._until_poll_of(seen))
                seen.latest = await self._retrieve(label, seen)
            return seen.latest

    async def _retrieve(self, label: str, seen: _Label) -> PollResult:
        began_s = anyio.current_time()
        try:
            reply = await self.client.download_retrieve(label)
        finally:
            # A failed call counts as a poll, too.
            seen.ended_s = anyio.current_time()
        return PollResult(began_s, reply, {entry.download_id: entry for entry in reply.entries})


FIRST_POLL_S = 0.05
"""A small file is often ready when the response to its request is, so it is polled for at once;
the interval comes after that. Other calls that were waiting go first."""

MAX_GAP_S = 60.0
"""The longest time between two polls, unless the interval is longer."""
GAPS_PER_WAIT = 10
"""A file that has been in preparation for ten minutes is polled for every minute."""

MAX_ITEMS_PER_REQUEST = 500
"""Lost files in one request: the service has had trouble with thousands."""

log = logging.getLogger("asyncdl.m2m")


async def resolutions(
    polls: SharedPolls,
    waiting_in: MemoryObjectReceiveStream[Waiting],
    *,
    label: str,
    deadline_s: float,
    emit: Emit = discard,
) -> AsyncGenerator[DownloadUpdate]:
    """Yield a resolution for every file that comes in through ``waiting_in``.

    Args:
        polls: Poll the queue at the right intervals.
        waiting_in: What is unresolved; more may come while polling goes on.
        label: The job's own, under which lost files are requested again.
        deadline_s: Seconds after which a file is resolved as missing; time in which the
            service did not respond does not count.
        emit: Takes :class:`FilesPreparing` at each poll, and when more files have to wait.
    Yields: In no particular order; besides resolutions the new ids of files that were lost.
        Ends when the stream is closed and every file is resolved.
    Raises: ApiError, AuthError or NetworkError, when the client gives up on a call.
    Source: endpoints ``download-retrieve``, ``download-search``, ``download-request``,
        ``download-remove``.
    """
    pending = PendingDownloads(
        label,
        deadline_s=deadline_s,
        interval_s=polls.interval_s,
        clock=anyio.current_time,
    )
    schedule = _PollSchedule(polls, pending)

    def report() -> None:
        if pending:
            polls.note_next(schedule, schedule.until_poll_s())
        else:
            polls.note_none(schedule)
        emit(FilesPreparing(len(pending), *pending.oldest(), next_look_s=schedule.until_poll_s()))

    try:
        async with waiting_in:
            while await _receive(pending, waiting_in, schedule, report):
                for due in schedule.due():
                    began_s = anyio.current_time()
                    result = await polls.poll(due, since_s=schedule.start_poll(due))
                    schedule.note_result(due, result)
                    resolved = await _apply(polls.client, pending, due, result.reply)
                    polls.note_none(schedule)  # until it is known when the next one is
                    # In an outage the service cannot say that a file is ready.
                    pending.postpone(anyio.current_time() - began_s)
                    if resolved:
                        schedule.note_progress(due)
                    for resolution in resolved:
                        yield resolution
                for update in await _request_again(polls, pending):
                    schedule.note_change()
                    yield update
                for given_up in pending.expire():
                    yield given_up
                report()
    finally:
        polls.note_none(schedule)


class _PollSchedule:
    """When the next poll is due.

    :class:`SharedPolls` keeps the interval between polls. Here the first one after a request comes
    at once, and the later ones become rarer the longer nothing gets ready.
    """

    def __init__(self, polls: SharedPolls, pending: PendingDownloads) -> None:
        self._polls = polls
        self._pending = pending
        self._first_s: dict[str, float] = {}
        self._polled_s: dict[str, float] = {}
        self._applied_s: dict[str, float] = {}
        """When the polls began whose results were applied last."""
        self._since_s: dict[str, float] = {}
        """When files under a label were last requested, or got ready."""
        self._changed_s = anyio.current_time()

    def note_change(self) -> None:
        """Note that a request was made after all polls so far."""
        self._changed_s = anyio.current_time()

    def start_poll(self, label: str) -> float:
        """Note that a label is polled now; return after when a shared poll must have begun."""
        self._polled_s[label] = anyio.current_time()
        return max(self._changed_s, self._applied_s.get(label, -math.inf))

    def note_result(self, label: str, result: PollResult) -> None:
        """Note what is about to be applied: the same result says nothing a second time."""
        self._applied_s[label] = result.began_s

    def expect(self, waiting: Waiting) -> None:
        """Note what was requested; to be called before it is added to the pending files."""
        self.note_change()
        wait_s = min(FIRST_POLL_S, self._polls.interval_s)
        if waiting.is_due or waiting.duplicates:
            wait_s = 0.0
        for label in waiting.labels.difference(self._pending.labels()):
            self._first_s[label] = anyio.current_time() + wait_s
        for label in waiting.labels:
            self.note_progress(label)

    def note_progress(self, label: str) -> None:
        """Note that files under a label were requested, or got ready: more may be soon."""
        self._since_s[label] = anyio.current_time()

    def _until_poll_of(self, label: str) -> float:
        now_s = anyio.current_time()
        first_s = self._first_s.get(label, 0.0) - now_s
        return max(first_s, self._polls.until_poll_s(label), self._until_next_s(label, now_s))

    def _until_next_s(self, label: str, now_s: float) -> float:
        polled_s = self._polled_s.get(label)
        if polled_s is None:
            return 0.0
        waited_s = polled_s - self._since_s.get(label, polled_s)
        return polled_s + min(MAX_GAP_S, waited_s / GAPS_PER_WAIT) - now_s

    def due(self) -> list[str]:
        """Return the labels that are due."""
        return [label for label in self._pending.labels() if self._until_poll_of(label) <= 0]

    def until_poll_s(self) -> float:
        """Return the seconds until the next call."""
        waits = map(self._until_poll_of, self._pending.labels())
        return max(0.0, min([self._pending.until_request_s(), *waits]))


async def _receive(
    pending: PendingDownloads,
    waiting_in: MemoryObjectReceiveStream[Waiting],
    schedule: _PollSchedule,
    report: Callable[[], None],
) -> bool:
    """Receive until a poll or a deadline is due; return false when there is nothing left to do.

    Calls ``report`` when more files have to wait.
    """

    def take(waiting: Waiting) -> None:
        schedule.expect(waiting)
        pending.add(waiting)
        report()

    if not pending:
        try:
            take(await waiting_in.receive())
        except anyio.EndOfStream:
            return False
    while (until_poll_s := min(schedule.until_poll_s(), pending.until_deadline_s())) > 0:
        with anyio.move_on_after(until_poll_s):
            try:
                take(await waiting_in.receive())
            except anyio.EndOfStream:
                await anyio.sleep_forever()
    with contextlib.suppress(anyio.WouldBlock, anyio.EndOfStream):
        while True:
            take(waiting_in.receive_nowait())
    return True


async def _apply(
    queue: DownloadQueue, pending: PendingDownloads, label: str, reply: DownloadRetrieveReply
) -> list[Resolution]:
    resolved = pending.apply_poll(label, reply)
    if pending.has_lost(label, reply):
        entries = await queue.download_search(label, active_only=False)
        resolved += pending.apply_search(label, entries)
    if pending.has_moved:
        entries = await queue.download_search(active_only=False)
        resolved += pending.apply_full_search(entries)
    return resolved


async def _request_again(polls: SharedPolls, pending: PendingDownloads) -> list[DownloadUpdate]:
    """Request lost files again, as far as there is quota for it."""
    await _remove_spent(polls, pending)
    updates: list[DownloadUpdate] = []
    for label, files in pending.to_request().items():
        for again in _batches(files):
            items = [DownloadItem(wanted.entity_id, wanted.product_id) for wanted in again]
            try:
                reply = await polls.client.download_request(items, label=label)
            except ApiError as error:
                if not error.is_quota:
                    raise
                pending.defer(again)  # until then the quota window has moved
            else:
                updates += pending.apply_request(label, again, reply)
    return updates


async def _remove_spent(polls: SharedPolls, pending: PendingDownloads) -> None:
    """Remove the job's own entries that block a new request; a refusal does no harm."""
    for download_id in pending.to_remove():
        try:
            await polls.client.download_remove(download_id)
        except AuthError:
            raise
        except ApiError as error:
            log.info("download %d was not removed: %s", download_id, error)


def _batches(files: Iterable[WantedFile]) -> Iterable[list[WantedFile]]:
    rest = iter(files)
    return iter(lambda: list(islice(rest, MAX_ITEMS_PER_REQUEST)), [])
