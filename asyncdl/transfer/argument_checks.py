"""Validation of the arguments of public classes: a wrong value raises at once."""

from __future__ import annotations

import math
import operator
import os
from pathlib import Path


def wrong(field: str, value: object, allowed: str) -> ValueError:
    """Return the error for a value that is not allowed."""
    return ValueError(_text(field, value, allowed))


def _text(field: str, value: object, allowed: str) -> str:
    return f"{field} = {value!r} (allowed: {allowed})"


def whole(field: str, value: object, minimum: int) -> int:
    """Return a whole number, ``minimum`` or more. Raises: TypeError, ValueError."""
    allowed = f"a whole number, {minimum} or more"
    if isinstance(value, bool):
        raise TypeError(_text(field, value, allowed))
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # checked here
    except TypeError:
        raise TypeError(_text(field, value, allowed)) from None
    if number < minimum:
        raise wrong(field, value, allowed)
    return number


def check_number(field: str, value: object, *, may_be_zero: bool = True) -> None:
    """Check a number of seconds or bytes per second. Raises: TypeError, ValueError."""
    allowed = "a number, 0 or more" if may_be_zero else "a number above 0"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(_text(field, value, allowed))
    if math.isnan(value) or value < 0 or (value == 0 and not may_be_zero):
        raise wrong(field, value, allowed)


def folder(field: str, value: object) -> Path:
    """Return a folder, given as a text or a path. Raises: TypeError."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise TypeError(_text(field, value, "a text or a Path"))
    return Path(text)
