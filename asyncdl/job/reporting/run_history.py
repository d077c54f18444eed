"""The history of a run, in the report file beside the summary.

Made from events alone; bounded to some hundred kilobytes for a run of any length.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncdl.events import ApiCalled, Event, FileFinished, FoundScene, ScenesFound
from asyncdl.job.reporting.timeline import Timeline, TimelineBuilder
from asyncdl.run_state import RunState
from asyncdl.run_state.files import THERE
from asyncdl.run_state.waits import StrainedHost

MAX_SLOWEST = 10
MAX_SCENES = 2_000
"""Footprints that are kept for the map; the number of all scenes is in the summary."""


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
    """How many files passed the same checks."""

    proof: str
    """What was checked, such as ``length+sha512+tiff``."""
    source: str
    """Where the expected digest is from: ``m2m``, ``stac`` or ``host``; empty without one."""
    files: int


@dataclass(frozen=True, slots=True)
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
class EndpointCalls:
    """The calls of one endpoint."""

    calls: int = 0
    failed: int = 0
    elapsed_s: float = 0.0
    """Of all calls, without the time they waited in line."""


@dataclass(frozen=True, slots=True)
class WorkerTotal:
    """What came over one worker of a cluster."""

    worker: str
    """Its name."""
    host: str
    """Name of its machine."""
    received_bytes: int


@dataclass(frozen=True, slots=True)
class RunHistory:
    """How a run went."""

    proofs: tuple[ProofCount, ...] = ()
    """Checks of the files that are there, the most frequent first."""
    slowest: tuple[SlowFile, ...] = ()
    """At most ten, the slowest first."""
    api: Mapping[str, EndpointCalls] = field(default_factory=dict)
    timeline: Timeline = field(default_factory=Timeline)
    strains: tuple[StrainSpan, ...] = ()
    """Which hosts got fewer connections, in the order in which that began."""
    found_scenes: tuple[FoundScene, ...] = ()
    """The first 2,000 of a search; empty if the config names scenes by id."""
    service: str = ""
    """Name of the service in the journal; empty in older reports."""
    workers: tuple[WorkerTotal, ...] = ()
    """The workers of a cluster, in the order in which they came; empty without one."""


class HistoryRecorder:
    """Follows a run's events.

    Args:
        service: Its name in the journal.
    """

    def __init__(self, service: str = "") -> None:
        self._service = service
        self._timeline = TimelineBuilder()
        self._proofs = Counter[tuple[str, str]]()
        self._scenes: list[FoundScene] = []
        self._api: dict[str, EndpointCalls] = {}
        self._slowest: list[SlowFile] = []

    def take(self, event: Event, state: RunState, now_s: float) -> None:
        """Apply an event to the state, and keep what the report needs of it.

        Args:
            event: The next one.
            state: Before the event; it is brought up to date here.
            now_s: Seconds since the run began.
        """
        match event:
            case ScenesFound():
                self._scenes += event.scenes[: MAX_SCENES - len(self._scenes)]
            case ApiCalled():
                self._count_call(event)
            case FileFinished():
                # Before the state forgets the file.
                self._note_end(event, state.transfers.started_s(event), now_s)
        state.apply(event, now_s)
        self._timeline.sample(state, now_s)

    def _count_call(self, call: ApiCalled) -> None:
        known = self._api.setdefault(call.endpoint, EndpointCalls())
        known.calls += 1
        known.failed += call.error_code is not None
        known.elapsed_s += call.elapsed_s

    def _note_end(self, ending: FileFinished, started_s: float | None, now_s: float) -> None:
        if ending.state in THERE:
            self._proofs[ending.proof, ending.source] += 1
        if started_s is not None:
            elapsed_s = round(now_s - started_s, 3)
            slow = SlowFile(elapsed_s, ending.file, ending.received_bytes, ending.attempts)
            self._keep_slowest(slow)

    def _keep_slowest(self, slow: SlowFile) -> None:
        """Keep a heap of the slowest files, the fastest of them on top."""
        if len(self._slowest) < MAX_SLOWEST:
            heapq.heappush(self._slowest, slow)
        elif slow > self._slowest[0]:
            heapq.heapreplace(self._slowest, slow)

    def history(self, state: RunState, now_s: float) -> RunHistory:
        """Return how a run went that ends now."""
        return RunHistory(
            proofs=tuple(
                ProofCount(proof, source, files)
                for (proof, source), files in self._proofs.most_common()
            ),
            slowest=tuple(sorted(self._slowest, reverse=True)),
            api={
                endpoint: EndpointCalls(known.calls, known.failed, round(known.elapsed_s, 3))
                for endpoint, known in self._api.items()
            },
            timeline=self._timeline.timeline(state, now_s),
            strains=tuple(map(_span_of, state.strains.history)),
            found_scenes=tuple(self._scenes),
            service=self._service,
            workers=tuple(
                WorkerTotal(worker.name, worker.host, worker.received_bytes)
                for worker in state.workers.known.values()
            ),
        )


def _span_of(strain: StrainedHost) -> StrainSpan:
    return StrainSpan(
        strain.host,
        strain.reason,
        round(strain.start_s, 1),
        None if strain.end_s is None else round(strain.end_s, 1),
        strain.fewest,
        strain.allowed,
    )
