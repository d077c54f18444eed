"""Receives one response body and writes it to its place in the file, through one buffer."""

from __future__ import annotations

import math
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
from asyncdl.transfer.write_size import worth_a_write


class FileTarget(Struct, frozen=True):
    """The file that bodies are written to, and what is expected of it."""

    unfinished: UnfinishedFile
    progress: FileProgress
    form: Form
    size_limits: SizeLimits


FIRST_READ_BYTES = 16 * 1024
"""So much is saved at once where that is waited for."""


def _ignore(segment: Segment) -> None:
    """Do nothing."""


class BodyReceiver(Struct):
    """Streams a body to disk, with one buffer of it in memory at most.

    The end of its segment may move meanwhile: other connections take the tail, or leave theirs.
    """

    engine: Engine
    target: FileTarget
    connection: ConnectionSlot
    new_version: PartState | None = None
    """Replaces the version on disk, once bytes of it have arrived."""
    on_save: Callable[[Segment], None] = _ignore
    """Called after each write; may move the end of the segment."""
    is_awaited: bool = False
    """Whether the first bytes are saved at once, since other connections wait for them."""

    async def receive(self, response: ResponseStream, segment: Segment) -> None:
        """Receive one body. What has come is on disk, however this ends.

        Raises: WrongContent, before anything is saved or dropped, if the body begins like an
            error page; SizeMismatch, if it ends early or is too long; NetworkError, Stalled,
            DiskError.
        """
        buffer = WriteBuffer(segment.position)
        try:
            await self._read_body(buffer, response, segment)
            read_until = segment.read_until
            # From here on no neighbour may leave its bytes to this body.
            segment.body_stop = segment.position
            await self._save(buffer, segment)
        finally:
            segment.body_stop = segment.position
            # The beginning is saved only if there is enough of it to check.
            is_enough = buffer.start > 0 or buffer.size_bytes >= head_bytes(self.target.form)
            if buffer.chunks and is_enough:
                with CancelScope(shield=True):
                    await self._save(buffer, segment)
        await self._check_end(segment, read_until, response.url)

    async def _read_body(
        self, buffer: WriteBuffer, response: ResponseStream, segment: Segment
    ) -> None:
        limits, began_s, begin = self.engine.limits, clock.now_s(), segment.position
        saved_at_s, write_bytes = began_s, worth_a_write(0, 0.0, limits.write_bytes)
        min_bytes, most_bytes = head_bytes(self.target.form), self.engine.rate_limit.grain_bytes
        if self.is_awaited:
            most_bytes, saved_at_s = min(most_bytes, max(min_bytes, FIRST_READ_BYTES)), -math.inf
        while segment.position < segment.read_until:
            try:
                data = await response.read(min(most_bytes, write_bytes))
            except BaseException:
                self._add(response.take_received(), buffer, segment, response.url)
                raise
            if not data:
                return
            await self.engine.rate_limit.take(len(data))
            self._add(data, buffer, segment, response.url)
            is_late = clock.now_s() - saved_at_s >= limits.flush_interval_s
            if buffer.size_bytes >= (min_bytes if is_late else write_bytes):
                await self._save(buffer, segment)
                saved_at_s, most_bytes = clock.now_s(), self.engine.rate_limit.grain_bytes
                came_bytes = segment.position - begin
                write_bytes = worth_a_write(came_bytes, saved_at_s - began_s, limits.write_bytes)
            else:
                buffer.copy_borrowed()

    def _add(
        self, data: bytes | memoryview, buffer: WriteBuffer, segment: Segment, url: str
    ) -> None:
        """Add the part of ``data`` that belongs to the segment."""
        self.target.progress.received_bytes += len(data)
        if segment.is_open_ended:
            self.target.size_limits.check_so_far(segment.position + len(data), url)
            wanted = data
        else:
            wanted = data[: max(0, segment.read_until - segment.position)]
        buffer.add(wanted)
        segment.position = buffer.stop
        if len(wanted) < len(data):
            # The bytes that follow are gone, so a neighbour may not leave its bytes to this body.
            segment.body_stop = segment.position

    async def _save(self, buffer: WriteBuffer, segment: Segment) -> None:
        if not buffer.chunks:
            return
        unfinished, progress = self.target.unfinished, self.target.progress
        if self.new_version is not None:
            self._check_head(buffer, unfinished.state.source)
            await self._start_version(self.new_version)
        self.connection.note_bytes(buffer.size_bytes)
        await unfinished.save(buffer)
        progress.report(unfinished.size_bytes)
        self.on_save(segment)

    def _check_head(self, buffer: WriteBuffer, url: str) -> None:
        try:
            check_head(self.target.form, buffer.head(HEAD_BYTES), url)
        except WrongContent as error:
            quote_page(error, buffer.head(PAGE_BYTES))
            raise

    async def _start_version(self, version: PartState) -> None:
        await self.target.unfinished.start_version(version)
        self.new_version = None

    async def _check_end(self, segment: Segment, read_until: int, url: str) -> None:
        unfinished, progress = self.target.unfinished, self.target.progress
        if self.new_version is not None:
            await self._start_version(self.new_version)
        if segment.is_open_ended:
            self.target.size_limits.check_end(segment.position, url)
            unfinished.set_total(segment.position)
        progress.report(unfinished.size_bytes, is_end=True)
        if not segment.is_open_ended and segment.position < read_until:
            raise SizeMismatch(url, expected=read_until, got=segment.position)
