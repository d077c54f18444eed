"""In which encoding a text is, by its first bytes.

Source: XML 1.0, appendix F; RFC 4627, section 3.
"""

from __future__ import annotations

import codecs
import re

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
