"""What the report file tells beside the summary: how the run went, kept small.

Made from events alone; a run of any length adds no more than some hundred kilobytes.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncdl.events import (
    ApiCalled,
    ConnectionsInUse,
    Event,
    FileFinished,
    FilesPreparing,
    FileState,
    FoundScene,
    HostStrain,
    HostWait,
    QuotaWait,
    ScenesFound,
    ServiceBack,
    ServiceWait,
    TransferStarted,
)
from asyncdl.job.reporting.timeline import Timeline, TimelineBuilder

MAX_SLOWEST = 10
MAX_STRAINS = 100
"""Hosts under strain, and times of each; further ones are left out."""
MAX_SCENES = 2_000
"""Footprints that are kept for the map; the number of all scenes stands in the summary."""


@dataclass(frozen=True, slots=True, order=True)
class SlowFile:
    """A file that took long."""

    elapsed_s: float
    """From its first byte to its ending."""
    file: str
    received_bytes: int
    attempts: int


@dataclass(frozen=True, slots=True)
class ProofCount:
    """How many files have shown the same."""

    proof: str
    """What was checked, such as ``length+sha512+tiff``."""
    source: str
    """Who promised the digest: ``m2m``, ``stac``, ``host``, or nobody."""
    files: int


@dataclass(slots=True)
class StrainSpan:
    """A stretch of time in which a host got fewer connections than were allowed."""

    host: str
    reason: str
    """What showed the strain first, such as ``http-429``."""
    start_s: float
    end_s: float | None
    """When it got all of them again; ``None`` if it never did."""
    connections: int
    """At most at the worst moment."""
    allowed: int
    """Without strain."""


@dataclass(slots=True)
class EndpointTally:
    """The calls of one endpoint."""

    calls: int = 0
    failed: int = 0
    elapsed_s: float = 0.0
    """Of all of them, without waiting for their turn."""


@dataclass(frozen=True, slots=True)
class RunHistory:
    """How a run went."""

    proofs: tuple[ProofCount, ...] = ()
    """Of the files that are there, the most frequent first."""
    slowest: tuple[SlowFile, ...] = ()
    """At most ten, the slowest first."""
    api: Mapping[str, EndpointTally] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)
    strains: tuple[StrainSpan, ...] = ()
    """Which hosts got fewer connections, in the order in which that began."""
    found_scenes: tuple[FoundScene, ...] = ()
    """The first 2,000; none that the config names by id."""
    service: str = ""
    """Which service was asked, as the journal calls it; empty in reports of old."""


@dataclass
class HistoryRecorder:
    """Follows a run's events; times are seconds since its start."""

    course: TimelineBuilder = field(default_factory=TimelineBuilder)
    service: str = ""
    _proofs: Counter[tuple[str, str]] = field(default_factory=Counter)
    _scenes: list[FoundScene] = field(default_factory=list)
    _api: dict[str, EndpointTally] = field(default_factory=dict)
    _slowest: list[SlowFile] = field(default_factory=list)
    _started: dict[str, float] = field(default_factory=dict)
    _strains: list[StrainSpan] = field(default_factory=list)

    def receive(self, more_bytes: int, now_s: float) -> None:
        """Note bytes that came over the network."""
        self.course.receive(now_s, more_bytes)

    def take(self, event: Event, now_s: float) -> None:
        """Follow one event; bytes are told to :meth:`receive`."""
        match event:
            case ScenesFound():
                self._scenes += event.scenes[: MAX_SCENES - len(self._scenes)]
            case ApiCalled():
                self._count_call(event)
            case TransferStarted():
                self._started[event.key] = now_s
            case FileFinished():
                self._finish(event, now_s)
            case ConnectionsInUse():
                self.course.use(now_s, event.host, event.count)
            case FilesPreparing():
                self.course.prepare(now_s, event.count)
            case HostStrain():
                self._strain(event, now_s)
            case _:
                self._wait(event, now_s)

    def _wait(self, event: Event, now_s: float) -> None:
        match event:
            case QuotaWait():
                self.course.wait(now_s, "download quota used up", event.wait_s)
            case HostWait():
                self.course.wait(now_s, f"{event.host} rests", event.wait_s)
            case ServiceWait():
                self.course.wait(now_s, f"{event.service} is down", event.next_try_s)
            case ServiceBack():
                self.course.resume(now_s, f"{event.service} is down")
            case _:
                pass

    def _strain(self, event: HostStrain, now_s: float) -> None:
        lasting = (s for s in self._strains if s.host == event.host and s.end_s is None)
        span = next(lasting, None)
        if span is None:
            if event.connections < event.allowed and len(self._strains) < MAX_STRAINS:
                self._strains.append(
                    StrainSpan(
                        event.host,
                        event.reason,
                        round(now_s, 1),
                        None,
                        event.connections,
                        event.allowed,
                    )
                )
            return
        span.connections = min(span.connections, event.connections)
        if event.connections >= event.allowed:
            span.end_s = round(now_s, 1)

    def _count_call(self, call: ApiCalled) -> None:
        tally = self._api.setdefault(call.endpoint, EndpointTally())
        tally.calls += 1
        tally.failed += call.error_code is not None
        tally.elapsed_s += call.elapsed_s

    def _finish(self, ending: FileFinished, now_s: float) -> None:
        self.course.finish(now_s)
        if ending.state in (FileState.DOWNLOADED, FileState.SKIPPED):
            self._proofs[ending.proof, ending.source] += 1
        started_s = self._started.pop(ending.key or ending.file, None)
        if started_s is not None:
            elapsed_s = round(now_s - started_s, 3)
            slow = SlowFile(elapsed_s, ending.file, ending.received_bytes, ending.attempts)
            self._slowest = heapq.nlargest(MAX_SLOWEST, [*self._slowest, slow])

    def record(self, now_s: float) -> RunHistory:
        """Return the record of a run that ends now."""
        self.course.end(now_s)
        return RunHistory(
            proofs=tuple(
                ProofCount(proof, source, files)
                for (proof, source), files in self._proofs.most_common()
            ),
            slowest=tuple(self._slowest),
            api={
                endpoint: EndpointTally(tally.calls, tally.failed, round(tally.elapsed_s, 3))
                for endpoint, tally in self._api.items()
            },
            timeline=self.course.timeline,
            strains=tuple(self._strains),
            found_scenes=tuple(self._scenes),
            service=self.service,
        )
