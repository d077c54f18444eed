"""The name of one file, what is there under it, and what its bytes must be."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from asyncdl.errors import DiskError, TransferError
from asyncdl.system.files import TAKES_OPEN_FILES
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.excerpts import Excerpt, reading
from asyncdl.transfer.file_url import FileUrl
from asyncdl.transfer.freshness import Recheck, is_known_version, record_version
from asyncdl.transfer.growth import FileGrowth
from asyncdl.transfer.name_registry import owner_of_request
from asyncdl.transfer.names import FALLBACK_NAME, PART_ENDINGS, choose_name, safe_name
from asyncdl.transfer.parts.ownership import OwnershipMark
from asyncdl.transfer.parts.part_file import begin_part, open_part, source_path
from asyncdl.transfer.parts.part_state import PartState
from asyncdl.transfer.publishing import Found
from asyncdl.transfer.range_responses import ResumePoint
from asyncdl.transfer.ranges import WantedBytes, WholeFile, parse_content_range
from asyncdl.transfer.request import FileRequest
from asyncdl.transfer.responses import Head
from asyncdl.transfer.unfinished_file import UnfinishedFile
from asyncdl.transfer.url_identity import file_id
from asyncdl.transfer.validators import Validator
from asyncdl.transfer.verification.checks import Expected, Verification, verify_file
from asyncdl.transfer.verification.digests import Digest
from asyncdl.transfer.verification.incremental_hasher import IncrementalHasher
from asyncdl.transfer.verification.structure import Form, form_of

FILE_EXISTS = "file-exists"
"""Reason of the ``TransferError`` for a name that the caller did not choose and that another file
has."""

_log = logging.getLogger("asyncdl.transfer")


class VerifiedFile(Struct, frozen=True):
    """A file under its final name, and how it was verified."""

    path: Path
    size_bytes: int
    verification: Verification


class Destination:
    """Where one file goes. It has a name once the request, or the host, gives one.

    The name, and later the ``.part`` file, are held until :meth:`let_go`.

    Args:
        engine: What all files share.
        request: The file.
        url: Where it comes from.
    """

    def __init__(self, engine: Engine, request: FileRequest, url: FileUrl) -> None:
        self.final: Path | None = None
        """Its path, once it has a name."""
        self._found: Found | None = None
        """What had its name when it was taken."""
        self.form = Form.ANY
        """What its bytes must look like; known once it has a name."""
        self.unfinished: UnfinishedFile | None = None
        """Opened once it has a name and a connection."""
        self._excerpt: Excerpt | None = None
        """What its bytes are made into; begun with the unfinished file."""
        self._announced_digests: tuple[Digest, ...] = ()
        self._engine = engine
        self._request = request
        self._url = url
        self._owner = owner_of_request(request)
        # If a digest is known, a file of ours that has changed since is a damaged one.
        self._mark = OwnershipMark(file_id(request.url), bool(request.digests))

    @property
    def resume_point(self) -> ResumePoint:
        """What is known about the file."""
        return self.unfinished.resume_point if self.unfinished is not None else ResumePoint()

    @property
    def validator(self) -> Validator:
        """Of the version on disk; empty if nothing was fetched."""
        return Validator() if self.unfinished is None else self.unfinished.state.validator

    def excerpt_record(self, received_bytes: int) -> str:
        """Return what the excerpt says of the file that was made; empty without one."""
        if self._excerpt is None:
            return ""
        version = self.validator
        return self._excerpt.record(version.etag or version.last_modified or "", received_bytes)

    @property
    def opened(self) -> UnfinishedFile:
        """The unfinished file, once it is open."""
        if self.unfinished is None:
            raise RuntimeError("a body is placed before the file has a name")
        return self.unfinished

    # Its name.

    @property
    def requested_name(self) -> str | None:
        """The name that the caller chose, made safe."""
        name = self._request.name
        return None if name is None else safe_name(name, PART_ENDINGS) or FALLBACK_NAME

    def name_for(self, head: Head) -> str:
        """Return its name: the caller's, or else the host's."""
        return self.requested_name or choose_name(head.disposition, self._request.url)

    def form_for(self, name: str) -> Form:
        """Return what the bytes of a file of this name must look like."""
        form = self._request.form or form_of(name)
        return Form.HTML if form is Form.ANY and self._request.accept_html else form

    async def find_existing(self) -> VerifiedFile | None:
        """Take the name that the caller chose.

        Returns: The file, if it is there already and no host need be asked about it.
        """
        name = self.requested_name
        if name is None or await self._must_ask_host(self._request.directory / name):
            return None
        return await self.claim(name)

    async def _must_ask_host(self, final: Path) -> bool:
        """Return whether the host must be asked first, as the local file may be an old version."""
        request = self._request
        if request.recheck is Recheck.NEVER or request.overwrite or request.digests:
            return False
        found = await self._engine.publisher.find(final)
        return found is not None and found.size_bytes is not None

    async def claim(self, name: str, head: Head | None = None) -> VerifiedFile | None:
        """Take a name; return the file if it is there already.

        Args:
            name: A safe name.
            head: What the host says, if it was asked.
        Raises: TransferError, if another file has the name.
        """
        final = self._request.directory / name
        self._engine.names.claim(final, self._owner, self._request.url)
        self.final, self.form = final, self.form_for(name)
        return await self._find(final, head)

    async def let_go(self) -> None:
        """Give up the name, and the ``.part`` file, even if the caller is cancelled meanwhile."""
        try:
            if self.unfinished is not None:
                await self.unfinished.part.let_go()
        finally:
            if self.final is not None:
                self._engine.names.release(self.final)

    def remember(self, path: Path) -> None:
        """Remember for the rest of the run that the file is there."""
        self._engine.names.remember(path, self._owner)

    # What is there already.

    async def _find(self, final: Path, head: Head | None) -> VerifiedFile | None:
        found = self._found = await self._engine.publisher.find(final)
        if found is None or found.size_bytes is None:
            return None
        request = self._request
        announced = _announced_bytes(head) if head is not None else None
        size_bytes = announced if request.size_bytes is None else request.size_bytes
        is_same = await self._is_same_version(final, head)
        if is_same is False:
            _log.info("%s is there, but the host has another version", final)
            return None
        # A name that the caller did not choose says little about what is under it.
        is_named = request.name is not None and request.recheck is Recheck.NEVER
        is_known = is_named or is_same or size_bytes is not None or bool(request.digests)
        if request.overwrite or not is_known:
            return None
        return await self._verify_existing(final, found.size_bytes, size_bytes)

    async def _verify_existing(
        self, final: Path, found_bytes: int, size_bytes: int | None
    ) -> VerifiedFile | None:
        try:
            expected = self.expected(size_bytes, is_whole=size_bytes is not None)
            verification = await self._engine.verify(
                final, found_bytes, lambda: verify_file(final, expected, url=self._url.now)
            )
        except TransferError as error:
            _log.info("%s is there, but not right: %s", final, error.detail)
            return None
        return VerifiedFile(final, found_bytes, verification)

    async def _is_same_version(self, final: Path, head: Head | None) -> bool | None:
        """Return whether the local file is what the host has now; ``None`` if not asked."""
        recheck = self._request.recheck
        if head is None or recheck is Recheck.NEVER or self._request.digests:
            return None
        copy = await self._engine.publisher.copy_at(final)
        is_same = None if copy is None else is_known_version(copy, head.validator)
        return False if is_same is None and recheck is Recheck.CONFIRMED else is_same

    # What may be replaced.

    @property
    def _replaces(self) -> bool:
        """Whether any file that has the name is replaced: the caller chose it, or said so."""
        request, final, names = self._request, self.final, self._engine.names
        is_of_this_run = final is not None and names.is_remembered(final, self._owner)
        return request.overwrite or request.name is not None or is_of_this_run

    async def check_name_is_free(self) -> None:
        """Check that a name that the caller did not choose is not that of another file.

        Raises: TransferError with reason :data:`FILE_EXISTS`.
        """
        final = self.final
        if final is None or self._found is None or self._replaces:
            return
        if not await self._engine.publisher.may_replace(final, self._mark):
            detail = f"{final} is there, and it is not this file of an earlier run"
            raise TransferError(self._url.now, detail, reason=FILE_EXISTS)

    # Its unfinished file.

    async def open_unfinished(self, final: Path) -> None:
        """Open the ``.part`` file, and resume what is ours in it.

        Raises: DiskError, early, if the name is that of a folder; TransferError.
        """
        if self._found is not None and self._found.is_folder:
            raise DiskError(final, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
        engine, source = self._engine, self._url.source
        path = final if self._request.excerpt is None else source_path(final)
        part = await begin_part(path, engine.disk, self._url.now, durable=engine.limits.durable)
        try:
            hasher = IncrementalHasher(part.path, self._expected_of_bytes(), engine.verify)
            unfinished = UnfinishedFile(
                part, source, self._begin, engine.limits, hasher, self._note_growth
            )
            await unfinished.resume(self._is_usable)
            unfinished.switch_source(source)
            if unfinished.state.digests:
                self._expect_digests(unfinished, unfinished.state.digests)
        except BaseException:
            # The next attempt opens it again, and must not find our lock.
            await part.let_go()
            raise
        self.unfinished = unfinished

    def _note_growth(self, ready_bytes: int) -> None:
        on_growth, unfinished, final = self._request.on_growth, self.unfinished, self.final
        if on_growth is None or unfinished is None or final is None or self._excerpt is not None:
            return
        if not TAKES_OPEN_FILES:
            return  # whoever reads it would keep it from its name
        total = unfinished.state.total
        on_growth(FileGrowth(unfinished.part.path, final, ready_bytes, total, self.expected(total)))

    def _begin(self) -> WantedBytes:
        """Return which bytes are fetched, from the beginning on."""
        begin = self._request.excerpt
        if begin is None:
            return WholeFile()
        self._excerpt = begin(self._url.now)
        return self._excerpt

    async def wants_more(self) -> bool:
        """Return whether more bytes are wanted, now that those wanted so far are on disk.

        Raises: TransferError, if what is on disk allows no excerpt; DiskError.
        """
        excerpt, unfinished = self._excerpt, self.opened
        if excerpt is None:
            return False
        path, total = unfinished.part.path, unfinished.state.total or 0

        def advance() -> bool:
            with reading(path) as read:
                return excerpt.advance(read, total)

        try:
            return await self._engine.verify(path, unfinished.size_bytes, advance)
        except TransferError:
            await unfinished.drop()
            raise

    def _is_usable(self, state: PartState) -> bool:
        """Return whether the bytes of an earlier run are certainly of this file."""
        request = self._request
        is_right_size = request.size_bytes is None or state.total in (None, request.size_bytes)
        is_bound = state.validator.is_strong or self._is_verified_later(state)
        if state.source != self._url.source:
            # Bytes of another mirror can be continued if a digest will verify them.
            is_bound = self._is_verified_later(state)
        is_known = state.source in self._url.sources
        return self._resumes and is_right_size and is_bound and is_known

    @property
    def _resumes(self) -> bool:
        resume = self._request.resume
        return not self._request.overwrite if resume is None else resume

    def _is_verified_later(self, state: PartState) -> bool:
        """Return whether digests will show a mix of two versions."""
        return bool(self._request.digests) and state.total is not None

    @property
    def may_continue(self) -> bool:
        """Whether the rest may come from another response.

        Within one run a weak validator is enough, if the next response repeats it. If a host
        sends none, two responses may be of two versions.
        """
        state = self.opened.state
        return not state.validator.is_empty or self._is_verified_later(state)

    # What its bytes must be.

    def expected(self, size_bytes: int | None, *, is_whole: bool = False) -> Expected:
        """Return all that its bytes are checked against.

        Args:
            size_bytes: Its length, if known.
            is_whole: Whether it is certain that no byte is missing.
        """
        request = self._request
        digests = tuple(dict.fromkeys((*request.digests, *self._announced_digests)))
        return Expected(
            self.form,
            size_bytes,
            is_whole=is_whole,
            digests=digests,
            members=request.members,
            fingerprint=request.fingerprint,
            unpack=request.unpack,
        )

    def _expected_of_bytes(self) -> Expected:
        """Return what the received bytes are checked against on their way."""
        return self.expected(None) if self._excerpt is None else Expected()

    def expect_digests(self, digests: tuple[Digest, ...], *, is_new_version: bool) -> None:
        """Check the bytes against what a response announces, from now on.

        Args:
            digests: Of the response; without any, those of the same version still count.
            is_new_version: Whether the response replaces what is on disk.
        """
        kept = () if is_new_version else self._announced_digests
        self._expect_digests(self.opened, digests or kept)

    def _expect_digests(self, unfinished: UnfinishedFile, digests: tuple[Digest, ...]) -> None:
        if digests != self._announced_digests and self._excerpt is None:
            self._announced_digests = digests
            unfinished.hasher.expect(self.expected(None))

    async def finish(self, *, is_whole: bool) -> VerifiedFile:
        """Verify the bytes and give them their final name; wrong ones are dropped.

        Args:
            is_whole: Whether it is certain that all bytes have come.
        Raises: TransferError, DiskError.
        """
        if self._excerpt is not None:
            return await self._finish_excerpt(self._excerpt)
        unfinished = self.opened
        part, total = unfinished.part, unfinished.state.total
        size_bytes = total if self._request.size_bytes is None else self._request.size_bytes
        expected = self.expected(size_bytes, is_whole=is_whole)
        hashers = unfinished.hasher.finish()
        try:
            verification = await self._engine.verify(
                part.path,
                unfinished.size_bytes,
                lambda: verify_file(part.path, expected, url=self._url.now, hashers=hashers),
            )
        except TransferError:
            await unfinished.drop()
            raise
        await self._record_version(part.path, unfinished.state.validator)
        await self._engine.publisher.publish(part, self._mark, replaces=self._replaces)
        return VerifiedFile(part.final, unfinished.size_bytes, verification)

    async def _finish_excerpt(self, excerpt: Excerpt) -> VerifiedFile:
        """Make the file of the bytes on disk, and give it its final name."""
        engine, unfinished, url = self._engine, self.opened, self._url.now
        final = self._request.directory / (self.requested_name or FALLBACK_NAME)
        # Its own threads: to make it takes as long as to verify it, and no other file waits.
        making = open_part(final, engine.verification_disk, url, durable=engine.limits.durable)
        async with making as made:
            try:
                size_bytes = await made.fill(lambda: _assembled(unfinished.part.path, excerpt))
                verification = await engine.verify(
                    made.path,
                    size_bytes,
                    lambda: verify_file(made.path, self.expected(None, is_whole=True), url=url),
                )
            except TransferError:
                await unfinished.drop()
                raise
            await self._record_version(made.path, unfinished.state.validator)
            await engine.publisher.publish(made, self._mark, replaces=self._replaces)
        if not self._request.keeps_source:
            await unfinished.part.remove()
        checks = (excerpt.proof, *verification.checks)
        return VerifiedFile(final, size_bytes, replace(verification, checks=checks))

    async def _record_version(self, path: Path, validator: Validator) -> None:
        request = self._request
        if request.recheck is not Recheck.NEVER or request.remote_time:
            await self._engine.disk.run_brief(
                path, lambda: record_version(path, validator, remote_time=request.remote_time)
            )


def _assembled(path: Path, excerpt: Excerpt) -> Iterator[bytes]:
    """Yield the file that is made of the bytes at a path. Blocks."""
    with reading(path) as read:
        yield from excerpt.assemble(read)


def _announced_bytes(head: Head) -> int | None:
    """Return the length of the whole file, as far as a first response gives it."""
    if head.status == 200:
        return head.length
    content_range = parse_content_range(head.content_range)
    return content_range.total if content_range else None
