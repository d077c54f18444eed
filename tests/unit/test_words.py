"""Numbers, tables, notes and outcomes for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.cli.notes import note_of
from asyncdl.cli.outcome import describe
from asyncdl.cli.quantities import count, duration, size
from asyncdl.cli.tables import table_lines
from asyncdl.events import (
    ApiRetry,
    FileState,
    HostWait,
    Notice,
    QuotaWait,
    ServiceBack,
    ServiceWait,
    TransferEnded,
)
from asyncdl.job.telling.report import Failure, Summary


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (16_384, "16.4 kB"), (999_960, "1.0 MB"),
     (1.2e9, "1.2 GB"), (5e15, "5.0 PB")],
)  # fmt: skip
def test_sizes(number: float, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0:00"), (7, "0:07"), (750, "12:30"), (7500, "2:05:00"), (90_061, "1 d 1:01:01")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_counts_have_their_plural() -> None:
    assert [count(n, "file") for n in (0, 1, 2500)] == ["0 files", "1 file", "2,500 files"]


def test_a_table_is_aligned_with_numbers_to_the_right() -> None:
    rows = [{"name": "a", "n": 1}, {"name": "long name", "n": 20_000}]
    assert table_lines(rows) == ["name            n", "a               1", "long name  20,000"]


def test_people_are_told_of_waits_and_notices_and_of_nothing_else() -> None:
    assert note_of(Notice("hello")) == "hello"
    assert note_of(Notice("hello", "warning")) == "Note: hello"
    assert "again in 5 s" in note_of(ApiRetry("dataset", "HTTP 503", 5, 1))
    assert "60 s" in note_of(QuotaWait(60))
    assert "host" in note_of(HostWait("host", "429", 3))
    down = note_of(ServiceWait("host", "HTTP 503", 750, 60))
    assert down == "host has been down for 12:30 (HTTP 503); trying again in 60 s"
    assert note_of(ServiceBack("host", 800)) == "host is back after 13:20"
    assert note_of(TransferEnded("a")) == ""


def summary_with(failures: int, status: str = "incomplete") -> Summary:
    return Summary(
        status=status,
        scenes=1,
        files={"total": 20, "downloaded": 20 - failures, "failed": failures},
        by_kind={"bands": {"downloaded": 20 - failures, "failed": failures}},
        total_bytes=1000,
        downloaded_bytes=1000,
        elapsed_s=2.0,
        api_calls={},
        failures=tuple(
            Failure(
                f"f{i}",
                "bands",
                FileState.FAILED,
                "http-404",
                "HttpStatusError",
                404,
                "gone",
                "Ask.",
                1,
            )
            for i in range(failures)
        ),
    )


def test_the_outcome_names_the_first_failures_with_reason_and_remedy() -> None:
    lines = describe(summary_with(12), Path("data"))
    assert lines[0].startswith("Incomplete: 1 scene, 20 files")
    assert "failed: f0: gone [http-404]" in lines
    assert "    Ask." in lines
    assert "… and 2 more" in lines
    assert lines[-1] == "Run the same command again to continue."


def test_a_complete_outcome_asks_for_nothing_more() -> None:
    lines = describe(summary_with(0, "complete"), Path("data"))
    assert lines[0].startswith("Complete: ")
    assert not [line for line in lines if "again" in line]
