"""A run's progress as single lines: one at the beginning, few on the way, and messages."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from asyncdl.events import Emit, Event, JobStarted, ScenesFound
from asyncdl.progress.run_progress import RunProgress
from asyncdl.run_state.messages import message_of
from asyncdl.text import plain

INTERVAL_S = 30.0
"""Between two lines, at least."""
IDLE_S = 300.0
"""The same while nothing changes: a sign of life, no more."""


class _Lines(Struct):
    progress: RunProgress
    write: Callable[[str], object]
    interval_s: float
    _last_s: float = 0.0
    """When the last line was written, in seconds since the run began."""
    _last_counts: tuple[int, int] = (0, 0)
    _directory: str | None = None

    def take(self, event: Event) -> None:
        self.progress.take(event)
        self._begin(event)
        if message := message_of(event):
            self.write(plain(message))
        if self._is_due():
            self._write_progress()

    def _begin(self, event: Event) -> None:
        """Say where the files go, once account and config have turned out to be good."""
        if isinstance(event, JobStarted):
            self._directory = event.directory
        elif isinstance(event, ScenesFound) and self._directory is not None:
            self.write(plain(f"Fetching into {self._directory}"))
            self._directory = None

    def _is_due(self) -> bool:
        since_s = self.progress.elapsed_s - self._last_s
        return since_s >= (self.interval_s if self._counts != self._last_counts else IDLE_S)

    @property
    def _counts(self) -> tuple[int, int]:
        state = self.progress.state
        return state.files.finished, state.received_bytes

    def _write_progress(self) -> None:
        self._last_s, self._last_counts = self.progress.elapsed_s, self._counts
        self.progress.tick()
        parts = [*self.progress.totals, *self.progress.speed, *self.progress.preparation]
        self.write(plain(" · ".join(parts)))


def progress_lines(
    write: Callable[[str], object] = print,
    *,
    interval_s: float = INTERVAL_S,
    clock: Callable[[], float] = time.monotonic,
) -> Emit:
    """Return what takes the events of one run and writes a line now and then.

    One line when the run begins, messages as they come, and a line of progress at most
    each ``interval_s``; each five minutes while nothing moves.

    Args:
        write: Takes a line without its end; it may neither block for long nor raise.
        interval_s: Between two lines of progress, at least.
        clock: Monotonic seconds.
    """
    return _Lines(RunProgress(clock), write, interval_s).take
