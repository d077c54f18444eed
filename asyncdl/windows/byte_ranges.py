"""Ranges of bytes, those that are in memory, and how many requests fetch them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from asyncdl.transfer.ranges import Span


def coalesce(ranges: Iterable[Span], *, gap_bytes: int, most_bytes: int) -> tuple[Span, ...]:
    """Join ranges that lie close together, so that fewer requests fetch them.

    Args:
        ranges: In any order; those of no bytes are left out.
        gap_bytes: Unwanted bytes between two that are fetched rather than asked around.
        most_bytes: A joined range is no longer; one that already is stays alone.
    Returns: In file order, no two with a byte in common unless `most_bytes` parts them.
    """
    joined: list[Span] = []
    for one in sorted(one for one in ranges if one.size_bytes):
        last = joined[-1] if joined else None
        if last and one.stop <= last.stop:
            continue
        if last and one.start - last.stop <= gap_bytes and one.stop - last.start <= most_bytes:
            joined[-1] = Span(last.start, one.stop)
        else:
            joined.append(one)
    return tuple(joined)


class HeldBytes:
    """Parts of a file that are in memory; what touches is joined."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._blocks: list[bytearray] = []

    def add(self, start: int, data: bytes) -> None:
        """Keep bytes; where some are there already, these stay."""
        if not data:
            return
        at = bisect_right(self._starts, start) - 1
        known = self._stop(at) - start if at >= 0 else -1
        if known >= 0:
            self._blocks[at] += data[known:]
        else:
            at += 1
            self._starts.insert(at, start)
            self._blocks.insert(at, bytearray(data))
        while at + 1 < len(self._starts) and self._stop(at) >= self._starts[at + 1]:
            overlap = self._stop(at) - self._starts.pop(at + 1)
            self._blocks[at] += self._blocks.pop(at + 1)[overlap:]

    def get(self, wanted: Span) -> bytes | None:
        """Return the bytes of a range; ``None`` if any is lacking."""
        if self.lacking(wanted) is not None:
            return None
        if not wanted.size_bytes:
            return b""
        at = bisect_right(self._starts, wanted.start) - 1
        begin = wanted.start - self._starts[at]
        return bytes(self._blocks[at][begin : begin + wanted.size_bytes])

    def lacking(self, wanted: Span) -> Span | None:
        """Return the first part of a range that is lacking; ``None`` if all is there.

        A range of no bytes is always there.
        """
        if not wanted.size_bytes:
            return None
        at = bisect_right(self._starts, wanted.start) - 1
        start = max(wanted.start, self._stop(at)) if at >= 0 else wanted.start
        if start >= wanted.stop:
            return None
        following = self._starts[at + 1] if at + 1 < len(self._starts) else wanted.stop
        return Span(start, min(wanted.stop, following))

    def _stop(self, at: int) -> int:
        return self._starts[at] + len(self._blocks[at])
