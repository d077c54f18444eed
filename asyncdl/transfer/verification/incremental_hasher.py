"""The proof of a file while it arrives, so that nothing is left to read at its end.

Bytes that are written in order are taken out of memory, before their buffer is
used again. Where they came in another order, or in an earlier run, the gap is
read from the file once, a part with each write. What this costs, and what was
not chosen: docs/decisions/006-proof.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from asyncdl.transfer.parts.part_file import WriteBuffer
from asyncdl.transfer.verification.checks import Expected
from asyncdl.transfer.verification.hashers import Hashers

Prove: TypeAlias = Callable[[Path, int, Callable[[], None]], Awaitable[None]]
"""Runs a call that hashes so many bytes, without holding up the loop for long."""

CATCH_UP_BYTES = 4 << 20
"""Read from the file with one write at most. It is more than a write brings, so the
proof catches up, and takes milliseconds, so no connection is kept waiting."""


class _Course(Struct):
    """One passage through the file, from its first byte on."""

    sums: Hashers
    reached: int = 0
    """Every byte before this has been taken, or is being taken."""
    is_busy: bool = False
    """Whether bytes are being taken. It stays so if that fails: nobody knows then how
    far it came, and the course is of no use."""


class IncrementalHasher:
    """Takes the bytes of one partial file, each once, and always in order.

    Args:
        path: The partial file.
        expected: What it will have to show; decides what is computed.
        prove: Runs what takes time.
    """

    def __init__(self, path: Path, expected: Expected, prove: Prove) -> None:
        self._path = path
        self._expected = expected
        self._prove = prove
        self._course = _Course(expected.new_hashers())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be computed."""
        return self._course.sums.is_idle

    def expect(self, expected: Expected) -> None:
        """Compute what is needed for ``expected`` from now on."""
        is_other = not self._expected.needs_the_same(expected)
        self._expected = expected
        if is_other:
            self.begin_again()

    def begin_again(self) -> None:
        """Forget every byte."""
        self._course = _Course(self._expected.new_hashers())

    async def follow(self, batch: WriteBuffer, prefix_bytes: int) -> None:
        """Take note that a batch has been written, and take what can be taken in order.

        Args:
            batch: Its bytes may change as soon as this returns.
            prefix_bytes: How many bytes there are from the beginning without a gap.
        Raises: DiskError, if the file cannot be read.
        """
        course = self._course
        if batch.start < course.reached:
            # What was taken is not what is there now.
            self.begin_again()
        elif not self.is_idle and not course.is_busy and prefix_bytes > course.reached:
            await self._advance(course, batch, prefix_bytes)

    def finish(self) -> Hashers:
        """Return what was computed of the first bytes, perhaps none, to go on with."""
        if self._course.is_busy:
            self.begin_again()
        return self._course.sums

    async def _advance(self, course: _Course, batch: WriteBuffer, prefix_bytes: int) -> None:
        sums, stop = course.sums, min(prefix_bytes, course.reached + CATCH_UP_BYTES)
        if batch.start <= stop:
            stop = batch.stop
        count, course.reached, course.is_busy = stop - course.reached, stop, True
        await self._prove(self._path, count, lambda: self._take(sums, batch, stop))
        course.is_busy = False

    def _take(self, sums: Hashers, batch: WriteBuffer, stop: int) -> None:
        """Take the bytes up to ``stop``, those of the batch out of memory."""
        gap_stop = min(batch.start, stop)
        if sums.taken_bytes < gap_stop:
            with self._path.open("rb") as file:
                sums.read(file, gap_stop)
        if sums.taken_bytes == batch.start:
            for piece in batch.pieces:
                sums.update(piece)
