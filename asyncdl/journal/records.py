"""Records of the journal: files, scenes, requests, and the job as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeAlias

from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.transfer import Digest


@dataclass(frozen=True, slots=True)
class Place:
    """One final place of a file."""

    kind: str
    """The product that wants it there."""
    relative: PurePosixPath
    """Below the download directory."""
    is_named: bool = True
    """False while only the host knows the name; the folder is the file's alone then."""
    requested_as: str = ""
    """The path before the host named it; empty if it did not change."""

    def under(self, directory: Path) -> Path:
        """Return the absolute path."""
        return directory.joinpath(*self.relative.parts)

    def called(self, name: str) -> Place:
        """Return the place with the name that the host gave the file, if it did."""
        if self.is_named:
            return self
        if name == self.relative.name:
            return replace(self, is_named=True)
        requested_as = str(self.relative)
        return replace(
            self, relative=self.relative.with_name(name), is_named=True, requested_as=requested_as
        )


FilePlace: TypeAlias = tuple[WantedFile, Place]
"""A file, and one of the places that it goes to."""


class FileStatus(StrEnum):
    """State of a wanted file in the journal."""

    WANTED = "wanted"
    """Neither there nor failed: a run was interrupted."""
    VERIFIED = "verified"
    UNPACKED = "unpacked"
    """A bundle whose tar was not kept; its unpacked files are verified."""
    DAMAGED = "damaged"
    """It was verified once, and has other bytes now."""
    FAILED = "failed"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True, slots=True)
class FinishedFile:
    """A file that was verified and got its final name."""

    path: str
    """Below the download directory, with forward slashes."""
    kind: str
    """The product that wants it there."""
    scene: str
    """Display id of its scene."""
    size_bytes: int
    mtime_ns: int
    proof: str
    """The checks that it passed, such as ``length+sha512+tiff``."""
    source: str = ""
    """Where the digest in the proof is from: ``m2m``, ``stac`` or ``host``; empty without one."""
    digests: tuple[Digest, ...] = ()
    """Of the whole file, as they were when it was verified."""
    requested_as: str = ""
    """The path it was wanted under, if its host gave it another name."""
    bundle: str = ""
    """Path of the bundle that it was unpacked from; empty for a fetched file."""
    member_names: tuple[str, ...] = ()
    """Names of all files in a bundle that was unpacked, wanted or not, with their folders."""
    tag: str = ""
    """The store's mark of its bytes, for a file in an object store."""
    is_kept: bool = True
    """False for a bundle that was unpacked and whose tar was removed."""
    window: str = ""
    """Name of the window that its scene's rasters were wanted of; empty for whole ones."""
    cut: str = ""
    """Of a raster's window: what it was cut from, as JSON; see ``asyncdl.windows.WindowRecord``."""

    def is_at(self, path: Path) -> bool:
        """Return whether it is there, unchanged since it was verified. Blocks."""
        try:
            stat = path.stat()
        except OSError:
            return False
        return (self.size_bytes, self.mtime_ns) == (stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the journal has it, whatever its state."""

    path: str
    kind: str
    scene: str
    state: str
    dataset: str
    """Alias; empty for a file of an older journal."""
    scene_id: str
    """Entity id of the scene; empty for a file of an older journal."""
    entity_id: str
    """Entity id of the file; empty if the service never offered it."""
    size_bytes: int | None
    proof: str
    source: str
    attempts: int
    http_status: int | None
    reason: str
    error: str
    detail: str
    remedy: str


class KnownPath(NamedTuple):
    """Where a file is, or was to go."""

    kind: str
    scene: str
    path: str
    bundle: str
    """Path of the bundle that it was unpacked from; empty for a fetched file."""
    member_names: tuple[str, ...] = ()
    """Names of all files in a bundle that was unpacked."""
    window: str = ""
    """Name of its window; empty for a whole file."""


@dataclass(frozen=True, slots=True)
class RecordedFiles:
    """What is recorded of some paths."""

    finished: Mapping[str, FinishedFile]
    untrusted: frozenset[str]
    """Paths whose files never count as there: those of another service, such as the
    sandbox, and those that were found damaged."""
    members: Mapping[str, tuple[FinishedFile, ...]] = field(default_factory=dict)
    """Verified files that were unpacked from bundles, by the bundle's path."""


@dataclass(frozen=True, slots=True)
class SceneRecord:
    """A scene of the job."""

    product_id: str
    dataset: str
    run: int
    """Number of the last run that had it."""
    superseded_by: str
    """Product id of the scene that superseded it; empty while it is the newest."""
    withdrawn: str
    """When the service deleted it, as the service writes it; empty while it is there."""
    kinds: frozenset[str]
    """Kinds of its products with verified files."""
    is_complete: bool
    """Whether files of it are there, and none is missing or to be verified again."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A download in the service's queue."""

    download_id: int
    label: str
    """The label it is under, which may be that of an earlier job."""


@dataclass(frozen=True, slots=True)
class LastSearch:
    """When the last search that reached its end began, and by whose clock."""

    at: float
    """Seconds since 1970."""
    is_service_time: bool
    """Whether by the service's clock; otherwise by this machine's, which may have been wrong."""


@dataclass(frozen=True, slots=True)
class RunStart:
    """What the journal knows when a run begins."""

    label: str
    """The job's label at the service."""
    is_first: bool
    """Whether no earlier run is known; the service may still know of one."""
    is_changed: bool
    """Whether the config asks for other scenes or products than in the last run that
    reached its end."""
    was_interrupted: bool = False
    """Whether the last run did not reach its end: a response may have been lost, so the
    service may have requests that the journal does not know."""
    last_search: LastSearch | None = None
    """The last search for the same that reached its end; ``None`` if there was none."""

    @property
    def may_lack_requests(self) -> bool:
        """Whether the service may have requests of this job that the journal does not know."""
        return self.is_first or self.was_interrupted


@dataclass(frozen=True, slots=True)
class Overview:
    """A job as a whole."""

    label: str
    runs: int
    status: str
    """Of the last run, as in a summary; empty while it goes on, or after it was killed."""
    begun_at: float
    """Of the last run, in seconds since 1970."""
    ended_at: float | None
    files: Mapping[str, Mapping[str, int]]
    """Number of files by kind and :class:`FileStatus`."""
    size_bytes: int
    """Of all verified files."""
    downloads: Mapping[str, int]
    """Requests at the service: ``asked``, ``preparing``, or ``ready`` (a URL was given)."""
