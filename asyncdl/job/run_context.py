"""What the stages of one run share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from anyio import CapacityLimiter

from asyncdl.config import Config
from asyncdl.events import Emit, FileFinished, FileState
from asyncdl.job.choosing.from_config import kinds_of
from asyncdl.job.choosing.scope import Scope
from asyncdl.job.deferred_calls import DeferredCalls
from asyncdl.job.fetcher_choice import files_in_hand
from asyncdl.job.places.delivery import Deliverer
from asyncdl.job.places.layout import Layout, layout_of
from asyncdl.job.places.placer import Placer
from asyncdl.job.places.space import Space
from asyncdl.job.places.spool import Spool
from asyncdl.job.queue.link_window import LinkWindow
from asyncdl.job.queue.order_end import OrderEnd
from asyncdl.job.queue.outstanding_requests import OutstandingRequests
from asyncdl.journal import Journal
from asyncdl.m2m import M2MClient
from asyncdl.m2m.downloads.retrieval import SharedPolls
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.stac import StacCatalog
from asyncdl.transfer import Fetched, FileFetcher, FileRequest
from asyncdl.transfer.slots import Slot

LONG_FLOW_BYTES = 1e8
"""So much takes two seconds, as a call does, at 50 MB/s."""


class ByteWindow(Protocol):
    """The part of a file that is wanted, and the way to a file of that part."""

    async def fetch(
        self, fetcher: FileFetcher, request: FileRequest, slot: Slot | None = None
    ) -> Fetched:
        """Fetch the part; the file of it gets the name that the request gives.

        Args:
            fetcher: Carries out file requests.
            request: For the whole file.
            slot: As :meth:`asyncdl.transfer.FileFetcher.fetch` takes it.
        Raises: as :meth:`asyncdl.transfer.FileFetcher.fetch`.
        """

    @property
    def record(self) -> str:
        """What was cut from what, once it is fetched, for the journal."""


def whole_file(wanted: WantedFile) -> ByteWindow | None:
    """Return ``None``, as all bytes of a file are wanted."""
    return None


def window_facts(wanted: WantedFile) -> dict[str, Any]:
    """Return what a :class:`FileFinished` says of a raster of which only a part is wanted."""
    if not wanted.is_cut:
        return {}
    return {"window": wanted.window, "whole_bytes": wanted.size_bytes}


@dataclass(frozen=True, slots=True)
class RunContext:
    """What one run of a job works with; opened and closed by :class:`~asyncdl.Job`."""

    config: Config
    label: str
    """The job's label at the service, at most 50 characters."""
    client: M2MClient
    fetcher: FileFetcher
    """Carries out file requests: in this process, or elsewhere."""
    placer: Placer
    """Where verified files go: into a folder, or elsewhere."""
    journal: Journal
    catalog: StacCatalog
    """Has digests that the M2M service does not state."""
    outstanding: OutstandingRequests
    """Requests of earlier runs."""
    order: OrderEnd
    """Ends the job's order at the service."""
    space: Space
    """Compares what the run needs on disk with what is free."""
    emit: Emit
    wait_for_reader: Callable[[], Awaitable[None]]
    """Waits while the reader of the events is far behind."""
    polls: SharedPolls
    """Polls of the service's queue, for all that need one."""
    placings: CapacityLimiter | None = None
    """How many files are placed at once; ``None`` for as many as there are threads."""
    spool: Spool = field(default_factory=Spool)
    """Limits what is received and not placed yet."""
    link_window: LinkWindow = field(default_factory=LinkWindow)
    """Limits the links that are not used yet."""
    deferred: DeferredCalls = field(default_factory=DeferredCalls)
    """Calls that no request needs."""
    scope: Scope | None = None
    """What the run is confined to; ``None`` takes all that the config asks for."""
    window_of: Callable[[WantedFile], ByteWindow | None] = whole_file
    """Which bytes of a file are wanted; ``None`` for all of them."""
    window_name: str = ""
    """Name of the part that is wanted of each raster; empty for whole files."""
    layout: Layout = field(init=False)
    """Where its files go."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "layout", layout_of(self.config))

    @property
    def deliverer(self) -> Deliverer:
        """Brings verified files to their places."""
        return Deliverer(self.placer, self.placings)

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the wanted products, each once, in the config's order."""
        return kinds_of(self.config)

    def kinds_of(self, scene: str) -> tuple[str, ...]:
        """Return the kinds that this run wants of a scene; ``scene`` is either of its ids."""
        if self.scope is None:
            return self.kinds
        return tuple(kind for kind in self.kinds if kind in self.scope.kinds.get(scene, ()))

    def has_time(self) -> bool:
        """Return whether files flow for so long that a call more costs nothing."""
        return self.link_window.waiting_bytes >= LONG_FLOW_BYTES

    @property
    def files_in_hand(self) -> int:
        """How many files are given to the fetcher at once."""
        return files_in_hand(self.config)

    @property
    def directory(self) -> Path:
        """The folder in which files are received: the download directory, or a spool."""
        return self.placer.work_directory

    def fail(
        self,
        wanted: WantedFile,
        state: FileState,
        *,
        reason: str = "",
        detail: str = "",
        remedy: str = "",
        error: str = "",
        http_status: int | None = None,
        attempts: int = 0,
    ) -> None:
        """Report the same failure for every place of a file that will not be fetched."""
        for place in self.layout.places_of(wanted):
            self.record_failure(
                FileFinished(
                    kind=place.kind,
                    product_id=wanted.scene,
                    file=str(place.relative),
                    state=state,
                    reason=reason,
                    error=error,
                    http_status=http_status,
                    detail=detail,
                    remedy=remedy,
                    attempts=attempts,
                    **window_facts(wanted),
                )
            )

    def record_failure(self, failure: FileFinished) -> None:
        """Report that one place gets no file, and note it in the journal."""
        self.journal.files.note_failure(failure)
        self.emit(failure)
