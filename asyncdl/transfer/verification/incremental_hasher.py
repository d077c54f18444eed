"""Hashes a file while it arrives, so that nothing is left to read at its end.

Bytes that are written in order are hashed from memory, before their buffer is used again. If they
came in another order, or in an earlier run, the gap is read from the file once, a part with each
write. What this costs, and what was rejected: docs/decisions/006-proof.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from asyncdl.transfer.parts.part_file import WriteBuffer
from asyncdl.transfer.verification.checks import Expected
from asyncdl.transfer.verification.hashers import Hashers

RunHashing: TypeAlias = Callable[[Path, int, Callable[[], None]], Awaitable[None]]
"""Runs a call that hashes that many bytes of a file, without blocking the loop for long."""

CATCH_UP_BYTES = 4 << 20
"""Read from the file with one write at most. It is more than a write brings, so that hashing
catches up, and takes milliseconds, so that no connection has to wait."""


class _HashingPass(Struct):
    """One pass through the file, from its first byte on."""

    hashers: Hashers
    reached: int = 0
    """Every byte before this is hashed, or being hashed."""
    is_busy: bool = False
    """Whether bytes are being hashed. It stays set if that fails: it is not known then how far
    it came, and the pass is useless."""


class IncrementalHasher:
    """Hashes the bytes of one ``.part`` file, each once and always in order.

    Args:
        path: The ``.part`` file.
        expected: What it will be checked against; decides what is computed.
        run: Runs what takes time.
    """

    def __init__(self, path: Path, expected: Expected, run: RunHashing) -> None:
        self._path = path
        self._expected = expected
        self._run = run
        self._pass = _HashingPass(expected.new_hashers())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be computed."""
        return self._pass.hashers.is_idle

    def expect(self, expected: Expected) -> None:
        """Compute what is needed for ``expected`` from now on."""
        is_other = not self._expected.needs_same_hashers(expected)
        self._expected = expected
        if is_other:
            self.reset()

    def reset(self) -> None:
        """Forget every byte."""
        self._pass = _HashingPass(self._expected.new_hashers())

    async def add(self, buffer: WriteBuffer, prefix_bytes: int) -> None:
        """Hash what can be hashed in order, after a buffer has been written.

        Args:
            buffer: Its bytes may change as soon as this returns.
            prefix_bytes: How many bytes are on disk from the beginning without a gap.
        Raises: DiskError, if the file cannot be read.
        """
        current = self._pass
        if buffer.start < current.reached:
            # What was hashed is not what is on disk now.
            self.reset()
        elif not self.is_idle and not current.is_busy and prefix_bytes > current.reached:
            await self._advance(current, buffer, prefix_bytes)

    def finish(self) -> Hashers:
        """Return what was computed over the first bytes, perhaps none, to continue with."""
        if self._pass.is_busy:
            self.reset()
        return self._pass.hashers

    async def _advance(self, current: _HashingPass, buffer: WriteBuffer, prefix_bytes: int) -> None:
        hashers, stop = current.hashers, min(prefix_bytes, current.reached + CATCH_UP_BYTES)
        if buffer.start <= stop:
            stop = buffer.stop
        count, current.reached, current.is_busy = stop - current.reached, stop, True
        await self._run(self._path, count, lambda: self._hash(hashers, buffer, stop))
        current.is_busy = False

    def _hash(self, hashers: Hashers, buffer: WriteBuffer, stop: int) -> None:
        """Hash the bytes up to ``stop``, those of the buffer from memory."""
        gap_stop = min(buffer.start, stop)
        if hashers.taken_bytes < gap_stop:
            with self._path.open("rb") as file:
                hashers.read(file, gap_stop)
        if hashers.taken_bytes == buffer.start:
            for chunk in buffer.chunks:
                hashers.update(chunk)
