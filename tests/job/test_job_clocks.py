"""``since = "last-run"`` under clocks that lie: the service's ``Date`` decides."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from asyncdl.events import Notice
from asyncdl.job.reporting.report import Summary
from tests.job.bench import ANCHORAGE, RED, Bench

pytestmark = pytest.mark.slow

NEWS = {**ANCHORAGE, "since": "last-run", "end": "2020-12-31", "cloud_cover": [0, 100]}
TONIGHT = datetime(2029, 3, 10, 2, tzinfo=UTC)


class Clocks:
    """What the service says in ``Date``, and what this machine's clock says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.service: datetime | None = TONIGHT
        self.ahead = timedelta()
        """By how much this machine's clock is ahead of the true time."""
        self.true = TONIGHT
        monkeypatch.setattr("aiohttp.web_response.rfc822_formatted_time", self._date)
        monkeypatch.setattr("asyncdl.job.choosing.scope.time", self)
        monkeypatch.setattr("asyncdl.journal.journal.time", self)

    def _date(self) -> str:
        return format_datetime(self.service, usegmt=True) if self.service else "not today"

    def time(self) -> float:
        return (self.true + self.ahead).timestamp()

    def sleep_until(self, days: int, *, ahead_days: float = 0, says_date: bool = True) -> None:
        self.true = TONIGHT + timedelta(days)
        self.ahead = timedelta(ahead_days)
        self.service = self.true if says_date else None


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


def publish(bench: Bench, clocks: Clocks, number: int) -> str:
    """Let the service take a scene in today, by the true time."""
    acquired = datetime(2020, 3, 2, tzinfo=UTC) + timedelta(16 * number)
    id_ = f"LC08_L2SP_068018_{acquired:%Y%m%d}_{clocks.true:%Y%m%d}_02_T1"
    bench.service.publish(id_)
    return id_


async def run(bench: Bench) -> Summary:
    bench.events.clear()
    bench.service.call_log.clear()
    summary = await bench.run(RED, search=NEWS)
    assert summary.status == "complete", (summary.error, summary.failures)
    return summary


def since(bench: Bench) -> Any:
    """Return the first day of ingest that the last run asked for."""
    calls = [call for call in bench.service.call_log if call.endpoint == "scene-search"]
    payload: Any = calls[0].payload
    return payload["sceneFilter"].get("ingestFilter", {}).get("start")


def warnings(bench: Bench) -> list[str]:
    return [e.text for e in bench.events if isinstance(e, Notice) and e.severity == "warning"]


def has(bench: Bench, id_: str) -> bool:
    return (bench.directory / f"bands/{id_}/{id_}_SR_B4.TIF").is_file()


@pytest.mark.parametrize(
    "ahead_days", [(40, 40, 40, 0), (-400, -400, 0, -400), (0, 40, -40, 9)],
    ids=["ahead", "behind", "jumping"],
)  # fmt: skip
async def test_no_scene_is_lost_whatever_this_machine_s_clock_says(
    ahead_days: tuple[int, ...], bench: Bench, clocks: Clocks
) -> None:
    await run(bench)
    for number, ahead in enumerate(ahead_days):
        clocks.sleep_until(number + 1, ahead_days=ahead)
        new = publish(bench, clocks, number)
        summary = await run(bench)
        assert has(bench, new)
        assert summary.files["downloaded"] == 1
        assert since(bench) == str((TONIGHT + timedelta(number - 1)).date())
        assert warnings(bench) == []


def remember(bench: Bench, at: datetime, by: str) -> None:
    """Write a time of the last search into the journal."""
    path = bench.directory / ".asyncdl" / "journal.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        row = (at.timestamp(), by)
        connection.execute("UPDATE job SET searched_at = ?, searched_by = ?", row)


@pytest.mark.parametrize("by", ["", "service"], ids=["landed version", "service"])
async def test_a_recorded_time_in_the_future_is_said_and_heals(
    by: str, bench: Bench, clocks: Clocks
) -> None:
    await run(bench)
    clocks.sleep_until(1)
    missed = publish(bench, clocks, 0)
    remember(bench, TONIGHT + timedelta(43), by)
    clocks.sleep_until(3)
    summary = await run(bench)
    assert has(bench, missed)
    assert since(bench) is None
    [text] = warnings(bench)
    assert "as of 2029-04-22, but the service says that today is 2029-03-13" in text
    assert text in summary.notices
    # What is complete was left out, and the next night is an ordinary one.
    assert summary.files["total"] == 1
    clocks.sleep_until(4)
    await run(bench)
    assert since(bench) == "2029-03-12"
    assert warnings(bench) == []


async def test_a_time_of_the_landed_version_is_not_believed_when_it_has_passed(
    bench: Bench, clocks: Clocks
) -> None:
    """Its clock was ahead for some nights, and so much time has gone by since."""
    await run(bench)
    clocks.sleep_until(2)
    missed = publish(bench, clocks, 0)
    remember(bench, TONIGHT + timedelta(43), "")
    clocks.sleep_until(60)
    await run(bench)
    assert has(bench, missed)
    assert warnings(bench) == []


async def test_without_a_date_the_last_time_of_the_service_stays(
    bench: Bench, clocks: Clocks
) -> None:
    await run(bench)
    for number, ahead in enumerate((40, 40, -0.5)):
        clocks.sleep_until(number + 1, ahead_days=ahead, says_date=False)
        new = publish(bench, clocks, number)
        await run(bench)
        assert has(bench, new)
        assert since(bench) == "2029-03-09"
    clocks.sleep_until(4, ahead_days=-40, says_date=False)
    new = publish(bench, clocks, 4)
    await run(bench)
    assert has(bench, new)
    [text] = warnings(bench)
    assert "this machine's clock says that today is 2029-02-02" in text


@pytest.mark.parametrize("ahead_days", [0, -400, 400])
async def test_deletions_are_asked_for_up_to_the_service_s_today(
    ahead_days: int, bench: Bench, clocks: Clocks
) -> None:
    await run(bench)
    clocks.sleep_until(5, ahead_days=ahead_days)
    await run(bench)
    [call] = [c for c in bench.service.call_log if c.endpoint == "scene-search-delete"]
    payload: Any = call.payload
    assert payload["temporalFilter"] == {"start": "2029-03-09", "end": "2029-03-16"}


async def test_when_the_last_search_is_in_doubt_all_deletions_are_asked_for(
    bench: Bench, clocks: Clocks
) -> None:
    await run(bench)
    remember(bench, TONIGHT + timedelta(43), "")
    await run(bench)
    [call] = [c for c in bench.service.call_log if c.endpoint == "scene-search-delete"]
    payload: Any = call.payload
    assert payload["temporalFilter"]["start"] <= "2020-03-31"
