"""Splits the bytes of a list into lines, in any encoding and in pieces of any size. Pure."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

from asyncdl.errors import ConfigError
from asyncdl.outside import TooMuch
from asyncdl.user_text import (
    BYTE_ORDER_MARKS,
    LINE_END,
    MAX_MARK_BYTES,
    NotText,
    detect_encoding,
)

MAX_LINE_CHARS = 1024**2
"""No list has a longer line: a URL has some thousand characters, and a file a few mirrors."""
_PIECE_BYTES = 65_536


class LineReader:
    """Splits bytes into lines. A byte order mark shows the encoding; without one it is UTF-8.

    Args:
        name: Of the list, for messages.

    Lines may end as on any system. Bytes that are not UTF-8 are kept, as lone surrogates; what
    is invalid in UTF-16 and UTF-32 becomes U+FFFD. A line of more than ``MAX_LINE_CHARS`` is
    refused (TooMuch) before its end, since it may have none.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._begun = b""
        self._decoder: io.IncrementalNewlineDecoder | None = None
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes and return the lines that are complete now.

        Raises: ConfigError, if the first bytes are UTF-16 without a mark.
        """
        if self._decoder is not None:
            return self._split(self._decoder, data)
        self._begun += data
        if len(self._begun) < MAX_MARK_BYTES and _may_be_marked(self._begun):
            return []
        return self._split(*self._begin())

    def close(self) -> list[str]:
        """Return the remaining lines at the end."""
        decoder, data = (self._decoder, b"") if self._decoder is not None else self._begin()
        lines = self._split(decoder, data, is_end=True)
        return [*lines, self._rest] if self._rest else lines

    def _begin(self) -> tuple[io.IncrementalNewlineDecoder, bytes]:
        """Return the decoder for the encoding, and what follows the mark."""
        try:
            encoding, mark_bytes = detect_encoding(self._begun)
        except NotText as error:
            raise ConfigError(str(error), key=self._name) from error
        errors = "surrogateescape" if encoding == "utf-8" else "replace"
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        return self._decoder, self._begun[mark_bytes:]

    def _split(
        self, decoder: io.IncrementalNewlineDecoder, data: bytes, *, is_end: bool = False
    ) -> list[str]:
        *lines, self._rest = LINE_END.split(self._rest + decoder.decode(data, final=is_end))
        if len(self._rest) > MAX_LINE_CHARS or any(len(line) > MAX_LINE_CHARS for line in lines):
            raise TooMuch(f"has a line of more than {MAX_LINE_CHARS:,} characters")
        return lines


def _may_be_marked(begun: bytes) -> bool:
    return any(each.mark.startswith(begun) for each in BYTE_ORDER_MARKS)


def lines_of(data: bytes, name: str = "") -> Iterator[str]:
    """Yield the lines of a whole list, some at a time: a list of all would take more memory."""
    reader = LineReader(name)
    for at in range(0, len(data), _PIECE_BYTES):
        yield from reader.feed(data[at : at + _PIECE_BYTES])
    yield from reader.close()
