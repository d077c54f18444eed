"""The live display: what it counts, and what it draws at three widths."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from asyncdl.cli.display import is_live
from asyncdl.cli.printing import echo
from asyncdl.cli.run_display import open_progress, render
from asyncdl.events import (
    Event,
    FileFinished,
    FilesPreparing,
    FileState,
    FilesWanted,
    HostStrain,
    HostWait,
    JobStarted,
    Notice,
    QuotaLeft,
    QuotaWait,
    ScenesFound,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
)
from asyncdl.progress import progress_lines
from asyncdl.progress.run_progress import RunProgress, TimeToGo
from asyncdl.run_state.transfers import MOST_RELEASED
from asyncdl.text import shortened


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def finished(size: int, state: FileState = FileState.DOWNLOADED) -> FileFinished:
    return FileFinished("bands", "p", "bands/p/a", state, size_bytes=size)


def progress_after(*events: Event, seconds: float = 1.0) -> RunProgress:
    clock = Clock()
    progress = RunProgress(clock)
    for event in events:
        progress.take(event)
    clock.now += seconds
    progress.tick()
    return progress


def test_the_rate_counts_received_bytes_and_the_rest_follows_from_it() -> None:
    progress = progress_after(
        FilesWanted(2, 3000),
        TransferStarted("a", "a", 1000, 0),
        TransferProgress("a", 400, 400),
        TransferProgress("a", 1000, 1000),
    )
    assert progress.rate_bytes_s == 1000
    assert progress.time_to_go == TimeToGo(2, is_lower_bound=False)


def test_a_file_that_begins_again_takes_its_bytes_back_and_received_ones_stay() -> None:
    progress = progress_after(
        TransferStarted("a", "a", 1000, 0),
        TransferProgress("a", 800, 800),
        TransferProgress("a", 100, 900),
    )
    assert progress.state.done_bytes == 100
    assert progress.state.transfers.received_bytes == 900


def test_finished_files_leave_the_list_and_count_with_their_size() -> None:
    progress = progress_after(
        TransferStarted("a", "a", 10, 0), TransferProgress("a", 10, 10), TransferEnded("a"),
        finished(10), finished(5, FileState.SKIPPED), finished(0, FileState.FAILED),
    )  # fmt: skip
    assert not progress.state.transfers.active
    assert progress.state.files.there_bytes == 15
    assert progress.state.files.states == {
        "downloaded": 1, "skipped": 1, "failed": 1, "unresolved": 0
    }  # fmt: skip


def test_a_length_takes_the_place_of_its_estimate_as_soon_as_it_is_known() -> None:
    wanted = FilesWanted(2, 160, {"a.tar": 60, "b.tar": 100})
    under_way = (
        wanted,
        TransferStarted("a.tar", "a.tar", 90, 0),
        TransferStarted("b.tar", "b", 80, 0),
    )
    assert progress_after(wanted).state.files.wanted_bytes == 160
    assert progress_after(*under_way).state.files.wanted_bytes == 170
    begun_again = *under_way, TransferStarted("a.tar", "a.tar", 90, 0)
    assert progress_after(*begun_again).state.files.wanted_bytes == 170


def test_a_length_that_only_the_end_tells_takes_the_place_of_its_estimate() -> None:
    wanted = FilesWanted(2, 160, {"bands/p/a": 60, "b.tar": 100})
    progress = progress_after(wanted, finished(90, FileState.SKIPPED))
    assert (progress.state.files.there_bytes, progress.state.files.wanted_bytes) == (90, 190)
    assert progress_after(wanted, finished(0, FileState.FAILED)).state.files.wanted_bytes == 160


@pytest.mark.parametrize("reason", ["", "interrupted"])
def test_what_is_on_disk_still_counts_between_a_transfer_and_its_end(reason: str) -> None:
    """A file may be unpacked or copied meanwhile, and that of an interrupted run stays."""
    progress = progress_after(
        TransferStarted("bands/p/a", "a", 10, 0),
        TransferProgress("bands/p/a", 8, 8),
        TransferEnded("bands/p/a", reason),
    )
    assert not progress.state.transfers.active
    assert progress.state.done_bytes == 8
    progress.take(finished(10))
    assert progress.state.done_bytes == 10


def test_what_failed_does_not_count() -> None:
    progress = progress_after(
        TransferStarted("a", "a", 10, 0),
        TransferProgress("a", 8, 8),
        TransferEnded("a", "http-500"),
    )
    assert progress.state.done_bytes == 0


def test_plain_downloads_without_end_take_no_more_room() -> None:
    progress = RunProgress()
    for n in range(3000):
        progress.take(TransferStarted(f"{n}", "a", 10, 10))
        progress.take(TransferEnded(f"{n}"))
    assert progress.state.done_bytes == 30_000
    assert len(progress.state.transfers.released) == MOST_RELEASED


def test_a_wait_is_shown_until_it_is_over() -> None:
    assert progress_after(QuotaWait(60), seconds=1).delays
    assert not progress_after(QuotaWait(60), seconds=61).delays


def test_a_service_that_is_down_is_shown_until_it_is_back() -> None:
    down = ServiceWait("m2m", "HTTP 503", 60, 30), ServiceWait("files", "unreachable", 5, 40)
    m2m, files = progress_after(*down, seconds=10).delays
    assert m2m == "m2m is down for 1:10: HTTP 503; next try in 0:20"
    assert files == "files is down for 0:15: unreachable; next try in 0:30"
    assert progress_after(*down, ServiceBack("m2m", 60), seconds=10).delays == [files]


def test_a_file_between_two_tries_says_why() -> None:
    progress = progress_after(
        TransferStarted("a", "a", 10, 0), TransferRetry("a", "http-503", "busy", 4.0, 1)
    )
    assert "retry in 4 s: http-503" in drawn(progress)[2]


def busy_run(files: int = 12) -> RunProgress:
    return progress_after(
        ScenesFound(3, 4312),
        FilesWanted(54, 10**9),
        QuotaLeft(14_955),
        *(TransferStarted(f"{i}", "LC08_L2SP_068017_20200310_02_T1_SR_B4.TIF", 10**8, 0)
          for i in range(files)),
        TransferProgress("0", 10**7, 10**7),
        TransferRetry("1", "http-503", "busy", 4.0, 1),
        FilesPreparing(7, "one", 200.0, 30.0),
        QuotaWait(60),
        ServiceWait("m2m.cr.usgs.gov", "HTTP 503", 3600, 300),
    )  # fmt: skip


def drawn(progress: RunProgress, width: int = 80, height: int = 24) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(render(progress, width, height))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [20, 40, 60, 80, 96, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = drawn(busy_run(), width)
    assert max(map(len, lines)) <= width
    assert "3 scenes of 4,312"[:width] in lines[0]
    assert any("and 4 more" in line for line in lines)
    assert any("7 files in preparation"[: width - 1] in line for line in lines)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_end_of_a_name_is_always_to_be_seen(width: int) -> None:
    assert sum("_B4.TIF" in line for line in drawn(busy_run(), width)) == 8


@pytest.mark.parametrize("height", range(4, 30))
def test_a_display_fits_the_height_and_leaves_its_last_line_to_the_cursor(height: int) -> None:
    lines = drawn(busy_run(), height=height)
    assert len(lines) <= height - 1 and lines[-1] == ""
    assert "3 scenes of 4,312" in lines[0]
    shown = sum("_B4.TIF" in line for line in lines)
    counted = [line for line in lines if line.startswith("… and")]
    assert counted == ([f"… and {12 - shown} more"] if shown else [])


@pytest.mark.parametrize("files", range(1, 11))
def test_every_active_file_is_shown_or_counted(files: int) -> None:
    lines = drawn(busy_run(files))
    hidden = [line for line in lines if line.startswith("… and")]
    assert hidden == ([f"… and {files - 8} more"] if files > 8 else [])
    assert sum("_B4.TIF" in line for line in lines) == min(files, 8)


def test_what_is_prepared_says_for_how_long() -> None:
    text = progress_after(FilesPreparing(7, "one", 200.0, 30.0), seconds=10).preparation
    assert text == ["7 files in preparation", "3:30 so far", "next poll in 0:20"]
    assert progress_after(FilesPreparing(7), FilesPreparing(0)).preparation == []


def test_row_p3_the_time_to_go_counts_what_is_prepared() -> None:
    """Two files a minute come out of preparation, and all bytes would be there in two seconds."""
    fetching = (
        FilesWanted(8, 3000), TransferStarted("a", "a", 1000, 0), TransferProgress("a", 1000, 1000)
    )  # fmt: skip
    progress = progress_after(*fetching)
    assert progress.speed[3] == "0:02 to go"
    progress.state.apply(FilesPreparing(6), 1.0)
    assert progress.speed[3] == "at least 0:02 to go"
    progress.state.apply(FilesPreparing(4), 61.0)
    progress.now_s = 61.0
    assert progress.speed[3] == "2:00 to go"
    progress.state.apply(FilesPreparing(0), 121.0)
    assert progress.speed[3] == "0:02 to go"


def test_row_p3_where_only_preparation_is_left_the_time_to_go_is_its_own() -> None:
    progress = progress_after(FilesWanted(8, 3000), FilesPreparing(8), seconds=60.0)
    assert progress.time_to_go is None
    progress.take(FilesPreparing(6))
    assert progress.speed[3] == "at least 3:00 to go"


def test_waits_say_why_and_for_how_much_longer() -> None:
    progress = progress_after(QuotaWait(60), HostWait("files", "HTTP 429", 20), seconds=15)
    assert progress.delays == [
        "waiting: download quota used up (0:45)",
        "waiting: backoff for files: HTTP 429 (0:05)",
    ]


def test_row_e9_hosts_under_strain_are_shown_until_it_is_over() -> None:
    strain = HostStrain("files", "http-429", 8, 16)
    progress = progress_after(strain, HostStrain("files", "http-429", 4, 16), seconds=70)
    assert progress.delays == ["files gets 4 of 16 connections for 1:10: http-429"]
    progress.take(HostStrain("files", "http-429", 16, 16))
    progress.tick()
    assert progress.delays == []


def test_without_sizes_the_files_tell_how_far_a_run_is() -> None:
    """As with ``get``: sizes are unknown before the hosts announce them."""
    progress = progress_after(FilesWanted(4, 0), finished(10))
    assert progress.share == 0.25 and progress.time_to_go is None
    assert RunProgress().share is None
    assert progress.speed[0] == "10 B"


@given(st.text(), st.integers(0, 60))
def test_a_shortened_name_fits_and_keeps_its_end(text: str, width: int) -> None:
    short = shortened(text, width)
    assert len(short) <= width
    assert short == text if len(text) <= width else not width or short[-1] == text[-1] or width < 2


def lines_of(*events: tuple[float, Event]) -> list[str]:
    clock, written = Clock(), list[str]()
    take = progress_lines(written.append, clock=clock)
    for now, event in events:
        clock.now = now
        take(event)
    return written


def test_lines_tell_the_beginning_and_then_little() -> None:
    started = (0.0, JobStarted("data", "label")), (1.0, ScenesFound(3, 3))
    moving = [(float(second), finished(10)) for second in range(2, 100)]
    lines = lines_of(*started, (1.0, FilesWanted(200, 2000)), *moving)
    assert lines[0] == "Fetching into data"
    assert [line.partition(" · quota")[0][:30] for line in lines[1:]] == [
        "3 scenes · 29 of 200 files · 2", "3 scenes · 59 of 200 files · 5",
        "3 scenes · 89 of 200 files · 8",
    ]  # fmt: skip


def test_lines_are_rare_while_nothing_moves() -> None:
    waiting = [(30.0 * n, FilesPreparing(2, "a", 30.0 * n, 30.0)) for n in range(1, 41)]
    lines = lines_of((0.0, FilesWanted(2, 20)), *waiting)
    assert len(lines) == 4
    assert "2 files in preparation · 5:00 so far" in lines[0]


def test_notes_are_lines_at_once_and_harmless() -> None:
    assert lines_of((0.0, Notice("a\x1b[2J", "warning"))) == ["Note: a\\x1b[2J"]


@pytest.mark.parametrize(
    ("variables", "is_drawn"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm", "CI": "true"}, False),
        ({"TERM": "xterm", "CI": "false"}, True),
    ],
)
def test_only_a_terminal_that_can_be_drawn_on_gets_a_display(
    variables: dict[str, str], is_drawn: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", Mock(isatty=lambda: True))
    for name in ("TERM", "CI", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_live() is is_drawn


def test_a_line_printed_meanwhile_stands_above_the_display(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The display replaces stderr; a line to the old one would be drawn over."""
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with open_progress() as show:
        show(ScenesFound(3, 3))
        before = len(terminal.getvalue())
        echo("a line", err=True)
        written = terminal.getvalue()[before:]
    assert "files" in written.partition("a line\n")[2], "the display is drawn below it"
