"""Text from outside as harmless lines, and suggestions for misspelt words. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

LONGEST_GUESS_CHARS = 100
"""A longer word is no typing error, and comparing takes the square of its length."""
BIDI_CONTROLS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""Characters that change the direction of text; with them one name can look like another."""
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of controls, lone surrogates and line ends."""


def is_acting(character: str) -> bool:
    """Return whether a character controls a terminal instead of being shown by it.

    False for joiners, which emoji and several scripts need, and for spaces of any script.
    """
    return character in BIDI_CONTROLS or unicodedata.category(character) in _CONTROLS


def closest(word: str, known: Iterable[str], count: int = 1, *, likeness: float = 0.6) -> list[str]:
    """Return the known words that resemble a word, the most similar first.

    Args:
        word: Untrusted; one of more than :data:`LONGEST_GUESS_CHARS` resembles none.
        known: The words to choose from.
        count: How many at most, 1 or more.
        likeness: The least similarity, from 0 to 1.
    """
    from difflib import get_close_matches  # Slow to import, and rarely needed.

    if len(word) > LONGEST_GUESS_CHARS:
        return []
    short = [name for name in known if len(name) <= LONGEST_GUESS_CHARS]
    return get_close_matches(word, short, n=count, cutoff=likeness)


def did_you_mean(close: Sequence[str]) -> str:
    """Return the end of a message that suggests the first of ``close``.

    Args:
        close: As :func:`closest` gives them.
    Returns: Such as ``; did you mean SR_B4?``, with quotes around several words; empty without
        any.
    """
    if not close:
        return ""
    best = close[0]
    return f"; did you mean {best if best.isprintable() and ' ' not in best else repr(best)}?"


def described(value: object) -> str:
    """Describe a value of JSON without repeating its text, which may be confidential."""
    match value:
        case None | bool():
            return "nothing" if value is None else str(value).lower()
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else _short_number(value)
        case str():
            return f"a text of {len(value):,} characters"
        case list() | tuple():
            return f"a list of {len(value):,} values"
    return f"a {'table' if isinstance(value, dict) else type(value).__name__}"


def _short_number(value: int) -> str:
    return str(value) if value.bit_length() < 64 else "a number of many digits"


def plain(text: str) -> str:
    """Return a text as one line without control characters.

    Controls, line ends, bidi controls and lone surrogates become escapes such as
    ``\\x1b``. Idempotent; any other text comes back unchanged, whatever its script.
    """
    if text.isprintable():
        return text
    return "".join(c.encode("unicode_escape").decode() if is_acting(c) else c for c in text)


def shortened(text: str, width: int) -> str:
    """Return a text of at most ``width`` characters; an ellipsis replaces its middle.

    Names of scenes differ at their end, so more is kept of that.
    """
    if len(text) <= width:
        return text
    kept = max(0, width - 1)
    tail = min(kept, kept * 2 // 3 + 1)
    return f"{text[: kept - tail]}…{text[len(text) - tail :]}" if kept else text[:width]
