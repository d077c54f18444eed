"""One request on its way to one verified file, told in order."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio import CancelScope

from asyncdl.errors import AsyncdlError, RangeRefused, TransferError
from asyncdl.transfer.answers import Ask, AskAgain, Complete, Head, Known, Place, Verdict, judge
from asyncdl.transfer.bounds import Bounds
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.holding import Holding
from asyncdl.transfer.http import Answer, exact_url, open_answer
from asyncdl.transfer.names import FALLBACK_NAME, choose_name, safe_name
from asyncdl.transfer.progress import Progress
from asyncdl.transfer.ranges import parse_content_range
from asyncdl.transfer.reception import Reception
from asyncdl.transfer.request import Fetched, FileRequest
from asyncdl.transfer.sink import open_part
from asyncdl.transfer.state import PartState, source_of
from asyncdl.transfer.tries import Tries
from asyncdl.transfer.verify import Form, Proof, check_type, form_of, prove_file

_WITH_DATA = frozenset({200, 206})
_MOST_ASKS = 6
"""Ways of asking within one try; the ladder has fewer steps."""

_log = logging.getLogger("asyncdl.transfer")


@dataclass(frozen=True, slots=True)
class _Found:
    """The finished file, there before any byte was fetched."""

    path: Path
    size_bytes: int
    proof: Proof


class Download:
    """One file, from its request to its final name. Used once.

    Args:
        engine: What all files share.
        request: What is wanted.
    Raises: TransferError, if its URL is none.
    """

    def __init__(self, engine: Engine, request: FileRequest) -> None:
        exact_url(request.url)
        self._engine = engine
        self._request = request
        self._url = request.url
        self._source = source_of(request.url)
        self._bounds = Bounds(request.size_bytes, engine.limits.max_size_bytes)
        self._tries = Tries(engine.limits)
        self._progress = Progress(request.key or request.name or self._source, engine.emit)
        self._resources = AsyncExitStack()
        self._began_at_s = anyio.current_time()

        # Known once the file has a name.
        self._holding: Holding | None = None
        self._form = Form.ANY

        # How far down the ladder of asking this host has brought us.
        self._is_ranged = True
        self._is_conditional = True

        self._length_proof = "length"

    async def run(self) -> Fetched:
        """Fetch the file, however many tries it takes.

        Raises: TransferError, NetworkError or DiskError, when it is given up.
            Then, and when cancelled, the bytes on disk stay for another run.
        """
        try:
            async with self._resources:
                return await self._fetch()
        finally:
            self._progress.end()

    async def _fetch(self) -> Fetched:
        if self._request.name is not None:
            found = await self._settle_on(safe_name(self._request.name) or FALLBACK_NAME)
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
            except AsyncdlError as error:
                if not await self._has_another_way(error):
                    raise

    # The name, and what is there under it.

    async def _settle_on(self, name: str, announced: int | None = None) -> _Found | None:
        """Take a name; return the file if it is there already, else open its part."""
        engine, final = self._engine, self._request.directory / name
        self._resources.enter_context(engine.claim(final, self._url))
        self._form = self._request.form or form_of(name)
        found = await self._look_for(final, announced)
        if found is None:
            part = await self._resources.enter_async_context(
                open_part(final, engine.disk, self._url)
            )
            holding = Holding(part, self._source, engine.limits.checkpoint_bytes)
            await holding.take_over(self._is_ours)
            self._tries.farthest = holding.size_bytes
            self._holding = holding
        return found

    async def _look_for(self, final: Path, announced: int | None) -> _Found | None:
        request = self._request
        size_bytes = announced if request.size_bytes is None else request.size_bytes
        # A name that was not the caller's says little about what is under it.
        is_known = request.name is not None or size_bytes is not None or bool(request.digests)
        if request.overwrite or not is_known:
            return None
        try:
            return await self._engine.proving.run(final, lambda: self._look(final, size_bytes))
        except TransferError as error:
            _log.info("%s is there, but not right: %s", final, error.detail)
            return None

    def _look(self, final: Path, size_bytes: int | None) -> _Found | None:
        if not final.is_file():
            return None
        return _Found(final, final.stat().st_size, self._prove(final, size_bytes))

    def _prove(self, path: Path, size_bytes: int | None) -> Proof:
        return prove_file(
            path,
            url=self._url,
            form=self._form,
            size_bytes=size_bytes,
            digests=self._request.digests,
        )

    def _is_ours(self, state: PartState) -> bool:
        """Tell whether the bytes of an earlier run are certainly of this file."""
        is_right_size = self._request.size_bytes is None or state.total in (
            None,
            self._request.size_bytes,
        )
        is_bound = state.validator.is_strong or self._is_proved_later(state)
        return is_right_size and state.source == self._source and is_bound

    def _is_proved_later(self, state: PartState) -> bool:
        return bool(self._request.digests) and state.total is not None

    # Asking.

    async def _request_bytes(self) -> _Found | None:
        """Ask until an answer brings bytes; each way of asking is tried once."""
        async with self._engine.governor.admit(self._url):
            for _ in range(_MOST_ASKS):
                if self._tries.is_worn_out:
                    break
                outcome = await self._exchange()
                if not isinstance(outcome, AskAgain):
                    return outcome if isinstance(outcome, _Found) else None
        raise RangeRefused(self._url, "no way of asking brings the rest", retryable=False)

    async def _exchange(self) -> Verdict | _Found:
        """Make one request and do what its answer calls for."""
        limits, ask = self._engine.limits, self._next_ask()
        self._tries.requests += 1
        async with open_answer(
            self._engine.session, self._url, ask.headers(), self._request.headers, limits
        ) as answer:
            found = await self._name_by(answer.head, answer.url)
            if found is not None:
                return found
            verdict = self._judge(answer, ask)
            if isinstance(verdict, Place):
                await self._receive(answer, verdict)
        await self._follow(verdict)
        return verdict

    def _next_ask(self) -> Ask:
        if not self._is_ranged:
            return Ask(is_ranged=False)
        known = self._known()
        is_conditional = known.have > 0 and self._is_conditional
        return Ask(known.have, if_range=known.validator.if_range if is_conditional else None)

    def _known(self) -> Known:
        return self._holding.known if self._holding is not None else Known()

    async def _name_by(self, head: Head, url: str) -> _Found | None:
        """Take the name from the first answer that is about the file, if there is none yet."""
        if self._holding is not None or head.status not in {*_WITH_DATA, 416}:
            return None
        name = choose_name(head.disposition, self._request.url)
        if head.status in _WITH_DATA:
            check_type(self._request.form or form_of(name), head.content_type, url)
        return await self._settle_on(name, _announced(head))

    def _judge(self, answer: Answer, ask: Ask) -> Verdict:
        """Decide about an answer before anything of it is saved, or anything dropped for it."""
        if answer.head.status in _WITH_DATA:
            check_type(self._form, answer.head.content_type, answer.url)
        verdict = judge(answer.head, ask, self._known(), answer.url)
        if isinstance(verdict, Place):
            self._bounds.check_total(verdict.total, answer.url)
        return verdict

    async def _receive(self, answer: Answer, place: Place) -> None:
        holding, progress = self._opened(), self._progress
        progress.start(holding.part.final.name, place.total, place.start)
        if place.stop is None:
            self._length_proof = "chunked" if answer.head.is_chunked else "unverified-length"
        reception = Reception(self._engine, holding, progress, self._form, self._bounds)
        await reception.run(answer, place)

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
        refresh = self._request.refresh
        if refresh is not None and self._tries.may_refresh(error):
            self._tries.refreshes += 1
            self._progress.retry(error, 0.0, self._tries.requests)
            self._url = await refresh()
            exact_url(self._url)
            return True
        if not self._tries.may_go_on(error, have):
            if isinstance(error, TransferError):
                error.attempts = self._tries.requests
            return False
        if self._holding is not None and not self._may_continue(self._holding.state):
            await self._holding.drop()
        wait_s = self._tries.wait_s(error)
        self._progress.retry(error, wait_s, self._tries.failed)
        await anyio.sleep(wait_s)
        return True

    def _may_continue(self, state: PartState) -> bool:
        """Tell whether the rest may come from another answer.

        Within one run a weak validator is enough, if the next answer repeats
        it. Where a host tells nothing, two answers may be two versions.
        """
        return not state.validator.is_empty or self._is_proved_later(state)

    async def _finish(self, holding: Holding) -> Fetched:
        """Prove the bytes and give them their final name."""
        part, total = holding.part, holding.state.total
        size_bytes = total if self._request.size_bytes is None else self._request.size_bytes
        try:
            proof = await self._engine.proving.run(
                part.path, lambda: self._prove(part.path, size_bytes)
            )
        except TransferError:
            await holding.drop()
            raise
        self._progress.tell(holding.size_bytes, is_end=True)
        await part.publish(durable=self._engine.limits.durable)
        is_told = self._request.size_bytes is not None
        length_proof = "length" if is_told else self._length_proof
        return self._fetched(part.final, holding.size_bytes, length_proof, proof)

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
            elapsed_s=anyio.current_time() - self._began_at_s,
            sha256=proof.sha256,
        )


def _announced(head: Head) -> int | None:
    """Return the length of the whole file, as far as a first answer tells it."""
    if head.status == 200:
        return head.length
    content_range = parse_content_range(head.content_range)
    return content_range.total if content_range else None
