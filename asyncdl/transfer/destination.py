"""The name of one file, what is there under it, and what its bytes have to be."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec import Struct

from asyncdl.errors import TransferError
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.file_url import FileUrl, file_id
from asyncdl.transfer.freshness import Recheck, is_known_version, look_at, mark
from asyncdl.transfer.name_registry import owner_of_request
from asyncdl.transfer.names import FALLBACK_NAME, PART_ENDINGS, choose_name, safe_name
from asyncdl.transfer.parts.ownership import OwnershipMark
from asyncdl.transfer.parts.part_file import may_be_replaced, open_part
from asyncdl.transfer.parts.part_state import PartState
from asyncdl.transfer.ranges import parse_content_range
from asyncdl.transfer.request import FileRequest
from asyncdl.transfer.responses import Head
from asyncdl.transfer.unfinished_file import UnfinishedFile
from asyncdl.transfer.validators import Validator
from asyncdl.transfer.verification.checks import Expected, Verification, verify_file
from asyncdl.transfer.verification.digests import Digest
from asyncdl.transfer.verification.incremental_hasher import IncrementalHasher
from asyncdl.transfer.verification.structure import Form, form_of

FILE_EXISTS = "file-exists"
"""Reason of the ``TransferError`` for a name that was not the caller's and is somebody else's."""

_log = logging.getLogger("asyncdl.transfer")


class PresentFile(Struct, frozen=True):
    """The finished file, there before any byte was fetched."""

    path: Path
    size_bytes: int
    proof: Verification


class Destination:
    """Where one file goes. It has a name as soon as the request, or the host, gives one.

    Args:
        engine: What all files share.
        request: What is wanted.
        url: Where it comes from.
        resources: Keeps its name, and later its partial file, for as long as it is fetched.
    """

    def __init__(
        self, engine: Engine, request: FileRequest, url: FileUrl, resources: AsyncExitStack
    ) -> None:
        self.final: Path | None = None
        """Its path, once it has a name."""
        self.form = Form.ANY
        """What its bytes must look like; known once it has a name."""
        self.announced_digests: tuple[Digest, ...] = ()
        """Those that the host announces."""
        self._engine = engine
        self._request = request
        self._url = url
        self._resources = resources
        self._claimant = owner_of_request(request)

    @property
    def given_name(self) -> str | None:
        """The name that the caller chose, made safe."""
        given = self._request.name
        return None if given is None else safe_name(given, PART_ENDINGS) or FALLBACK_NAME

    def name_by(self, head: Head) -> str:
        """Return its name, the caller's or else the host's."""
        return self.given_name or choose_name(head.disposition, self._request.url)

    def form_of(self, name: str) -> Form:
        """Return what the bytes of a file of this name must look like."""
        form = self._request.form or form_of(name)
        return Form.HTML if form is Form.ANY and self._request.accept_html else form

    def expected(self, size_bytes: int | None, *, is_whole: bool = False) -> Expected:
        """Return all that its bytes are held against.

        Args:
            size_bytes: Its length, if that is known.
            is_whole: Whether it is certain that no byte of it is missing.
        """
        request = self._request
        digests = tuple(dict.fromkeys((*request.digests, *self.announced_digests)))
        return Expected(
            self.form,
            size_bytes,
            is_whole=is_whole,
            digests=digests,
            members=request.members,
            fingerprint=request.fingerprint,
            unpack=request.unpack,
        )

    # What is there already.

    async def look_first(self) -> PresentFile | None:
        """Take the name that the caller chose; return the file if nobody need be asked for it."""
        name = self.given_name
        if name is None or await self._has_to_ask(self._request.directory / name):
            return None
        return await self.settle_on(name)

    async def _has_to_ask(self, final: Path) -> bool:
        """Tell whether the host has to be asked first, as what is there may be an old version."""
        request = self._request
        if request.recheck is Recheck.NEVER or request.overwrite or request.digests:
            return False
        return await self._engine.disk.run_brief(final, lambda: _size_of(final)) is not None

    async def settle_on(self, name: str, head: Head | None = None) -> PresentFile | None:
        """Take a name; return the file if it is there already.

        Args:
            name: Safe to use.
            head: What the host says, if it was asked.
        Raises: TransferError, if another file has the name.
        """
        final = self._request.directory / name
        self._resources.enter_context(
            self._engine.claims.claim(final, self._claimant, self._request.url)
        )
        self.final, self.form = final, self.form_of(name)
        return await self._look_for(final, head)

    def settle(self, path: Path) -> None:
        """Remember for the rest of the run that the file is there."""
        self._engine.claims.settle(path, self._claimant)

    async def _look_for(self, final: Path, head: Head | None) -> PresentFile | None:
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
        return await self._prove_present(final, size_bytes)

    async def _prove_present(self, final: Path, size_bytes: int | None) -> PresentFile | None:
        there_bytes = await self._engine.disk.run_brief(final, lambda: _size_of(final))
        if there_bytes is None:
            return None
        try:
            expected = self.expected(size_bytes, is_whole=size_bytes is not None)
            proof = await self._engine.verify(
                final, there_bytes, lambda: verify_file(final, expected, url=self._url.now)
            )
        except TransferError as error:
            _log.info("%s is there, but not right: %s", final, error.detail)
            return None
        return PresentFile(final, there_bytes, proof)

    async def _is_same_version(self, final: Path, head: Head | None) -> bool | None:
        """Tell whether what is there is what the host has now; ``None`` if that is not asked."""
        recheck = self._request.recheck
        if head is None or recheck is Recheck.NEVER or self._request.digests:
            return None
        copy = await self._engine.disk.run_brief(final, lambda: look_at(final))
        is_same = None if copy is None else is_known_version(copy, head.validator)
        return False if is_same is None and recheck is Recheck.CONFIRMED else is_same

    # What may be replaced.

    @property
    def _replaces(self) -> bool:
        """Whether any file that has the name is replaced: the caller chose it, or said so."""
        request, final = self._request, self.final
        is_this_runs = final is not None and self._engine.claims.has_settled(final, self._claimant)
        return request.overwrite or request.name is not None or is_this_runs

    @property
    def _number(self) -> OwnershipMark:
        # Of what a digest is known, a copy of ours that has changed since is a broken one.
        return OwnershipMark(file_id(self._request.url), bool(self._request.digests))

    async def check_name_is_free(self) -> None:
        """Look that a name that the caller did not choose is not that of somebody else's file.

        Raises: TransferError with reason :data:`FILE_EXISTS`.
        """
        final, number = self.final, self._number
        if final is None or self._replaces:
            return
        if not await self._engine.disk.run_brief(final, lambda: may_be_replaced(final, number)):
            detail = f"{final} is there, and it is not this file of an earlier run"
            raise TransferError(self._url.now, detail, reason=FILE_EXISTS)

    # Its partial file.

    async def open_holding(self, final: Path) -> UnfinishedFile:
        """Open the partial file, and go on with what an earlier run left in it if that is ours.

        Raises: DiskError, TransferError.
        """
        limits, source = self._engine.limits, self._url.source
        async with AsyncExitStack() as own:
            part = await own.enter_async_context(
                open_part(final, self._engine.disk, self._url.now, durable=limits.durable)
            )
            follower = IncrementalHasher(part.path, self.expected(None), self._engine.verify)
            holding = UnfinishedFile(part, source, limits, follower)
            await holding.take_over(self._is_ours)
            holding.belong_to(source)
            if holding.state.digests:
                self.learn_digests(holding, holding.state.digests)
            # Only now: until then the next try opens it anew, and must not find our lock.
            self._resources.push_async_exit(own.pop_all())
        return holding

    def learn_digests(self, holding: UnfinishedFile, digests: tuple[Digest, ...]) -> None:
        """Hold the bytes against what the host announces from now on."""
        if digests != self.announced_digests:
            self.announced_digests = digests
            holding.follower.expect(self.expected(None))

    def _is_ours(self, state: PartState) -> bool:
        """Tell whether the bytes of an earlier run are certainly of this file."""
        is_right_size = self._request.size_bytes is None or state.total in (
            None,
            self._request.size_bytes,
        )
        is_bound = state.validator.is_strong or self.is_proved_later(state)
        if state.source != self._url.source:
            # What another mirror gave is good enough to go on with if a digest will tell.
            is_bound = self.is_proved_later(state)
        is_known = state.source in self._url.sources
        return self._resumes and is_right_size and is_bound and is_known

    @property
    def _resumes(self) -> bool:
        resume = self._request.resume
        return not self._request.overwrite if resume is None else resume

    def is_proved_later(self, state: PartState) -> bool:
        """Tell whether digests will show a mix of two versions."""
        return bool(self._request.digests) and state.total is not None

    def may_continue(self, state: PartState) -> bool:
        """Tell whether the rest may come from another response.

        Within one run a weak validator is enough, if the next response repeats
        it. Where a host tells nothing, two responses may be of two versions.
        """
        return not state.validator.is_empty or self.is_proved_later(state)

    # The end.

    async def finish(self, holding: UnfinishedFile, *, is_whole: bool) -> Verification:
        """Prove the bytes and give them their final name; wrong ones are dropped.

        Args:
            holding: Has them all, for all that is known.
            is_whole: Whether that is certain.
        Raises: TransferError, DiskError.
        """
        part, total = holding.part, holding.state.total
        size_bytes = total if self._request.size_bytes is None else self._request.size_bytes
        expected, sums = self.expected(size_bytes, is_whole=is_whole), holding.follower.finish()
        try:
            proof = await self._engine.verify(
                part.path,
                holding.size_bytes,
                lambda: verify_file(part.path, expected, url=self._url.now, sums=sums),
            )
        except TransferError:
            await holding.drop()
            raise
        await self._mark(part.path, holding.state.validator)
        await part.publish(number=self._number, replaces=self._replaces)
        return proof

    async def _mark(self, path: Path, validator: Validator) -> None:
        request = self._request
        if request.recheck is not Recheck.NEVER or request.remote_time:
            await self._engine.disk.run_brief(
                path, lambda: mark(path, validator, remote_time=request.remote_time)
            )


def _size_of(path: Path) -> int | None:
    """Return the length of a file; ``None`` if there is none. Blocks."""
    return path.stat().st_size if path.is_file() else None


def _announced(head: Head) -> int | None:
    """Return the length of the whole file, as far as a first response tells it."""
    if head.status == 200:
        return head.length
    content_range = parse_content_range(head.content_range)
    return content_range.total if content_range else None
