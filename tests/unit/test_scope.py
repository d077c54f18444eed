"""No scene is skipped because of a clock, whatever this machine's says and whenever it jumps."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdl.job.choosing.scope import SKEW_S, Now, clock_warning, day_of, first_new_day
from asyncdl.journal import LastSearch
from asyncdl.journal.journal import open_journal
from asyncdl.journal.state_location import JOURNAL_NAME

DAY_S = 86_400.0
NOW = datetime(2026, 11, 29, 2, tzinfo=UTC).timestamp()


def by_service(at: float) -> LastSearch:
    return LastSearch(at, is_service_time=True)


def by_machine(at: float) -> LastSearch:
    return LastSearch(at, is_service_time=False)


def test_the_day_before_the_last_search_is_searched_again() -> None:
    assert first_new_day(by_service(NOW - DAY_S), Now(NOW, NOW)) == date(2026, 11, 27)


@pytest.mark.parametrize("local", [NOW, NOW - 400 * DAY_S, NOW + 40 * DAY_S, 0.0])
def test_the_service_s_clock_decides_and_this_machine_s_does_not_matter(local: float) -> None:
    last = by_service(NOW - DAY_S)
    assert first_new_day(last, Now(NOW, local)) == date(2026, 11, 27)
    assert clock_warning(last, Now(NOW, local)) is None


@pytest.mark.parametrize("last", [by_service(NOW + 40 * DAY_S), by_machine(NOW + 40 * DAY_S)])
def test_a_time_in_the_future_is_said_and_not_believed(last: LastSearch) -> None:
    now = Now(NOW, NOW + 41 * DAY_S)
    assert first_new_day(last, now) is None
    doubt = clock_warning(last, now)
    assert doubt is not None and doubt.severity == "warning"
    assert "as of 2027-01-08, but the service says that today is 2026-11-29" in doubt.text


def test_a_time_that_this_machine_s_clock_recorded_is_not_trusted() -> None:
    """It may be wrong though it lies in the past by now."""
    last = by_machine(NOW - DAY_S)
    assert first_new_day(last, Now(NOW, NOW)) is None
    doubt = clock_warning(last, Now(NOW, NOW))
    assert doubt is not None and doubt.severity == "info"


def test_without_a_date_this_machine_s_clock_may_contradict() -> None:
    last = by_service(NOW)
    assert first_new_day(last, Now(None, NOW + DAY_S)) == date(2026, 11, 28)
    assert first_new_day(last, Now(None, NOW - 9 * DAY_S)) is None
    doubt = clock_warning(last, Now(None, NOW - 9 * DAY_S))
    assert doubt is not None and "this machine's clock says that today is 2026-11-20" in doubt.text


def test_clocks_of_one_service_may_differ_a_little() -> None:
    assert first_new_day(by_service(NOW + SKEW_S), Now(NOW, NOW)) == date(2026, 11, 28)
    assert first_new_day(by_service(NOW + SKEW_S + 1), Now(NOW, NOW)) is None


@pytest.mark.parametrize("at", [1e30, -1e30, float("inf"), float("-inf"), float("nan"), 2.0**63])
def test_a_time_that_no_calendar_has_breaks_nothing(at: float) -> None:
    for last in (by_service(at), by_machine(at)):
        since = first_new_day(last, Now(NOW, NOW))
        assert since is None or since <= date(2026, 11, 28)
        clock_warning(last, Now(NOW, NOW))
    assert date(1970, 1, 1) <= day_of(at) < date.max


@dataclass(frozen=True)
class Night:
    """What happens in one night, and what the clocks say."""

    pause_s: float
    """Since the night before."""
    ahead_s: float
    """By how much this machine's clock is ahead."""
    says_date: bool
    skew_s: float
    """By how much the service's clock that responds differs from that of its days of ingest."""
    is_whole: bool
    """Whether the run comes to its end."""
    published: list[float] = field(default_factory=list)
    """When scenes came in, as shares of the pause."""


nights = st.lists(
    st.builds(
        Night,
        pause_s=st.floats(60, 90 * DAY_S),
        ahead_s=st.one_of(st.just(0.0), st.just(40 * DAY_S), st.floats(-900 * DAY_S, 900 * DAY_S)),
        says_date=st.booleans(),
        skew_s=st.floats(-60, 60),
        is_whole=st.booleans(),
        published=st.lists(st.floats(0, 1), max_size=2),
    ),
    min_size=1,
    max_size=8,
)
legacy = st.none() | st.floats(-900 * DAY_S, 900 * DAY_S)


def ingest_day(at: float) -> date:
    """Return the day that the service counts, whose zone is its own."""
    return day_of(at - 6 * 3600)


async def follow(folder: Path, course: list[Night], legacy_ahead_s: float | None) -> None:
    """Run night for night; after each whole run every scene so far has been seen."""
    true_s, seen, there = NOW, set[float](), list[float]()
    if legacy_ahead_s is not None:
        # What the landed version left: its own clock's time, and scenes that it never saw.
        there.append(NOW - 10 * DAY_S)
        async with open_journal(folder, "usgs") as journal:
            await journal.begin(label="l", fingerprint="f", search_mark="m")
            await journal.end("complete")
        with closing(sqlite3.connect(folder / JOURNAL_NAME)) as connection, connection:
            connection.execute("UPDATE job SET searched_at = ?", (NOW + legacy_ahead_s,))
    for night in course:
        there += [true_s + share * night.pause_s for share in night.published]
        true_s += night.pause_s
        now = Now(true_s + night.skew_s if night.says_date else None, true_s + night.ahead_s)
        async with open_journal(folder, "usgs") as journal:
            begun = await journal.begin(label="l", fingerprint="f", search_mark="m")
            journal.search_started_at = now.service
            since = first_new_day(begun.last_search, now) if begun.last_search else None
            if night.is_whole:
                seen |= {at for at in there if since is None or ingest_day(at) >= since}
            await journal.end("complete" if night.is_whole else "interrupted")
        if night.is_whole:
            assert seen == set(there)


@settings(deadline=None, max_examples=60)
@given(course=nights, legacy_ahead_s=legacy)
def test_after_every_whole_night_every_scene_was_seen(
    course: list[Night], legacy_ahead_s: float | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        anyio.run(follow, Path(folder), course, legacy_ahead_s)
