"""Paths as configs write them, and the mistakes that are made with them. Pure.

In TOML a backslash between double quotes begins an escape: ``"D:\\new\\tiles"`` has a line end
and a tab in it, and ``"C:\\Users"`` is no TOML at all.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass

_ESCAPED = str.maketrans({"\b": "/b", "\t": "/t", "\n": "/n", "\f": "/f", "\r": "/r", "\\": "/"})
"""What an escape was meant to be in a path."""
_VARIABLE = re.compile(
    r"\$\{\w+\}|(?:(?<=[/\\])|^)\$[A-Za-z_]\w*(?=[/\\]|$)|%[A-Za-z_]\w*(?:\(x86\))?%|\$env:\w+",
    re.ASCII | re.IGNORECASE,
)
"""As shells have them: ``$HOME``, ``${HOME}``, ``%USERPROFILE%``, ``$env:USERPROFILE``."""
_BACKSLASH_IN_QUOTES = re.compile(r'"([^"\n]*\\[^"\n]*)"')
_LINE = re.compile(r"at line (\d+)")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a path, and how it would be right."""

    problem: str
    allowed: str


def mistake_in(text: str) -> Mistake | None:
    """Return what no path is meant to have; ``None`` if it has nothing of the kind."""
    odd = next((c for c in text if unicodedata.category(c) == "Cc" and c != "\0"), None)
    if odd is not None:
        return Mistake(
            f"has a control character in it ({odd!r})",
            f"a path; a backslash in double quotes begins an escape: {_written_right(text)}",
        )
    if found := _VARIABLE.search(text):
        return Mistake(
            f"names a variable ({found[0]}), and none is read here",
            "the path itself; ~ at its beginning is your home folder",
        )
    return None


def hint_at(error: tomllib.TOMLDecodeError, text: str) -> str:
    """Return what helps where a backslash is why a text is no TOML; empty elsewhere."""
    found = _LINE.search(str(error))
    lines = text.split("\n")
    if found is None or int(found[1]) > len(lines):
        return ""
    if not _BACKSLASH_IN_QUOTES.search(lines[int(found[1]) - 1]):
        return ""
    # What stands there is not repeated: the file may be something else than a config.
    return "a backslash in double quotes begins an escape: write / for it, or use single quotes"


def _written_right(text: str) -> str:
    return f'write "{text.translate(_ESCAPED)}", or use single quotes'
