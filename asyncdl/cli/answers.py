"""What people type for the values of a config: from text to plain values. Pure.

Each function raises ValueError with what is allowed.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

_PLACE = re.compile(r"(\d{1,3})/(\d{1,3})")
_PERCENT = re.compile(r"(?:(\d{1,9})(?:\s*+[-,]\s*+|\s++))?(\d{1,9})\s*+%?")


def words(text: str) -> list[str]:
    """Read words between commas or blanks: ``SR_B4, QA_PIXEL``."""
    found = re.split(r"[\s,]+", text.strip(" ,"))
    if found == [""]:
        raise ValueError("allowed: words, such as SR_B4, QA_PIXEL")
    return found


def numbers(text: str, count: int, meaning: str) -> list[float]:
    """Read a fixed count of numbers between commas or blanks."""
    try:
        found = [float(word) for word in words(text)]
    except ValueError:
        found = []
    if len(found) != count:
        raise ValueError(f"allowed: {meaning}")
    return found


def box(text: str) -> list[float]:
    """Read ``west,south,east,north``."""
    return numbers(text, 4, "west,south,east,north in degrees")


def point(text: str) -> list[float]:
    """Read ``longitude,latitude``."""
    return numbers(text, 2, "longitude,latitude in degrees")


def places(text: str) -> list[list[int]]:
    """Read WRS places: ``68/17, 68/18``."""
    found = [_PLACE.fullmatch(word) for word in words(text)]
    pairs = [[int(place[1]), int(place[2])] for place in found if place]
    if len(pairs) != len(found):
        raise ValueError("allowed: path/row, such as 68/17")
    return pairs


def day(text: str) -> date:
    """Read a date."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("allowed: a date, YYYY-MM-DD") from None


def cloud_cover(text: str) -> list[int]:
    """Read the highest percentage, or the lowest and the highest: ``60``, ``10-60``."""
    found = _PERCENT.fullmatch(text.strip())
    if found is None:
        raise ValueError("allowed: percent, such as 60, or 10-60")
    return [int(found[1] or 0), int(found[2])]


def area(text: str) -> dict[str, Any]:
    """Read any area as the key of ``[search]`` that it is for, and its value."""
    text = text.strip()
    if all(map(_PLACE.fullmatch, words(text))):
        return {"wrs": places(text)}
    for key, read in (("bbox", box), ("point", point)):
        try:
            return {key: read(text)}
        except ValueError:
            continue
    return {"aoi": text}
