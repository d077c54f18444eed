"""One body on its way to its place in the file, through one write buffer."""

from __future__ import annotations

from collections.abc import Callable

from anyio import CancelScope
from msgspec import Struct

from asyncdl.errors import SizeMismatch, WrongContent
from asyncdl.transfer import clock
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.error_pages import PAGE_BYTES, quote_page
from asyncdl.transfer.file_progress import FileProgress
from asyncdl.transfer.host_limiter import ConnectionSlot
from asyncdl.transfer.http import ResponseStream
from asyncdl.transfer.limits import SizeLimits
from asyncdl.transfer.parts.part_file import WriteBuffer
from asyncdl.transfer.parts.part_state import PartState
from asyncdl.transfer.segments import Segment
from asyncdl.transfer.unfinished_file import UnfinishedFile
from asyncdl.transfer.verification.structure import HEAD_BYTES, Form, check_head, head_bytes


class FileTarget(Struct, frozen=True):
    """The file that bodies go to, and what is expected of it."""

    holding: UnfinishedFile
    progress: FileProgress
    form: Form
    bounds: SizeLimits


def _watch_nothing(piece: Segment) -> None:
    """Take note of nothing."""


class BodyReceiver(Struct):
    """Streams a body to disk, with one batch of it in memory at most.

    The end of its piece may move while it runs: other connections take the
    tail, or leave theirs to it.
    """

    engine: Engine
    target: FileTarget
    turn: ConnectionSlot
    new_version: PartState | None = None
    """What takes the place of the bytes on disk, once its own are there."""
    on_save: Callable[[Segment], None] = _watch_nothing
    """Called after each write; may move the end of the piece."""

    async def run(self, answer: ResponseStream, piece: Segment) -> None:
        """Receive one body; what came of it is on disk, however this ends.

        Raises: WrongContent, before anything is saved or dropped, if the body
            begins like an error page; SizeMismatch, if it ends early or is too
            long; NetworkError, Stalled, DiskError.
        """
        batch = WriteBuffer(piece.at)
        try:
            await self._fill(batch, answer, piece)
            due = piece.due
            # From here on no neighbour may leave its bytes to this body.
            piece.reach = piece.at
            await self._save(batch, piece)
        finally:
            piece.reach = piece.at
            # The beginning is saved only once there is enough of it to judge.
            is_enough = batch.start > 0 or batch.size_bytes >= head_bytes(self.target.form)
            if batch.pieces and is_enough:
                with CancelScope(shield=True):
                    await self._save(batch, piece)
        await self._end(piece, due, answer.url)

    async def _fill(self, batch: WriteBuffer, answer: ResponseStream, piece: Segment) -> None:
        limits, saved_at_s = self.engine.limits, clock.now_s()
        least_bytes = head_bytes(self.target.form)
        while piece.at < piece.due:
            try:
                data = await answer.read(self.engine.rate.grain_bytes)
            except BaseException:
                self._take(answer.rest(), batch, piece, answer.url)
                raise
            if not data:
                return
            await self.engine.rate.take(len(data))
            self._take(data, batch, piece, answer.url)
            is_late = clock.now_s() - saved_at_s >= limits.flush_interval_s
            if batch.size_bytes >= (least_bytes if is_late else limits.write_bytes):
                await self._save(batch, piece)
                saved_at_s = clock.now_s()
            else:
                batch.own()

    def _take(self, data: bytes | memoryview, batch: WriteBuffer, piece: Segment, url: str) -> None:
        """Add the part of some bytes that belongs into the piece."""
        self.target.progress.received_bytes += len(data)
        if piece.is_open:
            self.target.bounds.check_so_far(piece.at + len(data), url)
        wanted = data if piece.is_open else data[: max(0, piece.due - piece.at)]
        batch.add(wanted)
        piece.at = batch.stop
        if len(wanted) < len(data):
            # What follows has passed, so a neighbour may not leave its bytes to this body.
            piece.reach = piece.at

    async def _save(self, batch: WriteBuffer, piece: Segment) -> None:
        if not batch.pieces:
            return
        holding, progress = self.target.holding, self.target.progress
        if self.new_version is not None:
            self._check_head(batch, holding.state.source)
            await self._begin_version(self.new_version)
        self.turn.receive(batch.size_bytes)
        await holding.save(batch)
        progress.tell(holding.size_bytes)
        self.on_save(piece)

    def _check_head(self, batch: WriteBuffer, url: str) -> None:
        try:
            check_head(self.target.form, batch.head(HEAD_BYTES), url)
        except WrongContent as error:
            quote_page(error, batch.head(PAGE_BYTES))
            raise

    async def _begin_version(self, version: PartState) -> None:
        await self.target.holding.begin(version)
        self.new_version = None

    async def _end(self, piece: Segment, due: int, url: str) -> None:
        if self.new_version is not None:
            await self._begin_version(self.new_version)
        if piece.is_open:
            self.target.bounds.check_end(piece.at, url)
            self.target.holding.learn_total(piece.at)
        self.target.progress.tell(self.target.holding.size_bytes, is_end=True)
        if not piece.is_open and piece.at < due:
            raise SizeMismatch(url, expected=due, got=piece.at)
