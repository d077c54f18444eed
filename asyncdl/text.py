"""Text from outside, as lines that no terminal acts upon. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

LONGEST_GUESS_CHARS = 100
"""A longer word is nobody's typing error, and comparing it takes the square of its length."""
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


def closest(word: str, known: Iterable[str], count: int = 1, *, likeness: float = 0.6) -> list[str]:
    """Return the known words that one may have been meant for, the likeliest first.

    Args:
        word: From anywhere; one of more than :data:`LONGEST_GUESS_CHARS` was meant for none.
        known: What there is.
        count: How many at most, 1 or more.
        likeness: How alike they have to be, from 0 to 1.
    """
    from difflib import get_close_matches  # Only who errs waits for it.

    if len(word) > LONGEST_GUESS_CHARS:
        return []
    short = [name for name in known if len(name) <= LONGEST_GUESS_CHARS]
    return get_close_matches(word, short, n=count, cutoff=likeness)


def did_you_mean(close: Sequence[str]) -> str:
    """Return how a message ends that knows what was meant: the first of ``close``.

    Args:
        close: As :func:`closest` gives them; with none, the message ends without a word more.
    Returns: Such as ``; did you mean SR_B4?``; in quotes what is of several words.
    """
    if not close:
        return ""
    best = close[0]
    return f"; did you mean {best if best.isprintable() and ' ' not in best else repr(best)}?"


def described(value: object) -> str:
    """Return what a value of JSON is, without repeating text: it may be from anybody's file."""
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
