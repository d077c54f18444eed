"""The poller: ask for what is being prepared until every id is resolved.

The service answers a ``download-request`` with files that are ready and files
that it still prepares. For the latter, :func:`resolutions` calls
``download-retrieve`` at a steady pace and gives each file exactly one ending:
:class:`Ready` with its URL, or :class:`GivenUp` with the reason.

What the service is known to do, and what is done about it (API notes §5.4 to §5.6):

- Items move from ``available`` to ``requested`` once handed out: both count.
- Items asked for earlier stand under the label of that time: each label is polled.
- Items that fail vanish from both lists: ``download-search`` knows what became
  of them, and one new request under the same label brings a lost one back.
- An item may never be ready: the deadline ends it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from asyncdl.events import Emit, FilesPreparing, FileState, discard
from asyncdl.m2m.client import DownloadItem
from asyncdl.m2m.matching import match_entry, match_reply
from asyncdl.m2m.models import DownloadEntry, DownloadRequestReply, DownloadRetrieveReply
from asyncdl.m2m.selection import WantedFile

FIRST_POLL_S = 5.0
"""A small file is often ready within seconds, so the first look comes early."""
MISSED_POLLS = 3
"""An id that this many polls in a row do not mention is looked for with ``download-search``."""


class DownloadQueue(Protocol):
    """The part of the client that the poller needs."""

    async def download_retrieve(self, label: str | None = None) -> DownloadRetrieveReply:
        """Ask for everything under a label."""

    async def download_search(
        self, label: str | None = None, *, active_only: bool | None = None
    ) -> list[DownloadEntry]:
        """Ask what became of everything under a label."""

    async def download_request(
        self, downloads: Sequence[DownloadItem], *, label: str
    ) -> DownloadRequestReply:
        """Ask for files; safe to repeat."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that can be fetched now."""

    wanted: WantedFile
    download_id: int
    label: str
    """The label it stands under, which may be that of an earlier request."""
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A file that the service will not give, or not in time."""

    wanted: WantedFile
    state: FileState
    """``FAILED`` when the service said so, ``UNRESOLVED`` when it said nothing in time."""
    reason: str
    detail: str
    remedy: str


Resolution: TypeAlias = Ready | GivenUp


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one ``download-request`` left open."""

    label: str
    items: Mapping[int, WantedFile]
    """Files in preparation by download id; they stand under ``label``."""
    duplicates: Mapping[int, str] = field(default_factory=dict)
    """Ids of unknown files, each with the label it stands under."""
    candidates: tuple[WantedFile, ...] = ()
    """Files that were asked for and not mentioned; ``duplicates`` are among them."""


async def resolutions(
    client: DownloadQueue,
    waiting_in: MemoryObjectReceiveStream[Waiting],
    *,
    interval_s: float,
    deadline_s: float,
    emit: Emit = discard,
) -> AsyncGenerator[Resolution]:
    """Yield an ending for every file that comes in through ``waiting_in``.

    Args:
        client: Asks the service.
        waiting_in: What is open; more may come while polling goes on.
        interval_s: Seconds between two polls, at least.
        deadline_s: Seconds after which a file is given up.
        emit: Takes :class:`FilesPreparing` whenever the number changes.
    Yields: In no particular order. Ends when the stream is closed and nothing is open.
    Raises: ApiError, AuthError or NetworkError, when the client gives up on a call.
    Source: endpoints ``download-retrieve``, ``download-search``, ``download-request``.
    """
    book = PendingBook(deadline_s=deadline_s)
    pace = _Pace(interval_s)
    async with waiting_in:
        while await _take_in(book, waiting_in, pace):
            emit(FilesPreparing(len(book)))
            pace.start()
            for label in book.labels():
                for resolution in await _poll_label(client, book, label):
                    yield resolution
            for given_up in book.expire():
                yield given_up
            emit(FilesPreparing(len(book)))


@dataclass
class _Pace:
    """When the next poll may start."""

    interval_s: float
    next_at: float = 0.0

    def start(self) -> None:
        self.next_at = anyio.current_time() + self.interval_s

    def hasten(self) -> None:
        self.next_at = min(self.next_at, anyio.current_time())

    def rest_s(self) -> float:
        return max(0.0, self.next_at - anyio.current_time())


async def _take_in(
    book: PendingBook, waiting_in: MemoryObjectReceiveStream[Waiting], pace: _Pace
) -> bool:
    """Take in what arrives until the next poll is due; false when all is over."""
    was_empty = not book
    if was_empty:
        try:
            book.add(await waiting_in.receive())
        except anyio.EndOfStream:
            return False
        first_wait_s = 0.0 if book.has_duplicates else min(FIRST_POLL_S, pace.interval_s)
        pace.next_at = max(pace.next_at, anyio.current_time() + first_wait_s)
    while pace.rest_s() > 0:
        with anyio.move_on_after(min(pace.rest_s(), book.until_deadline_s())) as scope:
            try:
                book.add(await waiting_in.receive())
            except anyio.EndOfStream:
                await anyio.sleep_forever()
        if scope.cancelled_caught and book.until_deadline_s() <= 0:
            break
    with contextlib.suppress(anyio.WouldBlock, anyio.EndOfStream):
        while True:
            book.add(waiting_in.receive_nowait())
    return True


async def _poll_label(client: DownloadQueue, book: PendingBook, label: str) -> list[Resolution]:
    reply = await client.download_retrieve(label)
    resolved = book.absorb(label, reply)
    if book.has_lost(label, reply):
        entries = await client.download_search(label, active_only=False)
        resolved += book.absorb_search(label, entries)
    again = book.take_requests(label)
    if again:
        items = [DownloadItem(w.entity_id, w.product_id) for w in again]
        answer = await client.download_request(items, label=label)
        resolved += book.absorb_request(label, again, answer)
    return resolved


@dataclass(slots=True)
class _Pending:
    wanted: WantedFile
    label: str
    since: float
    status: str = "preparing"
    missed: int = 0
    requests: int = 0
    """Times it was asked for again after it had vanished."""


@dataclass(slots=True)
class _Unknown:
    """Ids of which only the label is known, and the files they may stand for."""

    labels: dict[int, str]
    candidates: list[WantedFile]
    since: float
    missed: int = 0


class PendingBook:
    """Everything that has no ending yet. No I/O: replies in, endings out.

    Args:
        deadline_s: Seconds from :meth:`add` after which :meth:`expire` gives a file up.
        clock: Monotonic seconds.
    """

    def __init__(self, *, deadline_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._deadline_s = deadline_s
        self._clock = clock
        self._pending: dict[int, _Pending] = {}
        self._unknown: list[_Unknown] = []
        self._to_request: dict[str, list[_Pending]] = {}

    def __len__(self) -> int:
        """Return the number of files without an ending."""
        return (
            len(self._pending)
            + sum(len(group.candidates) for group in self._unknown)
            + sum(len(items) for items in self._to_request.values())
        )

    @property
    def has_duplicates(self) -> bool:
        """Whether ids are open of which only the label is known."""
        return bool(self._unknown)

    def add(self, waiting: Waiting) -> None:
        """Take in what a request left open."""
        now = self._clock()
        for download_id, wanted in waiting.items.items():
            self._pending[download_id] = _Pending(wanted, waiting.label, now)
        if waiting.candidates:
            self._unknown.append(_Unknown(dict(waiting.duplicates), list(waiting.candidates), now))

    def labels(self) -> list[str]:
        """Return every label that something open stands under, each once."""
        labels = dict.fromkeys(pending.label for pending in self._pending.values())
        for group in self._unknown:
            labels.update(dict.fromkeys(group.labels.values()))
        return list(labels)

    def until_deadline_s(self) -> float:
        """Return the seconds until the next file has to be given up; 0 when one is due."""
        starts = [pending.since for pending in self._pending.values()]
        starts += [group.since for group in self._unknown]
        if not starts:
            return self._deadline_s
        return max(0.0, min(starts) + self._deadline_s - self._clock())

    # -- replies in, endings out ----------------------------------------------

    def absorb(self, label: str, reply: DownloadRetrieveReply) -> list[Resolution]:
        """Take in a ``download-retrieve`` reply; return what it settles."""
        resolved: list[Resolution] = []
        seen: set[int] = set()
        for entry in reply.entries:
            seen.add(entry.download_id)
            resolved += self._absorb_entry(label, entry)
        for download_id, pending in self._pending.items():
            if pending.label == label:
                pending.missed = 0 if download_id in seen else pending.missed + 1
        for group in self._unknown:
            if label in group.labels.values():
                group.missed += 1
        return resolved + self._close_groups()

    def has_lost(self, label: str, reply: DownloadRetrieveReply) -> bool:
        """Tell whether something under ``label`` went unmentioned for good reason to ask why."""
        # A queue that is not empty may still hold what is missing, for a while.
        patience = MISSED_POLLS if reply.queue_size else 1
        return any(
            pending.label == label and pending.missed >= patience
            for pending in self._pending.values()
        ) or any(
            label in group.labels.values() and group.missed >= patience for group in self._unknown
        )

    def absorb_search(self, label: str, entries: Iterable[DownloadEntry]) -> list[Resolution]:
        """Take in a ``download-search`` reply: what became of the ids that vanished."""
        found = {entry.download_id: entry for entry in entries}
        for group in self._unknown:
            for download_id in [i for i, of in group.labels.items() if of == label]:
                self._identify(group, download_id, found.get(download_id))
        resolved = self._close_groups()
        lost = [i for i, p in self._pending.items() if p.label == label and p.missed]
        for download_id in lost:
            resolved += self._settle_lost(download_id, found.get(download_id))
        return resolved

    def take_requests(self, label: str) -> list[WantedFile]:
        """Return the files under ``label`` that have to be asked for again, each once."""
        return [pending.wanted for pending in self._to_request.get(label, ())]

    def absorb_request(
        self, label: str, asked: Sequence[WantedFile], reply: DownloadRequestReply
    ) -> list[Resolution]:
        """Take in the reply to such a new request."""
        again = {id(p.wanted): p for p in self._to_request.pop(label, ())}
        matched = match_reply(asked, reply)
        resolved: list[Resolution] = [
            Ready(found.file, found.download_id, label, found.url) for found in matched.available
        ]
        for preparing in matched.preparing:
            pending = again[id(preparing.file)]
            pending.missed = 0
            self._pending[preparing.download_id] = pending
        resolved += [
            _failed(refused.file, "refused", refused.message) for refused in matched.failed
        ]
        resolved += [
            _failed(wanted, "vanished", "the service no longer lists it and gives no new URL")
            for wanted in matched.unaccounted
        ]
        return resolved

    def expire(self) -> list[Resolution]:
        """Give up what is past its deadline."""
        limit = self._clock() - self._deadline_s
        late = [i for i, pending in self._pending.items() if pending.since <= limit]
        resolved = [self._unresolved(self._pending.pop(i)) for i in late]
        for group in [g for g in self._unknown if g.since <= limit]:
            self._unknown.remove(group)
            resolved += [
                self._unresolved(_Pending(wanted, "", group.since, "asked for earlier"))
                for wanted in group.candidates
            ]
        return resolved

    # -- single entries -------------------------------------------------------

    def _absorb_entry(self, label: str, entry: DownloadEntry) -> list[Resolution]:
        self._identify_among_groups(entry)
        pending = self._pending.get(entry.download_id)
        if pending is None:
            return []
        pending.status = entry.status_text or entry.status_code or pending.status
        if entry.is_ready and entry.url:
            del self._pending[entry.download_id]
            return [Ready(pending.wanted, entry.download_id, pending.label, entry.url)]
        if entry.is_final:
            del self._pending[entry.download_id]
            return [_failed(pending.wanted, "service-failed", f"the service says {pending.status}")]
        return []

    def _identify_among_groups(self, entry: DownloadEntry) -> None:
        for group in self._unknown:
            if entry.download_id in group.labels:
                self._identify(group, entry.download_id, entry)

    def _identify(self, group: _Unknown, download_id: int, entry: DownloadEntry | None) -> None:
        """Find out which candidate an id stands for; then it is pending like any other."""
        label = group.labels.pop(download_id)
        wanted = match_entry(entry, group.candidates) if entry else None
        if wanted is not None:
            group.candidates.remove(wanted)
            self._pending[download_id] = _Pending(wanted, label, group.since, missed=1)

    def _close_groups(self) -> list[Resolution]:
        """End the groups whose ids are all known: what is left was not accepted."""
        closed = [group for group in self._unknown if not group.labels]
        self._unknown = [group for group in self._unknown if group.labels]
        return [
            _failed(wanted, "not-accepted", "the service did not accept the request for it")
            for group in closed
            for wanted in group.candidates
        ]

    def _settle_lost(self, download_id: int, entry: DownloadEntry | None) -> list[Resolution]:
        pending = self._pending[download_id]
        if entry is not None:
            pending.status = entry.status_text or entry.status_code or pending.status
            if entry.is_waiting:
                return []
            if entry.is_final:
                del self._pending[download_id]
                return [
                    _failed(pending.wanted, "service-failed", f"the service says {pending.status}")
                ]
        del self._pending[download_id]
        if pending.requests:
            return [_failed(pending.wanted, "vanished", f"last state: {pending.status}")]
        # It was handed out, proxied or cleared: the same request under the same
        # label brings it back (API notes §5.4), once.
        pending.requests += 1
        self._to_request.setdefault(pending.label, []).append(pending)
        return []

    def _unresolved(self, pending: _Pending) -> Resolution:
        return GivenUp(
            pending.wanted,
            FileState.UNRESOLVED,
            "deadline",
            f"still not ready after {self._deadline_s:g} s; the service last said: "
            f"{pending.status}",
            "Run the same command again later: it asks for the same file under the same label.",
        )


def _failed(wanted: WantedFile, reason: str, detail: str) -> GivenUp:
    return GivenUp(
        wanted,
        FileState.FAILED,
        reason,
        detail,
        "Run the same command again later; if it fails again, ask USGS (custserv@usgs.gov).",
    )
