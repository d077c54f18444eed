"""How far a run is and how fast it goes, as a display or a line shows it. Draws nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from msgspec import Struct, field

from asyncdl.events import Event
from asyncdl.run_state import RunState
from asyncdl.run_state.messages import delays, in_preparation
from asyncdl.units import count, duration, rate, size

WINDOW_S = 10.0
"""Rates are taken over: long enough to be calm, short enough to be true."""


class MeasuredRate(Struct):
    """How fast a count that never falls grows.

    Args:
        readings: The first one: when, and how many.
    """

    readings: deque[tuple[float, int]] = field(default_factory=deque)

    @staticmethod
    def since(now_s: float) -> MeasuredRate:
        """Return the rate of what begins now, at nothing."""
        return MeasuredRate(deque([(now_s, 0)]))

    def read(self, now_s: float, total: int) -> None:
        """Take a reading, and forget those before the window."""
        self.readings.append((now_s, total))
        while len(self.readings) > 2 and now_s - self.readings[1][0] >= WINDOW_S:
            self.readings.popleft()

    @property
    def per_s(self) -> float:
        """Growth per second; 0 before there are two readings."""
        if len(self.readings) < 2:
            return 0.0
        (start_s, before), (now_s, after) = self.readings[0], self.readings[-1]
        return (after - before) / (now_s - start_s) if now_s > start_s else 0.0


class TimeToGo(Struct, frozen=True):
    """How long a run still takes if it goes on as at present."""

    seconds: float
    is_lower_bound: bool
    """Whether part of the work takes an unknown time."""

    def __str__(self) -> str:
        least = "at least " if self.is_lower_bound else ""
        return f"{least}{duration(self.seconds)} to go"


class RunProgress:
    """A run's state on a clock, with rates.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began_s = self.now_s = clock()
        self._rate = MeasuredRate.since(self._began_s)
        self._file_rates: dict[str, MeasuredRate] = {}
        self.state = RunState()

    def take(self, event: Event) -> None:
        """Take one event of the run."""
        self.now_s = self._clock()
        self.state.apply(event, self.now_s)

    def tick(self) -> None:
        """Let time pass: read the rates."""
        self.now_s = now_s = self._clock()
        self._rate.read(now_s, self.state.received_bytes)
        active = self.state.transfers.active
        self._file_rates = {
            key: self._file_rates.get(key) or MeasuredRate.since(file.started_s)
            for key, file in active.items()
        }
        for key, file in active.items():
            self._file_rates[key].read(now_s, file.received_bytes)

    @property
    def rate_bytes_s(self) -> float:
        """Received per second, over the last seconds."""
        return self._rate.per_s

    def file_rate_bytes_s(self, key: str) -> float:
        """Return the same for one active file; 0 before the next tick."""
        known = self._file_rates.get(key)
        return known.per_s if known else 0.0

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self.now_s - self._began_s

    @property
    def share(self) -> float | None:
        """How much of the run is done, 0 to 1, by bytes where they are known, else by files."""
        files = self.state.files
        if files.wanted_bytes:
            return min(1.0, self.state.done_bytes / files.wanted_bytes)
        return min(1.0, files.finished / files.wanted) if files.wanted else None

    @property
    def time_to_go(self) -> TimeToGo | None:
        """How long the rest takes; ``None`` while unknown.

        Files that the service is preparing count with all others by their bytes. Where it takes
        longer to prepare them than to fetch everything, that is what the run takes.
        """
        fetching_s = self._fetching_s
        if not self.state.preparation.count:
            return None if fetching_s is None else TimeToGo(fetching_s, is_lower_bound=False)
        parts_s = (fetching_s, self.state.preparation.remaining_s(self.now_s))
        known_s = [part_s for part_s in parts_s if part_s is not None]
        return TimeToGo(max(known_s), is_lower_bound=None in parts_s) if known_s else None

    @property
    def _fetching_s(self) -> float | None:
        left = self.state.files.wanted_bytes - self.state.done_bytes
        if self.rate_bytes_s <= 0 or left < 0 or not self.state.files.wanted_bytes:
            return None
        return left / self.rate_bytes_s

    @property
    def totals(self) -> list[str]:
        """What is wanted and what has ended, the most important first."""
        state, files = self.state, self.state.files
        parts = [f"{files.finished:,} of {count(files.wanted, 'file')}"]
        if state.total_hits is not None and state.total_hits != state.scenes:
            parts.insert(0, f"{count(state.scenes, 'scene')} of {state.total_hits:,}")
        elif state.scenes:
            parts.insert(0, count(state.scenes, "scene"))
        if files.missing:
            parts.append(f"{files.missing:,} failed")
        if state.quota is not None:
            parts.append(f"quota left: {state.quota:,}")
        return parts

    @property
    def speed(self) -> list[str]:
        """How much has come, how fast, and how long it takes, the most important first."""
        done, wanted_bytes = size(self.state.done_bytes), self.state.files.wanted_bytes
        parts = [
            f"{done} of {size(wanted_bytes)}" if wanted_bytes else done,
            rate(self.rate_bytes_s),
            duration(self.elapsed_s),
        ]
        if self.time_to_go is not None:
            parts.append(str(self.time_to_go))
        if in_use := self.state.connections_in_use:
            parts.append(count(in_use, "connection"))
        return parts

    @property
    def preparation(self) -> list[str]:
        """What the service is preparing; empty if nothing."""
        return in_preparation(self.state.preparation, self.now_s)

    @property
    def delays(self) -> list[str]:
        """A line for each cause of delay at the moment."""
        return delays(self.state, self.now_s)


def join_fitting(parts: list[str], width: int) -> str:
    """Return as many of the first parts as fit; always the first."""
    line = parts[0]
    for part in parts[1:]:
        if len(line) + len(part) + 3 > width:
            break
        line += f" · {part}"
    return line
