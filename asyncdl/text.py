"""Text from outside, as lines that no terminal acts upon. Pure."""

from __future__ import annotations

import unicodedata

BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""Characters that turn the direction of what follows: with them a name can look like another."""
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of what acts instead of being read: controls, lone surrogates, line ends."""


def is_acting(character: str) -> bool:
    """Tell whether a character acts on what shows it, instead of being part of a text.

    Joiners, which emoji and several scripts are written with, and spaces of any script do not.
    """
    return character in BIDI_CONTROLS or unicodedata.category(character) in _CONTROLS


def plain(text: str) -> str:
    """Return a text as one line that no terminal acts upon.

    Controls, line ends, bidi controls and lone surrogates become escapes such as
    ``\\x1b``. Idempotent; any other text comes back unchanged, whatever its script.
    """
    if text.isprintable():
        return text
    return "".join(c.encode("unicode_escape").decode() if is_acting(c) else c for c in text)


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
