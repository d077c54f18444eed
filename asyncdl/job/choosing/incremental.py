"""What a run under ``since = "last-run"`` looks at: what is new, and what was left open.

The service's clock decides, for its days of ingest are what is asked for. This machine's
may be wrong by any amount, and differently so every night.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from asyncdl.events import Emit, Notice
from asyncdl.job.choosing.scenes import SearchPlan
from asyncdl.journal.journal import Journal
from asyncdl.journal.records import LastSearch

OVERLAP = timedelta(days=1)
"""The service counts days in a zone of its own; scenes that are found twice cost nothing."""
SKEW_S = 600.0
"""By so much the clocks of one service may differ among themselves."""


@dataclass(frozen=True, slots=True)
class Now:
    """The present, in seconds since 1970."""

    service: float | None
    """As the service says in this run; ``None`` if it does not."""
    local: float
    """As this machine's clock says."""

    @classmethod
    def of(cls, service: float | None) -> Now:
        """Return the present with this machine's clock beside the service's."""
        return cls(service, time.time())

    @property
    def best(self) -> float:
        """The service's word if there is one."""
        return self.local if self.service is None else self.service

    @property
    def day(self) -> date:
        """The day today."""
        return day_of(self.best)


def day_of(at: float) -> date:
    """Return the day in UTC; times that no calendar has give its first or last usable day."""
    try:
        day = datetime.fromtimestamp(at, UTC).date()
    except (OverflowError, ValueError, OSError):
        day = date.max if at > 0 else date.min
    return min(max(day, date(1970, 1, 1)), date(9999, 1, 1))


def first_new_day(last: LastSearch, now: Now) -> date | None:
    """Return the first day of ingest that the last search may not have seen whole.

    Returns: ``None`` if nobody can say, so that all days count.
    """
    if not last.is_service_time or _is_in_future(last, now):
        return None
    return day_of(min(last.at, now.best)) - OVERLAP


def _is_in_future(last: LastSearch, now: Now) -> bool:
    return not last.at <= now.best + SKEW_S


def doubt_about(last: LastSearch, now: Now) -> Notice | None:
    """Return what has to be said when the time of the last search is not believed."""
    if _is_in_future(last, now):
        who = "this machine's clock" if now.service is None else "the service"
        return Notice(
            f"The last search is remembered as of {day_of(last.at)}, but {who} says that today is "
            f"{now.day}: a clock is or was wrong. All scenes that match are looked at, "
            "but for those that are complete.",
            "warning",
        )
    if not last.is_service_time:
        return Notice(
            "The time of the last search is that of this machine's clock, which may have been "
            "wrong: all scenes that match are looked at once, but for those that are complete."
        )
    return None


async def narrow_to_news(
    journal: Journal, wish: SearchPlan, last: LastSearch | None, now: Now, emit: Emit
) -> SearchPlan:
    """Leave out of a wish what the last run has settled.

    Args:
        journal: Of the job.
        wish: All that the config asks for, which is a search.
        last: The last search for the same; ``None`` if there was none, and then
            everything counts as new.
        now: The present.
        emit: Takes notices that say what is looked at, and what was not believed.
    """
    if last is None or wish.query is None:
        return wish
    since = first_new_day(last, now)
    narrowed = SearchPlan(
        replace(wish.query, ingested_since=since),
        named=await journal.scenes.open(),
        settled=await journal.scenes.settled(),
        entities=await journal.scenes.entities(),
    )
    if (doubt := doubt_about(last, now)) is not None:
        emit(doubt)
    if since is not None:
        left = f", and {narrowed.named_count:,} that are not complete" if narrowed.named else ""
        emit(Notice(f"Looking at scenes that the service took in since {since}{left}."))
    return narrowed
