"""New URLs for files whose URLs are no longer accepted."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeGuard

import anyio

from asyncdl.errors import ApiError, AuthError, TransferError
from asyncdl.job.run_context import RunContext
from asyncdl.journal import Requested
from asyncdl.m2m import DownloadItem
from asyncdl.m2m.downloads.matching import match_reply
from asyncdl.m2m.downloads.pending import Ready, Reissued, Undeliverable, Waiting, waiting_of
from asyncdl.m2m.downloads.retrieval import resolutions
from asyncdl.m2m.models import DownloadEntry

NO_NEW_URL = "no-new-url"
"""Reason of the ``TransferError`` for a file that the service gives no other URL for."""

POLL_VALID_S = 300.0
"""A poll for other files is recent enough for this long, if a URL is refused for the first time."""


@dataclass(slots=True)
class Renewal:
    """Gets a new URL for one file, however often its URL is refused.

    The queue is polled first, which costs one call for all files that are refused at
    the same time; otherwise the file is requested again, under the job's own label: the
    order it was in may have been another job's, and removed. A file that is in
    preparation again is waited for like any other.
    """

    run: RunContext
    ready: Ready
    """The file with its latest download id, label and URL."""
    _refused_url: str = field(default="", init=False)
    """The queue may still list it."""

    async def url(self) -> str:
        """Return a new URL.

        Raises: TransferError with reason :data:`NO_NEW_URL`, when the service gives none;
            AuthError; NetworkError, when the service cannot be reached.
        Source: endpoints ``download-retrieve``, ``download-request``; API notes §5.4, §7.5.
        """
        is_first, self._refused_url = not self._refused_url, self.ready.url
        try:
            self.ready = await self._find(is_first=is_first)
        except AuthError:
            raise
        except ApiError as error:
            raise self._no_url(f"the service gives no new URL for it: {error}") from error
        return self.ready.url

    async def _find(self, *, is_first: bool) -> Ready:
        now_s = anyio.current_time()
        entry: DownloadEntry | None = None
        # A poll for files whose URLs expired at the same time has its new URL, too.
        for since_s in (now_s - POLL_VALID_S, now_s) if is_first else (now_s,):
            entry = await self._poll(since_s)
            if self._is_new(entry):
                return self._ready_at(str(entry.url))
        if entry is None or not entry.is_waiting:
            return await self._request()
        items = {self.ready.download_id: self.ready.wanted}
        return await self._wait(Waiting(self.ready.label, items, is_due=True))

    def _is_new(self, entry: DownloadEntry | None) -> TypeGuard[DownloadEntry]:
        return entry is not None and entry.is_ready and entry.url != self._refused_url

    def _ready_at(self, url: str) -> Ready:
        old = self.ready
        return Ready(old.wanted, old.download_id, old.label, url, old.eula_code)

    async def _poll(self, since_s: float) -> DownloadEntry | None:
        poll = await self.run.polls.poll(self.ready.label, since_s=since_s)
        return poll.entries.get(self.ready.download_id)

    async def _request(self) -> Ready:
        """Request the file again, and wait for it if it is not ready at once."""
        run, wanted = self.run, self.ready.wanted
        item = DownloadItem(wanted.entity_id, wanted.product_id)
        matched = match_reply([wanted], await run.client.download_request([item], label=run.label))
        for found in matched.available:
            ready = Ready(wanted, found.download_id, run.label, found.url, found.eula_code)
            self._note(ready)
            return ready
        for failed in matched.failed:
            raise self._no_url(f"the service gives no new URL for it: {failed.message}")
        waiting = waiting_of(matched, run.label)
        if not waiting.items and not waiting.candidates:
            raise self._no_url("the service gives no new URL for it")
        return await self._wait(waiting)

    async def _wait(self, waiting: Waiting) -> Ready:
        """Wait for the file as for any other that is in preparation."""
        run, deadline_s = self.run, self.run.config.poll.deadline
        send, receive = anyio.create_memory_object_stream[Waiting](1)
        with send:
            send.send_nowait(waiting)
        updates = resolutions(run.polls, receive, label=run.label, deadline_s=deadline_s)
        async with aclosing(updates):
            async for update in updates:
                if isinstance(update, Undeliverable):
                    raise self._no_url(update.detail)
                self._note(update)
                if isinstance(update, Ready):
                    return update
        raise AssertionError("every file is resolved")

    def _note(self, now: Ready | Reissued) -> None:
        to = Requested(now.download_id, now.label)
        is_ready = isinstance(now, Ready)
        self.run.journal.requests.note_accepted_later(now.wanted, to, is_ready=is_ready)

    def _no_url(self, detail: str) -> TransferError:
        return TransferError(self.ready.url, detail, reason=NO_NEW_URL, retryable=False)
