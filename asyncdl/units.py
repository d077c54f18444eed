"""Amounts for people: bytes, times, numbers of things. Pure, and the only place for them."""

from __future__ import annotations


def size(count: float) -> str:
    """Write bytes with the unit that suits: ``16.4 kB``, ``1.2 GB``."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} PB"


def rate(bytes_s: float) -> str:
    """Write bytes per second: ``1.2 MB/s``."""
    return f"{size(bytes_s)}/s"


def duration(seconds: float) -> str:
    """Write seconds as a clock does: ``0:07``, ``12:30``, ``2:05:00``; days in front."""
    whole = round(seconds)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    clock = f"{hours}:{minutes:02}:{left:02}" if hours or days else f"{minutes}:{left:02}"
    return f"{days} d {clock}" if days else clock


def count(number: int, noun: str, nouns: str = "") -> str:
    """Write a number with its noun: ``1 file``, ``2,500 scenes``.

    Args:
        number: 0 or more.
        noun: For one.
        nouns: For any other number; by default the noun with an ``s``.
    """
    return f"{number:,} {plural(number, noun, nouns or f'{noun}s')}"


def plural(number: int, one: str, several: str) -> str:
    """Return the words that go with a number: ``is`` or ``are``, ``it`` or ``them``."""
    return one if number == 1 else several
