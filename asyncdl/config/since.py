"""From which day on a config takes scenes."""

from __future__ import annotations

from datetime import date, datetime

from asyncdl.config.wording import meant

LAST_RUN = "last-run"


class Since(str):
    """A day of ingest, inclusive, or what the last run left to be seen: ``"last-run"``."""

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
        """The day; ``None`` for that of the last run, which its journal knows."""
        return None if self == LAST_RUN else date.fromisoformat(self)


def _day_in(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        question = meant(text, [LAST_RUN])
        raise ValueError(f"is neither a date nor the last run{question}") from None
