"""One file, from its request to its final name, step by step."""

from __future__ import annotations

from contextlib import ExitStack

import anyio
from anyio import CancelScope
from msgspec import Struct, field

from asyncdl.errors import AsyncdlError
from asyncdl.events import Notice
from asyncdl.transfer import clock
from asyncdl.transfer.destination import Destination, VerifiedFile
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.failures import is_bad_file, is_other_version
from asyncdl.transfer.file_progress import FileProgress
from asyncdl.transfer.file_requester import FileRequester, OpenedResponse
from asyncdl.transfer.file_url import FileUrl
from asyncdl.transfer.host_limiter import ConnectionSlot
from asyncdl.transfer.http import Sender, headers_for
from asyncdl.transfer.range_requests import RequestLadder
from asyncdl.transfer.request import Fetched, FileRequest
from asyncdl.transfer.retries import NextStep, Recovery
from asyncdl.transfer.segmented_download import SegmentedDownload, can_be_split
from asyncdl.transfer.segments import TAIL_S, Segments, slow_start_s
from asyncdl.transfer.slots import Slot
from asyncdl.transfer.unfinished_file import UnfinishedFile
from asyncdl.transfer.url_identity import display_url

FAR_S = 0.02
"""A host whose quickest response takes this long is far away."""
REQUEST_FIRST_S = 0.005
"""In this time the next file of a list has been requested."""


def new_download(engine: Engine, request: FileRequest, slot: Slot | None = None) -> Download:
    """Prepare the download of one file.

    Args:
        engine: What all files share.
        request: The file.
        slot: Its slot, which other files get while it waits; ``None`` for a file that belongs
            to no list.
    Raises: TransferError, if its URL is not one, or a header cannot be sent.
    """
    url, slot = FileUrl(request), slot or Slot()
    name = request.key or request.name or display_url(request.url)
    progress = FileProgress(name, engine.emit)
    ladder = RequestLadder(engine.range_support, can_renew=request.refresh is not None)
    destination = Destination(engine, request, url)
    recovery = Recovery(engine, request, url, ladder, slot, progress)
    requester = FileRequester(engine, request, url, destination, ladder, recovery, slot, progress)
    return Download(engine, request, url, slot, progress, destination, ladder, recovery, requester)


class Download(Struct, eq=False):
    """One file, from its request to its final name. Used once; made by :func:`new_download`."""

    engine: Engine
    request: FileRequest
    url: FileUrl
    slot: Slot
    progress: FileProgress
    destination: Destination
    ladder: RequestLadder
    recovery: Recovery
    requester: FileRequester
    _began_at_s: float = field(default_factory=clock.now_s)
    _max_connections: int = 1

    def __post_init__(self) -> None:
        self._max_connections = self.request.connections or self.engine.limits.connections_per_file

    async def run(self) -> Fetched:
        """Fetch the file, however many attempts it takes.

        Raises: TransferError, NetworkError or DiskError, when it is given up. Then, and when
            cancelled, the bytes on disk stay for another run.
        """
        try:
            fetched = await self._fetch()
        except BaseException as error:
            self.progress.report_end(self._elapsed_s, error)
            raise
        self.progress.report_end(self._elapsed_s)
        return fetched

    @property
    def known_total(self) -> int | None:
        """Length of the file, if a host has announced it."""
        return self.destination.resume_point.total

    @property
    def _elapsed_s(self) -> float:
        return clock.now_s() - self._began_at_s

    async def _fetch(self) -> Fetched:
        try:
            found = await self.destination.find_existing()
            if found is not None:
                fetched = self._fetched(found, "present")
            else:
                fetched = await self._try_until_done()
            self.destination.remember(fetched.path)
            return fetched
        except BaseException:
            if self._unfinished is not None:
                with CancelScope(shield=True):
                    await self._unfinished.keep()
            raise
        finally:
            await self.destination.let_go()

    async def _try_until_done(self) -> Fetched:
        while True:
            try:
                if self._unfinished is not None and self._unfinished.is_complete:
                    if not await self.destination.wants_more():
                        await self._let_another_begin()
                        return await self._finish()
                    self.progress.expected_bytes = self._unfinished.expected_bytes
                    await self._give_up_parts()
                    continue
                found = await self._request_bytes()
                if found is not None:
                    return self._fetched(found, "present")
                await self._give_up_parts()
                await self._note_range()
            except AsyncdlError as error:
                if not await self._has_another_way(error):
                    raise

    async def _let_another_begin(self) -> None:
        """Let the next file of the list be requested before this one is verified and named.

        A connection to a far host would lie idle meanwhile. What may take long at its end, or
        much space, is one of the files at once until then.
        """
        host = self.engine.host_limiter.state_of(self.url.now)
        is_brief = self.request.unpack is None and self.request.excerpt is None
        if is_brief and host.request_s >= FAR_S and self.slot.release_for_end():
            await anyio.sleep(REQUEST_FIRST_S)

    @property
    def _may_want_more(self) -> bool:
        """Whether all that is wanted so far is on disk, and more may be wanted."""
        is_excerpt, unfinished = self.request.excerpt is not None, self._unfinished
        return is_excerpt and unfinished is not None and unfinished.is_complete

    @property
    def _unfinished(self) -> UnfinishedFile | None:
        return self.destination.unfinished

    # Bytes.

    async def _request_bytes(self) -> VerifiedFile | None:
        """Request until a response brings bytes, and receive them."""
        await self.slot.hold()
        limiter = self.engine.host_limiter
        with ExitStack() as stack:
            connection = stack.enter_context(
                await limiter.admit(self.url.now, self.url.sample, self.slot)
            )
            await self.requester.open_unfinished()
            if self._may_want_more:
                return None  # what an earlier run left says what comes next
            opened = await self.requester.request_missing(stack, connection)
            if not isinstance(opened, OpenedResponse):
                return opened
            if not self._can_be_split(opened):
                await self._receive(opened, connection)
                return None
            stack = stack.pop_all()
        await self._receive_segmented(opened, connection, stack)
        return None

    async def _receive(self, opened: OpenedResponse, connection: ConnectionSlot) -> None:
        """Receive a body. Until its first bytes come, other files may be worked on."""
        if self.engine.limits.max_rate_bytes_s is not None:
            # The wait may be for our own rate limit then.
            await opened.receiver.receive(opened.response, opened.segment)
            return
        with self.slot.released_while_silent(
            connection.suspend, connection.resume
        ) as connection.on_first_bytes:
            await opened.receiver.receive(opened.response, opened.segment)

    def _can_be_split(self, opened: OpenedResponse) -> bool:
        if self._max_connections == 1 or self.request.excerpt or not self.ladder.is_ranged:
            return False
        return can_be_split(
            opened.response.head,
            opened.body,
            self.engine.limits.split_from_bytes,
            is_verified_later=bool(self.request.digests),
        )

    def _is_far(self, opened: OpenedResponse) -> bool:
        """Return whether a connection needs long for its share, whatever rate the host gives."""
        host = self.engine.host_limiter.state_of(opened.response.url)
        return slow_start_s(opened.segment.remaining_bytes, host.request_s) >= TAIL_S

    async def _receive_segmented(
        self, opened: OpenedResponse, connection: ConnectionSlot, stack: ExitStack
    ) -> None:
        """Receive a body together with further connections."""
        engine, receiver, response = self.engine, opened.receiver, opened.response
        limits, source, target = engine.limits, response.source, receiver.target
        headers = headers_for(source.url, self.url.headers, self.request.url)
        # A file that was reached through a login need not go there for each segment.
        sender = Sender(headers, engine.logins.of(self.url.now), response.cookies)
        segments = Segments(
            target.unfinished.wanted,
            limits.smallest_piece_bytes,
            limits.split_after_s,
            # Its rate is not waited for where the first round trips alone take that long.
            is_split=self._is_far(opened),
        )
        segmented = SegmentedDownload(
            engine,
            target,
            self.recovery.attempts,
            source,
            sender,
            self._max_connections,
            segments,
            self.slot,
        )
        receiver.on_save, receiver.is_awaited = segmented.on_save, segments.is_split

        async def receive() -> None:
            with stack:
                await self._receive(opened, connection)

        try:
            await segmented.run(opened.segment, receive)
        finally:
            self._max_connections = segmented.max_connections

    # The end of an attempt, and of the file.

    async def _has_another_way(self, error: AsyncdlError) -> bool:
        """Prepare another attempt after a failed one; return whether there is one."""
        have = self._unfinished.size_bytes if self._unfinished is not None else 0
        step = await self.recovery.after(error, have, self.destination.resume_point)
        if step is NextStep.TRY_AGAIN:
            await self._prepare_attempt(error)
            await self.recovery.wait(error)
        return step is not NextStep.GIVE_UP

    async def _prepare_attempt(self, error: AsyncdlError) -> None:
        is_changed = is_other_version(error)
        if is_changed or is_bad_file(error):
            # What several responses did not bring, a single one may.
            self._max_connections = 1
        if self._unfinished is not None and (is_changed or not self.destination.may_continue):
            await self._unfinished.drop()

    async def _note_range(self) -> None:
        """Note a range of an excerpt when all of it is there: a kill costs the next one at most."""
        if self.request.excerpt is not None and self._unfinished is not None:
            await self._unfinished.checkpoint()

    async def _give_up_parts(self) -> None:
        """Request the whole file, if a host sends parts and does not say of which version."""
        unfinished = self._unfinished
        if unfinished is None or unfinished.is_complete or self.destination.may_continue:
            return
        await unfinished.drop()
        self.ladder.omit_range()

    async def _finish(self) -> Fetched:
        length_check = self.requester.length_check
        is_sized = self.request.size_bytes is not None
        self.progress.report(self.destination.opened.size_bytes, is_end=True)
        file = await self.destination.finish(
            is_whole=is_sized or length_check != "unverified-length"
        )
        if warning := file.verification.warning:
            text = f"{file.path.name}: {warning}; it is kept, as it is whole"
            self.engine.emit(Notice(text, "warning"))
        return self._fetched(file, length_check)

    def _fetched(self, file: VerifiedFile, length_check: str) -> Fetched:
        is_sized = self.request.size_bytes is not None
        version = self.destination.validator
        checks = ("length" if is_sized else length_check, *file.verification.checks)
        return Fetched(
            path=file.path,
            size_bytes=file.size_bytes,
            received_bytes=self.progress.received_bytes,
            already_there=self._unfinished is None,
            proof="+".join(checks),
            attempts=self.recovery.attempts.requests,
            elapsed_s=self._elapsed_s,
            digests=file.verification.digests,
            validator=version.etag or version.last_modified or "",
            excerpt=self.destination.excerpt_record(self.progress.received_bytes),
        )
