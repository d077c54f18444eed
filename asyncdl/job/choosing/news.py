"""What a run under ``since = "last-run"`` looks at: what is new, and what was left open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from asyncdl.events import Emit, Notice
from asyncdl.job.choosing.scenes import Wish
from asyncdl.job.journal.journal import Journal

OVERLAP = timedelta(days=1)
"""The service counts days in a zone of its own; scenes that are found twice cost nothing."""


def first_new_day(searched_at: float) -> date:
    """Return the first day of ingest that a search at ``searched_at`` may not have seen whole.

    Args:
        searched_at: When it began, in seconds since 1970.
    """
    return datetime.fromtimestamp(searched_at, UTC).date() - OVERLAP


async def narrow_to_news(
    journal: Journal, wish: Wish, searched_at: float | None, emit: Emit
) -> Wish:
    """Leave out of a wish what the last run has settled.

    Args:
        journal: Of the job.
        wish: All that the config asks for, which is a search.
        searched_at: When the last search for the same began; ``None`` if there was none,
            and then everything counts as new.
        emit: Takes a notice that says what is looked at.
    """
    if searched_at is None or wish.query is None:
        return wish
    since = first_new_day(searched_at)
    narrowed = Wish(
        replace(wish.query, ingested_since=since),
        named=await journal.scenes.open(),
        settled=await journal.scenes.settled(),
    )
    left = f", and {narrowed.named_count:,} that are not complete" if narrowed.named else ""
    emit(Notice(f"Looking at scenes that the service took in since {since}{left}."))
    return narrowed
