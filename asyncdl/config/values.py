"""Durations, sizes, rates and days, as in a config."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import ClassVar

from asyncdl.text import closest, did_you_mean

_LONGEST_CHARS = 200
"""A longer text is not an amount, however many units it adds up."""


class Seconds(float):
    """A duration: a number of seconds, or text such as ``"90s"``, ``"6h"``, ``"1h30m"``."""

    UNITS: ClassVar = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}

    @classmethod
    def read(cls, value: object) -> Seconds:
        """Read either form. Raises: ValueError, for anything else or a negative duration."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("is not a duration")
        seconds = _amount(value, cls.UNITS)
        if not 0 <= seconds < float("inf"):
            raise ValueError("is not a duration of 0 or more")
        return cls(seconds)


class ByteCount(int):
    """A size: a number of bytes, or text such as ``"8 MiB"``, ``"50 MB"``, ``"8M"`` (MiB)."""

    UNITS: ClassVar = {
        "": 1, "b": 1,
        "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
        "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
        # As curl, wget and aria2 spell them.
        "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40,
    }  # fmt: skip

    @classmethod
    def read(cls, value: object) -> ByteCount:
        """Read either form. Raises: ValueError, for anything else or less than one byte."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("is not a size")
        count = _amount(value, cls.UNITS)
        if not 1 <= count < 2**63:
            raise ValueError("is not a size of 1 byte or more")
        return cls(count)


class ByteRate(ByteCount):
    """Bytes per second: a number, or text such as ``"50 MB/s"``, ``"1M"`` (MiB/s)."""

    @classmethod
    def read(cls, value: object) -> ByteRate:
        """Read either form. Raises: ValueError, as :meth:`ByteCount.read`."""
        if isinstance(value, str):
            value = _without_per_second(value)
        return cls(ByteCount.read(value))


def _amount(value: float | str, units: Mapping[str, float]) -> float:
    try:
        return _sum_of_units(value, units) if isinstance(value, str) else float(value)
    except OverflowError:
        return float("inf")  # too much for any of them


def _without_per_second(text: str) -> str:
    bare = text.strip()
    if bare.lower().endswith("ps"):
        return bare[:-2]
    amount, slash, unit = bare.rpartition("/")
    return amount if slash and unit.strip().lower() == "s" else bare


def _sum_of_units(text: str, units: Mapping[str, float]) -> float:
    if len(text) > _LONGEST_CHARS:
        raise ValueError("is longer than any number with its unit")
    parts = re.findall(r"(\d++(?:\.\d++)?)\s*+([a-zA-Z]*+)", text)
    whole = "".join(number + unit for number, unit in parts)
    if not parts or whole != re.sub(r"\s+", "", text):
        raise ValueError("is neither a number nor a number with a unit")
    total = 0.0
    for number, unit in parts:
        if unit.lower() not in units:
            # A bare number in quotes is in seconds, as without quotes.
            if unit or "s" not in units:
                raise ValueError(f"has the unknown unit {unit!r}")
            unit = "s"
        total += float(number) * units[unit.lower()]
    return total


LAST_RUN = "last-run"


class Since(str):
    """A day of ingest, inclusive, or ``"last-run"`` for everything since the last run."""

    @classmethod
    def read(cls, value: object) -> Since:
        """Read a date, also as text, or ``"last-run"``. Raises: ValueError, for anything else."""
        if value == LAST_RUN:
            return cls(LAST_RUN)
        if isinstance(value, str):
            return cls(_day_in(value))
        if isinstance(value, date) and not isinstance(value, datetime):
            return cls(value)
        raise ValueError("is neither a date nor the last run")

    @property
    def day(self) -> date | None:
        """The day; ``None`` for the last run, whose day is in its journal."""
        return None if self == LAST_RUN else date.fromisoformat(self)


def _day_in(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        hint = hint_of_choices(text, [LAST_RUN])
        raise ValueError(f"is neither a date nor the last run{hint}") from None


def hint_of_choices(value: object, choices: Iterable[str]) -> str:
    """Return a question for the choice that may have been meant; empty if none is close."""
    by_fold = {choice.casefold(): choice for choice in choices}
    close = closest(str(value).casefold(), by_fold) if isinstance(value, str) else []
    return did_you_mean([f'"{by_fold[name]}"' for name in close])
