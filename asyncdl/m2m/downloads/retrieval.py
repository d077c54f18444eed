"""The poller: ask for what is being prepared until every id is resolved.

The service answers a ``download-request`` with files that are ready and files
that it still prepares. For the latter, :func:`resolutions` calls
``download-retrieve`` at a steady pace and gives each file exactly one ending,
as :mod:`asyncdl.m2m.downloads.pending` finds it.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from asyncdl.errors import ApiError
from asyncdl.events import Emit, FilesPreparing, discard
from asyncdl.m2m.client import DownloadItem
from asyncdl.m2m.downloads.pending import PendingBook, Resolution, Waiting
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import DownloadEntry, DownloadRequestReply, DownloadRetrieveReply

FIRST_POLL_S = 5.0
"""A small file is often ready within seconds, so the first look comes early."""


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
        deadline_s: Seconds after which a file is given up; those in which the service
            did not answer do not count.
        emit: Takes :class:`FilesPreparing` at each look, and when more is to be waited for.
    Yields: In no particular order. Ends when the stream is closed and nothing is open.
    Raises: ApiError, AuthError or NetworkError, when the client gives up on a call.
    Source: endpoints ``download-retrieve``, ``download-search``, ``download-request``.
    """
    book = PendingBook(deadline_s=deadline_s, clock=anyio.current_time)
    pace = _Pace(interval_s)

    def tell() -> None:
        emit(FilesPreparing(len(book), *book.oldest(), next_look_s=pace.rest_s()))

    async with waiting_in:
        while await _take_in(book, waiting_in, pace, tell):
            if pace.is_due:
                pace.start()
                for label in book.labels():
                    asked_at_s = anyio.current_time()
                    resolved = await _poll_label(client, book, label)
                    # What was to be heard of a file could not be heard in an outage.
                    book.postpone(anyio.current_time() - asked_at_s)
                    for resolution in resolved:
                        yield resolution
            for given_up in book.expire():
                yield given_up
            tell()


@dataclass
class _Pace:
    """When the next poll may start."""

    interval_s: float
    next_at: float = 0.0

    def start(self) -> None:
        """Note that a poll begins now."""
        self.next_at = anyio.current_time() + self.interval_s

    def hold(self, wait_s: float) -> None:
        """Poll no earlier than ``wait_s`` from now."""
        self.next_at = max(self.next_at, anyio.current_time() + wait_s)

    @property
    def is_due(self) -> bool:
        """Whether the next poll may start."""
        return self.rest_s() <= 0

    def rest_s(self) -> float:
        """Return the seconds until the next poll may start."""
        return max(0.0, self.next_at - anyio.current_time())


async def _take_in(
    book: PendingBook,
    waiting_in: MemoryObjectReceiveStream[Waiting],
    pace: _Pace,
    tell: Callable[[], None],
) -> bool:
    """Take in what arrives until a poll or a deadline is due; false when all is over.

    Calls ``tell`` when more is to be waited for.
    """
    if not book:
        try:
            first = await waiting_in.receive()
        except anyio.EndOfStream:
            return False
        book.add(first)
        is_due = first.is_due or book.has_duplicates
        pace.hold(0.0 if is_due else min(FIRST_POLL_S, pace.interval_s))
        tell()
    while (rest_s := min(pace.rest_s(), book.until_deadline_s())) > 0:
        with anyio.move_on_after(rest_s):
            try:
                book.add(await waiting_in.receive())
                tell()
            except anyio.EndOfStream:
                await anyio.sleep_forever()
    with contextlib.suppress(anyio.WouldBlock, anyio.EndOfStream):
        while True:
            book.add(waiting_in.receive_nowait())
            tell()
    return True


async def _poll_label(client: DownloadQueue, book: PendingBook, label: str) -> list[Resolution]:
    reply = await client.download_retrieve(label)
    resolved = book.absorb(label, reply)
    if book.has_lost(label, reply):
        entries = await client.download_search(label, active_only=False)
        resolved += book.absorb_search(label, entries)
    if again := book.lost_under(label):
        resolved += await _ask_again(client, book, label, again)
    return resolved


async def _ask_again(
    client: DownloadQueue, book: PendingBook, label: str, again: Sequence[WantedFile]
) -> list[Resolution]:
    items = [DownloadItem(wanted.entity_id, wanted.product_id) for wanted in again]
    try:
        reply = await client.download_request(items, label=label)
    except ApiError as error:
        if not error.is_quota:
            raise
        return []  # the next poll asks again; meanwhile the window moves on
    return book.absorb_request(label, again, reply)
