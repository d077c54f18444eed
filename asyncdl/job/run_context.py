"""What the stages of one run share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from asyncdl.config import Config
from asyncdl.events import Emit, FileFinished, FileState
from asyncdl.job.choosing.from_config import kinds_of
from asyncdl.job.choosing.scope import Scope
from asyncdl.job.places.layout import Layout, layout_of
from asyncdl.job.places.space import Space
from asyncdl.job.queue.link_window import LinkWindow
from asyncdl.job.queue.outstanding_requests import OutstandingRequests
from asyncdl.journal import Journal
from asyncdl.m2m import M2MClient
from asyncdl.m2m.downloads.retrieval import SharedPolls
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.stac import StacCatalog
from asyncdl.transfer import FileFetcher


@dataclass(frozen=True, slots=True)
class RunContext:
    """One run of a job: its means, all opened and closed by the pipeline."""

    config: Config
    label: str
    """The job's label at the service, at most 50 characters."""
    client: M2MClient
    downloader: FileFetcher
    """Carries out the file requests: in this process, or wherever else."""
    journal: Journal
    catalog: StacCatalog
    """Tells digests that the M2M service does not."""
    outstanding: OutstandingRequests
    """Requests of earlier runs."""
    space: Space
    """The account of the room on the disk."""
    emit: Emit
    wait_for_reader: Callable[[], Awaitable[None]]
    """Waits while the reader of the events is far behind."""
    polls: SharedPolls
    """Looks at the service's queue, whoever wants one."""
    link_window: LinkWindow = field(default_factory=LinkWindow)
    """Those that wait for their turn."""
    scope: Scope | None = None
    """What the run is confined to; ``None`` takes all that the config asks for."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the wanted products, each once, in the config's order."""
        return kinds_of(self.config)

    def kinds_of(self, scene: str) -> tuple[str, ...]:
        """Kinds that this run wants of a scene; ``scene`` is either of its ids."""
        if self.scope is None:
            return self.kinds
        return tuple(kind for kind in self.kinds if kind in self.scope.kinds.get(scene, ()))

    @property
    def directory(self) -> Path:
        """The download directory."""
        return self.config.directory

    @property
    def layout(self) -> Layout:
        """Where its files go."""
        return layout_of(self.config)

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
        """Report the same ending for every place of a file that will not come."""
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
                )
            )

    def record_failure(self, failure: FileFinished) -> None:
        """Report the ending of one place where there will be no file, and remember it."""
        self.journal.files.note_failure(failure)
        self.emit(failure)
