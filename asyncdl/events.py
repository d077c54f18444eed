"""What happened, as small frozen records: the one stream that all watchers read.

Progress, JSON lines, logs and reports are made from these and from nothing
else. Events hold no secret: file URLs appear in none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import force_setattr


class Event(Struct, frozen=True):
    """Base of all events."""


Emit: TypeAlias = Callable[[Event], None]
"""Takes one event. It may neither block nor raise: it runs inside transfers."""


def discard(event: Event) -> None:
    """Take an event and do nothing: the watcher of those who watch nothing."""


class FileState(StrEnum):
    """How a wanted file ended."""

    DOWNLOADED = "downloaded"
    SKIPPED = "skipped"
    """It was already there and right."""
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
    """Total, if the host tells."""
    resumed_bytes: int
    """Bytes of an earlier try that are kept."""


class TransferProgress(Event, frozen=True):
    """More bytes of a file are on disk; cumulative, so a lost one does no harm."""

    key: str
    """As in :class:`TransferStarted`."""
    done_bytes: int
    """On disk now, 0 to the total; may fall back when a file has to begin again."""
    received_bytes: int
    """Received over the network for this file so far in this run; never falls."""


class TransferRetry(Event, frozen=True):
    """A try failed and another follows."""

    key: str
    """As in :class:`TransferStarted`."""
    reason: str
    """Stable code, such as ``http-503`` or ``stalled``."""
    detail: str
    """The same for people."""
    wait_s: float
    """Seconds until the next try."""
    attempt: int
    """Number of failed tries so far, 1 or more."""


class TransferEnded(Event, frozen=True):
    """The engine has let go of a file, for better or worse."""

    key: str
    """As in :class:`TransferStarted`."""
    reason: str = ""
    """Stable code of what ended it; empty when the file is there."""
    received_bytes: int = 0
    """Received over the network for this file in all, whatever became of it."""
    elapsed_s: float = 0.0
    """Seconds since the engine was asked for the file, waits included."""


class LinkRenewal(Event, frozen=True):
    """The link of a file is no longer accepted, and a new one is asked for."""

    key: str
    """As in :class:`TransferStarted`."""


class ConnectionsInUse(Event, frozen=True):
    """A connection to a host was taken into use or given back; a lost one does no harm."""

    host: str
    """Its name, with the port if the URL has one."""
    count: int
    """In use at this host now."""


class HostWait(Event, frozen=True):
    """A whole host is given a rest, since it asked for one."""

    host: str
    """As in :class:`ConnectionsInUse`."""
    reason: str
    """``http-429`` or another status, or ``unreachable``."""
    wait_s: float
    """Seconds, from now."""


class HostStrain(Event, frozen=True):
    """A host gets other than all the connections that are allowed, since it shows strain."""

    host: str
    """As in :class:`ConnectionsInUse`."""
    reason: str
    """What showed it: ``http-429`` or another status, ``unreachable``, ``stalled``, or ``slow``
    for answers that take many times longer than they did."""
    connections: int
    """At most from now on; all that are allowed when the strain is over."""
    allowed: int
    """Connections that would be allowed without strain."""


# --- services that are down ----------------------------------------------------


class ServiceWait(Event, frozen=True):
    """A service or a file host is down; whatever needs it waits."""

    service: str
    """Its host."""
    reason: str
    """How the last try failed, such as ``HTTP 503``."""
    since_s: float
    """Seconds since it failed first."""
    next_try_s: float
    """Seconds until one try is made to find out whether it is back."""


class ServiceBack(Event, frozen=True):
    """A service that was down answers again; follows its :class:`ServiceWait`."""

    service: str
    """As in :class:`ServiceWait`."""
    after_s: float
    """Seconds since it had failed first."""


# --- the M2M client ----------------------------------------------------------


class ApiCalled(Event, frozen=True):
    """One API call came back."""

    endpoint: str
    """Such as ``scene-search``."""
    elapsed_s: float
    """Seconds from the request to the whole reply."""
    error_code: str | None
    """The service's code, or ``HTTP 503`` where it gave none; ``None`` if all went well."""


class ApiRetry(Event, frozen=True):
    """An API call failed and is made again; :class:`ServiceWait` tells of longer outages."""

    endpoint: str
    """Such as ``scene-search``."""
    reason: str
    """How it failed, for people."""
    wait_s: float
    """Seconds until it is made again."""
    attempt: int
    """Number of failed tries so far, 1 or more."""


class Notice(Event, frozen=True):
    """Something a person should read: a notice of the service, a cut search, a warning."""

    text: str
    """One or more whole sentences."""
    severity: str = "info"
    """``info`` or ``warning``."""


# --- the job -----------------------------------------------------------------


class JobStarted(Event, frozen=True):
    """A run has begun."""

    directory: str
    """The download directory; a path is taken as its text, so that it is plain data, too."""
    label: str
    """By which the service knows the job's requests, at most 50 characters."""

    def __post_init__(self) -> None:
        force_setattr(self, "directory", os.fspath(self.directory))


class FoundScene(Struct, frozen=True):
    """What a map shows of a scene, as the service tells it."""

    product_id: str
    """Display id."""
    entity_id: str
    """The service's other id of the same scene."""
    acquired: str
    """``YYYY-MM-DD``; may be empty."""
    cloud_cover: float | None
    """Percent; ``None`` when unknown."""
    footprint: tuple[tuple[tuple[float, float], ...], ...] = ()
    """Outlines of its parts; corners as longitude and latitude in degrees, the first not
    repeated. Longitudes may run on beyond 180. Empty when unknown."""
    browse_url: str = ""
    """Of a picture; may be empty, or anything."""


class ScenesFound(Event, frozen=True):
    """Another batch of scenes."""

    found: int
    """Scenes of this job so far."""
    total_hits: int | None
    """All that match the search, whether taken or not."""
    scenes: tuple[FoundScene, ...] = ()
    """Those of this batch; empty for scenes that the config names by id."""


class FilesWanted(Event, frozen=True):
    """More files are wanted."""

    count: int
    """How many more; a file that goes to two places counts twice."""
    size_bytes: int | None
    """Their announced sizes added up, an estimate for bundles; ``None`` when nobody told."""
    estimates: Mapping[str, int] = {}
    """What of it is an estimate, by the keys of the files."""


class FilesPreparing(Event, frozen=True):
    """What the service is still preparing, told at each look."""

    count: int
    """Files, each once."""
    oldest: str = ""
    """The file that is waited for longest; empty where only its id is known."""
    longest_s: float = 0.0
    """Seconds since that was asked for in this run."""
    next_look_s: float = 0.0
    """Seconds until the service is asked again."""


class QuotaLeft(Event, frozen=True):
    """How many downloads may still be requested, as the service last said."""

    downloads: int
    """Files."""


class QuotaWait(Event, frozen=True):
    """The download quota is used up; requests wait for its window while transfers go on."""

    wait_s: float
    """Seconds until the quota is looked at again."""


class FileFinished(Event, frozen=True):
    """A wanted file has reached its one final state."""

    kind: str
    """``bands``, ``bundle`` or ``band_group``."""
    product_id: str
    """Display id of the scene it belongs to."""
    file: str
    """Path below the download directory, with forward slashes."""
    state: FileState
    """How it ended."""
    size_bytes: int | None = None
    """Of the file; ``None`` when it did not come."""
    received_bytes: int = 0
    """Over the network in this run."""
    proof: str = ""
    """What was checked, such as ``length+sha512+tiff``."""
    source: str = ""
    """Who promised the digest in the proof: ``m2m``, ``stac`` or ``host``; empty without one."""
    reason: str = ""
    """Stable code, for failed and unresolved files."""
    error: str = ""
    """Class of the error that ended it, such as ``HttpStatusError``; empty without one."""
    http_status: int | None = None
    """The last status of its host that was no success, if there was one."""
    detail: str = ""
    """What happened, for people."""
    remedy: str = ""
    """What may help, for people."""
    attempts: int = 0
    """Requests that were made for it in this run."""
    key: str = ""
    """The file's name in the transfer events, where that is another than ``file``."""
    members: tuple[str, ...] = ()
    """Paths of the files that were unpacked from it, as ``file``."""


class SceneSuperseded(Event, frozen=True):
    """The service has processed a scene anew, and the files of the new product are there."""

    product_id: str
    """Of the old one."""
    by: str
    """Product id of the new one."""
    removed_files: int
    """Files of the old one that were removed; 0 if they are kept."""


class SceneWithdrawn(Event, frozen=True):
    """The service no longer has a scene of which files are there; they are kept."""

    product_id: str
    """Display id."""
    withdrawn: str
    """When, as the service writes it, such as ``2021-03-11 13:00:02-06``."""


class FileChecked(Event, frozen=True):
    """A finished file was read again."""

    file: str
    """Path below the download directory, with forward slashes."""
    is_right: bool
    """Whether it is there and has shown what it showed when it came."""
    reason: str = ""
    """Stable code, for a file that is not, such as ``missing`` or ``checksum-mismatch``."""
    detail: str = ""
    """What is wrong, for people."""
    proof: str = ""
    """What it has shown now."""


class CheckProgress(Event, frozen=True):
    """More of the finished files has been read again; cumulative."""

    files: int
    """Read so far."""
    total_files: int
    """To be read in all."""
    read_bytes: int
    """Read so far."""
    total_bytes: int
    """To be read in all."""


class JobFinished(Event, frozen=True):
    """The run has ended in order; always the last event."""

    status: str
    """``complete``, ``incomplete``, ``stopped`` or ``interrupted``."""
