"""The bytes of one unfinished file, and what is known about them, kept in step."""

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
from asyncdl.transfer.range_responses import Known
from asyncdl.transfer.ranges import Span
from asyncdl.transfer.validators import Validator
from asyncdl.transfer.verification.incremental_hasher import IncrementalHasher

_log = logging.getLogger("asyncdl.transfer")


class UnfinishedFile:
    """A partial file and its state: every byte in it is of one version.

    Args:
        part: The open partial file.
        source: Where its bytes come from, without secrets.
        limits: When notes are made, and which files get their room beforehand.
        follower: Is shown all bytes as they are written.
    """

    def __init__(
        self, part: PartFile, source: str, limits: Limits, follower: IncrementalHasher
    ) -> None:
        self.part = part
        self.source = source
        self.follower = follower
        self.state = PartState(source)
        self._checkpoint_bytes = limits.checkpoint_bytes
        self._checkpoint_s = limits.checkpoint_s
        self._noted_at_s = clock.now_s()
        self._reserve_from_bytes = limits.preallocate_from_bytes
        self._keep_free_bytes = limits.keep_free_bytes
        self._noted_bytes = 0
        self._is_reserved = False

    @property
    def known(self) -> Known:
        """What the next answer is compared with."""
        state = self.state
        gaps = state.done.gaps(state.total) if state.total is not None else []
        gap_stop = gaps[0].stop if gaps and gaps[0].stop != state.total else None
        return Known(state.done.prefix_bytes, state.total, state.validator, gap_stop, state.place)

    @property
    def size_bytes(self) -> int:
        """How many bytes are on disk."""
        return self.state.done.size_bytes

    @property
    def _is_note_due(self) -> bool:
        is_much = self.size_bytes - self._noted_bytes >= self._checkpoint_bytes
        return is_much or clock.now_s() - self._noted_at_s >= self._checkpoint_s

    @property
    def _is_large(self) -> bool:
        return self.state.total is not None and self.state.total >= self._reserve_from_bytes

    async def take_over(self, is_usable: Callable[[PartState], bool]) -> None:
        """Go on with what an earlier run left, if ``is_usable`` says so.

        Raises: DiskError.
        """
        state = await self.part.load()
        if state is None:
            return
        if is_usable(state):
            self.state = state
            self._noted_bytes = self.size_bytes
        else:
            _log.warning("%s is of another file or version: it begins again", self.part.path)
            await self.part.begin_again()

    def belong_to(self, source: str) -> None:
        """Go on from another source than what is there came from, whose validator says nothing."""
        if self.state.source != source:
            self.state = replace(
                self.state, source=source, validator=Validator(), place="", digests=()
            )

    async def begin(self, state: PartState) -> None:
        """Let a version that is arriving take the place of what is on disk.

        Raises: DiskError.
        """
        if self.state.done.spans:
            await self.drop()
        self.state = state
        if self._is_large:
            await self.part.check_room(state.total or 0)

    async def reserve(self) -> None:
        """Take the room for a large file that several connections are about to fill.

        One connection alone writes from the beginning to the end, and needs none.

        Raises: DiskError.
        """
        if self._is_large and not self._is_reserved:
            self._is_reserved = True
            await self.part.reserve(self.state.total or 0)

    async def drop(self) -> None:
        """Forget every byte.

        Raises: DiskError.
        """
        # First the note, then the bytes: nothing may ever speak for new bytes
        # that was said about old ones.
        await self.part.begin_again()
        self.follower.begin_again()
        self.state = PartState(self.source)
        self._noted_bytes = 0
        self._is_reserved = False

    async def save(self, batch: WriteBuffer) -> None:
        """Write a batch, which is empty afterwards; after a DiskError it still is not.

        Raises: DiskError; TransferError with reason :data:`TOO_LARGE`, if nobody says
            how long the file is and the disk is nearly full. Its bytes are dropped then.
        """
        await self.part.write(batch.start, batch.pieces)
        done = self.state.done.add(Span(batch.start, batch.stop))
        self.state = replace(self.state, done=done)
        if not self.follower.is_idle:
            await self.follower.follow(batch, done.prefix_bytes)
        batch.clear()
        if self._is_note_due:
            # At once, so that the other connections of the file do not do the same.
            self._noted_bytes, self._noted_at_s = self.size_bytes, clock.now_s()
            await self.part.checkpoint(self.state)
            if self.state.total is None:
                await self._keep_some_free()

    async def _keep_some_free(self) -> None:
        # The others shall not go without a disk for a body that may have no end.
        try:
            await self.part.check_room(self.size_bytes + self._keep_free_bytes)
        except DiskError as error:
            if not error.is_full:
                raise
            detail = f"no end in sight after {self.size_bytes} bytes, and the disk is nearly full"
            await self.drop()
            raise TransferError(self.state.source, detail, reason=TOO_LARGE) from None

    def learn_total(self, total: int | None) -> None:
        """Take note of the length of the whole file."""
        self.state = replace(self.state, total=total)

    async def leave(self) -> None:
        """Leave the bytes with a true note for another run, or nothing if there are none."""
        # A full disk is the reason for leaving often enough; the bytes since the
        # last note are lost then, and that note is still true.
        with suppress(DiskError):
            if self.state.done.spans:
                await self.part.checkpoint(self.state)
            else:
                await self.part.discard()
