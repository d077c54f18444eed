"""What the stages of one run share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from asyncdl.config import Config
from asyncdl.events import Emit, FileFinished, FileState
from asyncdl.job.journal import Journal
from asyncdl.job.layout import places_of
from asyncdl.job.wishes import kinds_of
from asyncdl.m2m import M2MClient
from asyncdl.m2m.selection import WantedFile
from asyncdl.transfer import Downloader


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job: its means, all opened and closed by the pipeline."""

    config: Config
    label: str
    """The job's label at the service, at most 50 characters."""
    client: M2MClient
    downloader: Downloader
    journal: Journal
    emit: Emit
    keep_pace: Callable[[], Awaitable[None]]
    """Waits while the reader of the events is far behind."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the wanted products, each once, in the config's order."""
        return kinds_of(self.config)

    @property
    def directory(self) -> Path:
        """The download directory."""
        return self.config.directory

    def finish(
        self,
        wanted: WantedFile,
        state: FileState,
        *,
        reason: str = "",
        detail: str = "",
        remedy: str = "",
        attempts: int = 0,
    ) -> None:
        """Report the same ending for every place of a file that will not come."""
        for place in places_of(wanted):
            self.emit(
                FileFinished(
                    kind=place.kind,
                    product_id=wanted.scene,
                    file=str(place.relative),
                    state=state,
                    reason=reason,
                    detail=detail,
                    remedy=remedy,
                    attempts=attempts,
                )
            )
