"""Bytes of a list, in whatever pieces and encoding they come, as lines. Pure."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

from asyncdl.errors import ConfigError
from asyncdl.outside import TooMuch
from asyncdl.user_text import LINE_END, LONGEST_MARK, MARKS, NotText, marked_encoding

MAX_LINE_CHARS = 1024**2
"""A longer line is in no list: a URL has some thousand characters, and a file a few mirrors."""
_PIECE_BYTES = 65_536


class LineReader:
    """Turns bytes into lines: a byte order mark tells the encoding, else it is UTF-8.

    Args:
        name: Of the list, for messages.

    Lines end as on any system. Bytes that are no UTF-8 stay what they are, as lone
    surrogates; of UTF-16 and UTF-32 what is no text becomes U+FFFD. A line of more than
    ``MAX_LINE_CHARS`` is refused (TooMuch) before it has ended, for it may have no end.
    """

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._begun = b""
        self._decoder: io.IncrementalNewlineDecoder | None = None
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes and return the lines that are whole now.

        Raises: ConfigError, where the first bytes are UTF-16 that does not say so.
        """
        if self._decoder is not None:
            return self._split(self._decoder, data)
        self._begun += data
        if len(self._begun) < LONGEST_MARK and _may_be_marked(self._begun):
            return []
        return self._split(*self._begin())

    def close(self) -> list[str]:
        """Return what is left at the end."""
        decoder, data = (self._decoder, b"") if self._decoder is not None else self._begin()
        lines = self._split(decoder, data, is_end=True)
        return [*lines, self._rest] if self._rest else lines

    def _begin(self) -> tuple[io.IncrementalNewlineDecoder, bytes]:
        """Return the decoder that the beginning asks for, and what follows its mark."""
        try:
            encoding, skipped = marked_encoding(self._begun)
        except NotText as error:
            raise ConfigError(str(error), key=self._name) from error
        errors = "surrogateescape" if encoding == "utf-8" else "replace"
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        return self._decoder, self._begun[skipped:]

    def _split(
        self, decoder: io.IncrementalNewlineDecoder, data: bytes, *, is_end: bool = False
    ) -> list[str]:
        *lines, self._rest = LINE_END.split(self._rest + decoder.decode(data, final=is_end))
        if len(self._rest) > MAX_LINE_CHARS or any(len(line) > MAX_LINE_CHARS for line in lines):
            raise TooMuch(f"has a line of more than {MAX_LINE_CHARS:,} characters")
        return lines


def _may_be_marked(begun: bytes) -> bool:
    return any(mark.startswith(begun) for mark, _ in MARKS)


def lines_of(data: bytes, name: str = "") -> Iterator[str]:
    """Yield the lines of a whole list, some at a time: empty ones take more than they are."""
    reader = LineReader(name)
    for at in range(0, len(data), _PIECE_BYTES):
        yield from reader.feed(data[at : at + _PIECE_BYTES])
    yield from reader.close()
