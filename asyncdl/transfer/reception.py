"""One body on its way to its place in the file."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
from anyio import CancelScope

from asyncdl.errors import SizeMismatch
from asyncdl.transfer.answers import Place
from asyncdl.transfer.batch import Batch
from asyncdl.transfer.bounds import Bounds
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.holding import Holding
from asyncdl.transfer.http import Answer
from asyncdl.transfer.progress import Progress
from asyncdl.transfer.state import PartState
from asyncdl.transfer.verify import HEAD_BYTES, Form, check_head, head_bytes


@dataclass(slots=True)
class Reception:
    """Streams a body to disk, with one batch of it in memory at most."""

    engine: Engine
    holding: Holding
    progress: Progress
    form: Form
    bounds: Bounds

    new_version: PartState | None = None
    """What takes the place of the bytes on disk, once its own are there."""

    async def run(self, answer: Answer, place: Place) -> None:
        """Receive one body; what came of it is on disk, however this ends.

        Raises: WrongContent, before anything is saved or dropped, if the body
            begins like an error page; SizeMismatch, if it ends early or is too
            long; NetworkError, Stalled, DiskError.
        """
        if place.start == 0:
            self.new_version = self._version_of(answer, place)
        else:
            self.holding.learn_total(place.total)
        batch = Batch(place.start)
        try:
            await self._fill(batch, answer, place)
            await self._save(batch)
        finally:
            # The beginning is saved only once there is enough of it to judge.
            if batch.start > 0 or batch.size_bytes >= head_bytes(self.form):
                with CancelScope(shield=True):
                    await self._save(batch)
        await self._end(batch.stop, place, answer.url)

    def _version_of(self, answer: Answer, place: Place) -> PartState:
        return PartState(self.holding.state.source, place.total, answer.head.validator)

    async def _fill(self, batch: Batch, answer: Answer, place: Place) -> None:
        limits, saved_at_s = self.engine.limits, anyio.current_time()
        while place.stop is None or batch.stop < place.stop:
            piece = await answer.read()
            if not piece:
                return
            self.progress.received_bytes += len(piece)
            await self.engine.rate.take(len(piece))
            batch.add(self._wanted(piece, batch, place, answer.url))
            is_late = anyio.current_time() - saved_at_s >= limits.flush_interval_s
            if batch.size_bytes >= (head_bytes(self.form) if is_late else limits.flush_bytes):
                await self._save(batch)
                saved_at_s = anyio.current_time()

    def _wanted(self, piece: bytes, batch: Batch, place: Place, url: str) -> bytes:
        """Return the part of a piece that belongs into the file."""
        if place.stop is not None:
            return piece[: place.stop - batch.stop]
        self.bounds.check_so_far(batch.stop + len(piece), url)
        return piece

    async def _save(self, batch: Batch) -> None:
        if not batch.pieces:
            return
        if self.new_version is not None:
            check_head(self.form, batch.head(HEAD_BYTES), self.holding.state.source)
            await self._begin_version(self.new_version)
        await self.holding.save(batch)
        self.progress.tell(self.holding.size_bytes)

    async def _begin_version(self, version: PartState) -> None:
        await self.holding.begin(version)
        self.new_version = None

    async def _end(self, stop: int, place: Place, url: str) -> None:
        if self.new_version is not None:
            await self._begin_version(self.new_version)
        if place.stop is None:
            self.holding.learn_total(stop)
        self.progress.tell(self.holding.size_bytes, is_end=True)
        if place.stop is not None and stop < place.stop:
            raise SizeMismatch(url, expected=place.stop, got=stop)
