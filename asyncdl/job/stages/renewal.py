"""New URLs for files whose URLs are no longer accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

import anyio

from asyncdl.errors import ApiError, AuthError, TransferError
from asyncdl.job.run import Run
from asyncdl.m2m import DownloadItem
from asyncdl.m2m.downloads.matching import match_reply
from asyncdl.m2m.downloads.pending import MISSED_POLLS, Ready
from asyncdl.m2m.models import DownloadEntry

NO_NEW_URL = "no-new-url"
"""Reason of the ``TransferError`` for a file that the service gives no other URL for."""

LOOK_LASTS_S = 300.0
"""A look at the queue for other files is good so long for one that is refused first."""


@dataclass(slots=True)
class Renewal:
    """The way to a new URL for one file, however often its URL is refused.

    The queue is looked at first, which costs one call for all files that are
    refused at the same time; else the file is requested again, which under
    the same label gives the same download. One that is in preparation again is
    waited for, as long as for any other.
    """

    run: Run
    ready: Ready
    refused_url: str = ""
    """What the queue may still tell, and is of no use."""

    def __post_init__(self) -> None:
        self.refused_url = self.ready.url

    async def url(self) -> str:
        """Return a new URL.

        Raises: TransferError with reason :data:`NO_NEW_URL`, when the service gives none;
            AuthError; NetworkError, when it cannot be had.
        Source: endpoints ``download-retrieve``, ``download-request``; API notes §5.4, §7.5.
        """
        try:
            self.refused_url = await self._find()
        except AuthError:
            raise
        except ApiError as error:
            raise self._no_url(f"the service gives no new URL for it: {error}") from error
        return self.refused_url

    async def _find(self) -> str:
        poll = self.run.config.poll
        since_s = began_s = anyio.current_time()
        is_requested, missed = False, 0
        if self.refused_url == self.ready.url:
            # What others of its age were refused for has shown its new URL, too.
            entry = await self._look(began_s - LOOK_LASTS_S)
            if self._is_new(entry):
                return str(entry.url)
        while True:
            entry = await self._look(since_s)
            if self._is_new(entry):
                return str(entry.url)
            if not is_requested and (entry is None or not entry.is_waiting):
                is_requested = True
                if url := await self._request():
                    return url
            missed = 0 if entry is not None and entry.is_waiting else missed + 1
            if missed > MISSED_POLLS:
                raise self._no_url("the service no longer lists it")
            if anyio.current_time() - began_s >= poll.deadline:
                raise self._no_url(f"in preparation again, and not ready after {poll.deadline:g} s")
            since_s = anyio.current_time()
            await anyio.sleep(poll.interval)

    def _is_new(self, entry: DownloadEntry | None) -> TypeGuard[DownloadEntry]:
        return entry is not None and entry.is_ready and entry.url != self.refused_url

    async def _look(self, since_s: float) -> DownloadEntry | None:
        run, ready = self.run, self.ready
        return await run.looks.entry(run.client, ready.label, ready.download_id, since_s=since_s)

    async def _request(self) -> str | None:
        """Request the file again; return its URL, or ``None`` if it is being prepared."""
        wanted = self.ready.wanted
        item = DownloadItem(wanted.entity_id, wanted.product_id)
        reply = await self.run.client.download_request([item], label=self.ready.label)
        matched = match_reply([wanted], reply)
        for available in matched.available:
            return available.url
        for failed in matched.failed:
            raise self._no_url(f"the service gives no new URL for it: {failed.message}")
        if not matched.preparing and not matched.duplicates and not matched.unmatched:
            raise self._no_url("the service gives no new URL for it")
        return None

    def _no_url(self, detail: str) -> TransferError:
        return TransferError(self.ready.url, detail, reason=NO_NEW_URL, retryable=False)
