"""Text formats: the encoding by the first bytes, and whether JSON or XML is complete.

Nothing of the file is kept in memory, but a parser keeps its state: all open elements, the token
that has begun, and all names it has met. Each of these is bounded here.

Source: XML 1.0, appendix F; RFC 4627, section 3.
"""

from __future__ import annotations

import codecs
import re
from typing import BinaryIO

import msgspec

from asyncdl.outside import FREE_VALUES, count_values
from asyncdl.transfer.verification.malformed import Doubtful, Malformed
from asyncdl.user_text import UTF_8_MARK, byte_order_mark

_DECLARED = re.compile(
    rb"""<\?xml\s[^>]{0,100}?\sencoding\s{0,9}=\s{0,9}["']([A-Za-z][A-Za-z0-9._-]{0,39})["']"""
)
_MULTIBYTE = frozenset(
    {
        *("big5", "big5hkscs", "cp932", "cp949", "cp950", "euc_jis_2004", "euc_jisx0213"),
        *("euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "hz", "iso2022_jp", "iso2022_jp_1"),
        *("iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3", "iso2022_jp_ext", "iso2022_kr"),
        *("johab", "shift_jis", "shift_jis_2004", "shift_jisx0213"),
    }
)
"""Multibyte encodings that an XML parser lacks, by Python's names."""


def marked_encoding(head: bytes) -> str | None:
    """Return UTF-16 or UTF-32, if a byte order mark shows it. Decoding keeps the mark."""
    found = byte_order_mark(head)
    return found.encoding if found is not None and found.mark != UTF_8_MARK else None


def wide_encoding(head: bytes) -> str | None:
    """Return UTF-16 or UTF-32, by its mark or by the zero bytes beside a first ASCII character."""
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
    """Return the encoding that an XML declaration names, if it is a multibyte one."""
    declared = _DECLARED.match(head)
    if declared is None:
        return None
    try:
        name = codecs.lookup(declared[1].decode("ascii")).name
    except LookupError:
        return None
    return name if name in _MULTIBYTE else None


_MAX_JSON_BYTES = 16 << 20
"""Larger files are not parsed, as that needs all of it in memory."""
_LENIENT = (b"NaN", b"Infinity", b"\0", UTF_8_MARK)
"""What one JSON parser accepts and the other does not."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+("?)', re.DOTALL)
"""An unclosed one reaches to the end."""


def check_json(file: BinaryIO, size_bytes: int) -> None:
    """Read a JSON file from here to its end, in UTF-8, UTF-16 or UTF-32. Blocks.

    Raises: Malformed, if it ends within a value or is nested too deeply; Doubtful, if it is not
        JSON.
    """
    if size_bytes > _MAX_JSON_BYTES:
        return
    data = file.read(size_bytes + 1)  # and no more, if it still grows
    try:
        _parse(data)
    except RecursionError as problem:
        raise Malformed("values are nested too deeply") from problem
    except ValueError as problem:
        if is_cut_off(_as_utf8(data)):
            raise Malformed("it ends within a value") from problem
        if not _is_lines(data):
            raise Doubtful("it cannot be parsed") from problem


def _parse(data: bytes) -> None:
    # Very many values are parsed without making objects of them. Only what is not a number in
    # JSON, and what is not UTF-8, needs the other parser.
    is_lenient = any(each in data for each in _LENIENT)
    if count_values(data) <= FREE_VALUES:
        import json

        json.loads(data)
    elif not is_lenient:
        msgspec.json.decode(data, type=msgspec.Raw)


def _is_lines(data: bytes) -> bool:
    """Return whether each line is a value: JSON Lines, or a text sequence (RFC 7464)."""
    try:
        for line in data.split(b"\n"):
            text = line.strip(b"\x1e \t\r")
            if text:
                _parse(text)
    except (ValueError, RecursionError):
        return False
    return True


def _as_utf8(data: bytes) -> bytes:
    import json

    encoding = json.detect_encoding(data)
    if encoding.startswith("utf-8"):
        return data
    return data.decode(encoding, errors="replace").encode(errors="replace")


def is_cut_off(data: bytes) -> bool:
    """Return whether a text ends within a string, or before all brackets are closed.

    Linear in its length: strings are removed, then brackets are counted.
    """
    rest = _STRING.sub(rb"\1", data)
    opened, closed = (rest.count(a) + rest.count(b) for a, b in (b"{[", b"}]"))
    return opened > closed or rest.count(b'"') < len(_STRING.findall(data)) or not rest.strip()


MAX_DEPTH = 1000
MAX_TOKEN_BYTES = 4 << 20
"""For a tag with its attributes, a comment, or all declarations before the root element."""
MAX_NAMES = 100_000
"""Different names of elements and attributes."""
_UNREADABLE = frozenset({3, 5, 6, 12, 20, 43})
"""Errors of a file that ends too early (no element, an unclosed token, a partial character, an
unclosed CDATA section), or that grows without end while it is read (a recursive entity, too much
amplification). All others some reader may accept. Source: expat.h, ``enum XML_Error``."""
_READ_BYTES = 64 * 1024
_HEAD_BYTES = 512
"""Contain the XML declaration."""


def check_xml(file: BinaryIO) -> None:
    """Read an XML file from here to its end. Blocks.

    Raises: Malformed.
    """
    from xml.parsers import expat  # As json above: most files are of other formats.

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
        raise Doubtful(f"an unknown encoding: {problem}") from problem


class _Checker:
    """An XML parser with bounded state.

    Args:
        encoding: One that the parser does not know. It knows UTF-8, UTF-16 with a mark, and
            single-byte encodings.
    """

    def __init__(self, encoding: str | None = None) -> None:
        from xml.parsers import expat

        self._names: dict[str, str] = {}
        self._decoder = codecs.getincrementaldecoder(encoding)() if encoding else None
        # An encoding given here overrides the one that the file declares.
        self._parser = expat.ParserCreate("utf-8" if encoding else None, intern=self._names)
        self._parser.StartElementHandler = self._open
        self._parser.EndElementHandler = self._close
        self._parser.StartDoctypeDeclHandler = self._begin_declarations
        self._parser.EndDoctypeDeclHandler = self._end_declarations
        self._depth = 0
        self._fed_bytes = 0
        self._token_bytes_from: int | None = None
        """Where the declarations begin; set within them."""

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
            raise kind(f"bytes that are not text: {problem}") from problem

    def _open(self, name: str, attributes: object) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Malformed(f"elements are nested more than {MAX_DEPTH} deep")
        if len(self._names) > MAX_NAMES:
            raise Malformed(f"more than {MAX_NAMES} different names")

    def _close(self, name: str) -> None:
        self._depth -= 1

    def _begin_declarations(self, *about: object) -> None:
        self._token_bytes_from = self._parser.CurrentByteIndex

    def _end_declarations(self) -> None:
        self._token_bytes_from = None
