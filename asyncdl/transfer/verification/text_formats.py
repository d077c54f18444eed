"""Text formats: the encoding by the first bytes, and whether JSON or XML is whole.

Source: XML 1.0, appendix F; RFC 4627, section 3.

Nothing of the file is kept, but a parser keeps what is open: all elements from the outermost
one on, the token that has begun, and the names that it has met. Each has a bound here.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import BinaryIO
from xml.parsers import expat

import msgspec

from asyncdl.outside import FREE_VALUES, count_values
from asyncdl.transfer.verification.malformed import Doubtful, Malformed

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""In this order: one mark begins like another."""
_DECLARED = re.compile(
    rb"""<\?xml\s[^>]{0,100}?\sencoding\s{0,9}=\s{0,9}["']([A-Za-z][A-Za-z0-9._-]{0,39})["']"""
)
_SEVERAL_BYTES = frozenset(
    {
        *("big5", "big5hkscs", "cp932", "cp949", "cp950", "euc_jis_2004", "euc_jisx0213"),
        *("euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "hz", "iso2022_jp", "iso2022_jp_1"),
        *("iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext", "iso2022_kr"),
        *("johab", "shift_jis", "shift_jis_2004", "shift_jisx0213"),
    }
)
"""What takes several bytes for a sign, by Python's names."""


def marked_encoding(head: bytes) -> str | None:
    """Return the encoding of two or four bytes for each sign that a mark stands for."""
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)


def wide_encoding(head: bytes) -> str | None:
    """Return it by its mark, or for a text whose first sign is one of ASCII by the zeros beside."""
    if marked := marked_encoding(head):
        return marked
    match [byte != 0 for byte in head[:4]]:
        case [False, False, False, True]:
            return "utf-32-be"
        case [True, False, False, False]:
            return "utf-32-le"
        case [False, True, _, _]:
            return "utf-16-be"
        case [True, False, _, _]:
            return "utf-16-le"
    return None


def declared_encoding(head: bytes) -> str | None:
    """Return what an XML declaration names, if it is one of several bytes for a sign."""
    declared = _DECLARED.match(head)
    if declared is None:
        return None
    try:
        name = codecs.lookup(declared[1].decode("ascii")).name
    except LookupError:
        return None
    return name if name in _SEVERAL_BYTES else None


_LARGEST_BYTES = 16 << 20
"""Larger ones are not held in memory to be parsed."""
_LENIENT = (b"NaN", b"Infinity", b"\0", codecs.BOM_UTF8)
"""In JSON that one parser takes and the other does not."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+("?)', re.DOTALL)
"""Of one that is not closed, to the end."""


def check_json(file: BinaryIO, size_bytes: int) -> None:
    """Read a JSON file from here to its end, in UTF-8, UTF-16 or UTF-32. Blocks.

    Raises: Malformed, if it ends within a value or goes too deep; Doubtful, if it is none.
    """
    if size_bytes > _LARGEST_BYTES:
        return
    data = file.read(size_bytes + 1)  # and no more of one that still grows
    try:
        _parse(data)
    except RecursionError as problem:
        raise Malformed("values within values without end") from problem
    except ValueError as problem:
        if is_cut_off(_as_utf8(data)):
            raise Malformed("it ends within a value") from problem
        if not _is_lines(data):
            raise Doubtful("it cannot be parsed") from problem


def _parse(data: bytes) -> None:
    # What has very many values is passed through without making objects of them; only
    # what is no number in JSON, and what is no UTF-8, needs the other parser.
    is_lenient = any(sign in data for sign in _LENIENT)
    if count_values(data) <= FREE_VALUES:
        json.loads(data)
    elif not is_lenient:
        msgspec.json.decode(data, type=msgspec.Raw)


def _is_lines(data: bytes) -> bool:
    """Tell whether each line is a value: JSON Lines, or a text sequence (RFC 7464)."""
    try:
        for line in data.split(b"\n"):
            text = line.strip(b"\x1e \t\r")
            if text:
                _parse(text)
    except (ValueError, RecursionError):
        return False
    return True


def _as_utf8(data: bytes) -> bytes:
    encoding = json.detect_encoding(data)
    if encoding.startswith("utf-8"):
        return data
    return data.decode(encoding, errors="replace").encode(errors="replace")


def is_cut_off(data: bytes) -> bool:
    """Tell whether a text ends within a string, or before what it opened is closed.

    Linear in its length: strings are taken out, then brackets are counted.
    """
    rest = _STRING.sub(rb"\1", data)
    opened, closed = (rest.count(a) + rest.count(b) for a, b in (b"{[", b"}]"))
    return opened > closed or rest.count(b'"') < len(_STRING.findall(data)) or not rest.strip()


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
