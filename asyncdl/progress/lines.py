"""A run's progress as single lines: one at the beginning, few on the way, and notes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from asyncdl.events import Emit, Event, JobStarted, ScenesFound
from asyncdl.progress.board import Board
from asyncdl.progress.notes import note_of
from asyncdl.progress.words import pace, totals
from asyncdl.text import plain

INTERVAL_S = 30.0
"""Between two lines, at least."""
IDLE_S = 300.0
"""The same while nothing changes: a sign of life, no more."""


@dataclass
class _Lines:
    board: Board
    write: Callable[[str], object]
    interval_s: float
    _told_s: float = 0.0
    _told: tuple[int, int] = (0, 0)
    _directory: str | None = None

    def take(self, event: Event) -> None:
        self.board.take(event)
        self._begin(event)
        if note := note_of(event):
            self.write(plain(note))
        if self._is_due():
            self._tell()

    def _begin(self, event: Event) -> None:
        """Say where the files go, once the account and the config have proven good."""
        if isinstance(event, JobStarted):
            self._directory = event.directory
        elif isinstance(event, ScenesFound) and self._directory is not None:
            self.write(plain(f"Fetching into {self._directory}"))
            self._directory = None

    def _is_due(self) -> bool:
        since_s = self.board.elapsed_s - self._told_s
        return since_s >= (self.interval_s if self._state != self._told else IDLE_S)

    @property
    def _state(self) -> tuple[int, int]:
        return self.board.finished_files, self.board.received_bytes

    def _tell(self) -> None:
        self._told_s, self._told = self.board.elapsed_s, self._state
        self.board.tick()
        parts = [*totals(self.board), *pace(self.board), *self.board.in_preparation]
        self.write(plain(" · ".join(parts)))


def progress_lines(
    write: Callable[[str], object] = print,
    *,
    interval_s: float = INTERVAL_S,
    clock: Callable[[], float] = time.monotonic,
) -> Emit:
    """Return what takes the events of one run and writes a line now and then.

    One line when the run begins, notes as they come, and a line of progress at most
    each ``interval_s``; each five minutes while nothing moves.

    Args:
        write: Takes a line without its end; it may neither block for long nor raise.
        interval_s: Between two lines of progress, at least.
        clock: Monotonic seconds.
    """
    return _Lines(Board(clock=clock), write, interval_s).take
