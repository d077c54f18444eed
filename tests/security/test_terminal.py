"""Text from outside does nothing on a terminal but being read."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from asyncdl.cli.event_lines import print_message
from asyncdl.cli.json_lines import json_text
from asyncdl.cli.logs import SafeFormatter
from asyncdl.cli.main import print_error
from asyncdl.cli.outcome import print_summary
from asyncdl.cli.printing import plain, print_table
from asyncdl.cli.run_display import render
from asyncdl.errors import ApiError, NetworkError
from asyncdl.events import HostWait, Notice, TransferRetry, TransferStarted
from asyncdl.job.reporting.report import Failure, Summary
from asyncdl.journal import StatePlaces
from asyncdl.progress.run_progress import RunProgress
from asyncdl.text import is_acting
from tests.e2e.conftest import Run

HOSTILE = "a\x1b[2J\x1b]0;title\x07b\r\nFORGED \u202egnp.exe\x9b31m\u2028\0\x7f"
SHOWN = plain(HOSTILE)
SCRIPTS = (
    "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.pdf",
    "क\u094d\u200dष.txt",
    "👩\u200d🚀.png",
    "画像\u3000一.tif",
    "e\u0301.bin",
)
"""Joiners, wide spaces and combining marks are letters of their scripts."""


def is_harmless(text: str) -> bool:
    return not any(is_acting(c) for line in text.split("\n") for c in line)


@given(st.text())
@example(HOSTILE)
@example("\ud800")
def test_a_line_is_harmless_whatever_it_was(text: str) -> None:
    line = plain(text)
    assert is_harmless(line) and "\n" not in line and plain(line) == line
    assert line == text or any(map(is_acting, text))


@pytest.mark.parametrize("name", SCRIPTS)
def test_names_in_any_script_are_shown_as_they_are(name: str) -> None:
    assert plain(name) == name


@given(st.text())
@example(HOSTILE)
def test_json_means_the_same_and_is_printable(name: str) -> None:
    text = json_text({name: [name]})
    assert text.isprintable() and orjson.loads(text) == {name: [name]}


def test_json_of_a_path_that_is_no_text_can_be_written() -> None:
    assert json_text({"file": "\udc80"}) == '{"file": "\\udc80"}'


def hostile_summary() -> Summary:
    failure = Failure(HOSTILE, "bands", "failed", HOSTILE, HOSTILE, None, HOSTILE, HOSTILE, 1)
    return Summary(
        "stopped", 1, {"total": 1}, {HOSTILE: {"failed": 1}}, 0, 0, 1.0, {},
        failures=(failure,), notices=(HOSTILE,), error=HOSTILE,
    )  # fmt: skip


@pytest.mark.parametrize("as_json", [True, False])
def test_the_outcome_is_harmless(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(hostile_summary(), StatePlaces(Path(HOSTILE)), as_json=as_json, quiet=False)
    printed = capsys.readouterr().out
    assert "FORGED" in printed and is_harmless(printed)
    assert not any(line.startswith("FORGED") for line in printed.split("\n"))


def test_notes_errors_and_tables_are_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    print_message(Notice(HOSTILE, "warning"))
    print_message(HostWait(HOSTILE, HOSTILE, 1.0))
    print_error(ApiError("dataset", message=HOSTILE))
    print_error(NetworkError(HOSTILE, HOSTILE))
    print_table([{"name": HOSTILE, "files": 3}, {"name": "b", "files": 4}])
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count(SHOWN) == 7
    assert is_harmless(printed.out) and is_harmless(printed.err)


def test_the_live_display_is_harmless() -> None:
    progress = RunProgress()
    progress.take(TransferStarted("k", HOSTILE, 10, 0))
    progress.take(TransferStarted("l", "l", 10, 0))
    progress.take(TransferRetry("l", HOSTILE, HOSTILE, 1.0, 1))
    progress.take(HostWait(HOSTILE, HOSTILE, 1.0))
    console = Console(file=io.StringIO(), width=4000, color_system=None)
    console.print(render(progress, 4000))
    drawn = console.file.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
    assert drawn.count("FORGED") == 4 and is_harmless(drawn)


def test_a_log_record_cannot_pass_for_another() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(SafeFormatter("%(levelname)s %(name)s: %(message)s"))
    log = logging.Logger("asyncdl.test")
    log.addHandler(handler)
    try:
        raise ValueError(f"{HOSTILE}\nERROR asyncdl.test: forged")
    except ValueError:
        log.exception("one %s\nERROR asyncdl.test: forged", HOSTILE)
    head, *rest, end = stream.getvalue().split("\n")
    assert head.startswith("ERROR asyncdl.test: one") and end == ""
    assert rest and all(line.startswith("    ") for line in rest)
    assert is_harmless(stream.getvalue())


@pytest.mark.slow
async def test_what_a_host_makes_us_say_is_harmless(asyncdl_run: Run, tmp_path: Path) -> None:
    """The real program, with a URL that holds escape codes and goes nowhere."""
    ended = await asyncdl_run(
        "get", "http://127.0.0.1:9/\x1b[2J\x07.tif", "-o", tmp_path, "--attempts", "1", "-vv"
    )
    assert ended.status == 1 and "failed" in ended.stderr
    assert is_harmless(ended.stderr) and is_harmless(ended.stdout)
