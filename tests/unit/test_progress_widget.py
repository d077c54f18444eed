"""The widget of a notebook, and what is shown where there is none."""

from __future__ import annotations

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from asyncdl.events import (
    FilesWanted,
    JobFinished,
    JobStarted,
    Notice,
    ScenesFound,
    TransferProgress,
    TransferStarted,
)
from asyncdl.progress import progress_display


@pytest.fixture
def widget(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("anywidget", reason="anywidget is not installed: make extras")
    from asyncdl.progress import widget as module

    monkeypatch.setattr(module, "TICK_S", 0.01)
    return module


def test_it_shows_what_a_terminal_shows(widget: Any) -> None:
    now_s = 100.0
    shown = widget.ProgressWidget(lambda: now_s)
    assert shown.state == {}
    shown.take(JobStarted("data", "label"))
    shown.take(ScenesFound(2, 2))
    shown.take(TransferStarted("a/<b>.TIF", "<b>.TIF", 1000, 0))
    now_s = 102.0
    shown.take(TransferProgress("a/<b>.TIF", 500, 500))
    (file,) = shown.state["files"]
    assert (file["name"], file["share"], file["sizes"]) == ("<b>.TIF", 0.5, "500 B of 1.0 kB")
    assert shown.state["totals"][0] == "2 scenes"
    assert shown.state["status"] == ""
    shown.take(Notice("\x1b[31mread this", "warning"))
    shown.take(JobFinished("complete"))
    assert shown.state["status"] == "complete"
    assert "\x1b" not in shown.state["notices"][0]


def test_it_is_drawn_a_few_times_a_second_whatever_comes(widget: Any) -> None:
    now_s, drawn = 0.0, []
    shown = widget.ProgressWidget(lambda: now_s)
    shown.observe(lambda change: drawn.append(change), names="state")
    shown.take(TransferStarted("a", "a", 10**6, 0))
    for done in range(1, 1001):
        now_s = done / 1000
        shown.take(TransferProgress("a", done * 1000, done * 1000))
    assert 1 <= len(drawn) <= 6


async def test_time_passes_on_it_while_nothing_happens(widget: Any) -> None:
    seconds = iter(range(10_000))
    shown = widget.ProgressWidget(lambda: float(next(seconds)))
    changed = asyncio.Event()
    shown.take(JobStarted("data", "label"))
    shown.observe(lambda change: changed.set(), names="state")
    async with asyncio.timeout(60):
        await changed.wait()
    shown.take(JobFinished("complete"))
    last = shown.state
    await asyncio.sleep(0.05)
    assert shown.state is last  # the ticks have ended with the run


def test_outside_of_notebooks_it_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    take = progress_display()
    take(JobStarted("data", "label"))
    take(ScenesFound(1, 1))
    assert "Fetching into data" in capsys.readouterr().out


def test_a_notebook_without_the_extra_has_lines_and_advice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "asyncdl.progress.widget", raising=False)
    take = progress_display()
    take(FilesWanted(1, 10))
    assert "[notebook]" in capsys.readouterr().out
