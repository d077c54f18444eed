"""The live display: what it counts, and what it draws at three widths."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from rich.console import Console

from asyncdl.cli.board import Board
from asyncdl.cli.progress import render
from asyncdl.events import (
    Event,
    FileFinished,
    FilesPreparing,
    FileState,
    FilesWanted,
    QuotaWait,
    ScenesFound,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
)


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def finished(size: int, state: FileState = FileState.DOWNLOADED) -> FileFinished:
    return FileFinished("bands", "p", "bands/p/a", state, size_bytes=size)


def board_after(*events: Event, seconds: float = 1.0) -> Board:
    clock = Clock()
    board = Board(clock=clock)
    for event in events:
        board.take(event)
    clock.now += seconds
    board.tick()
    return board


def test_the_rate_counts_received_bytes_and_the_rest_follows_from_it() -> None:
    board = board_after(
        FilesWanted(2, 3000),
        TransferStarted("a", "a", 1000, 0),
        TransferProgress("a", 400, 400),
        TransferProgress("a", 1000, 1000),
    )
    assert board.rate_bytes_s == 1000
    assert board.remaining_s == 2


def test_a_file_that_begins_again_takes_its_bytes_back_and_received_ones_stay() -> None:
    board = board_after(
        TransferStarted("a", "a", 1000, 0),
        TransferProgress("a", 800, 800),
        TransferProgress("a", 100, 900),
    )
    assert board.done_bytes == 100
    assert board.received_bytes == 900


def test_finished_files_leave_the_list_and_count_with_their_size() -> None:
    board = board_after(
        TransferStarted("a", "a", 10, 0), TransferProgress("a", 10, 10), TransferEnded("a"),
        finished(10), finished(5, FileState.SKIPPED), finished(0, FileState.FAILED),
    )  # fmt: skip
    assert not board.active
    assert board.finished_bytes == 15
    assert board.finished == {"downloaded": 1, "skipped": 1, "failed": 1}


def test_a_wait_is_shown_until_it_is_over() -> None:
    assert board_after(QuotaWait(60), seconds=1).waiting
    assert not board_after(QuotaWait(60), seconds=61).waiting


def test_a_service_that_is_down_is_shown_until_it_is_back() -> None:
    down = ServiceWait("m2m", "HTTP 503", 60, 30), ServiceWait("files", "unreachable", 5, 40)
    m2m, files = board_after(*down, seconds=10).outages
    assert m2m == "m2m is down for 1:10: HTTP 503; next try in 0:20"
    assert files == "files is down for 0:15: unreachable; next try in 0:30"
    assert board_after(*down, ServiceBack("m2m", 60), seconds=10).outages == [files]


def test_a_file_between_two_tries_says_why() -> None:
    board = board_after(
        TransferStarted("a", "a", 10, 0), TransferRetry("a", "http-503", "busy", 4.0, 1)
    )
    assert board.active["a"].note == "again in 4 s: http-503"


@pytest.mark.parametrize("width", [40, 80, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    board = board_after(
        ScenesFound(3, 4312),
        FilesWanted(54, 10**9),
        *(TransferStarted(f"{i}", "LC08_L2SP_068017_20200310_02_T1_SR_B4.TIF", 10**8, 0)
          for i in range(12)),
        TransferProgress("0", 10**7, 10**7),
        FilesPreparing(7),
        QuotaWait(60),
        ServiceWait("m2m.cr.usgs.gov", "HTTP 503", 3600, 300),
    )  # fmt: skip
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(render(board, width))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "3 scenes of 4,312" in lines[0]
    assert any("and 4 more" in line for line in lines)
    assert any("7 files still being prepared" in line for line in lines)
