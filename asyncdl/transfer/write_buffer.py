"""Received bytes on their way to one write."""

from __future__ import annotations

from itertools import accumulate, takewhile


class WriteBuffer:
    """Bytes that follow each other, collected until a write is worth its price.

    Args:
        start: Where in the file they begin.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.stop = start
        self.pieces: list[bytes | memoryview] = []

    @property
    def size_bytes(self) -> int:
        """How many bytes are waiting."""
        return self.stop - self.start

    def add(self, piece: bytes | memoryview) -> None:
        """Append the next bytes; a view is borrowed until :meth:`own` or :meth:`clear`."""
        if piece:
            self.pieces.append(piece)
        self.stop += len(piece)

    def own(self) -> None:
        """Copy what was borrowed; there is little of it, or it would be written at once."""
        self.pieces = [bytes(piece) for piece in self.pieces]

    def head(self, count: int) -> bytes:
        """Return the first ``count`` bytes, fewer if there are not so many."""
        before = accumulate((len(piece) for piece in self.pieces), initial=0)
        needed = sum(1 for _ in takewhile(lambda size: size < count, before))
        return b"".join(self.pieces[:needed])[:count]

    def clear(self) -> None:
        """Begin anew behind the last byte."""
        self.start = self.stop
        self.pieces = []
