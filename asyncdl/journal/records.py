"""What the journal tells: of files, scenes and requests, and of the job as a whole."""

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
    """The path before the host named it; empty if it has always been this one."""

    def under(self, directory: Path) -> Path:
        """Return the absolute path."""
        return directory.joinpath(*self.relative.parts)

    def called(self, name: str) -> Place:
        """Return the place with the name that the file really has, if its host gave it one."""
        if self.is_named:
            return self
        if name == self.relative.name:
            return replace(self, is_named=True)
        requested_as = str(self.relative)
        return replace(
            self, relative=self.relative.with_name(name), is_named=True, requested_as=requested_as
        )


FilePlace: TypeAlias = tuple[WantedFile, Place]
"""A file, and one of the places it goes to."""


class FileStatus(StrEnum):
    """How far the journal knows a wanted file to be."""

    WANTED = "wanted"
    """Neither there nor given up: a run was cut short."""
    VERIFIED = "verified"
    UNPACKED = "unpacked"
    """A bundle whose tar was not kept; the files that came out of it are verified."""
    DAMAGED = "damaged"
    """It was verified once, and a later look found other bytes."""
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
    """What was checked, such as ``length+sha512+tiff``."""
    source: str = ""
    """Who promised the digest in the proof: ``m2m``, ``stac`` or ``host``; empty without one."""
    digests: tuple[Digest, ...] = ()
    """Of the whole file, as they were when it was verified."""
    requested_as: str = ""
    """The path it was wanted under, where its host gave it another name."""
    bundle: str = ""
    """Path of the bundle that it was unpacked from; empty for a file that was fetched."""
    member_names: tuple[str, ...] = ()
    """Names of all files in a bundle that was unpacked, wanted or not, with their folders in it."""
    is_kept: bool = True
    """False for a bundle that was unpacked and whose tar is not there any more."""

    def is_at(self, path: Path) -> bool:
        """Tell whether it is there, and nobody has written to it since it was verified. Blocks."""
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
    """The file's own; empty when the service never offered it."""
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
    """Path of the bundle that it was unpacked from; empty for a file that was fetched."""
    member_names: tuple[str, ...] = ()
    """Names of all files in a bundle that was unpacked."""


@dataclass(frozen=True, slots=True)
class RecordedFiles:
    """What the journal knows of some paths."""

    finished: Mapping[str, FinishedFile]
    untrusted: frozenset[str]
    """Paths whose files do not count whatever they look like: those of another
    service, such as the sandbox, and those that were found damaged."""
    members: Mapping[str, tuple[FinishedFile, ...]] = field(default_factory=dict)
    """What came out of bundles that were unpacked and is verified, by the bundle's path."""


@dataclass(frozen=True, slots=True)
class SceneRecord:
    """A scene that the job has looked at."""

    product_id: str
    dataset: str
    run: int
    """Number of the run that saw it last."""
    superseded_by: str
    """Product id of what was made of it anew; empty while it is the newest."""
    withdrawn: str
    """When the service took it away, in the service's words; empty while it is there."""
    kinds: frozenset[str]
    """Kinds of its products of which files are there and right."""
    is_complete: bool
    """Whether files of it are there, and none is missing or in doubt."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A download that the service has taken into its queue."""

    download_id: int
    label: str
    """The label it stands under, which may be that of an earlier job."""


@dataclass(frozen=True, slots=True)
class LastSearch:
    """When the last search that came to its end began, and whose clock said so."""

    at: float
    """Seconds since 1970."""
    is_service_time: bool
    """Whether the service said so; else this machine's clock did, which may have been wrong."""


@dataclass(frozen=True, slots=True)
class RunStart:
    """What a run finds when it begins."""

    label: str
    """The job's label at the service."""
    is_first: bool
    """Whether nothing is known of earlier runs, so that only the service may know more."""
    is_changed: bool
    """Whether the config asks for other scenes or products than that of the last run
    that came to its end."""
    was_interrupted: bool = False
    """Whether the last run did not come to its end: a reply may have been lost with it,
    so the service may know of requests that the journal does not."""
    last_search: LastSearch | None = None
    """The last search for the same that came to its end; ``None`` if there was none."""

    @property
    def may_lack_requests(self) -> bool:
        """Whether the service may have requests of this job that the journal does not know."""
        return self.is_first or self.was_interrupted


@dataclass(frozen=True, slots=True)
class Overview:
    """What is known of a job as a whole."""

    label: str
    runs: int
    status: str
    """Of the last run: as in a summary; empty while it goes on, or after it was killed."""
    begun_at: float
    """Of the last run, in seconds since 1970."""
    ended_at: float | None
    files: Mapping[str, Mapping[str, int]]
    """Number of files by kind and :class:`FileStatus`."""
    size_bytes: int
    """Of all verified files."""
    downloads: Mapping[str, int]
    """Requests at the service: ``asked``, ``preparing``, or ``ready`` (a URL was given)."""
