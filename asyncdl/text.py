"""Text from outside, as lines that no terminal acts upon. Pure."""

from __future__ import annotations


def plain(text: str) -> str:
    """Return a text as one line that no terminal acts upon.

    Controls, line ends, bidi marks and lone surrogates become escapes such as
    ``\\x1b``. Idempotent; printable text comes back unchanged.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shortened(text: str, width: int) -> str:
    """Return a text of at most ``width`` characters; what is left out is in its middle.

    Names of scenes begin alike and end in what tells their files apart, so more is
    kept of the end.
    """
    if len(text) <= width:
        return text
    kept = max(0, width - 1)
    tail = min(kept, kept * 2 // 3 + 1)
    return f"{text[: kept - tail]}…{text[len(text) - tail :]}" if kept else text[:width]
