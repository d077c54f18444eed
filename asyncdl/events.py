"""What happened, as small frozen records: the one stream that all consumers read.

Progress, JSON lines, logs and reports are made from these and from nothing else. Events contain
no secrets, and no URLs of files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import force_setattr


class Event(Struct, frozen=True, tag=True):
    """Base of all events. As plain data each has the name of its class in a field ``type``."""


Emit: TypeAlias = Callable[[Event], None]
"""Takes one event. It may neither block nor raise: it runs inside the transfers."""


def discard(event: Event) -> None:
    """Take an event and do nothing."""


class FileState(StrEnum):
    """How a wanted file ended."""

    DOWNLOADED = "downloaded"
    SKIPPED = "skipped"
    """It was already there and valid."""
    FAILED = "failed"
    UNRESOLVED = "unresolved"
    """The service never offered it within the deadline."""


# --- the transfer engine -----------------------------------------------------


class TransferStarted(Event, frozen=True):
    """The first bytes of a file are on their way."""

    key: str
    """The caller's name for the file: in a job its path below the download directory, else
    ``FileRequest.key``, its name, or its URL without the query."""
    name: str
    """The file's own name, without a folder."""
    size_bytes: int | None
    """Total, if the host announces it."""
    resumed_bytes: int
    """Bytes of an earlier attempt that are kept."""


class TransferProgress(Event, frozen=True):
    """More bytes of a file are on disk; cumulative, so a lost event does no harm."""

    key: str
    """As in :class:`TransferStarted`."""
    done_bytes: int
    """On disk now, 0 to the total; may fall back when a file has to begin again."""
    received_bytes: int
    """Received over the network for this file so far in this run; never falls."""
    total_bytes: int | None = None
    """Of a window, once its tiles are known: what there will be on disk. ``None`` of other files,
    whose length :class:`TransferStarted` says."""


class TransferRetry(Event, frozen=True):
    """An attempt failed and another follows."""

    key: str
    """As in :class:`TransferStarted`."""
    reason: str
    """Stable code, such as ``http-503`` or ``stalled``."""
    detail: str
    """The same for people."""
    wait_s: float
    """Seconds until the next attempt."""
    attempt: int
    """Number of failed attempts so far, 1 or more."""


class TransferEnded(Event, frozen=True):
    """The engine is done with a file, whether it came or not."""

    key: str
    """As in :class:`TransferStarted`."""
    reason: str = ""
    """Stable code of what ended it; empty when the file is there."""
    received_bytes: int = 0
    """Received over the network for this file in total, also if it failed."""
    elapsed_s: float = 0.0
    """Seconds since the file was handed to the engine, waits included."""


class LinkRenewal(Event, frozen=True):
    """The URL of a file is no longer accepted, and a new one is requested."""

    key: str
    """As in :class:`TransferStarted`."""


class ConnectionsInUse(Event, frozen=True):
    """A connection to a host was opened, reused or released; a lost event does no harm."""

    host: str
    """Its name, with the port if the URL has one."""
    count: int
    """In use at this host now."""


class HostWait(Event, frozen=True):
    """All requests to a host wait, because it asked for that or could not be reached."""

    host: str
    """As in :class:`ConnectionsInUse`."""
    reason: str
    """``http-429`` or another status, or ``unreachable``."""
    wait_s: float
    """Seconds, from now."""


class HostStrain(Event, frozen=True):
    """The number of connections to a host changes, because it shows strain or no longer does."""

    host: str
    """As in :class:`ConnectionsInUse`."""
    reason: str
    """What showed it: ``http-429`` or another status, ``unreachable``, ``stalled``, or ``slow``
    for responses that take many times longer than before."""
    connections: int
    """At most from now on; equal to ``allowed`` when the strain is over."""
    allowed: int
    """Connections that are allowed without strain."""


# --- a cluster -----------------------------------------------------------------


class WorkerJoined(Event, frozen=True):
    """A worker of the cluster takes files from now on."""

    worker: str
    """Its name."""
    host: str
    """Name of its machine."""


class WorkerLeft(Event, frozen=True):
    """A worker of the cluster takes no more files."""

    worker: str
    """As in :class:`WorkerJoined`."""
    reason: str
    """Why, for people; empty at the end of a run."""
    files: int = 0
    """Files that it had; others get them."""


class WorkerActivity(Event, frozen=True):
    """What a worker does, sent now and then; a lost event does no harm."""

    worker: str
    """As in :class:`WorkerJoined`."""
    files: int
    """Files that it has; it works on some of them, and the others are next."""
    connections: int
    """In use."""
    received_bytes: int
    """Over the network so far in this run."""


# --- services that are down ----------------------------------------------------


class ServiceWait(Event, frozen=True):
    """A service or a file host is down; all that needs it waits."""

    service: str
    """Its host."""
    reason: str
    """How the last attempt failed, such as ``HTTP 503``."""
    since_s: float
    """Seconds since it failed first."""
    next_try_s: float
    """Seconds until one request finds out whether it is back."""


class ServiceBack(Event, frozen=True):
    """A service that was down responds again; follows its :class:`ServiceWait`."""

    service: str
    """As in :class:`ServiceWait`."""
    after_s: float
    """Seconds since it had failed first."""


# --- the M2M client ----------------------------------------------------------


class ApiCalled(Event, frozen=True):
    """An API call has completed."""

    endpoint: str
    """Such as ``scene-search``."""
    elapsed_s: float
    """Seconds from the request to the complete reply."""
    error_code: str | None
    """The service's code, or ``HTTP 503`` where it gave none; ``None`` if all went well."""


class ApiRetry(Event, frozen=True):
    """An API call failed and is retried; :class:`ServiceWait` reports longer outages."""

    endpoint: str
    """Such as ``scene-search``."""
    reason: str
    """How it failed, for people."""
    wait_s: float
    """Seconds until the next attempt."""
    attempt: int
    """Number of failed attempts so far, 1 or more."""


class Notice(Event, frozen=True):
    """Something the user should read: a notice of the service, a truncated search, a warning."""

    text: str
    """One or more whole sentences."""
    severity: str = "info"
    """``info`` or ``warning``."""


# --- the job -----------------------------------------------------------------


class JobStarted(Event, frozen=True):
    """A run has begun."""

    directory: str
    """The download directory; a ``Path`` is stored as text, so that the event is plain data."""
    label: str
    """Label of the job's requests at the service, at most 50 characters."""

    def __post_init__(self) -> None:
        force_setattr(self, "directory", os.fspath(self.directory))


class FoundScene(Struct, frozen=True, gc=False):
    """What a map shows of a scene, as the service gives it."""

    product_id: str
    """Display id."""
    entity_id: str
    """The service's other id of the scene."""
    acquired: str
    """``YYYY-MM-DD``; may be empty."""
    cloud_cover: float | None
    """Percent; ``None`` when unknown."""
    footprint: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Outlines of its parts; corners as longitude and latitude in degrees, the first not
    repeated. Longitudes may run on beyond 180. Empty when unknown."""
    browse_url: str = ""
    """URL of a picture; may be empty, or anything."""


class ScenesFound(Event, frozen=True):
    """Another batch of scenes."""

    found: int
    """Scenes of this job so far."""
    total_hits: int | None
    """All scenes that match the search; more than ``found`` if a limit cuts it."""
    scenes: tuple[FoundScene, ...] = ()
    """The scenes of this batch; empty if the config names scenes by id."""


class FilesWanted(Event, frozen=True):
    """More files are wanted."""

    count: int
    """How many more; a file with two destinations counts twice."""
    size_bytes: int | None
    """Sum of their announced sizes, an estimate for bundles; ``None`` when unknown."""
    estimates: Mapping[str, int] = {}
    """The part of it that is estimated, by the keys of the files."""


class FilesPreparing(Event, frozen=True):
    """What the service is still preparing; sent each time its queue is polled."""

    count: int
    """Files, each once."""
    oldest: str = ""
    """The file that has been in preparation longest; empty where only its id is known."""
    longest_s: float = 0.0
    """Seconds since that was requested in this run."""
    next_look_s: float = 0.0
    """Seconds until the queue is polled again."""


class QuotaLeft(Event, frozen=True):
    """How many downloads may still be requested, as the service last reported."""

    downloads: int
    """Files."""


class QuotaWait(Event, frozen=True):
    """The download quota is used up; requests wait for the next window while transfers go on."""

    wait_s: float
    """Seconds until the quota is checked again."""


class FileFinished(Event, frozen=True):
    """A wanted file has reached its final state; sent once for each destination."""

    kind: str
    """``bands``, ``bundle`` or ``band_group``."""
    product_id: str
    """Display id of the scene it belongs to."""
    file: str
    """Path below the download directory, with forward slashes."""
    state: FileState
    """How it ended."""
    size_bytes: int | None = None
    """Of the file; ``None`` when it is not there."""
    received_bytes: int = 0
    """Over the network in this run."""
    proof: str = ""
    """What was checked, such as ``length+sha512+tiff``."""
    source: str = ""
    """Where the expected digest is from: ``m2m``, ``stac`` or ``host``; empty without one."""
    reason: str = ""
    """Stable code, for failed and unresolved files."""
    error: str = ""
    """Class of the error, such as ``HttpStatusError``; empty without one."""
    http_status: int | None = None
    """The last HTTP status that was no success, if there was one."""
    detail: str = ""
    """What happened, as a sentence."""
    remedy: str = ""
    """What may help, as a sentence."""
    attempts: int = 0
    """HTTP requests made for it in this run."""
    key: str = ""
    """The file's key in the transfer events, where it differs from ``file``."""
    members: tuple[str, ...] = ()
    """Paths of the files that were extracted from it, as ``file``."""
    window: str = ""
    """Of a raster of which only a part was wanted: the name of that part."""
    whole_bytes: int | None = None
    """Of such a raster: its length as a whole, if the service states it."""


class SceneSuperseded(Event, frozen=True):
    """The service has reprocessed a scene, and the files of the new product are there."""

    product_id: str
    """Of the old product."""
    by: str
    """Product id of the new product."""
    removed_files: int
    """Files of the old product that were removed; 0 if they are kept."""


class SceneWithdrawn(Event, frozen=True):
    """The service has withdrawn a scene whose files are there; they are kept."""

    product_id: str
    """Display id."""
    withdrawn: str
    """When, as the service writes it, such as ``2021-03-11 13:00:02-06``."""


class FileChecked(Event, frozen=True):
    """A finished file was verified again."""

    file: str
    """Path below the download directory, with forward slashes."""
    is_right: bool
    """Whether it is there and passes the checks that it passed when it was downloaded."""
    reason: str = ""
    """Stable code for a file that is not right, such as ``missing`` or ``checksum-mismatch``."""
    detail: str = ""
    """What is wrong, as a sentence."""
    proof: str = ""
    """What was checked now."""


class CheckProgress(Event, frozen=True):
    """More of the finished files have been read again; cumulative."""

    files: int
    """Read so far."""
    total_files: int
    """To be read in all."""
    read_bytes: int
    """Read so far."""
    total_bytes: int
    """To be read in all."""


class JobFinished(Event, frozen=True):
    """The run has ended; always the last event."""

    status: str
    """``complete``, ``incomplete``, ``stopped`` or ``interrupted``."""
