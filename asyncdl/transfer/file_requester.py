"""Requests the missing bytes of one file until a response brings some.

A response is interpreted before anything of it is saved, or anything on disk dropped for it.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack

from msgspec import Struct

from asyncdl.errors import RangeRefused, TransferError
from asyncdl.transfer import clock
from asyncdl.transfer.body_receiver import BodyReceiver, FileTarget
from asyncdl.transfer.content_coding import Coding, coding_of
from asyncdl.transfer.destination import Destination, VerifiedFile
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.error_pages import read_page
from asyncdl.transfer.file_progress import FileProgress
from asyncdl.transfer.file_url import FileUrl
from asyncdl.transfer.host_limiter import ConnectionSlot
from asyncdl.transfer.http import ResponseStream, Sender, SourcedUrl, open_response
from asyncdl.transfer.limits import SizeLimits
from asyncdl.transfer.parts.part_state import PartState
from asyncdl.transfer.range_requests import MAX_WAYS, RequestLadder
from asyncdl.transfer.range_responses import (
    AlreadyComplete,
    BodyRange,
    Decision,
    RequestAgain,
    contradiction,
    interpret,
)
from asyncdl.transfer.request import FileRequest
from asyncdl.transfer.responses import Head, RangeRequest
from asyncdl.transfer.retries import Recovery
from asyncdl.transfer.segments import Segment, open_ended_segment
from asyncdl.transfer.slots import Slot
from asyncdl.transfer.url_identity import resource_id
from asyncdl.transfer.verification.structure import check_type

_WITH_DATA = frozenset({200, 206})
_ABOUT_FILE = frozenset({*_WITH_DATA, 416})

_log = logging.getLogger("asyncdl.transfer")


class OpenedResponse(Struct, frozen=True):
    """A response whose body belongs to the file, and what receives it."""

    response: ResponseStream
    body: BodyRange
    segment: Segment
    receiver: BodyReceiver


class FileRequester(Struct):
    """Makes the requests of one file."""

    engine: Engine
    request: FileRequest
    url: FileUrl
    destination: Destination
    ladder: RequestLadder
    """How to request."""
    recovery: Recovery
    """Counts the requests."""
    slot: Slot
    progress: FileProgress
    length_check: str = "length"
    """How the length of the last body is known, as in :attr:`Fetched.proof`."""
    _announced_total: int | None = None

    async def open_unfinished(self) -> None:
        """Open the ``.part`` file, if the file has a name and it is not open yet."""
        destination = self.destination
        if destination.unfinished is None and destination.final is not None:
            await destination.open_unfinished(destination.final)
            self.recovery.attempts.max_received = destination.opened.size_bytes

    async def request_missing(
        self, stack: ExitStack, connection: ConnectionSlot
    ) -> OpenedResponse | VerifiedFile | None:
        """Request in one way after the other, each once, until there is nothing more to request.

        Args:
            stack: Keeps a response with a body open.
            connection: The connection that is used.
        Returns: The response, if its body belongs to the file; the file, if it turns out to be
            there already; ``None``, if the bytes on disk are complete.
        """
        for _ in range(MAX_WAYS):
            if self.recovery.attempts.is_exhausted:
                break
            outcome = await self._send(stack, connection)
            if not isinstance(outcome, RequestAgain):
                return None if isinstance(outcome, AlreadyComplete) else outcome
        raise RangeRefused(self.url.now, "no kind of request returns the rest", retryable=False)

    async def _send(
        self, stack: ExitStack, connection: ConnectionSlot
    ) -> OpenedResponse | VerifiedFile | AlreadyComplete | RequestAgain:
        """Make one request; a response with bytes of the file stays open with ``stack``."""
        range_request = self.ladder.next_request(self.url.now, self.destination.resume_point)
        response = await self._open_response(range_request, connection)
        opened: OpenedResponse | None = None
        try:
            decision = await self._decide(response, range_request)
            if isinstance(decision, BodyRange):
                opened = self._prepare(response, decision, connection)
                stack.push(response)
                return opened
        finally:
            if opened is None:
                response.close()
        if not isinstance(decision, VerifiedFile):
            await self._follow(decision, response.head.status)
        return decision

    async def _open_response(
        self, range_request: RangeRequest, connection: ConnectionSlot
    ) -> ResponseStream:
        engine, url = self.engine, self.url
        self.recovery.note_request()
        source = SourcedUrl(url.now, self.request.max_zone)
        sender = Sender(url.headers, engine.logins.of(url.now))
        began_s = clock.now_s()
        with self.slot.released_while_silent(connection.suspend, connection.resume):
            response = await open_response(
                engine.client, source, range_request.headers(), sender, engine.limits
            )
        connection.note_responder(response.url)
        connection.responder.note_request_time(clock.now_s() - began_s)
        if response.head.rest_s:
            connection.responder.pause(response.head.rest_s)
        return response

    async def _decide(
        self, response: ResponseStream, range_request: RangeRequest
    ) -> Decision | VerifiedFile:
        """Decide what a response means; return the file if it turns out to be there already."""
        try:
            found = await self._claim_name(response.head, response.url)
            return self._interpret(response, range_request) if found is None else found
        except TransferError as error:
            await read_page(error, response.head, response.read)
            raise

    async def _claim_name(self, head: Head, url: str) -> VerifiedFile | None:
        """Take the name from the first response that is about the file, if there is none yet."""
        destination = self.destination
        if destination.final is not None or head.status not in _ABOUT_FILE:
            return None
        name = destination.name_for(head)
        if head.status in _WITH_DATA:
            check_type(destination.form_for(name), head.content_type, url)
        found = await destination.claim(name, head)
        if found is None:
            await destination.check_name_is_free()
            await self.open_unfinished()
        return found

    def _interpret(self, response: ResponseStream, range_request: RangeRequest) -> Decision:
        """Decide what a response means."""
        destination = self.destination
        if response.head.status in _WITH_DATA:
            check_type(destination.form, response.head.content_type, response.url)
            if self._coding_of(response, range_request) is Coding.USELESS:
                return RequestAgain(Coding.USELESS.value, is_ranged=False)
        decision = interpret(response.head, range_request, destination.resume_point, response.url)
        if isinstance(decision, BodyRange):
            self._check_size(decision, response.url)
            self._check_total_again(decision, response)
            if self.ladder.note_data(self.url.now, range_request, destination.resume_point):
                self.recovery.attempts.failed = 0
        return decision

    def _coding_of(self, response: ResponseStream, range_request: RangeRequest) -> Coding:
        """Have a coded body decoded on its way, unless the coding is the file's own."""
        coding = coding_of(
            response.head,
            range_request,
            name=self.destination.opened.part.final.name,
            form=self.destination.form,
            size_bytes=self.request.size_bytes,
            url=response.url,
        )
        if coding is Coding.DECODE:
            response.decode()
        return coding

    def _check_size(self, body: BodyRange, url: str) -> None:
        limits = self._size_limits
        if self.request.excerpt is None or body.stop is None:
            limits.check_total(body.total, url)
            return
        # The source may be longer than a file is to be: only a part of it is fetched.
        SizeLimits(limits.size_bytes).check_total(body.total, url)
        SizeLimits(max_bytes=limits.max_bytes).check_total(body.stop - body.start, url)

    def _check_total_again(self, body: BodyRange, response: ResponseStream) -> None:
        """Require a host without validators to announce a changed length twice."""
        before, self._announced_total = self._announced_total, body.total
        is_identified = not response.head.validator.is_empty or bool(self.request.digests)
        if body.is_new and not is_identified and before not in (None, body.total):
            raise contradiction(response.url, f"it announced {before} bytes, now {body.total}")

    async def _follow(self, decision: AlreadyComplete | RequestAgain, status: int) -> None:
        """Apply a decision that needs no body."""
        if isinstance(decision, AlreadyComplete):
            self.destination.opened.set_total(decision.total)
            return
        _log.info("%s: requested again: %s", self.progress.key, decision.reason)
        self.ladder.step_down(decision, status)
        if not decision.keeps_bytes:
            await self.destination.opened.drop()

    # Where a body belongs.

    @property
    def _size_limits(self) -> SizeLimits:
        return SizeLimits(self.request.size_bytes, self.engine.limits.max_size_bytes)

    def _prepare(
        self, response: ResponseStream, body: BodyRange, connection: ConnectionSlot
    ) -> OpenedResponse:
        """Decide where a body goes, without changing what is on disk."""
        destination, unfinished, version = self.destination, self.destination.opened, None
        resumed_bytes = 0 if body.is_new else unfinished.size_bytes
        # What an excerpt will have fetched is not known before its head is there.
        size_bytes = None if self.request.excerpt is not None else body.total
        name = self.destination.final or unfinished.part.final
        self.progress.report_start(name.name, size_bytes, resumed_bytes)
        if body.is_new:
            version = self._new_version(body, response)
        else:
            unfinished.set_total(body.total)
        destination.expect_digests(response.head.digests, is_new_version=body.is_new)
        self.recovery.note_data()
        size_limits = self._size_limits
        if body.stop is None and body.total is not None:
            size_limits = SizeLimits(body.total, size_limits.max_bytes)
        target = FileTarget(unfinished, self.progress, destination.form, size_limits)
        receiver = BodyReceiver(self.engine, target, connection, version)
        return OpenedResponse(response, body, self._segment(response.head, body), receiver)

    def _new_version(self, body: BodyRange, response: ResponseStream) -> PartState:
        # If a service gives fresh URLs, or digests decide, a redirect is not to another file.
        is_free = self.url.is_renewed or bool(self.request.digests)
        return PartState(
            self.url.source,
            body.total,
            response.head.validator,
            resource="" if is_free else resource_id(response.url),
            digests=response.head.digests,
        )

    def _segment(self, head: Head, body: BodyRange) -> Segment:
        now_s = clock.now_s()
        if body.stop is None:
            self.length_check = "chunked" if head.is_chunked else "unverified-length"
            if head.is_decoded:
                self.length_check = "gzip"
            return open_ended_segment(body.start, now_s)
        gap_stop = None if body.is_new else self.destination.resume_point.gap_stop
        stop = body.stop if gap_stop is None else min(gap_stop, body.stop)
        return Segment(body.start, stop, now_s, body_stop=body.stop)
