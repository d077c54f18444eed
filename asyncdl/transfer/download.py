"""One request on its way to one verified file, told in order."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, ExitStack
from typing import TypeAlias

from anyio import CancelScope
from msgspec import Struct

from asyncdl.errors import AsyncdlError, RangeRefused, TransferError, WrongContent
from asyncdl.events import Notice
from asyncdl.transfer import clock
from asyncdl.transfer.attempts import is_bad_file
from asyncdl.transfer.body_receiver import BodyReceiver, FileTarget
from asyncdl.transfer.destination import Destination, PresentFile
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.error_pages import read_page
from asyncdl.transfer.file_progress import FileProgress
from asyncdl.transfer.file_url import FileUrl, display_url, resource_id
from asyncdl.transfer.gunzip import CODINGS, SUFFIXES
from asyncdl.transfer.host_limiter import ConnectionSlot
from asyncdl.transfer.http import ResponseStream, Sender, SourcedUrl, headers_for, open_answer
from asyncdl.transfer.limits import SizeLimits
from asyncdl.transfer.parts.part_state import PartState
from asyncdl.transfer.range_requests import MOST_ASKS, RequestLadder
from asyncdl.transfer.range_responses import (
    AskAgain,
    Complete,
    Known,
    Placement,
    Verdict,
    contradiction,
    judge,
)
from asyncdl.transfer.recovery import Next, Recovery
from asyncdl.transfer.request import Fetched, FileRequest
from asyncdl.transfer.responses import CODED, Ask, Head, is_whole
from asyncdl.transfer.segmented_download import SegmentedDownload, can_be_split, is_other_version
from asyncdl.transfer.segments import Segment, Segments, open_piece
from asyncdl.transfer.slots import Slot
from asyncdl.transfer.unfinished_file import UnfinishedFile
from asyncdl.transfer.verification.structure import Form, check_type

_MAY_BE_GZIP = frozenset({Form.GZIP, Form.ARCHIVE})
"""Forms whose own bytes hosts mark as a coding by mistake."""
_WITH_DATA = frozenset({200, 206})

_log = logging.getLogger("asyncdl.transfer")


class _OpenedResponse(Struct, frozen=True):
    """A response whose body belongs into the file, and what receives it."""

    answer: ResponseStream
    place: Placement
    piece: Segment
    reception: BodyReceiver


_Outcome: TypeAlias = Verdict | PresentFile | _OpenedResponse


class Download:
    """One file, from its request to its final name. Used once.

    Args:
        engine: What all files share.
        request: What is wanted.
        slot: Given to others while the file waits; without one nobody else wants it.
    Raises: TransferError, if its URL is none, or a header cannot be sent.
    """

    def __init__(self, engine: Engine, request: FileRequest, slot: Slot | None = None) -> None:
        self._engine = engine
        self._slot = slot or Slot()
        self._request = request
        self._url = FileUrl(request)
        self._bounds = SizeLimits(request.size_bytes, engine.limits.max_size_bytes)
        self._progress = FileProgress(
            request.key or request.name or display_url(request.url), engine.emit
        )
        self._resources = AsyncExitStack()
        self._destination = Destination(engine, request, self._url, self._resources)
        self._ladder = RequestLadder(engine.habits, can_renew=request.refresh is not None)
        self._recovery = Recovery(
            engine, request, self._url, self._ladder, self._slot, self._progress
        )
        self._tries = self._recovery.tries
        self._began_at_s = clock.now_s()
        self._width = request.connections or engine.limits.connections_per_file
        self._announced_total: int | None = None
        self._length_proof = "length"
        self._holding: UnfinishedFile | None = None
        """Opened once the file has a name and there is a turn for it."""

    async def run(self) -> Fetched:
        """Fetch the file, however many tries it takes.

        Raises: TransferError, NetworkError or DiskError, when it is given up.
            Then, and when cancelled, the bytes on disk stay for another run.
        """
        try:
            async with self._resources:
                fetched = await self._fetch()
                self._destination.settle(fetched.path)
        except BaseException as error:
            self._progress.end(self._elapsed_s, error)
            raise
        self._progress.end(self._elapsed_s)
        return fetched

    @property
    def _elapsed_s(self) -> float:
        return clock.now_s() - self._began_at_s

    @property
    def known_total(self) -> int | None:
        """Length of the file, if a host has announced it."""
        return self._known().total

    async def _fetch(self) -> Fetched:
        found = await self._destination.look_first()
        if found is not None:
            return self._already_there(found)
        try:
            return await self._try_until_done()
        except BaseException:
            if self._holding is not None:
                with CancelScope(shield=True):
                    await self._holding.leave()
            raise

    async def _try_until_done(self) -> Fetched:
        while True:
            try:
                if self._holding is not None and self._holding.state.is_complete:
                    return await self._finish(self._holding)
                found = await self._request_bytes()
                if found is not None:
                    return self._already_there(found)
                await self._end_short_responses()
            except AsyncdlError as error:
                if not await self._has_another_way(error):
                    raise

    # Asking.

    async def _request_bytes(self) -> PresentFile | None:
        """Ask until a response brings bytes, and receive them."""
        async with AsyncExitStack() as line:
            turn = await line.enter_async_context(
                self._engine.host_limiter.admit(self._url.now, self._url.sample, self._slot)
            )
            await self._open_holding()
            outcome = await self._ask_until_settled(line, turn)
            if not isinstance(outcome, _OpenedResponse):
                return outcome if isinstance(outcome, PresentFile) else None
            if not self._can_be_split(outcome):
                await self._receive(outcome, turn)
                return None
            line = line.pop_all()
        await self._share(outcome, turn, line)
        return None

    async def _open_holding(self) -> None:
        """Open the partial file, once there is a name and a turn for it."""
        if self._destination.final is None or self._holding is not None:
            return
        holding = await self._destination.open_holding(self._destination.final)
        self._tries.farthest = holding.size_bytes
        self._holding = holding

    async def _ask_until_settled(self, line: AsyncExitStack, turn: ConnectionSlot) -> _Outcome:
        """Ask in one way after the other; each is tried once."""
        for _ in range(MOST_ASKS):
            if self._tries.is_worn_out:
                break
            outcome = await self._ask(line, turn)
            if not isinstance(outcome, AskAgain):
                return outcome
        raise RangeRefused(self._url.now, "no way of asking brings the rest", retryable=False)

    async def _ask(self, line: AsyncExitStack, turn: ConnectionSlot) -> _Outcome:
        """Make one request; a response with bytes of the file stays open as long as ``line``."""
        engine, url = self._engine, self._url
        ask = self._ladder.next_ask(url.now, self._known())
        self._recovery.count_request()
        link = SourcedUrl(url.now, self._request.inmost)
        sender = Sender(url.headers, engine.logins.of(url.now))
        with ExitStack() as own:
            with self._slot.while_asking(turn.fall_silent, turn.go_on):
                answer = own.enter_context(
                    await open_answer(engine.client, link, ask.headers(), sender, engine.limits)
                )
            turn.lead_to(answer.url)
            engine.host_limiter.heed(answer.url, answer.head.rest_s)
            try:
                found = await self._name_by(answer.head, answer.url)
                if found is not None:
                    return found
                verdict = self._judge(answer, ask)
            except TransferError as error:
                await read_page(error, answer.head, answer.read)
                raise
            if isinstance(verdict, Placement):
                line.push(own.pop_all())
                return self._prepare(answer, verdict, turn)
        await self._follow(verdict, answer.head.status)
        return verdict

    def _known(self) -> Known:
        return self._holding.known if self._holding is not None else Known()

    async def _name_by(self, head: Head, url: str) -> PresentFile | None:
        """Take the name from the first response that is about the file, if there is none yet."""
        destination = self._destination
        if destination.final is not None or head.status not in {*_WITH_DATA, 416}:
            return None
        name = destination.name_by(head)
        if head.status in _WITH_DATA:
            check_type(destination.form_of(name), head.content_type, url)
        found = await destination.settle_on(name, head)
        if found is None:
            await destination.check_name_is_free()
            await self._open_holding()
        return found

    # Deciding about a response.

    def _judge(self, answer: ResponseStream, ask: Ask) -> Verdict:
        """Decide about a response before anything of it is saved, or anything dropped for it."""
        if answer.head.status in _WITH_DATA:
            check_type(self._destination.form, answer.head.content_type, answer.url)
            if not self._undo_coding(answer, ask):
                return AskAgain("a part of a coded body", is_ranged=False)
        verdict = judge(answer.head, ask, self._known(), answer.url)
        if isinstance(verdict, Placement):
            self._bounds.check_total(verdict.total, answer.url)
            self._check_total_again(verdict, answer)
            if self._ladder.note_data(self._url.now, ask, self._known()):
                self._tries.failed = 0
        return verdict

    def _undo_coding(self, answer: ResponseStream, ask: Ask) -> bool:
        """Have a coded body decoded on its way, unless the coding is the file's own.

        Returns: False for a part of one, which is of no use.
        Raises: WrongContent with reason :data:`CODED`.
        """
        head = answer.head
        if not head.coding or (head.coding in CODINGS and self._is_own_coding(head)):
            return True
        if head.coding not in CODINGS or (head.status == 206 and not ask.is_ranged):
            detail = f"the host insists on {head.coding}"
            raise WrongContent(answer.url, detail, reason=CODED, retryable=False)
        if head.status == 206 and not is_whole(head):
            return False
        answer.decode()
        return True

    def _is_own_coding(self, head: Head) -> bool:
        """Tell whether what is announced as a coding is how the file itself is compressed."""
        name = self._opened().part.final.name.lower()
        is_gzip = self._destination.form in _MAY_BE_GZIP or name.endswith(SUFFIXES)
        return is_gzip or self._request.size_bytes == head.length is not None

    def _check_total_again(self, place: Placement, answer: ResponseStream) -> None:
        """Have a host that names no version say a length twice, if it said another before."""
        before, self._announced_total = self._announced_total, place.total
        is_named = not answer.head.validator.is_empty or bool(self._request.digests)
        if place.is_new and not is_named and before not in (None, place.total):
            raise contradiction(answer.url, f"it announced {before} bytes, now {place.total}")

    async def _follow(self, verdict: Verdict, status: int) -> None:
        match verdict:
            case Complete(total):
                self._opened().learn_total(total)
            case AskAgain():
                _log.info("%s: asked again: %s", self._progress.key, verdict.reason)
                self._ladder.step_down(verdict, status)
                if not verdict.keeps_bytes:
                    await self._opened().drop()
            case Placement():
                pass

    def _opened(self) -> UnfinishedFile:
        if self._holding is None:
            raise RuntimeError("no file is placed before it has a name")
        return self._holding

    # Receiving.

    def _prepare(
        self, answer: ResponseStream, place: Placement, turn: ConnectionSlot
    ) -> _OpenedResponse:
        """Decide where a body goes, without touching what is on disk."""
        holding, destination, version = self._opened(), self._destination, None
        self._progress.start(
            holding.part.final.name, place.total, 0 if place.is_new else holding.size_bytes
        )
        if place.is_new:
            version = self._new_version(place, answer)
        else:
            holding.learn_total(place.total)
        kept = () if place.is_new else destination.announced_digests
        destination.learn_digests(holding, answer.head.digests or kept)
        self._recovery.note_data()
        bounds = self._bounds
        if place.stop is None and place.total is not None:
            bounds = SizeLimits(place.total, bounds.max_bytes)
        target = FileTarget(holding, self._progress, destination.form, bounds)
        reception = BodyReceiver(self._engine, target, turn, version)
        return _OpenedResponse(answer, place, self._piece(answer.head, place), reception)

    def _new_version(self, place: Placement, answer: ResponseStream) -> PartState:
        # Where a service names fresh URLs, or digests decide, no redirect tells another file.
        is_free = self._url.is_renewed or bool(self._request.digests)
        return PartState(
            self._url.source,
            place.total,
            answer.head.validator,
            place="" if is_free else resource_id(answer.url),
            digests=answer.head.digests,
        )

    def _piece(self, head: Head, place: Placement) -> Segment:
        now_s = clock.now_s()
        if place.stop is None:
            self._length_proof = "chunked" if head.is_chunked else "unverified-length"
            if head.is_decoded:
                self._length_proof = "gzip"
            return open_piece(place.start, now_s)
        gap_stop = None if place.is_new else self._known().gap_stop
        stop = place.stop if gap_stop is None else min(gap_stop, place.stop)
        return Segment(place.start, stop, now_s, reach=place.stop)

    async def _receive(self, opened: _OpenedResponse, turn: ConnectionSlot) -> None:
        """Receive a body; until its first bytes come, others may be worked on."""
        if self._engine.limits.max_rate_bytes_s is not None:
            # What is waited for is our own rate then.
            await opened.reception.run(opened.answer, opened.piece)
            return
        with self._slot.while_asking(turn.fall_silent, turn.go_on) as turn.on_bytes:
            await opened.reception.run(opened.answer, opened.piece)

    def _can_be_split(self, opened: _OpenedResponse) -> bool:
        if self._width == 1 or not self._ladder.is_ranged:
            return False
        return can_be_split(
            opened.answer.head,
            opened.place,
            self._engine.limits.split_from_bytes,
            is_proved_later=bool(self._request.digests),
        )

    async def _share(
        self, opened: _OpenedResponse, turn: ConnectionSlot, line: AsyncExitStack
    ) -> None:
        """Receive a body together with further connections."""
        engine, reception, answer = self._engine, opened.reception, opened.answer
        limits, link = engine.limits, answer.link
        pieces = Segments(limits.smallest_piece_bytes, limits.split_after_s)
        headers = headers_for(link.url, self._url.headers, self._request.url)
        # Who has been led through a login need not go there for each piece.
        sender = Sender(headers, engine.logins.of(self._url.now), answer.cookies)
        crew = SegmentedDownload(
            engine, reception.target, self._tries, link, sender, self._width, pieces
        )
        reception.on_save = crew.on_save

        async def receive() -> None:
            async with line:
                await self._receive(opened, turn)

        try:
            await crew.run(opened.piece, receive)
        finally:
            self._width = crew.width

    # The end of a try, and of the file.

    async def _has_another_way(self, error: AsyncdlError) -> bool:
        """Prepare another try after a failed one; tell if there is none."""
        have = self._holding.size_bytes if self._holding is not None else 0
        following = await self._recovery.after(error, have, self._known())
        if following is Next.TRY_AGAIN:
            await self._prepare_try(error)
            await self._recovery.wait(error)
        return following is not Next.GIVE_UP

    async def _prepare_try(self, error: AsyncdlError) -> None:
        if is_other_version(error) or is_bad_file(error):
            # What several responses did not bring, a single one does.
            self._width = 1
        if self._holding is not None and (is_other_version(error) or not self._may_continue()):
            await self._holding.drop()

    async def _end_short_responses(self) -> None:
        """Ask for the whole file, where a host sends parts and does not tell of which version."""
        holding = self._holding
        if holding is None or holding.state.is_complete or self._may_continue():
            return
        await holding.drop()
        self._ladder.leave_out_range()

    def _may_continue(self) -> bool:
        return self._destination.may_continue(self._opened().state)

    async def _finish(self, holding: UnfinishedFile) -> Fetched:
        self._progress.tell(holding.size_bytes, is_end=True)
        is_sized = self._request.size_bytes is not None
        is_whole = is_sized or self._length_proof != "unverified-length"
        proof = await self._destination.finish(holding, is_whole=is_whole)
        if proof.doubt:
            text = f"{holding.part.final.name}: {proof.doubt}; it is kept, as it is whole"
            self._engine.emit(Notice(text, "warning"))
        return self._fetched(
            PresentFile(holding.part.final, holding.size_bytes, proof), self._length_proof
        )

    def _already_there(self, found: PresentFile) -> Fetched:
        return self._fetched(found, "present")

    def _fetched(self, file: PresentFile, length_proof: str) -> Fetched:
        is_announced = self._request.size_bytes is not None
        return Fetched(
            path=file.path,
            size_bytes=file.size_bytes,
            received_bytes=self._progress.received_bytes,
            already_there=self._holding is None,
            proof="+".join(("length" if is_announced else length_proof, *file.proof.checks)),
            attempts=self._tries.requests,
            elapsed_s=self._elapsed_s,
            digests=file.proof.digests,
        )
