"""One request on its way to one verified file, told in order."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TypeAlias

import anyio
from anyio import CancelScope
from msgspec import Struct

from asyncdl.errors import (
    TOO_MANY_OPEN,
    AsyncdlError,
    HttpStatusError,
    RangeRefused,
    TransferError,
    WrongContent,
)
from asyncdl.redact import Url
from asyncdl.transfer import clock
from asyncdl.transfer.answers import CODED, Ask, Head, is_whole
from asyncdl.transfer.bounds import Bounds
from asyncdl.transfer.claims import claimant_of
from asyncdl.transfer.comparison import gives_any
from asyncdl.transfer.crew import Crew, can_be_split, is_other_version
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.error_pages import is_page, read_page
from asyncdl.transfer.freshness import Recheck, is_known_version, look_at, mark
from asyncdl.transfer.governor import Turn
from asyncdl.transfer.gunzip import CODINGS, SUFFIXES
from asyncdl.transfer.headers import hidden
from asyncdl.transfer.holding import Holding
from asyncdl.transfer.host_health import Sample
from asyncdl.transfer.http import (
    Answer,
    Link,
    check_headers,
    headers_for,
    led_to,
    open_answer,
)
from asyncdl.transfer.names import FALLBACK_NAME, PART_ENDINGS, choose_name, safe_name
from asyncdl.transfer.parts.ownership import FileNumber
from asyncdl.transfer.parts.sink import may_be_replaced, open_part
from asyncdl.transfer.parts.state import PartState
from asyncdl.transfer.pieces import Piece, Pieces, open_piece
from asyncdl.transfer.progress import Progress
from asyncdl.transfer.proving.digests import Digest
from asyncdl.transfer.proving.follower import Follower
from asyncdl.transfer.proving.proof import Expected, Proof, prove_file
from asyncdl.transfer.proving.verify import Form, check_type, form_of
from asyncdl.transfer.range_habits import AT_LAST, AT_ONCE
from asyncdl.transfer.ranges import parse_content_range
from asyncdl.transfer.reception import Reception, Target
from asyncdl.transfer.request import Fetched, FileRequest
from asyncdl.transfer.resource import number_of, place_of, shown_of, source_of
from asyncdl.transfer.slots import Slot
from asyncdl.transfer.target import read_target
from asyncdl.transfer.tries import Tries, is_bad_file
from asyncdl.transfer.validators import Validator
from asyncdl.transfer.verdicts import (
    AskAgain,
    Complete,
    Known,
    Place,
    Verdict,
    contradiction,
    judge,
)

FILE_EXISTS = "file-exists"
"""Reason of the ``TransferError`` for a name that was not the caller's and is somebody else's."""

_MAY_BE_GZIP = frozenset({Form.GZIP, Form.ARCHIVE})
"""Forms whose own bytes hosts mark as a coding by mistake."""
_WITH_DATA = frozenset({200, 206})
_MOST_ASKS = 6
"""Ways of asking within one try; the ladder has fewer steps."""

_log = logging.getLogger("asyncdl.transfer")


class _Found(Struct, frozen=True):
    """The finished file, there before any byte was fetched."""

    path: Path
    size_bytes: int
    proof: Proof


class _Opened(Struct, frozen=True):
    """An answer whose body belongs into the file, and what receives it."""

    answer: Answer
    place: Place
    piece: Piece
    reception: Reception


_Outcome: TypeAlias = Verdict | _Found | _Opened


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
        self._url = _checked(request.url, request.named_by)
        self._headers = hidden(request.headers)
        check_headers(self._url, self._headers)
        self._sample = Sample(self._url, self._headers, request.named_by)
        self._is_renewed = request.refresh is not None or request.named_by is not None
        self._source = source_of(request.url, is_renewed=self._is_renewed)
        self._sources = {self._source, *map(source_of, request.mirrors)}
        self._claimant = claimant_of(request)
        self._bounds = Bounds(request.size_bytes, engine.limits.max_size_bytes)
        self._tries = Tries(engine.limits)
        self._progress = Progress(request.key or request.name or shown_of(request.url), engine.emit)
        self._resources = AsyncExitStack()
        self._began_at_s = self._asked_at_s = clock.now_s()

        # Known once the file has a name, and opened once there is a turn for it.
        self._final: Path | None = None
        self._form = Form.ANY
        self._holding: Holding | None = None

        self._width = request.connections or engine.limits.connections_per_file

        # How far down the ladder of asking this host has brought us.
        self._is_ranged = True
        self._is_conditional = True
        self._is_last_way = False
        """Whether the ``Range`` was left out because the host refused it with a status."""
        self._announced_total: int | None = None

        self._length_proof = "length"
        self._told_digests: tuple[Digest, ...] = ()

    async def run(self) -> Fetched:
        """Fetch the file, however many tries it takes.

        Raises: TransferError, NetworkError or DiskError, when it is given up.
            Then, and when cancelled, the bytes on disk stay for another run.
        """
        try:
            async with self._resources:
                fetched = await self._fetch()
                self._engine.claims.settle(fetched.path, self._claimant)
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
        name = self._given_name
        if name is not None and not await self._asks_about(self._request.directory / name):
            found = await self._settle_on(name)
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
                await self._end_short_answers()
            except AsyncdlError as error:
                if not await self._has_another_way(error):
                    raise

    # The name, and what is there under it.

    @property
    def _given_name(self) -> str | None:
        given = self._request.name
        return None if given is None else safe_name(given, PART_ENDINGS) or FALLBACK_NAME

    async def _asks_about(self, final: Path) -> bool:
        """Tell whether the host has to be asked first, as what is there may be an old version."""
        request = self._request
        if request.recheck is Recheck.NEVER or request.overwrite or request.digests:
            return False
        return await self._engine.disk.run_brief(final, lambda: _size_of(final)) is not None

    def _form_of(self, name: str) -> Form:
        form = self._request.form or form_of(name)
        return Form.HTML if form is Form.ANY and self._request.accept_html else form

    async def _settle_on(self, name: str, head: Head | None = None) -> _Found | None:
        """Take a name; return the file if it is there already."""
        final = self._request.directory / name
        self._resources.enter_context(
            self._engine.claims.claim(final, self._claimant, self._request.url)
        )
        self._final, self._form = final, self._form_of(name)
        return await self._look_for(final, head)

    async def _open_part(self) -> None:
        """Open the partial file, once there is a name and a turn for it."""
        if self._final is None or self._holding is not None:
            return
        async with AsyncExitStack() as own:
            part = await own.enter_async_context(
                open_part(
                    self._final,
                    self._engine.disk,
                    self._url,
                    durable=self._engine.limits.durable,
                )
            )
            follower = Follower(part.path, self._expected(None), self._engine.prove)
            holding = Holding(part, self._source, self._engine.limits, follower)
            await holding.take_over(self._is_ours)
            holding.belong_to(self._source)
            if holding.state.digests:
                self._told_digests = holding.state.digests
                follower.expect(self._expected(None))
            # Only now: until then the next try opens it anew, and must not find our lock.
            self._resources.push_async_exit(own.pop_all())
        self._tries.farthest = holding.size_bytes
        self._holding = holding

    async def _look_for(self, final: Path, head: Head | None) -> _Found | None:
        request = self._request
        announced = _announced(head) if head is not None else None
        size_bytes = announced if request.size_bytes is None else request.size_bytes
        is_same = await self._is_same_version(final, head)
        if is_same is False:
            _log.info("%s is there, but the host has another version", final)
            return None
        # A name that was not the caller's says little about what is under it.
        is_named = request.name is not None and request.recheck is Recheck.NEVER
        is_known = is_named or is_same or size_bytes is not None or bool(request.digests)
        if request.overwrite or not is_known:
            return None
        there_bytes = await self._engine.disk.run_brief(final, lambda: _size_of(final))
        if there_bytes is None:
            return None
        try:
            expected = self._expected(size_bytes)
            proof = await self._engine.prove(
                final, there_bytes, lambda: prove_file(final, expected, url=self._url)
            )
        except TransferError as error:
            _log.info("%s is there, but not right: %s", final, error.detail)
            return None
        return _Found(final, there_bytes, proof)

    async def _is_same_version(self, final: Path, head: Head | None) -> bool | None:
        """Tell whether what is there is what the host has now; ``None`` if that is not asked."""
        recheck = self._request.recheck
        if head is None or recheck is Recheck.NEVER or self._request.digests:
            return None
        copy = await self._engine.disk.run_brief(final, lambda: look_at(final))
        is_same = None if copy is None else is_known_version(copy, head.validator)
        return False if is_same is None and recheck is Recheck.CONFIRMED else is_same

    def _expected(self, size_bytes: int | None) -> Expected:
        request = self._request
        digests = tuple(dict.fromkeys((*request.digests, *self._told_digests)))
        return Expected(
            self._form, size_bytes, digests, request.members, request.fingerprint, request.unpack
        )

    def _is_ours(self, state: PartState) -> bool:
        """Tell whether the bytes of an earlier run are certainly of this file."""
        is_right_size = self._request.size_bytes is None or state.total in (
            None,
            self._request.size_bytes,
        )
        is_bound = state.validator.is_strong or self._is_proved_later(state)
        if state.source != self._source:
            # What another mirror gave is good enough to go on with if a digest will tell.
            is_bound = self._is_proved_later(state)
        is_known = state.source in self._sources
        return self._resumes and is_right_size and is_bound and is_known

    @property
    def _resumes(self) -> bool:
        resume = self._request.resume
        return not self._request.overwrite if resume is None else resume

    def _is_proved_later(self, state: PartState) -> bool:
        return bool(self._request.digests) and state.total is not None

    # Asking.

    async def _request_bytes(self) -> _Found | None:
        """Ask until an answer brings bytes, and receive them."""
        async with AsyncExitStack() as line:
            turn = await line.enter_async_context(
                self._engine.governor.admit(self._url, self._sample, self._slot)
            )
            await self._open_part()
            outcome = await self._ask_until_settled(line, turn)
            if not isinstance(outcome, _Opened):
                return outcome if isinstance(outcome, _Found) else None
            if not self._can_be_split(outcome):
                await self._receive(outcome, turn)
                return None
            line = line.pop_all()
        await self._share(outcome, turn, line)
        return None

    async def _receive(self, opened: _Opened, turn: Turn) -> None:
        """Receive a body; until its first bytes come, others may be worked on."""
        if self._engine.limits.max_rate_bytes_s is not None:
            # What is waited for is our own rate then.
            await opened.reception.run(opened.answer, opened.piece)
            return
        with self._slot.while_asking(turn.fall_silent, turn.go_on) as turn.on_bytes:
            await opened.reception.run(opened.answer, opened.piece)

    async def _ask_until_settled(self, line: AsyncExitStack, turn: Turn) -> _Outcome:
        """Ask in one way after the other; each is tried once."""
        for _ in range(_MOST_ASKS):
            if self._tries.is_worn_out:
                break
            outcome = await self._ask(line, turn)
            if not isinstance(outcome, AskAgain):
                return outcome
        raise RangeRefused(self._url, "no way of asking brings the rest", retryable=False)

    async def _ask(self, line: AsyncExitStack, turn: Turn) -> _Outcome:
        """Make one request; an answer with bytes of the file stays open as long as ``line``."""
        limits, ask = self._engine.limits, self._next_ask()
        self._tries.requests += 1
        self._asked_at_s = clock.now_s()
        link = Link(self._url, await self._engine.inmost_for(self._request.named_by))
        with ExitStack() as own:
            with self._slot.while_asking(turn.fall_silent, turn.go_on):
                answer = own.enter_context(
                    await open_answer(
                        self._engine.client, link, ask.headers(), self._headers, limits
                    )
                )
            turn.lead_to(answer.url)
            self._engine.governor.heed(answer.url, answer.head.rest_s)
            try:
                found = await self._name_by(answer.head, answer.url)
                if found is not None:
                    return found
                verdict = self._judge(answer, ask)
                # Not about this range, perhaps, but about any.
                self._is_last_way |= answer.head.status == 416 and isinstance(verdict, AskAgain)
            except TransferError as error:
                await read_page(error, answer.head, answer.read)
                raise
            if isinstance(verdict, Place):
                line.push(own.pop_all())
                return self._prepare(answer, verdict, turn)
        await self._follow(verdict)
        return verdict

    def _next_ask(self) -> Ask:
        self._is_ranged = self._is_ranged and not self._engine.habits.refuses(self._url)
        if not self._is_ranged:
            return Ask(is_ranged=False)
        known = self._known()
        is_conditional = not known.is_empty and self._is_conditional
        if_range = known.validator.if_range if is_conditional else None
        return Ask(known.have, known.gap_stop, if_range=if_range)

    def _known(self) -> Known:
        return self._holding.known if self._holding is not None else Known()

    async def _name_by(self, head: Head, url: str) -> _Found | None:
        """Take the name from the first answer that is about the file, if there is none yet."""
        if self._final is not None or head.status not in {*_WITH_DATA, 416}:
            return None
        name = self._given_name or choose_name(head.disposition, self._request.url)
        if head.status in _WITH_DATA:
            check_type(self._form_of(name), head.content_type, url)
        found = await self._settle_on(name, head)
        if found is None:
            await self._check_name_is_free()
            await self._open_part()
        return found

    @property
    def _replaces(self) -> bool:
        """Whether any file that has the name is replaced: the caller chose it, or said so."""
        request, final = self._request, self._final
        is_this_runs = final is not None and self._engine.claims.has_settled(final, self._claimant)
        return request.overwrite or request.name is not None or is_this_runs

    @property
    def _number(self) -> FileNumber:
        # Of what a digest is known, a copy of ours that has changed since is a broken one.
        return FileNumber(number_of(self._request.url), bool(self._request.digests))

    async def _check_name_is_free(self) -> None:
        """Look that a name that the caller did not choose is not that of somebody else's file.

        Raises: TransferError with reason :data:`FILE_EXISTS`.
        """
        final, number = self._final, self._number
        if final is None or self._replaces:
            return
        if not await self._engine.disk.run_brief(final, lambda: may_be_replaced(final, number)):
            detail = f"{final} is there, and it is not this file of an earlier run"
            raise TransferError(self._url, detail, reason=FILE_EXISTS)

    def _judge(self, answer: Answer, ask: Ask) -> Verdict:
        """Decide about an answer before anything of it is saved, or anything dropped for it."""
        if answer.head.status in _WITH_DATA:
            check_type(self._form, answer.head.content_type, answer.url)
            if not self._undo_coding(answer, ask):
                return AskAgain("a part of a coded body", is_ranged=False)
        verdict = judge(answer.head, ask, self._known(), answer.url)
        if isinstance(verdict, Place):
            self._bounds.check_total(verdict.total, answer.url)
            self._check_total_again(verdict, answer)
            self._note_habit(ask)
        return verdict

    def _undo_coding(self, answer: Answer, ask: Ask) -> bool:
        """Have a coded body decoded on its way, unless the coding is the file's own.

        Returns: False for a part of one, which is of no use.
        Raises: WrongContent with reason :data:`CODED`.
        """
        head = answer.head
        is_own = self._form in _MAY_BE_GZIP or self._opened().part.final.name.lower().endswith(
            SUFFIXES
        )
        is_own = is_own or self._request.size_bytes == head.length is not None
        if not head.coding or (head.coding in CODINGS and is_own):
            return True
        if head.coding not in CODINGS or (head.status == 206 and not ask.is_ranged):
            detail = f"the host insists on {head.coding}"
            raise WrongContent(answer.url, detail, reason=CODED, retryable=False)
        if head.status == 206 and not is_whole(head):
            return False
        answer.decode()
        return True

    def _check_total_again(self, place: Place, answer: Answer) -> None:
        """Have a host that names no version say a length twice, if it said another before."""
        before, self._announced_total = self._announced_total, place.total
        is_named = not answer.head.validator.is_empty or bool(self._request.digests)
        if place.is_new and not is_named and before not in (None, place.total):
            raise contradiction(answer.url, f"it announced {before} bytes, now {place.total}")

    def _note_habit(self, ask: Ask) -> None:
        """Remember for the other files whether the host takes ranges."""
        if ask.is_ranged:
            self._engine.habits.note_taken(self._url)
        elif self._is_last_way:
            if ask.start == 0 and self._known().is_empty:
                self._engine.habits.note_refused(self._url)
            self._is_last_way, self._tries.failed = False, 0

    def _prepare(self, answer: Answer, place: Place, turn: Turn) -> _Opened:
        """Decide where a body goes, without touching what is on disk."""
        holding, version = self._opened(), None
        self._progress.start(
            holding.part.final.name, place.total, 0 if place.is_new else holding.size_bytes
        )
        if place.is_new:
            version = self._new_version(place, answer)
        else:
            holding.learn_total(place.total)
        told = answer.head.digests or (() if place.is_new else self._told_digests)
        if told != self._told_digests:
            self._told_digests = told
            holding.follower.expect(self._expected(None))
        self._settle_doubt(was_url=self._tries.crowded == 1 and self._tries.refreshes > 0)
        bounds = self._bounds
        if place.stop is None and place.total is not None:
            bounds = Bounds(place.total, bounds.max_bytes)
        target = Target(holding, self._progress, self._form, bounds)
        reception = Reception(self._engine, target, turn, version)
        return _Opened(answer, place, self._piece(answer.head, place), reception)

    def _new_version(self, place: Place, answer: Answer) -> PartState:
        # Where a service names fresh URLs, or digests decide, no redirect tells another file.
        is_free = self._is_renewed or bool(self._request.digests)
        return PartState(
            self._source,
            place.total,
            answer.head.validator,
            place="" if is_free else place_of(answer.url),
            digests=answer.head.digests,
        )

    def _settle_doubt(self, *, was_url: bool) -> None:
        """Tell the governor what an earlier refusal was about, now that it is known."""
        if self._tries.is_in_doubt:
            self._tries.is_in_doubt = False
            self._engine.governor.settle_doubt(self._url, was_url=was_url)

    def _piece(self, head: Head, place: Place) -> Piece:
        now_s = clock.now_s()
        if place.stop is None:
            self._length_proof = "chunked" if head.is_chunked else "unverified-length"
            if head.is_decoded:
                self._length_proof = "gzip"
            return open_piece(place.start, now_s)
        gap_stop = None if place.is_new else self._known().gap_stop
        stop = place.stop if gap_stop is None else min(gap_stop, place.stop)
        return Piece(place.start, stop, now_s, reach=place.stop)

    def _can_be_split(self, opened: _Opened) -> bool:
        if self._width == 1 or not self._is_ranged:
            return False
        return can_be_split(
            opened.answer.head,
            opened.place,
            self._engine.limits.split_from_bytes,
            is_proved_later=bool(self._request.digests),
        )

    async def _share(self, opened: _Opened, turn: Turn, line: AsyncExitStack) -> None:
        """Receive a body together with further connections."""
        engine, reception, link = self._engine, opened.reception, opened.answer.link
        limits = engine.limits
        pieces = Pieces(limits.smallest_piece_bytes, limits.split_after_s)
        headers = headers_for(link.url, self._headers, self._request.url)
        crew = Crew(engine, reception.target, self._tries, link, headers, self._width, pieces)
        reception.on_save = crew.on_save

        async def receive() -> None:
            async with line:
                await self._receive(opened, turn)

        try:
            await crew.run(opened.piece, receive)
        finally:
            self._width = crew.width

    async def _follow(self, verdict: Verdict) -> None:
        match verdict:
            case Complete(total):
                self._opened().learn_total(total)
            case AskAgain():
                _log.info("%s: asked again: %s", self._progress.key, verdict.reason)
                self._is_ranged = self._is_ranged and verdict.is_ranged
                self._is_conditional = self._is_conditional and verdict.is_conditional
                if not verdict.keeps_bytes:
                    await self._opened().drop()
            case Place():
                pass

    def _opened(self) -> Holding:
        if self._holding is None:
            raise RuntimeError("no file is placed before it has a name")
        return self._holding

    # The end of a try, and of the file.

    async def _has_another_way(self, error: AsyncdlError) -> bool:
        """Prepare another try after a failed one; tell if there is none."""
        have = self._holding.size_bytes if self._holding is not None else 0
        if getattr(error, "errno", None) in TOO_MANY_OPEN:
            self._engine.governor.shrink()
        if await self._has_place_later(error):
            return True
        is_outage = await self._is_outage(error, have)
        # A page that everybody gets is not about this URL.
        if not (is_outage and is_page(error)) and await self._has_fresh_url(error):
            return True
        may_go_on = self._tries.may_go_on(error, have, is_outage=is_outage)
        if self._has_plain_way(error, may_go_on=may_go_on):
            await self._pause(error, self._tries.wait_s(error) if may_go_on else 0.0, have)
            return True
        if not may_go_on:
            self._settle_doubt(was_url=True)
            if isinstance(error, TransferError):
                error.attempts = self._tries.requests
            return False
        if is_other_version(error) or is_bad_file(error):
            # What several answers did not bring, a single one does.
            self._width = 1
        if self._holding is not None and (is_other_version(error) or not self._may_continue()):
            await self._holding.drop()
        await self._pause(error, self._tries.wait_s(error), self._tries.failed)
        return True

    async def _is_outage(self, error: AsyncdlError, have: int) -> bool:
        """Tell whether a failure is the host's, which is down for everybody."""
        governor, file = self._engine.governor, self._sample
        is_last = self._tries.would_end(error, have) or self._wants_fresh_url(error)
        rest_s = error.retry_after_s or 0.0
        if rest_s <= self._engine.limits.max_retry_after_s:
            await governor.compare(
                file,
                clock.now_s(),
                lambda files: gives_any(self._engine, files),
                is_last=is_last,
                rest_s=rest_s,
                slot=self._slot,
            )
        # The limits of this file: one that has another mirror does not wait for this one.
        return self._engine.limits.max_wait_s > 0 and governor.is_down(file.url)

    async def _has_place_later(self, error: AsyncdlError) -> bool:
        """Prepare another try at a host that may have had one connection too many."""
        tries, limits = self._tries, self._engine.limits
        if not tries.may_ask_once_more(error, can_refresh=self._request.refresh is not None):
            return False
        self._engine.governor.doubt(self._url, self._asked_at_s)
        wait_s = limits.backoff.delay_s(tries.crowded) if tries.crowded else 0.0
        tries.crowded += 1
        tries.is_in_doubt = True
        await self._pause(error, wait_s, tries.requests)
        return True

    async def _has_fresh_url(self, error: AsyncdlError) -> bool:
        """Replace a URL that was refused, if there is another."""
        refresh = self._request.refresh
        if refresh is None or not self._wants_fresh_url(error):
            return False
        self._tries.refreshes += 1
        self._progress.retry(error, 0.0, self._tries.requests)
        async with self._slot.aside():
            fresh = await refresh()
        self._url = _checked(fresh, self._request.named_by)
        self._sample.url = self._url
        return True

    def _wants_fresh_url(self, error: AsyncdlError) -> bool:
        return self._request.refresh is not None and self._tries.may_refresh(error)

    def _has_plain_way(self, error: AsyncdlError, *, may_go_on: bool) -> bool:
        """Leave out the ``Range`` once, where a host may refuse it and give the whole file."""
        if not isinstance(error, HttpStatusError) or self._tries.is_worn_out:
            return False
        if self._is_last_way:
            # It was of no use. What is on disk may still be continued, if there are tries left.
            self._engine.habits.note_in_vain(self._url)
            self._is_last_way, self._is_ranged = False, True
            return False
        if not self._is_ranged or not self._may_be_about_range(error, may_go_on=may_go_on):
            return False
        self._is_ranged, self._is_last_way = False, True
        return True

    def _may_be_about_range(self, error: HttpStatusError, *, may_go_on: bool) -> bool:
        known, habits = self._known(), self._engine.habits
        if known.is_empty and not habits.may_be_refused(self._url):
            return False
        if error.status in AT_ONCE:
            # Of what a service names, or what was there before, a URL has expired or the file is
            # gone rather than that its host takes no ranges.
            is_about_url = error.url_refused and (
                self._request.refresh is not None or not known.is_empty
            )
            return not is_about_url
        is_last = may_go_on and not self._engine.limits.backoff.allows(self._tries.failed + 1)
        # What a busy host says is no reason to fetch anew what is here.
        return is_last and error.status in AT_LAST and (known.is_empty or error.status == 500)

    async def _pause(self, error: AsyncdlError, wait_s: float, attempt: int) -> None:
        self._progress.retry(error, wait_s, attempt)
        async with self._slot.aside():
            await anyio.sleep(wait_s)

    async def _end_short_answers(self) -> None:
        """Ask for the whole file, where a host sends parts and does not tell of which version."""
        holding = self._holding
        if holding is None or holding.state.is_complete or self._may_continue():
            return
        await holding.drop()
        self._is_ranged = False

    def _may_continue(self) -> bool:
        """Tell whether the rest may come from another answer.

        Within one run a weak validator is enough, if the next answer repeats
        it. Where a host tells nothing, two answers may be two versions.
        """
        state = self._opened().state
        return not state.validator.is_empty or self._is_proved_later(state)

    async def _finish(self, holding: Holding) -> Fetched:
        """Prove the bytes and give them their final name."""
        part, total = holding.part, holding.state.total
        size_bytes = total if self._request.size_bytes is None else self._request.size_bytes
        expected, sums = self._expected(size_bytes), holding.follower.finish()
        try:
            proof = await self._engine.prove(
                part.path,
                holding.size_bytes,
                lambda: prove_file(part.path, expected, url=self._url, sums=sums),
            )
        except TransferError:
            await holding.drop()
            raise
        self._progress.tell(holding.size_bytes, is_end=True)
        await self._mark(part.path, holding.state.validator)
        await part.publish(number=self._number, replaces=self._replaces)
        is_told = self._request.size_bytes is not None
        length_proof = "length" if is_told else self._length_proof
        return self._fetched(part.final, holding.size_bytes, length_proof, proof)

    async def _mark(self, path: Path, validator: Validator) -> None:
        request = self._request
        if request.recheck is not Recheck.NEVER or request.remote_time:
            await self._engine.disk.run_brief(
                path, lambda: mark(path, validator, remote_time=request.remote_time)
            )

    def _already_there(self, found: _Found) -> Fetched:
        is_told = self._request.size_bytes is not None
        length_proof = "length" if is_told else "present"
        return self._fetched(found.path, found.size_bytes, length_proof, found.proof)

    def _fetched(self, path: Path, size_bytes: int, length_proof: str, proof: Proof) -> Fetched:
        return Fetched(
            path=path,
            size_bytes=size_bytes,
            received_bytes=self._progress.received_bytes,
            already_there=self._holding is None,
            proof="+".join((length_proof, *proof.checks)),
            attempts=self._tries.requests,
            elapsed_s=self._elapsed_s,
            digests=proof.digests,
        )


def _checked(url: str, named_by: str | None) -> str:
    """Return a URL as it may be fetched. Raises: TransferError, WrongContent."""
    url = Url(url)
    if named_by is not None:
        return Url(led_to(named_by, url))
    read_target(url)
    return url


def _size_of(path: Path) -> int | None:
    """Return the length of a file; ``None`` if there is none. Blocks."""
    return path.stat().st_size if path.is_file() else None


def _announced(head: Head) -> int | None:
    """Return the length of the whole file, as far as a first answer tells it."""
    if head.status == 200:
        return head.length
    content_range = parse_content_range(head.content_range)
    return content_range.total if content_range else None
