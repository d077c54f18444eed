"""What a directory's journal knows of its job. Works offline, read-only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio.to_thread

from asyncdl.job.reporting.views import counts_table
from asyncdl.journal import (
    FileStatus,
    KnownFile,
    Overview,
    SceneRecord,
    StatePlaces,
    read_journal,
)
from asyncdl.markup import element
from asyncdl.units import count, size

OPEN = (FileStatus.FAILED, FileStatus.UNRESOLVED, FileStatus.DAMAGED)


@dataclass(frozen=True, slots=True, repr=False)
class Status:
    """A job as its last run left it, or as it is while a run goes on."""

    target: str
    """The download directory, or the address of a store."""
    overview: Overview
    open_files: Sequence[KnownFile]
    """Files that failed, stayed unresolved or were found damaged."""
    unfinished_files: int
    """Files of which only a part is there."""
    unfinished_bytes: int
    replaced: Sequence[SceneRecord] = ()
    """Scenes with files here that the service superseded or deleted."""

    def __repr__(self) -> str:
        runs = count(self.overview.runs, "run")
        return f"<Status of {self.target}: {runs}; {size(self.overview.size_bytes)} verified>"

    def _repr_html_(self) -> str:
        last = self.overview.status or "unfinished"
        return element(
            "div",
            element("p", element("strong", f"{self.target}: the last run is {last}")),
            counts_table(self.overview.files, [str(state) for state in FileStatus]),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the status as ``--json`` shows it."""
        overview = self.overview
        return {
            "event": "status",
            "directory": self.target,
            "label": overview.label,
            "runs": overview.runs,
            "last_run": {
                "status": overview.status or "unfinished",
                "begun": _as_text(overview.begun_at),
                "ended": None if overview.ended_at is None else _as_text(overview.ended_at),
            },
            "files": {kind: dict(counts) for kind, counts in overview.files.items()},
            "bytes": {"verified": overview.size_bytes, "unfinished": self.unfinished_bytes},
            "unfinished_files": self.unfinished_files,
            "downloads": dict(overview.downloads),
            "failures": [_failure(file) for file in self.open_files],
            "superseded": [
                {"product_id": scene.product_id, "by": scene.superseded_by}
                for scene in self.superseded
            ],
            "withdrawn": [
                {"product_id": scene.product_id, "withdrawn": scene.withdrawn}
                for scene in self.withdrawn
            ],
        }

    @property
    def superseded(self) -> list[SceneRecord]:
        """Scenes that a new product superseded."""
        return [scene for scene in self.replaced if scene.superseded_by]

    @property
    def withdrawn(self) -> list[SceneRecord]:
        """Scenes that the service deleted without a successor."""
        return [scene for scene in self.replaced if not scene.superseded_by]


async def status_of(places: StatePlaces, service: str) -> Status | None:
    """Return what is known of the job in a directory; ``None`` if no run has begun there.

    Raises: DiskError, when the journal cannot be read.
    """
    async with read_journal(places, service) as journal:
        overview = await journal.overview() if journal else None
        if journal is None or overview is None:
            return None
        open_files = await journal.files.known(OPEN)
        replaced = await journal.scenes.replaced()
    parts = await anyio.to_thread.run_sync(_part_sizes, places.directory)
    return Status(places.target, overview, open_files, len(parts), sum(parts), replaced)


def _part_sizes(directory: Path) -> list[int]:
    return [path.stat().st_size for path in directory.rglob("*.part") if path.is_file()]


def _as_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _failure(file: KnownFile) -> dict[str, Any]:
    facts = asdict(file)
    names = ("kind", "state", "reason", "error", "http_status", "detail", "remedy", "attempts")
    return {"file": file.path} | {name: facts[name] for name in names}
