"""A run over time, in a bounded number of samples. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest

from asyncdl.run_state import RunState

MAX_SAMPLES = 600
"""More than a chart has room for, and a few kilobytes in the report."""
FIRST_INTERVAL_S = 1.0
"""Of a sample, at first; doubled each time that there are too many."""


@dataclass(slots=True)
class Interval:
    """What happened in one interval."""

    received_bytes: int = 0
    """Over the network."""
    connections: int = 0
    """In use at once, at most."""
    finished_files: int = 0
    """Files that reached their ending."""
    preparing: int = 0
    """Files that the service was preparing, at most."""

    def __add__(self, later: Interval) -> Interval:
        return Interval(
            self.received_bytes + later.received_bytes,
            max(self.connections, later.connections),
            self.finished_files + later.finished_files,
            max(self.preparing, later.preparing),
        )


@dataclass(slots=True)
class Wait:
    """A stretch of time in which the run waited for something."""

    start_s: float
    end_s: float
    what: str
    """Such as ``m2m.cr.usgs.gov is down``."""
    reason: str = ""
    """Such as ``HTTP 503``; empty where ``what`` says it all, and in older reports."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Samples of equal length from the start of a run, column by column, and the waits."""

    interval_s: float = FIRST_INTERVAL_S
    received_bytes: tuple[int, ...] = ()
    connections: tuple[int, ...] = ()
    finished_files: tuple[int, ...] = ()
    preparing: tuple[int, ...] = ()
    waits: tuple[Wait, ...] = ()


@dataclass
class TimelineBuilder:
    """Takes samples of a run's state; they are merged in pairs when they get too many.

    What lasts (connections in use, files in preparation) counts for every interval until it
    changes. Times are seconds since the start and never fall.
    """

    max_samples: int = MAX_SAMPLES
    interval_s: float = FIRST_INTERVAL_S
    samples: list[Interval] = field(default_factory=lambda: [Interval()])
    _received_bytes: int = 0
    _finished_files: int = 0
    _connections: int = 0
    _preparing: int = 0
    _end_s: float = FIRST_INTERVAL_S
    """Of the last interval."""

    def sample(self, state: RunState, now_s: float) -> None:
        """Note what has changed since the last call."""
        interval = self._at(now_s)
        received_bytes, finished_files = state.received_bytes, state.files.finished
        interval.received_bytes += received_bytes - self._received_bytes
        interval.finished_files += finished_files - self._finished_files
        self._received_bytes, self._finished_files = received_bytes, finished_files
        self._connections = state.connections_in_use
        self._preparing = state.preparation.count
        interval.connections = max(interval.connections, self._connections)
        interval.preparing = max(interval.preparing, self._preparing)

    def _at(self, now_s: float) -> Interval:
        """Return the interval of a moment, and fill the gap before it."""
        if now_s >= self._end_s:
            self._extend(now_s)
        return self.samples[-1]

    def _extend(self, now_s: float) -> None:
        while now_s >= self.interval_s * self.max_samples:
            self._merge()
        missing = int(now_s / self.interval_s) + 1 - len(self.samples)
        self.samples += [self._lasting() for _ in range(missing)]
        self._end_s = self.interval_s * len(self.samples)

    def _lasting(self) -> Interval:
        return Interval(connections=self._connections, preparing=self._preparing)

    def _merge(self) -> None:
        pairs = zip_longest(self.samples[::2], self.samples[1::2], fillvalue=Interval())
        self.samples = [first + second for first, second in pairs]
        self.interval_s *= 2

    def timeline(self, state: RunState, now_s: float) -> Timeline:
        """Return the timeline of a run that ends now: what still lasts, lasts until now."""
        self.sample(state, now_s)
        samples = self.samples
        return Timeline(
            self.interval_s,
            tuple(sample.received_bytes for sample in samples),
            tuple(sample.connections for sample in samples),
            tuple(sample.finished_files for sample in samples),
            tuple(sample.preparing for sample in samples),
            tuple(
                Wait(
                    round(wait.start_s, 1),
                    round(min(wait.end_s, max(wait.start_s, now_s)), 1),
                    wait.what,
                    wait.reason,
                )
                for wait in state.waits.history
            ),
        )
