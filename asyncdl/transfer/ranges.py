"""Byte ranges: which bytes are on disk, which are wanted, which a response brings. Pure.

Everything here is half-open, ``[start, stop)``; the inclusive end of HTTP is written and read in
this module only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from msgspec import Struct

LARGEST_OFFSET = 2**63 - 1
"""The largest file offset; a host that names a larger one is not believed."""

_MAX_DIGITS = 19

# Hosts write "bytes=0-9/10", "bytes: 0-9/10" and "0-9/10" for "bytes 0-9/10".
# They mean the same, so the syntax is read tolerantly; the numbers are not.
_CONTENT_RANGE = re.compile(
    r"\s*+(?:(?P<unit>[A-Za-z]++)\s*+[:=]?+)?+\s*+"
    r"(?:(?P<first>[0-9]{1,20}+)\s*+-\s*+(?P<last>[0-9]{1,20}+)|\*)"
    r"\s*+/\s*+(?:(?P<total>[0-9]{1,20}+)|\*)\s*+"
)


class Span(Struct, frozen=True, order=True):
    """Bytes ``[start, stop)`` of a file."""

    start: int
    stop: int

    @property
    def size_bytes(self) -> int:
        """Length, 0 or more."""
        return self.stop - self.start


class ContentRange(Struct, frozen=True):
    """What a ``Content-Range`` header says."""

    span: Span | None
    """Where the bytes belong; ``None`` in a response without bytes (416)."""
    total: int | None
    """Length of the whole file, if given."""


def parse_content_length(value: str | None) -> int | None:
    """Read a ``Content-Length``; several equal values count as one.

    Returns: ``None`` if it is absent, not a number, several numbers, or too large.
    Source: RFC 9110, section 8.6.
    """
    if value is not None and "," not in value:
        return _parse_digits(value.strip(" \t"))
    lengths = {_parse_digits(item.strip(" \t")) for item in (value or "").split(",")}
    return lengths.pop() if len(lengths) == 1 else None


def _parse_digits(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        return None
    return int(text) if int(text) <= LARGEST_OFFSET else None


@lru_cache(64)
def parse_content_range(value: str | None) -> ContentRange | None:
    """Read a ``Content-Range`` header: tolerant of its syntax, strict about its meaning.

    Returns: ``None`` if the header is absent, has another unit than bytes, or
        contradicts itself. The body of such a response must not be written anywhere.
    Source: RFC 9110, section 14.4.
    """
    if value is None:
        return None
    match = _CONTENT_RANGE.fullmatch(value)
    if match is None or (match["unit"] or "bytes").lower() != "bytes":
        return None
    total = None if match["total"] is None else int(match["total"])
    if total is not None and total > LARGEST_OFFSET:
        return None
    if match["first"] is None:
        return None if total is None else ContentRange(None, total)
    span = Span(int(match["first"]), int(match["last"]) + 1)
    if not 0 < span.size_bytes <= span.stop <= (LARGEST_OFFSET if total is None else total):
        return None
    return ContentRange(span, total)


def range_header(start: int, stop: int | None = None) -> str:
    """Return the ``Range`` header for ``[start, stop)``; ``None`` means to the end.

    Raises: ValueError, if the range is empty or begins before the file.
    """
    if start < 0 or (stop is not None and stop <= start):
        raise ValueError(f"not a range: [{start}, {stop})")
    return f"bytes={start}-" if stop is None else f"bytes={start}-{stop - 1}"


class Coverage(Struct, frozen=True):
    """The bytes of a file that are on disk: spans in order, with gaps between them."""

    spans: tuple[Span, ...] = ()

    @property
    def size_bytes(self) -> int:
        """How many bytes are on disk."""
        size = 0
        for span in self.spans:
            size += span.stop - span.start
        return size

    @property
    def prefix_bytes(self) -> int:
        """How many bytes are on disk from the beginning without a gap."""
        return self.spans[0].stop if self.spans and self.spans[0].start == 0 else 0

    @property
    def end(self) -> int:
        """Where the last byte on disk ends; 0 without any."""
        return self.spans[-1].stop if self.spans else 0

    def add(self, new: Span) -> Coverage:
        """Return the coverage with ``new`` added; an empty span changes nothing."""
        if new.size_bytes <= 0:
            return self
        if not self.spans:
            return Coverage((new,))
        apart = [span for span in self.spans if span.stop < new.start or new.stop < span.start]
        touching = [span for span in self.spans if span not in apart]
        merged = Span(
            min([new.start, *(span.start for span in touching)]),
            max([new.stop, *(span.stop for span in touching)]),
        )
        return Coverage(tuple(sorted([*apart, merged])))

    def clip(self, size_bytes: int) -> Coverage:
        """Return the coverage without anything at or after ``size_bytes``."""
        kept = (Span(span.start, min(span.stop, size_bytes)) for span in self.spans)
        return Coverage(tuple(span for span in kept if span.size_bytes > 0))

    def gaps(self, total: int) -> list[Span]:
        """Return what is missing of a file of ``total`` bytes, in file order."""
        found, start = [], 0
        for span in self.spans:
            if start < span.start:
                found.append(Span(start, span.start))
            start = span.stop
        if start < total:
            found.append(Span(start, total))
        return found


def missing_of(wanted: Sequence[Span], done: Coverage, total: int | None) -> list[Span]:
    """Return what is missing of some spans, in file order.

    Args:
        wanted: In file order, apart.
        done: What is on disk.
        total: Length of the file, if known; nothing behind it is missing.
    """
    stop = LARGEST_OFFSET if total is None else total
    found = []
    for one in wanted:
        rest = Coverage(tuple(span for span in done.spans if span.stop > one.start))
        for gap in rest.clip(max(one.start, min(one.stop, stop))).gaps(min(one.stop, stop)):
            span = Span(max(gap.start, one.start), gap.stop)
            if span.size_bytes > 0:
                found.append(span)
    return found


class WantedBytes(Protocol):
    """Which bytes of a file are fetched. :class:`WholeFile` wants all of them."""

    def missing(self, done: Coverage, total: int | None) -> list[Span]:
        """Return what is still to be fetched, in file order.

        Args:
            done: What is on disk, or on its way.
            total: Length of the whole file; ``None`` if it is not known.
        Returns: Spans that do not touch. One that reaches to the end of a file of unknown
            length ends at :data:`LARGEST_OFFSET`.
        """


class WholeFile(Struct, frozen=True):
    """All bytes of a file."""

    def missing(self, done: Coverage, total: int | None) -> list[Span]:
        """Return the gaps."""
        return done.gaps(LARGEST_OFFSET if total is None else total)
