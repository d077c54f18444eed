"""Numbers, tables, notes and outcomes for people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from asyncdl.cli.outcome import describe, next_steps
from asyncdl.cli.printing import table_lines
from asyncdl.events import (
    ApiRetry,
    HostStrain,
    HostWait,
    Notice,
    QuotaWait,
    ServiceBack,
    ServiceWait,
    TransferEnded,
)
from asyncdl.job.reporting.report import Failure, Summary, Superseded, Withdrawn
from asyncdl.job.reporting.run_history import ProofCount, RunHistory
from asyncdl.journal import StatePlaces
from asyncdl.run_state.messages import message_of
from asyncdl.units import count, duration, size


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


def test_messages_are_about_waits_and_notices_and_nothing_else() -> None:
    assert message_of(Notice("hello")) == "hello"
    assert message_of(Notice("hello", "warning")) == "Note: hello"
    assert "Retrying dataset in 5 s" in message_of(ApiRetry("dataset", "HTTP 503", 5, 1))
    assert "60 s" in message_of(QuotaWait(60))
    assert "host" in message_of(HostWait("host", "429", 3))
    strain = HostStrain("host", "http-429", 4, 16)
    assert message_of(strain) == "host gets 4 of 16 connections: http-429"
    assert message_of(HostStrain("host", "slow", 16, 16)) == "host gets all 16 connections again"
    down = message_of(ServiceWait("host", "HTTP 503", 750, 60))
    assert down == "host has been down for 12:30 (HTTP 503); trying again in 60 s"
    assert message_of(ServiceBack("host", 800)) == "host is back after 13:20"
    assert message_of(TransferEnded("a")) == ""


def failure(name: str, reason: str = "http-404", remedy: str = "Ask.") -> Failure:
    return Failure(name, "bands", "failed", reason, "HttpStatusError", 404, "gone", remedy, 1)


def summary_with(*failures: Failure, status: str = "incomplete") -> Summary:
    return Summary(
        status=status,
        scenes=1,
        files={"total": 20, "downloaded": 20 - len(failures), "failed": len(failures)},
        by_kind={"bands": {"downloaded": 20 - len(failures), "failed": len(failures)}},
        total_bytes=1000,
        downloaded_bytes=1000,
        elapsed_s=2.0,
        api_calls={},
        failures=failures,
        history=RunHistory(
            proofs=(ProofCount("length+sha512+tiff", "stac", 8), ProofCount("", "", 1))
        ),
    )


def test_the_outcome_puts_failures_of_one_reason_together() -> None:
    several = [failure(f"f{i}") for i in range(12)]
    lines = describe(
        summary_with(failure("g", "html", "Wait."), *several), StatePlaces(Path("data"))
    )
    assert lines[0].startswith("Incomplete: 1 scene, 20 files")
    first = lines.index("12 files failed: gone [http-404]")
    assert lines[first + 1 : first + 6] == [
        "    Ask.", "      f0", "      f1", "      f2", "      … and 9 more"
    ]  # fmt: skip
    assert lines[first + 6 : first + 9] == ["1 file failed: gone [html]", "    Wait.", "      g"]
    assert lines[-1] == "Run the same command again to continue."


def test_the_outcome_fits_a_screen_however_much_went_wrong() -> None:
    many = [failure(f"f{i}", f"reason-{i % 9}") for i in range(99)]
    steps = next_steps(summary_with(*many), Path("job.toml"), is_sandbox=False)
    lines = describe(summary_with(*many), StatePlaces(Path("data")), steps)
    assert "… and 55 files for 5 more reasons" in lines
    assert len(lines) <= 36


def test_the_outcome_says_how_files_were_verified() -> None:
    lines = describe(summary_with(), StatePlaces(Path("data")))
    assert "  verified by length+sha512+tiff (digest: stac): 8 files" in lines
    assert "              nothing: 1 file" in lines


def test_the_next_commands_can_be_copied() -> None:
    bad = summary_with(failure("f"))
    retry, page = next_steps(bad, Path("my job.toml"), is_sandbox=True)[1:]
    assert retry.startswith("  asyncdl run 'my job.toml' --sandbox --retry-failed  #")
    assert "asyncdl report 'my job.toml' --html report.html" in page
    assert len(next_steps(summary_with(status="interrupted"), Path("j"), is_sandbox=False)) == 2


def test_ids_from_a_pipe_are_not_there_to_be_tried_again() -> None:
    bad = summary_with(failure("f"))
    (page,) = next_steps(bad, Path("job.toml"), is_sandbox=True, is_piped=True)[1:]
    assert page.startswith("  asyncdl report job.toml --html report.html")


def test_a_complete_outcome_asks_for_nothing_more() -> None:
    good = summary_with(status="complete")
    assert next_steps(good, Path("job.toml"), is_sandbox=False) == []
    lines = describe(good, StatePlaces(Path("data")))
    assert lines[0].startswith("Complete: ")
    assert not [line for line in lines if "again" in line]


def test_the_outcome_names_what_was_replaced_or_withdrawn() -> None:
    summary = replace(
        summary_with(),
        superseded=(Superseded("A", "B", 3), Superseded("C", "D", 1)),
        withdrawn=(Withdrawn("E", "2026-03-01"),),
    )
    lines = describe(summary, StatePlaces(Path("data")))
    assert "  reprocessed: 2 scenes, 4 old files removed" in lines
    assert "  withdrawn: 1 scene, files kept" in lines
