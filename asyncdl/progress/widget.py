"""A run's progress as a widget: a bar for the whole, and one for each file under way.

Python sends plain numbers and texts, at most a few times a second; the script in ``parts/`` draws.
It shows in JupyterLab, Notebook, VS Code, Colab and wherever else anywidget does.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable
from importlib import resources
from itertools import islice
from typing import Any

import anywidget
import traitlets

from asyncdl.events import Event, JobFinished, JobStarted, Notice
from asyncdl.progress.run_progress import RunProgress
from asyncdl.run_state.messages import message_of, retry_of
from asyncdl.run_state.transfers import ActiveFile
from asyncdl.text import plain
from asyncdl.units import rate, size

INTERVAL_S = 0.25
"""Between two drawings, at least."""
TICK_S = 1.0
"""Between two drawings, at most, while a job runs: waits count down."""
SHOWN_FILES = 8
SHOWN_NOTICES = 5


def _part(name: str) -> str:
    return resources.files("asyncdl.progress").joinpath("parts", name).read_text(encoding="utf-8")


class ProgressWidget(anywidget.AnyWidget):
    """Shows one run, or several one after the other.

    Args:
        clock: Monotonic seconds.
    """

    _esm = _part("widget.js")
    _css = _part("widget.css")
    state = traitlets.Dict().tag(sync=True)
    """What is drawn; empty before the first event."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._progress = RunProgress(clock)
        self._notices: list[str] = []
        self._drawn_s: float | None = None

    def take(self, event: Event) -> None:
        """Take one event of the run, on the loop that it runs on."""
        if isinstance(event, JobStarted):
            self._begin()
        self._progress.take(event)
        if isinstance(event, Notice):
            self._notices = [*self._notices, plain(message_of(event))][-SHOWN_NOTICES:]
        if isinstance(event, JobFinished) or self._is_due():
            self.draw()

    def _begin(self) -> None:
        self._progress, self._notices = RunProgress(self._clock), []
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # events that are played back
            return
        loop.call_later(TICK_S, _tick, weakref.ref(self), self._progress, loop)

    def _is_due(self) -> bool:
        return self._drawn_s is None or self._progress.now_s - self._drawn_s >= INTERVAL_S

    def is_running(self, progress: RunProgress) -> bool:
        """Return whether a run is the one that is shown, and goes on."""
        return progress is self._progress and not progress.state.status

    def draw(self) -> None:
        """Send what is known now."""
        self._progress.tick()
        self._drawn_s = self._progress.now_s
        self.state = _state_of(self._progress, self._notices)


def _tick(
    shown: weakref.ref[ProgressWidget], progress: RunProgress, loop: asyncio.AbstractEventLoop
) -> None:
    widget = shown()
    if widget is not None and widget.is_running(progress):
        widget.draw()
        loop.call_later(TICK_S, _tick, shown, progress, loop)


def _state_of(progress: RunProgress, notices: list[str]) -> dict[str, Any]:
    active = progress.state.transfers.active
    shown = islice(active.items(), SHOWN_FILES)
    return {
        "share": progress.share,
        "totals": progress.totals,
        "speed": progress.speed,
        "files": [_file(file, progress.file_rate_bytes_s(key)) for key, file in shown],
        "more": max(0, len(active) - SHOWN_FILES),
        "preparation": progress.preparation,
        "delays": [plain(text) for text in progress.delays],
        "notices": notices,
        "status": progress.state.status,
    }


def _file(file: ActiveFile, rate_bytes_s: float) -> dict[str, Any]:
    total = file.total_bytes
    done = size(file.done_bytes)
    return {
        "name": plain(file.name),
        "note": plain(retry_of(file.retry)) if file.retry else "",
        "share": file.done_bytes / total if total else None,
        "sizes": f"{done} of {size(total)}" if total else done,
        "rate": rate(rate_bytes_s),
    }
