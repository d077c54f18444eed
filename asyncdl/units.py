"""Amounts for people: bytes, times, numbers of things."""

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


def duration(seconds: float) -> str:
    """Write seconds as a clock does: ``0:07``, ``12:30``, ``2:05:00``; days in front."""
    whole = round(seconds)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    clock = f"{hours}:{minutes:02}:{left:02}" if hours or days else f"{minutes}:{left:02}"
    return f"{days} d {clock}" if days else clock


def count(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 file``, ``2,500 scenes``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
