"""What is known of a run while it goes on, kept up to date from events. Draws nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from asyncdl.events import (
    ApiRetry,
    ConnectionsInUse,
    Event,
    FileFinished,
    FilesPreparing,
    FileState,
    FilesWanted,
    HostStrain,
    HostWait,
    QuotaLeft,
    QuotaWait,
    ScenesFound,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
)
from asyncdl.progress.rate import MeasuredRate
from asyncdl.units import count, duration

MOST_LANDED = 1024
"""Far more than a job has at once; plain downloads have no endings besides the engine's."""


@dataclass
class ActiveFile:
    """A file that is on its way."""

    name: str
    total_bytes: int | None
    done_bytes: int = 0
    note: str = ""
    """Why nothing moves, if nothing does."""
    received_bytes: int = 0
    rate: MeasuredRate = field(default_factory=MeasuredRate)


@dataclass(frozen=True, slots=True)
class ShownOutage:
    """A service that is down; both times are on the board's clock."""

    reason: str
    since: float
    next_try: float


@dataclass(frozen=True, slots=True)
class StrainedHost:
    """A host that gets fewer connections than are allowed."""

    reason: str
    connections: int
    allowed: int
    since: float
    """On the board's clock."""


@dataclass(frozen=True, slots=True)
class Preparing:
    """What the service is still preparing; both times are on the board's clock."""

    count: int
    oldest: str
    since: float
    next_look: float


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
    preparing: Preparing | None = None
    quota: int | None = None
    """Downloads that may still be requested; ``None`` when nobody told."""
    active: dict[str, ActiveFile] = field(default_factory=dict)
    down: dict[str, ShownOutage] = field(default_factory=dict)
    """Services that are down, by host."""
    strained: dict[str, StrainedHost] = field(default_factory=dict)
    """Hosts that get fewer connections, by name."""

    def __post_init__(self) -> None:
        self.began = self.clock()
        self._rate = MeasuredRate.since(self.began)
        self._waits: dict[str, float] = {}
        self._connections: dict[str, int] = {}
        self._estimates: dict[str, int] = {}
        """What counts as wanted for files whose length is not known yet, by key."""
        self._landed: dict[str, int] = {}
        """Bytes of files that the engine has let go and that have no ending yet, by key."""

    def take(self, event: Event) -> None:
        """Bring the board up to date with one event."""
        match event:
            case ScenesFound():
                self.scenes, self.total_hits = event.found, event.total_hits
            case FilesWanted():
                self.wanted_files += event.count
                self.wanted_bytes += event.size_bytes or 0
                self._estimates |= event.estimates
            case FilesPreparing():
                self._prepare(event)
            case FileFinished():
                self._finish(event)
            case QuotaLeft():
                self.quota = event.downloads
            case ConnectionsInUse():
                self._connections[event.host] = event.count
            case HostStrain():
                self._note_strain(event)
            case ServiceWait():
                self._note_down(event)
            case ServiceBack():
                self.down.pop(event.service, None)
            case _:
                self._follow(event)
                self._note_wait(event)

    def _finish(self, event: FileFinished) -> None:
        key = event.key or event.file
        self._landed.pop(key, None)
        self.finished[event.state] += 1
        if event.state in (FileState.DOWNLOADED, FileState.SKIPPED):
            self._learn_length(key, event.size_bytes)
            self.finished_bytes += event.size_bytes or 0

    def _learn_length(self, key: str, size_bytes: int | None) -> None:
        """Put a file's length in the place of its estimate."""
        if size_bytes is not None and key in self._estimates:
            self.wanted_bytes += size_bytes - self._estimates.pop(key)

    def _land(self, key: str) -> None:
        """Keep the bytes of a file that is copied, unpacked or interrupted: they are there."""
        if file := self.active.pop(key, None):
            self._landed[key] = file.done_bytes
        while len(self._landed) > MOST_LANDED:
            self.finished_bytes += self._landed.pop(next(iter(self._landed)))

    def _follow(self, event: Event) -> None:
        """Follow one file of the engine."""
        match event:
            case TransferStarted():
                self._learn_length(event.key, event.size_bytes)
                self._landed.pop(event.key, None)
                self.active[event.key] = ActiveFile(
                    event.name, event.size_bytes, event.resumed_bytes
                )
                self.active[event.key].rate = MeasuredRate.since(self.clock())
            case TransferProgress():
                self._progress(event)
            case TransferRetry():
                if event.key in self.active:
                    self.active[event.key].note = f"again in {event.wait_s:.0f} s: {event.reason}"
            case TransferEnded(reason="" | "interrupted"):
                self._land(event.key)
            case TransferEnded():
                self.active.pop(event.key, None)
            case _:
                pass

    def _note_wait(self, event: Event) -> None:
        match event:
            case QuotaWait():
                self._wait("download quota used up", event.wait_s)
            case HostWait():
                self._wait(f"{event.host} rests: {event.reason}", event.wait_s)
            case ApiRetry():
                self._wait(f"{event.endpoint} again: {event.reason}", event.wait_s)
            case _:
                pass

    def _progress(self, event: TransferProgress) -> None:
        file = self.active.get(event.key)
        if file is None:
            return
        self.received_bytes += event.received_bytes - file.received_bytes
        file.received_bytes = event.received_bytes
        file.done_bytes, file.note = event.done_bytes, ""

    def _prepare(self, event: FilesPreparing) -> None:
        now = self.clock()
        self.preparing = (
            Preparing(event.count, event.oldest, now - event.longest_s, now + event.next_look_s)
            if event.count
            else None
        )

    def _note_down(self, event: ServiceWait) -> None:
        now = self.clock()
        self.down[event.service] = ShownOutage(
            event.reason, now - event.since_s, now + event.next_try_s
        )

    def _note_strain(self, event: HostStrain) -> None:
        known = self.strained.pop(event.host, None)
        if event.connections < event.allowed:
            since = known.since if known else self.clock()
            self.strained[event.host] = StrainedHost(
                event.reason, event.connections, event.allowed, since
            )

    def _wait(self, why: str, wait_s: float) -> None:
        self._waits[why] = self.clock() + wait_s

    def tick(self) -> None:
        """Let time pass: read the rates, forget waits that are over."""
        now = self.clock()
        self._waits = {why: until for why, until in self._waits.items() if until > now}
        self._rate.read(now, self.received_bytes)
        for file in self.active.values():
            file.rate.read(now, file.received_bytes)

    @property
    def rate_bytes_s(self) -> float:
        """Received per second, over the last seconds."""
        return self._rate.per_s

    @property
    def connections(self) -> int:
        """In use now."""
        return sum(self._connections.values())

    @property
    def waiting(self) -> list[str]:
        """What is waited for and why, and for how much longer; a line each."""
        now = self.clock()
        return [f"{why} ({duration(until - now)})" for why, until in self._waits.items()]

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
    def strains(self) -> list[str]:
        """A line for each host under strain: its connections, of how many, why and how long."""
        now = self.clock()
        return [
            f"{host} gets {strain.connections} of {count(strain.allowed, 'connection')} "
            f"for {duration(now - strain.since)}: {strain.reason}"
            for host, strain in self.strained.items()
        ]

    @property
    def in_preparation(self) -> list[str]:
        """How many files the service is preparing, for how long, and when it is asked again."""
        if self.preparing is None:
            return []
        now = self.clock()
        return [
            f"{count(self.preparing.count, 'file')} in preparation",
            f"{duration(now - self.preparing.since)} so far",
            f"next look in {duration(max(0.0, self.preparing.next_look - now))}",
        ]

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self.clock() - self.began

    @property
    def finished_files(self) -> int:
        """Files that have their ending."""
        return self.finished.total()

    @property
    def missing_files(self) -> int:
        """Files that have ended without being there."""
        return self.finished[FileState.FAILED] + self.finished[FileState.UNRESOLVED]

    @property
    def done_bytes(self) -> int:
        """Bytes of finished files and of those on their way; an interrupt takes none back."""
        under_way = sum(file.done_bytes for file in self.active.values())
        return self.finished_bytes + sum(self._landed.values()) + under_way

    @property
    def share(self) -> float | None:
        """How much of the run is done, 0 to 1, by bytes where they are known, else by files."""
        if self.wanted_bytes:
            return min(1.0, self.done_bytes / self.wanted_bytes)
        return min(1.0, self.finished_files / self.wanted_files) if self.wanted_files else None

    @property
    def remaining_s(self) -> float | None:
        """Seconds to go at the present rate; ``None`` while that cannot be told."""
        left = self.wanted_bytes - self.done_bytes
        rate = self.rate_bytes_s
        if rate <= 0 or left < 0 or not self.wanted_bytes:
            return None
        return left / rate
