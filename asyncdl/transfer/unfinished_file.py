"""The bytes of one unfinished file and what is known about them, kept consistent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from asyncdl.errors import DiskError, TransferError
from asyncdl.transfer import clock
from asyncdl.transfer.limits import TOO_LARGE, Limits
from asyncdl.transfer.parts.part_file import PartFile, WriteBuffer
from asyncdl.transfer.parts.part_state import PartState
from asyncdl.transfer.range_responses import ResumePoint
from asyncdl.transfer.ranges import LARGEST_OFFSET, Coverage, Span, WantedBytes
from asyncdl.transfer.validators import Validator
from asyncdl.transfer.verification.incremental_hasher import IncrementalHasher

_log = logging.getLogger("asyncdl.transfer")


def _ignore(ready_bytes: int) -> None:
    """Do nothing."""


class UnfinishedFile:
    """A ``.part`` file and its state: every byte in it is of one version.

    Args:
        part: The open ``.part`` file.
        source: Where its bytes come from, without secrets.
        begin: Returns which bytes of the file are fetched; called again when all were dropped.
        limits: When state files are written, and which files are preallocated.
        hasher: Receives all bytes as they are written.
        on_growth: Called with how many bytes are there from the first one on and will not be
            written again; with 0 once those of earlier calls are void.
    """

    def __init__(
        self,
        part: PartFile,
        source: str,
        begin: Callable[[], WantedBytes],
        limits: Limits,
        hasher: IncrementalHasher,
        on_growth: Callable[[int], None] = _ignore,
    ) -> None:
        self.part = part
        self.source = source
        self.wanted = begin()
        self.hasher = hasher
        self.state = PartState(source)
        self._begin = begin
        self._limits = limits
        self._on_growth = on_growth
        self._checkpointed_at_s = clock.now_s()
        self._checkpointed_bytes = 0
        self._is_preallocated = False

    @property
    def resume_point(self) -> ResumePoint:
        """What the next response is compared with."""
        state = self.state
        missing = self.wanted.missing(state.done, state.total)
        first = missing[0] if missing else Span(state.done.prefix_bytes, LARGEST_OFFSET)
        is_open = first.stop in (state.total, LARGEST_OFFSET)
        return ResumePoint(
            first.start,
            state.total,
            state.validator,
            None if is_open else first.stop,
            state.resource,
            is_begun=bool(state.done.spans),
        )

    @property
    def is_complete(self) -> bool:
        """Whether every wanted byte is on disk."""
        total = self.state.total
        return total is not None and not self.wanted.missing(self.state.done, total)

    @property
    def size_bytes(self) -> int:
        """How many bytes are on disk."""
        return self.state.done.size_bytes

    @property
    def expected_bytes(self) -> int:
        """How many bytes will be on disk, as far as it is known what is wanted."""
        missing = self.wanted.missing(self.state.done, self.state.total)
        return self.size_bytes + sum(span.size_bytes for span in missing)

    @property
    def _is_checkpoint_due(self) -> bool:
        limits = self._limits
        is_much = self.size_bytes - self._checkpointed_bytes >= limits.checkpoint_bytes
        return is_much or clock.now_s() - self._checkpointed_at_s >= limits.checkpoint_s

    @property
    def _is_large(self) -> bool:
        return self._wanted_bytes >= self._limits.preallocate_from_bytes

    @property
    def _wanted_bytes(self) -> int:
        """How many bytes are wanted at all, as far as it is known."""
        total = self.state.total
        missing = [] if total is None else self.wanted.missing(Coverage(), total)
        return sum(span.size_bytes for span in missing)

    async def resume(self, is_usable: Callable[[PartState], bool]) -> None:
        """Continue what an earlier run left, if ``is_usable`` says so.

        Raises: DiskError.
        """
        state = await self.part.load()
        if state is None:
            return
        if is_usable(state):
            self.state = state
            self._checkpointed_bytes = self.size_bytes
        else:
            _log.warning("%s is of another file or version: it begins again", self.part.path)
            await self.part.reset()

    def switch_source(self, source: str) -> None:
        """Continue from another source, for which the validator of the first says nothing."""
        if self.state.source != source:
            self.state = replace(
                self.state, source=source, validator=Validator(), resource="", digests=()
            )

    async def start_version(self, state: PartState) -> None:
        """Replace what is on disk by a version that is arriving.

        Raises: DiskError.
        """
        if self.state.done.spans:
            await self.drop()
        self.state = state
        if self._is_large:
            await self.part.check_space(self._wanted_bytes)

    async def preallocate(self) -> None:
        """Allocate the space of a large file that several connections are about to fill.

        A single connection writes from the beginning to the end and does not need it.

        Raises: DiskError.
        """
        if self._is_large and not self._is_preallocated and self._wanted_bytes == self.state.total:
            self._is_preallocated = True
            await self.part.preallocate(self.state.total)

    async def drop(self) -> None:
        """Drop every byte.

        Raises: DiskError.
        """
        self._on_growth(0)
        # First the state file, then the bytes: no state file may ever describe bytes that came
        # after it was written.
        await self.part.reset()
        self.hasher.reset()
        self.wanted = self._begin()
        self.state = PartState(self.source)
        self._checkpointed_bytes = 0
        self._is_preallocated = False

    async def save(self, buffer: WriteBuffer) -> None:
        """Write a buffer, which is empty afterwards; after a DiskError it is not.

        Raises: DiskError; TransferError with reason :data:`TOO_LARGE`, if the length of the file
            is not known and the disk is nearly full. Its bytes are dropped then.
        """
        if buffer.start < self.state.done.prefix_bytes:
            self._on_growth(0)
        await self.part.write(buffer.start, buffer.chunks)
        done = self.state.done.add(Span(buffer.start, buffer.stop))
        self.state = replace(self.state, done=done)
        self._on_growth(done.prefix_bytes)
        if not self.hasher.is_idle:
            await self.hasher.add(buffer, done.prefix_bytes)
        buffer.clear()
        if self._is_checkpoint_due:
            # Set first, so that other connections of the file do not do the same.
            self._checkpointed_bytes, self._checkpointed_at_s = self.size_bytes, clock.now_s()
            await self.part.checkpoint(self.state)
            if self.state.total is None:
                await self._keep_some_free()

    async def _keep_some_free(self) -> None:
        # A body that may have no end must not take the disk from all other files.
        try:
            await self.part.check_space(self.size_bytes + self._limits.keep_free_bytes)
        except DiskError as error:
            if not error.is_full:
                raise
            detail = f"no end in sight after {self.size_bytes} bytes, and the disk is nearly full"
            await self.drop()
            raise TransferError(self.state.source, detail, reason=TOO_LARGE) from None

    async def checkpoint(self) -> None:
        """Note the bytes on disk in the state file, if it does not have all of them.

        Raises: DiskError.
        """
        if self.size_bytes != self._checkpointed_bytes:
            self._checkpointed_bytes, self._checkpointed_at_s = self.size_bytes, clock.now_s()
            await self.part.checkpoint(self.state)

    def set_total(self, total: int | None) -> None:
        """Record the length of the whole file."""
        self.state = replace(self.state, total=total)

    async def keep(self) -> None:
        """Leave the bytes with a state file for another run, or nothing if there are none."""
        # A full disk is often the reason. Then the bytes since the last checkpoint are lost, and
        # the last state file is still right.
        with suppress(DiskError):
            if self.state.done.spans:
                await self.part.checkpoint(self.state)
            else:
                await self.part.remove()
