"""Byte order marks, and the text of files that users write, in any encoding. Pure.

PowerShell 5 writes UTF-16 with ``>``, and Notepad may put a byte order mark before UTF-8. A byte
order mark shows the encoding of either. Text without one is UTF-8, which includes ASCII.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

UTF_8_MARK = codecs.BOM_UTF8


class ByteOrderMark(NamedTuple):
    """The first bytes of a text that show its encoding."""

    mark: bytes
    encoding: str
    """Decodes what follows the mark."""


BYTE_ORDER_MARKS = (  # the longer one first: UTF-32 begins like UTF-16
    ByteOrderMark(codecs.BOM_UTF32_LE, "utf-32-le"),
    ByteOrderMark(codecs.BOM_UTF32_BE, "utf-32-be"),
    ByteOrderMark(codecs.BOM_UTF16_LE, "utf-16-le"),
    ByteOrderMark(codecs.BOM_UTF16_BE, "utf-16-be"),
    ByteOrderMark(UTF_8_MARK, "utf-8"),
)
MAX_MARK_BYTES = 4
LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""Of Windows, POSIX, old Macs, mainframes and Unicode."""

_SAMPLE_BYTES = 64
_ALLOWED = "save it as UTF-8, or as UTF-16 with a byte order mark"


class NotText(UnicodeError):
    """Bytes are not text in a known encoding."""


def byte_order_mark(data: bytes) -> ByteOrderMark | None:
    """Return the byte order mark that ``data`` begins with; ``None`` without one."""
    return next((each for each in BYTE_ORDER_MARKS if data.startswith(each.mark)), None)


def detect_encoding(data: bytes) -> tuple[str, int]:
    """Return the encoding of a text file, and the length of its byte order mark.

    Raises: NotText, for UTF-16 and UTF-32 without a mark, which have NULs beside the letters.
    """
    if found := byte_order_mark(data):
        return found.encoding, len(found.mark)
    sample = data[:_SAMPLE_BYTES]
    if sample.count(0) * 3 >= len(sample) > 1:
        wide = "UTF-32" if b"\0\0\0" in sample else "UTF-16"
        raise NotText(f"looks like {wide} without a byte order mark: {_ALLOWED}")
    return "utf-8", 0


def text_of(data: bytes, *, fallback: str | None = None) -> str:
    """Return the text of a whole file, without its byte order mark; line ends are kept.

    Args:
        data: All bytes.
        fallback: The encoding of what has no mark and is not UTF-8; ``None`` refuses it.
    Raises: NotText, with what is wrong.
    """
    encoding, mark_bytes = detect_encoding(data)
    try:
        text = data[mark_bytes:].decode(encoding)
    except UnicodeDecodeError as error:
        if mark_bytes or fallback is None:
            line = data.count(b"\n", 0, mark_bytes + error.start) + 1
            raise NotText(f"is not {encoding.upper()} text (line {line}): {_ALLOWED}") from error
        text = data.decode(fallback)
    if "\0" in text:
        raise NotText("has a NUL in it, so it is not text")
    return text


def split_lines(text: str) -> Iterator[str]:
    """Yield the lines one by one: a list of empty ones would take eight times as much memory."""
    start = 0
    for end in LINE_END.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    yield text[start:]
