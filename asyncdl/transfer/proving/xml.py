"""XML structure: is a file one tree of elements, none of them absurd?

Nothing of the file is kept, but a parser keeps what is open: all elements from the outermost
one on, the token that has begun, and the names that it has met. Each has a bound here.
"""

from __future__ import annotations

import codecs
from typing import BinaryIO
from xml.parsers import expat

from asyncdl.transfer.proving.encodings import declared_encoding, wide_encoding
from asyncdl.transfer.proving.malformed import Doubtful, Malformed

MAX_DEPTH = 1000
MAX_TOKEN_BYTES = 4 << 20
"""Of a tag with its attributes, a comment, and all declarations in front of the tree."""
MAX_NAMES = 100_000
"""Different names of elements and attributes."""
_UNREADABLE = frozenset({3, 5, 6, 12, 20, 43})
"""What the parser says of a file that ends too early (no element, an unclosed token, a partial
character, an unclosed CDATA section), or grows without end while it is read (a recursive entity,
too much amplification). All else some reader may take. Source: expat.h, ``enum XML_Error``."""
_READ_BYTES = 64 * 1024
_HEAD_BYTES = 512
"""Where the declaration stands."""


def check_xml(file: BinaryIO) -> None:
    """Read an XML file from here to its end. Blocks.

    Raises: Malformed.
    """
    start, head = file.tell(), file.read(_HEAD_BYTES)
    file.seek(start)
    checker = _Checker(wide_encoding(head) or declared_encoding(head))
    try:
        while block := file.read(_READ_BYTES):
            checker.feed(block)
        checker.feed(b"", is_last=True)
    except expat.ExpatError as problem:
        kind = Malformed if problem.code in _UNREADABLE else Doubtful
        raise kind(str(problem)) from problem
    except (ValueError, LookupError) as problem:
        raise Doubtful(f"an encoding that is not known here: {problem}") from problem


class _Checker:
    """A parser, and how much it has to keep.

    Args:
        encoding: What the parser would not know; it knows UTF-8, UTF-16 with a mark, and what
            has one byte for each sign.
    """

    def __init__(self, encoding: str | None = None) -> None:
        self._names: dict[str, str] = {}
        self._decoder = codecs.getincrementaldecoder(encoding)() if encoding else None
        # What is named here goes before what the file declares.
        self._parser = expat.ParserCreate("utf-8" if encoding else None, intern=self._names)
        self._parser.StartElementHandler = self._open
        self._parser.EndElementHandler = self._close
        self._parser.StartDoctypeDeclHandler = self._begin_declarations
        self._parser.EndDoctypeDeclHandler = self._end_declarations
        self._depth = 0
        self._fed_bytes = 0
        self._token_bytes_from: int | None = None
        """Where the declarations begin, while they go on."""

    def feed(self, block: bytes, *, is_last: bool = False) -> None:
        if self._decoder is not None:
            block = self._decode(self._decoder, block, is_last)
        self._fed_bytes += len(block)
        self._parser.Parse(block, is_last)
        begun = self._token_bytes_from
        at_byte = self._parser.CurrentByteIndex if begun is None else begun
        if self._fed_bytes - at_byte > MAX_TOKEN_BYTES:
            raise Malformed(f"a token of more than {MAX_TOKEN_BYTES} bytes")

    def _decode(self, decoder: codecs.IncrementalDecoder, block: bytes, is_last: bool) -> bytes:
        try:
            return decoder.decode(block, is_last).encode()
        except UnicodeError as problem:
            kind = Malformed if is_last else Doubtful
            raise kind(f"bytes that stand for no sign: {problem}") from problem

    def _open(self, name: str, attributes: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Malformed(f"more than {MAX_DEPTH} elements within each other")
        if len(self._names) > MAX_NAMES:
            raise Malformed(f"more than {MAX_NAMES} different names")

    def _close(self, name: str) -> None:
        self._depth -= 1

    def _begin_declarations(self, *about: object) -> None:
        self._token_bytes_from = self._parser.CurrentByteIndex

    def _end_declarations(self) -> None:
        self._token_bytes_from = None
