"""The state of a run: a fold of its events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from asyncdl.events import (
    ApiRetry,
    ConnectionsInUse,
    Event,
    FileFinished,
    FilesPreparing,
    FilesWanted,
    HostStrain,
    HostWait,
    JobFinished,
    JobStarted,
    QuotaLeft,
    QuotaWait,
    ScenesFound,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
    WorkerActivity,
    WorkerJoined,
    WorkerLeft,
)
from asyncdl.run_state.files import FileCounts, Preparation
from asyncdl.run_state.transfers import Transfers
from asyncdl.run_state.waits import Strains, Waits
from asyncdl.run_state.workers import ClusterWorkers


class RunState:
    """What is known of one run so far.

    The same events at the same times always give the same state: no clock is read here. It
    changes in place, as a run of 100,000 files has millions of events. All times are seconds on
    one monotonic clock, the caller's. The memory that it takes depends on what is under way, on
    the number of hosts, and on the estimates that are still open; not on what is over.

    Events that report a total so far (``ScenesFound``, ``TransferProgress``, ``ConnectionsInUse``,
    ``FilesPreparing``, ``QuotaLeft``, ``HostStrain``, ``ServiceWait``, ``WorkerActivity``) may come
    twice or be left out, as for a slow reader: the next one makes up for it.

    Args:
        kinds: Product kinds that are counted even when no file of theirs ends.
    """

    def __init__(self, kinds: Iterable[str] = ()) -> None:
        self.started_s: float | None = None
        """When the job started; ``None`` for plain downloads."""
        self.status = ""
        """How the job ended; empty before."""
        self.scenes = 0
        """Found so far."""
        self.total_hits: int | None = None
        """Scenes that match the search; ``None`` when unknown."""
        self.quota: int | None = None
        """Downloads that may still be requested; ``None`` when unknown."""
        self.connections: dict[str, int] = {}
        """In use now, by host; hosts without any are left out."""
        self.files = FileCounts(kinds)
        self.transfers = Transfers()
        self.preparation = Preparation()
        self.waits = Waits()
        self.strains = Strains()
        self.workers = ClusterWorkers()
        self._handlers: dict[type[Event], Callable[[Any, float], object]] = {
            JobStarted: self._start,
            JobFinished: self._end,
            ScenesFound: self._find,
            QuotaLeft: self._note_quota,
            ConnectionsInUse: self._connect,
            FilesWanted: self.files.want,
            FileFinished: self._finish,
            TransferStarted: self._begin_transfer,
            TransferProgress: self.transfers.progress,
            TransferRetry: self.transfers.retry,
            TransferEnded: self.transfers.release,
            FilesPreparing: self.preparation.note,
            QuotaWait: self.waits.for_quota,
            HostWait: self.waits.for_host,
            ApiRetry: self.waits.for_call,
            ServiceWait: self.waits.for_service,
            ServiceBack: self.waits.end_outage,
            HostStrain: self.strains.note,
            WorkerJoined: self.workers.join,
            WorkerLeft: self.workers.leave,
            WorkerActivity: self.workers.note,
        }

    def apply(self, event: Event, now_s: float) -> None:
        """Take one event; kinds that change nothing here are ignored."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event, now_s)

    @property
    def done_bytes(self) -> int:
        """Bytes on disk, of finished files and of those under way; an interrupt takes none back."""
        return self.files.there_bytes + self.transfers.done_bytes

    @property
    def received_bytes(self) -> int:
        """Over the network, also for files that failed."""
        return self.transfers.received_bytes

    @property
    def connections_in_use(self) -> int:
        """Over all hosts."""
        return sum(self.connections.values())

    def _start(self, event: JobStarted, now_s: float) -> None:
        self.started_s, self.status = now_s, ""

    def _end(self, event: JobFinished, now_s: float) -> None:
        self.status = event.status

    def _find(self, event: ScenesFound, now_s: float) -> None:
        self.scenes, self.total_hits = event.found, event.total_hits

    def _note_quota(self, event: QuotaLeft, now_s: float) -> None:
        self.quota = event.downloads

    def _connect(self, event: ConnectionsInUse, now_s: float) -> None:
        if event.count:
            self.connections[event.host] = event.count
        else:
            self.connections.pop(event.host, None)

    def _begin_transfer(self, event: TransferStarted, now_s: float) -> None:
        self.files.learn_size(event.key, event.size_bytes)
        self.transfers.begin(event, now_s)

    def _finish(self, event: FileFinished, now_s: float) -> None:
        self.files.finish(event)
        self.transfers.finish(event)
