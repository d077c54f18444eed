"""Bytes of a list, in whatever pieces and encoding they come, as lines. Pure."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

from asyncdl.outside import TooMuch

MAX_LINE_CHARS = 1024**2
"""A longer line is in no list: a URL has some thousand characters, and a file a few mirrors."""
_PIECE_BYTES = 65_536

_MARKS = (  # the longer one first: UTF-32 begins as UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
_LONGEST_MARK = 4


class LineReader:
    """Turns bytes into lines: a byte order mark tells the encoding, else it is UTF-8.

    Lines end as on any system. Bytes that are no UTF-8 stay what they are, as lone
    surrogates; of UTF-16 and UTF-32 what is no text becomes U+FFFD. A line of more than
    ``MAX_LINE_CHARS`` is refused (TooMuch) before it has ended, for it may have no end.
    """

    def __init__(self) -> None:
        self._begun = b""
        self._decoder: io.IncrementalNewlineDecoder | None = None
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes and return the lines that are whole now."""
        if self._decoder is not None:
            return self._split(self._decoder, data)
        self._begun += data
        if len(self._begun) < _LONGEST_MARK and _may_be_marked(self._begun):
            return []
        return self._split(*self._begin())

    def close(self) -> list[str]:
        """Return what is left at the end."""
        decoder, data = (self._decoder, b"") if self._decoder is not None else self._begin()
        lines = self._split(decoder, data, is_end=True)
        return [*lines, self._rest] if self._rest else lines

    def _begin(self) -> tuple[io.IncrementalNewlineDecoder, bytes]:
        """Return the decoder that the beginning asks for, and what follows its mark."""
        mark, encoding = next(
            ((mark, name) for mark, name in _MARKS if self._begun.startswith(mark)), (b"", "utf-8")
        )
        errors = "surrogateescape" if encoding == "utf-8" else "replace"
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        return self._decoder, self._begun[len(mark) :]

    def _split(
        self, decoder: io.IncrementalNewlineDecoder, data: bytes, *, is_end: bool = False
    ) -> list[str]:
        *lines, self._rest = (self._rest + decoder.decode(data, final=is_end)).split("\n")
        if len(self._rest) > MAX_LINE_CHARS or any(len(line) > MAX_LINE_CHARS for line in lines):
            raise TooMuch(f"has a line of more than {MAX_LINE_CHARS:,} characters")
        return lines


def _may_be_marked(begun: bytes) -> bool:
    return any(mark.startswith(begun) for mark, _ in _MARKS)


def lines_of(data: bytes) -> Iterator[str]:
    """Yield the lines of a whole list, some at a time: empty ones take more than they are."""
    reader = LineReader()
    for at in range(0, len(data), _PIECE_BYTES):
        yield from reader.feed(data[at : at + _PIECE_BYTES])
    yield from reader.close()
