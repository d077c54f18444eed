"""Text of files that people bring, in whatever encoding their editor or shell wrote it. Pure.

PowerShell 5 writes UTF-16 with ``>``, Notepad may put a mark before UTF-8, and a byte order
mark tells either. What has none is UTF-8, of which ASCII is a part.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

MARKS = (  # the longer one first: UTF-32 begins as UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8"),
)
"""What a file may begin with, and the encoding that it tells."""
LONGEST_MARK = 4
LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""Of Windows, POSIX, old Macs, mainframes and Unicode."""

_LOOKED_AT_BYTES = 64
_ALLOWED = "save it as UTF-8, or as UTF-16 with a byte order mark"


class NotText(UnicodeError):
    """Bytes are no text in an encoding that can be told."""


def marked_encoding(data: bytes) -> tuple[str, int]:
    """Return the encoding that a file's first bytes tell, and how long their mark is.

    Raises: NotText, for UTF-16 and UTF-32 without a mark, whose letters have NULs beside them.
    """
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return encoding, len(mark)
    begun = data[:_LOOKED_AT_BYTES]
    if begun.count(0) * 3 >= len(begun) > 1:
        wide = "UTF-32" if b"\0\0\0" in begun else "UTF-16"
        raise NotText(f"looks like {wide} without a byte order mark: {_ALLOWED}")
    return "utf-8", 0


def text_of(data: bytes, *, otherwise: str | None = None) -> str:
    """Return the text of a whole file, without its mark; its line ends stay.

    Args:
        data: All bytes.
        otherwise: The encoding of what has no mark and is no UTF-8; ``None`` refuses it.
    Raises: NotText, saying what is wrong.
    """
    encoding, skipped = marked_encoding(data)
    try:
        text = data[skipped:].decode(encoding)
    except UnicodeDecodeError as error:
        if skipped or otherwise is None:
            line = data.count(b"\n", 0, skipped + error.start) + 1
            raise NotText(f"is not {encoding.upper()} text (line {line}): {_ALLOWED}") from error
        text = data.decode(otherwise)
    if "\0" in text:
        raise NotText("has a NUL in it, and so is no text")
    return text


def lines_in(text: str) -> Iterator[str]:
    """Yield the lines one by one: all at once, empty ones take eight times as much memory."""
    start = 0
    for end in LINE_END.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    yield text[start:]
