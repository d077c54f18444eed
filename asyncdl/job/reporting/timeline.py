"""How a run went over time, in a record that stays small however long it takes.

Pure: the clock's readings are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest

MAX_SAMPLES = 600
"""More than a chart has room for, and a few kilobytes in the report."""
FIRST_INTERVAL_S = 1.0
"""Of a sample, at first; doubled each time that the record is full."""
MAX_WAITS = 200
"""Further waits are left out; by then the record has made its point."""
TOUCHING_S = 1.0
"""A wait that begins so soon after one for the same reason continues it."""


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
    """A stretch of time in which something was waited for."""

    start_s: float
    end_s: float
    what: str


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
    """Keeps a timeline while a run goes on; samples are merged in pairs when they get too many.

    What holds on (connections in use, files in preparation) counts for every
    interval until it changes. Times are seconds since the start and never fall.
    """

    max_samples: int = MAX_SAMPLES
    interval_s: float = FIRST_INTERVAL_S
    samples: list[Interval] = field(default_factory=lambda: [Interval()])
    waits: list[Wait] = field(default_factory=list)
    _connections: dict[str, int] = field(default_factory=dict)
    _preparing: int = 0
    _last_s: float = 0.0

    def receive(self, now_s: float, count: int) -> None:
        """Note bytes that came over the network."""
        self._at(now_s).received_bytes += count

    def finish(self, now_s: float) -> None:
        """Note a file's ending."""
        self._at(now_s).finished_files += 1

    def use(self, now_s: float, host: str, count: int) -> None:
        """Note how many connections to a host are in use from now on."""
        sample = self._at(now_s)
        self._connections[host] = count
        sample.connections = max(sample.connections, sum(self._connections.values()))

    def prepare(self, now_s: float, count: int) -> None:
        """Note how many files are in preparation from now on."""
        sample = self._at(now_s)
        self._preparing = count
        sample.preparing = max(sample.preparing, count)

    def wait(self, now_s: float, what: str, wait_s: float) -> None:
        """Note a wait that begins now, or goes on."""
        for known in reversed(self.waits):
            if known.what == what and now_s <= known.end_s + TOUCHING_S:
                known.end_s = max(known.end_s, now_s + wait_s)
                return
        if len(self.waits) < MAX_WAITS:
            self.waits.append(Wait(now_s, now_s + wait_s, what))

    def resume(self, now_s: float, what: str) -> None:
        """Note that a wait is over, earlier than was thought."""
        for known in self.waits:
            if known.what == what:
                known.end_s = min(known.end_s, max(known.start_s, now_s))

    def end(self, now_s: float) -> None:
        """Close the record: what still lasts, lasts until now."""
        self._at(now_s)
        for known in self.waits:
            known.end_s = min(known.end_s, max(known.start_s, now_s))

    def _at(self, now_s: float) -> Interval:
        """Return the sample of a moment, and fill the gap before it."""
        self._last_s = max(self._last_s, now_s)
        while self._last_s >= self.interval_s * self.max_samples:
            self._merge()
        missing = int(self._last_s / self.interval_s) + 1 - len(self.samples)
        self.samples += [self._lasting() for _ in range(missing)]
        return self.samples[-1]

    def _lasting(self) -> Interval:
        return Interval(connections=sum(self._connections.values()), preparing=self._preparing)

    def _merge(self) -> None:
        pairs = zip_longest(self.samples[::2], self.samples[1::2], fillvalue=Interval())
        self.samples = [first + second for first, second in pairs]
        self.interval_s *= 2

    @property
    def timeline(self) -> Timeline:
        """The record so far."""
        samples = self.samples
        return Timeline(
            self.interval_s,
            tuple(sample.received_bytes for sample in samples),
            tuple(sample.connections for sample in samples),
            tuple(sample.finished_files for sample in samples),
            tuple(sample.preparing for sample in samples),
            tuple(
                Wait(round(wait.start_s, 1), round(wait.end_s, 1), wait.what) for wait in self.waits
            ),
        )
