"""A display that is drawn anew leaves nothing of itself, also on a terminal that gets narrower."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from asyncdl.cli.live import ResizableLive, rows_added, wraps_lines

UP = "\x1b[1A"
JOB = """
[search]
scenes = ["LC08_L2SP_068017_20200310_20200822_02_T1"]
[[products]]
kind = "bands"
bands = ["SR_*", "ST_*"]
[download]
directory = "data"
max_rate = "2 kB/s"
"""
REFLOWS = {"TERM": "xterm-256color"}


def reflowed(line: str, columns: int) -> int:
    """Return how many rows a line takes."""
    return len([line[i : i + columns] for i in range(0, len(line), columns)] or [""])


@given(st.lists(st.text("x", max_size=200), max_size=20), st.integers(1, 200))
def test_the_rows_added_are_those_of_lines_that_are_broken(lines: list[str], columns: int) -> None:
    rows = sum(reflowed(line, columns) for line in lines)
    assert rows_added(map(len, lines), columns) == rows - len(lines)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (REFLOWS, True),
        (REFLOWS | {"XTERM_VERSION": "XTerm(390)"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "screen"}, False),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux"}, True),
        ({}, True),
    ],
)
def test_terminals_that_cut_lines_are_known(environ: dict[str, str], expected: bool) -> None:
    assert wraps_lines(environ) is expected


@pytest.mark.parametrize(
    ("environ", "rows"), [(REFLOWS, 2 + 4), ({"TERM": "linux"}, 2)], ids=["breaks", "cuts"]
)
def test_after_narrowing_it_goes_up_over_all_rows_that_it_has_taken(
    environ: dict[str, str], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XTERM_VERSION", raising=False)
    monkeypatch.setenv("TERM", environ["TERM"])
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=90, height=20)
    # Two lines of 90 columns, which take three rows each of 40, and the empty last one.
    live = ResizableLive(lambda: Text("x" * 90 + "\n" + "x" * 90 + "\n"), console)
    console.push_render_hook(live)
    live.refresh()
    out.truncate(0)
    console.width = 40
    live.refresh()
    assert out.getvalue().partition("x")[0].count(UP) == rows


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A terminal that nobody here wrote; called, it does what tmux does."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed: make terminal")
    base = ["tmux", "-S", str(tmp_path / "socket"), "-f", os.devnull]

    def call(*arguments: str) -> str:
        done = subprocess.run(
            [*base, *arguments], check=True, capture_output=True, encoding="utf-8"
        )
        return done.stdout

    yield call
    subprocess.run([*base, "kill-server"], check=False, capture_output=True)


def wait_for(tmux: Callable[..., str], width: int) -> str:
    """Return what is shown once the display was drawn at this width."""
    for _ in range(600):
        screen = tmux("capture-pane", "-p")
        if any(len(line) == width for line in bars(screen)):
            return screen
        time.sleep(0.05)
    raise AssertionError(screen)


@pytest.mark.slow
@pytest.mark.allow_blocking
def test_a_terminal_that_gets_narrower_shows_one_display_and_no_more(
    tmux: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "job.toml").write_text(JOB)
    command = shlex.join([sys.executable, "-m", "asyncdl", "run", "job.toml", "--sandbox"])
    project = Path(__file__).parents[2]
    home = ("-c", str(tmp_path), "-e", "CI=", "-e", "COLUMNS=", "-e", f"PYTHONPATH={project}")
    tmux("new-session", "-d", "-x", "120", "-y", "30", *home, command)
    wait_for(tmux, 120)
    for width in (100, 61, 40):
        tmux("resize-window", "-x", str(width), "-y", "30")
        screen = wait_for(tmux, width)
        assert len(bars(screen)) == 1, screen
        assert sum(line.startswith("1 scene · ") for line in screen.splitlines()) == 1, screen


def bars(screen: str) -> list[str]:
    """Return the lines with the bar of the whole job, which go to the last column."""
    return [line for line in screen.splitlines() if line.endswith(" %") and line[0] in "━╸╺"]
