"""Amounts for people."""

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


def count(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 file``, ``2,500 scenes``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
