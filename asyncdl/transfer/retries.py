"""Whether a file is tried again after a failure: at once, after a wait, at a fresh URL, or never.

:class:`Attempts` counts what was tried and is pure. :class:`Recovery` decides what follows a
failed attempt of one file, and waits. What a single error says is read in
:mod:`asyncdl.transfer.failures`; how long to wait is computed in :mod:`asyncdl.net.retry`.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from enum import Enum

import anyio
from msgspec import Struct

from asyncdl.errors import TOO_MANY_OPEN, AsyncdlError, HttpStatusError, NetworkError, TransferError
from asyncdl.transfer import clock
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.error_pages import is_page
from asyncdl.transfer.failures import Evidence, evidence_of, is_bad_file, is_url_refused
from asyncdl.transfer.file_progress import FileProgress
from asyncdl.transfer.file_url import FileUrl
from asyncdl.transfer.host_health import SampleFile
from asyncdl.transfer.http import Sender, SourcedUrl, open_response
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.range_requests import RequestLadder
from asyncdl.transfer.range_responses import ResumePoint
from asyncdl.transfer.request import FileRequest
from asyncdl.transfer.responses import RangeRequest
from asyncdl.transfer.slots import Slot
from asyncdl.transfer.verification.structure import Form, check_type

MAX_CONNECTION_REFUSALS = 4
"""After this many the host has a sixteenth of the connections, and they are not the cause."""

_WITH_DATA = frozenset({200, 206})


class Attempts(Struct):
    """What has been tried for one file so far.

    An attempt that brings bytes that were never there before resets the count of failures, so a
    bad connection finishes in the end. A host that sends the same bytes over and over does not
    keep us. The number of requests is bounded in every case.
    """

    limits: Limits
    requests: int = 0
    refreshes: int = 0
    refetches: int = 0
    connection_refusals: int = 0
    """Refusals that were taken for one connection too many."""
    failed: int = 0
    """Failures in a row without progress; an outage of the host counts once at most."""
    max_received: int = 0
    """The most bytes that were ever on disk."""
    is_suspected: bool = False
    """Whether the file was requested again after a refusal and has not come yet."""

    @property
    def is_exhausted(self) -> bool:
        """Whether no further request may be made."""
        return self.requests >= self.limits.requests_per_file

    def may_refresh(self, error: AsyncdlError) -> bool:
        """Return whether a fresh URL is worth asking for."""
        if isinstance(error, HttpStatusError) and error.status == 404 and self.refreshes:
            return False  # the fresh URL is right, and the file is not there
        return self.refreshes < self.limits.refreshes and is_url_refused(error)

    def may_retry_refusal(self, error: AsyncdlError, *, can_refresh: bool) -> bool:
        """Return whether a refusal may be about the number of connections, not about the URL.

        The first refusal is taken for one about connections, the second for one about the URL.
        A refusal of the fresh URL is about connections again.
        """
        if not isinstance(error, HttpStatusError) or not error.is_crowded:
            return False
        is_open = self.connection_refusals == 0 or self.refreshes > 0 or not can_refresh
        return (
            is_open and self.connection_refusals < MAX_CONNECTION_REFUSALS and not self.is_exhausted
        )

    def would_end(self, error: AsyncdlError, have: int) -> bool:
        """Return whether a failure, if it is the file's own, ends the file."""
        return error.retryable and not copy(self).note_failure(error, have)

    def note_failure(self, error: AsyncdlError, have: int, *, is_outage: bool = False) -> bool:
        """Count a failed attempt; return whether another may follow.

        Args:
            error: How it failed.
            have: Bytes on disk now.
            is_outage: Whether the host is down for everyone, and waited for.
        """
        if is_bad_file(error):
            self.refetches += 1
        if have > self.max_received:
            self.failed = 1
        elif is_outage:
            self.failed = max(self.failed, 1)
        else:
            self.failed += 1
        self.max_received = max(self.max_received, have)
        if self.is_exhausted or self.refetches > self.limits.refetches:
            return False
        longest_wait_s = self.limits.max_retry_after_s
        return self.limits.backoff.may_retry(error, self.failed, longest_wait_s=longest_wait_s)

    def wait_s(self, error: AsyncdlError) -> float:
        """Return the seconds to wait before the next attempt."""
        return self.limits.backoff.delay_s(self.failed, retry_after_s=error.retry_after_s)


async def serves_any(engine: Engine, samples: Iterable[SampleFile]) -> bool:
    """Return whether a host still serves one of the files that it served before.

    Requests one byte of each until one comes. A host that refuses one with a status about this
    file, as it does with an expired URL, has decided and is up.
    """
    for sample in samples:
        try:
            if await _is_served(engine, sample):
                return True
        except (NetworkError, TransferError) as error:
            if evidence_of(error) is Evidence.THERE:
                return True
    return False


async def _is_served(engine: Engine, sample: SampleFile) -> bool:
    source = SourcedUrl(sample.url, sample.max_zone())
    headers = RangeRequest(0, 1).headers()
    sender = Sender(sample.headers, engine.logins.of(sample.url))
    with await open_response(engine.client, source, headers, sender, engine.limits) as response:
        if response.head.status not in _WITH_DATA:
            raise HttpStatusError(response.url, response.head.status)
        check_type(Form.ANY, response.head.content_type, response.url)
        return bool(await response.read(1)) or response.head.length == 0


class NextStep(Enum):
    """What follows a failed attempt."""

    GIVE_UP = "there is no other way"
    REQUEST_AGAIN = "the wait is over: request in the way that was found"
    TRY_AGAIN = "check whether the bytes on disk are still of use, wait, and request again"


class Recovery:
    """Decides what follows the failures of one file, and waits between its attempts.

    Args:
        engine: What all files share.
        request: The file.
        url: Its URL; replaced by a fresh one when it is refused and a service names one.
        ladder: Has a last way, without ``Range``.
        slot: The file's slot, which other files get during waits.
        progress: Reports retries.
    """

    def __init__(
        self,
        engine: Engine,
        request: FileRequest,
        url: FileUrl,
        ladder: RequestLadder,
        slot: Slot,
        progress: FileProgress,
    ) -> None:
        self.attempts = Attempts(engine.limits)
        self._requested_at_s = 0.0
        self._engine = engine
        self._refresh = request.refresh
        self._url = url
        self._ladder = ladder
        self._slot = slot
        self._progress = progress

    def note_request(self) -> None:
        """Count a request that is about to be made."""
        self.attempts.requests += 1
        self._requested_at_s = clock.now_s()

    def note_data(self) -> None:
        """Record that bytes of the file are on their way."""
        attempts = self.attempts
        was_url = attempts.connection_refusals == 1 and attempts.refreshes > 0
        self._resolve_suspicion(was_url=was_url)

    async def after(self, error: AsyncdlError, have: int, resume_point: ResumePoint) -> NextStep:
        """Find another way after a failed attempt.

        Args:
            error: How it failed; gets the number of attempts if it is the last.
            have: Bytes on disk now.
            resume_point: What is known about the file.
        """
        if getattr(error, "errno", None) in TOO_MANY_OPEN:
            self._engine.host_limiter.reduce_budget()
        if await self._retries_refusal(error):
            return NextStep.REQUEST_AGAIN
        is_outage = await self._is_outage(error, have)
        # A page that everyone gets is not about this URL.
        if not (is_outage and is_page(error)) and await self._gets_fresh_url(error):
            return NextStep.REQUEST_AGAIN
        may_go_on = self.attempts.note_failure(error, have, is_outage=is_outage)
        if self._drops_range(error, resume_point, may_go_on=may_go_on):
            wait_s = self.attempts.wait_s(error) if may_go_on else 0.0
            await self._pause(error, wait_s, self.attempts.failed)
            return NextStep.REQUEST_AGAIN
        if may_go_on:
            return NextStep.TRY_AGAIN
        self._resolve_suspicion(was_url=True)
        if isinstance(error, TransferError):
            error.attempts = self.attempts.requests
        return NextStep.GIVE_UP

    async def wait(self, error: AsyncdlError) -> None:
        """Wait before the next attempt."""
        await self._pause(error, self.attempts.wait_s(error), self.attempts.failed)

    async def _retries_refusal(self, error: AsyncdlError) -> bool:
        """Wait and retry, if a host may have had one connection too many."""
        attempts, backoff = self.attempts, self._engine.limits.backoff
        if not attempts.may_retry_refusal(error, can_refresh=self._refresh is not None):
            return False
        self._engine.host_limiter.state_of(self._url.now).suspect_limit(self._requested_at_s)
        refusals = attempts.connection_refusals
        wait_s = backoff.delay_s(refusals) if refusals else 0.0
        attempts.connection_refusals += 1
        attempts.is_suspected = True
        await self._pause(error, wait_s, attempts.requests)
        return True

    def _resolve_suspicion(self, *, was_url: bool) -> None:
        """Record what an earlier refusal was about, now that it is known."""
        if self.attempts.is_suspected:
            self.attempts.is_suspected = False
            host = self._engine.host_limiter.state_of(self._url.now)
            host.resolve_suspicion(was_url=was_url)

    async def _is_outage(self, error: AsyncdlError, have: int) -> bool:
        """Return whether a failure is the host's, which is down for everyone."""
        engine, file = self._engine, self._url.sample
        is_last = self.attempts.would_end(error, have) or self._wants_fresh_url(error)
        pause_s = error.retry_after_s or 0.0
        if pause_s <= engine.limits.max_retry_after_s:
            await engine.host_limiter.compare(
                file,
                clock.now_s(),
                lambda files: serves_any(engine, files),
                is_last=is_last,
                pause_s=pause_s,
                slot=self._slot,
            )
        # By the limits of this file: one that has another mirror does not wait for this one.
        return engine.limits.max_wait_s > 0 and engine.host_limiter.is_down(file.url)

    def _wants_fresh_url(self, error: AsyncdlError) -> bool:
        return self._refresh is not None and self.attempts.may_refresh(error)

    async def _gets_fresh_url(self, error: AsyncdlError) -> bool:
        """Replace a URL that was refused, if there is another."""
        if self._refresh is None or not self._wants_fresh_url(error):
            return False
        self.attempts.refreshes += 1
        self._progress.report_retry(error, 0.0, self.attempts.requests)
        async with self._slot.released():
            fresh = await self._refresh()
        self._url.replace(fresh)
        return True

    def _drops_range(
        self, error: AsyncdlError, resume_point: ResumePoint, *, may_go_on: bool
    ) -> bool:
        """Leave out ``Range``, if the refusal may be about that."""
        if not isinstance(error, HttpStatusError) or self.attempts.is_exhausted:
            return False
        allows = self._engine.limits.backoff.allows
        is_last_attempt = may_go_on and not allows(self.attempts.failed + 1)
        return self._ladder.try_without_range(
            self._url.now, error, resume_point, is_last_attempt=is_last_attempt
        )

    async def _pause(self, error: AsyncdlError, wait_s: float, attempt: int) -> None:
        self._progress.report_retry(error, wait_s, attempt)
        async with self._slot.released():
            await anyio.sleep(wait_s)
