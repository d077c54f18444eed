"""What a live display shows, kept up to date from events. Draws nothing."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from asyncdl.cli.quantities import duration
from asyncdl.events import (
    ApiRetry,
    Event,
    FileFinished,
    FilesPreparing,
    FileState,
    FilesWanted,
    HostWait,
    QuotaWait,
    ScenesFound,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
)

RATE_WINDOW_S = 10.0
"""The rate shown is that of the last seconds: long enough to be calm, short enough to be true."""


@dataclass
class ActiveFile:
    """A file that is on its way."""

    name: str
    total_bytes: int | None
    done_bytes: int = 0
    note: str = ""
    """Why nothing moves, if nothing does."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A service that is down; both times are on the board's clock."""

    reason: str
    since: float
    next_try: float


@dataclass
class Board:
    """Totals, rate and active files of a run.

    Args:
        clock: Monotonic seconds.
    """

    clock: Callable[[], float] = time.monotonic
    scenes: int = 0
    total_hits: int | None = None
    wanted_files: int = 0
    wanted_bytes: int = 0
    finished: Counter[str] = field(default_factory=Counter)
    finished_bytes: int = 0
    received_bytes: int = 0
    preparing: int = 0
    active: dict[str, ActiveFile] = field(default_factory=dict)
    waiting: str = ""
    """What the whole run waits for, if it does."""
    down: dict[str, Outage] = field(default_factory=dict)
    """Services that are down, by host."""

    def __post_init__(self) -> None:
        self.began = self.clock()
        self._received: dict[str, int] = {}
        self._samples: deque[tuple[float, int]] = deque([(self.began, 0)])
        self._waiting_until = 0.0

    def take(self, event: Event) -> None:
        """Bring the board up to date with one event."""
        match event:
            case ScenesFound():
                self.scenes, self.total_hits = event.found, event.total_hits
            case FilesWanted():
                self.wanted_files += event.count
                self.wanted_bytes += event.size_bytes or 0
            case FilesPreparing():
                self.preparing = event.count
            case TransferStarted():
                self.active[event.key] = ActiveFile(
                    event.name, event.size_bytes, event.resumed_bytes
                )
            case TransferProgress():
                self._progress(event)
            case TransferRetry():
                if event.key in self.active:
                    self.active[event.key].note = f"again in {event.wait_s:.0f} s: {event.reason}"
            case TransferEnded():
                self.active.pop(event.key, None)
                self._received.pop(event.key, None)
            case FileFinished():
                self.finished[event.state] += 1
                if event.state in (FileState.DOWNLOADED, FileState.SKIPPED):
                    self.finished_bytes += event.size_bytes or 0
            case QuotaWait():
                self._wait("download quota used up", event.wait_s)
            case HostWait():
                self._wait(f"{event.host} rests: {event.reason}", event.wait_s)
            case ServiceWait():
                self._note_down(event)
            case ServiceBack():
                self.down.pop(event.service, None)
            case ApiRetry():
                self._wait(f"{event.endpoint} again: {event.reason}", event.wait_s)
            case _:
                pass

    def _progress(self, event: TransferProgress) -> None:
        self.received_bytes += event.received_bytes - self._received.get(event.key, 0)
        self._received[event.key] = event.received_bytes
        file = self.active.get(event.key)
        if file is not None:
            file.done_bytes, file.note = event.done_bytes, ""

    def _note_down(self, event: ServiceWait) -> None:
        now = self.clock()
        self.down[event.service] = Outage(event.reason, now - event.since_s, now + event.next_try_s)

    def _wait(self, why: str, wait_s: float) -> None:
        self.waiting = why
        self._waiting_until = self.clock() + wait_s

    def tick(self) -> None:
        """Let time pass: take a sample for the rate, forget waits that are over."""
        now = self.clock()
        if now >= self._waiting_until:
            self.waiting = ""
        self._samples.append((now, self.received_bytes))
        while len(self._samples) > 2 and now - self._samples[1][0] >= RATE_WINDOW_S:
            self._samples.popleft()

    @property
    def rate_bytes_s(self) -> float:
        """Received per second, over the last seconds."""
        (start, before), (now, after) = self._samples[0], self._samples[-1]
        return (after - before) / (now - start) if now > start else 0.0

    @property
    def outages(self) -> list[str]:
        """A line for each service that is down: which, why, how long, and when it is tried."""
        now = self.clock()
        return [
            f"{service} is down for {duration(now - outage.since)}: {outage.reason}; "
            f"next try in {duration(max(0.0, outage.next_try - now))}"
            for service, outage in self.down.items()
        ]

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self.clock() - self.began

    @property
    def done_bytes(self) -> int:
        """Bytes of finished files and of those on their way."""
        return self.finished_bytes + sum(file.done_bytes for file in self.active.values())

    @property
    def remaining_s(self) -> float | None:
        """Seconds to go at the present rate; ``None`` while that cannot be told."""
        left = self.wanted_bytes - self.done_bytes
        rate = self.rate_bytes_s
        if rate <= 0 or left < 0:
            return None
        return left / rate
