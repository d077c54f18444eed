"""The bytes of one unfinished file, and what is known about them, kept in step."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from asyncdl.errors import DiskError
from asyncdl.transfer.answers import Known
from asyncdl.transfer.batch import Batch
from asyncdl.transfer.ranges import Span
from asyncdl.transfer.sink import PartFile
from asyncdl.transfer.state import PartState

_log = logging.getLogger("asyncdl.transfer")


class Holding:
    """A partial file and its state: every byte in it is of one version.

    Args:
        part: The open partial file.
        source: Where its bytes come from, without secrets.
        checkpoint_bytes: After so many new bytes a note is made of them.
    """

    def __init__(self, part: PartFile, source: str, checkpoint_bytes: int) -> None:
        self.part = part
        self.state = PartState(source)
        self._checkpoint_bytes = checkpoint_bytes
        self._noted_bytes = 0

    @property
    def known(self) -> Known:
        """What the next answer is compared with."""
        return Known(self.state.done.prefix_bytes, self.state.total, self.state.validator)

    @property
    def size_bytes(self) -> int:
        """How many bytes are on disk."""
        return self.state.done.size_bytes

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

    async def begin(self, state: PartState) -> None:
        """Let a version that is arriving take the place of what is on disk.

        Raises: DiskError.
        """
        if self.state.done.spans:
            await self.drop()
        self.state = state

    async def drop(self) -> None:
        """Forget every byte.

        Raises: DiskError.
        """
        # First the note, then the bytes: nothing may ever speak for new bytes
        # that was said about old ones.
        await self.part.begin_again()
        self.state = PartState(self.state.source)
        self._noted_bytes = 0

    async def save(self, batch: Batch) -> None:
        """Write a batch, which is empty afterwards; after an error it still is not.

        Raises: DiskError.
        """
        await self.part.write(batch.start, batch.pieces)
        done = self.state.done.add(Span(batch.start, batch.stop))
        self.state = replace(self.state, done=done)
        batch.clear()
        if self.size_bytes - self._noted_bytes >= self._checkpoint_bytes:
            await self.part.checkpoint(self.state)
            self._noted_bytes = self.size_bytes

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
