"""Looks at the service's queue: shared by all who ask, and never too close together.

Whoever wants to know what ``download-retrieve`` says, asks here: the poller, the
renewals of refused URLs, a run that goes on where an earlier one stopped. So the
spacing of the looks is kept in one place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import anyio

from asyncdl.m2m.client import DownloadItem
from asyncdl.m2m.models import DownloadEntry, DownloadRequestReply, DownloadRetrieveReply


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

    async def download_remove(self, download_id: int) -> bool:
        """Remove one download from the queue; unknown ones are no error."""


@dataclass(frozen=True, slots=True)
class PollResult:
    """What one ``download-retrieve`` has shown."""

    began_s: float
    """On anyio's clock."""
    reply: DownloadRetrieveReply
    entries: Mapping[int, DownloadEntry]
    """All of them by download id."""


@dataclass(slots=True)
class _Label:
    """The looks at one label."""

    line: anyio.Lock = field(default_factory=anyio.Lock)
    latest: PollResult | None = None
    ended_s: float = -math.inf


class SharedPolls:
    """The looks of one run.

    A look at a label shows all that stands under it. Whoever asks while one is
    under way gets the next one, together with everybody else who did, so
    however many files lose their URLs at once, two calls tell all of them.

    Args:
        client: Asks the service.
        interval_s: Seconds between the end of one look at a label and the begin of the
            next, at least.
    """

    def __init__(self, client: DownloadQueue, interval_s: float) -> None:
        self.client = client
        self.interval_s = interval_s
        self._labels: dict[str, _Label] = {}

    def rest_s(self, label: str) -> float:
        """Return the seconds until the next look at a label may begin; 0 for none so far."""
        seen = self._labels.get(label)
        return 0.0 if seen is None else self._rest_of(seen)

    def _rest_of(self, seen: _Label) -> float:
        return max(0.0, seen.ended_s + self.interval_s - anyio.current_time())

    async def look(self, label: str, *, since_s: float) -> PollResult:
        """Return what stands under a label; waits until a look may begin, if one is needed.

        Args:
            label: Of this job or of another one.
            since_s: An earlier look is no answer, on anyio's clock.
        Raises: ApiError, AuthError, NetworkError.
        Source: endpoint ``download-retrieve``.
        """
        seen = self._labels.setdefault(label, _Label())
        async with seen.line:
            if seen.latest is None or seen.latest.began_s < since_s:
                await anyio.sleep(self._rest_of(seen))
                seen.latest = await self._ask(label, seen)
            return seen.latest

    async def _ask(self, label: str, seen: _Label) -> PollResult:
        began_s = anyio.current_time()
        try:
            reply = await self.client.download_retrieve(label)
        finally:
            # One that failed was a look, too.
            seen.ended_s = anyio.current_time()
        return PollResult(began_s, reply, {entry.download_id: entry for entry in reply.entries})
