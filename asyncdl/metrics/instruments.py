"""What is measured: names, units and attributes, in the conventions of OpenTelemetry.

Source: https://opentelemetry.io/docs/specs/semconv/general/metrics/
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """What may be done with the numbers of an instrument."""

    COUNTER = "counter"
    """Only rises; its increase over time is of interest."""
    LEVEL = "level"
    """Rises and falls, and adds up over runs: an ``UpDownCounter``."""
    GAUGE = "gauge"
    """The last value; sums make no sense."""
    HISTOGRAM = "histogram"
    """A distribution of values."""


class Instrument(Struct, frozen=True):
    """A quantity that is measured."""

    name: str
    """In OpenTelemetry's form, such as ``asyncdl.file.duration``."""
    kind: Kind
    """What may be done with its numbers."""
    unit: str
    """By UCUM, such as ``s`` or ``By``; in braces where things are counted."""
    description: str
    """One sentence, for people."""
    attributes: tuple[str, ...] = ()
    """By which its numbers are kept apart; each has few values."""
    buckets: tuple[float, ...] = ()
    """Upper bounds, inclusive and rising, of a histogram; one without a bound follows."""


_CALL_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""A call usually takes some 3 seconds, sometimes minutes."""
_FILE_S = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)
_LONG_S = (10.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0, 24 * 3600.0)
_FILE_BYTES = (1e4, 1e5, 1e6, 1e7, 5e7, 1e8, 2.5e8, 5e8, 1e9, 2.5e9)
"""From the metadata of a scene to a bundle."""

RECEIVED = Instrument("asyncdl.received", Kind.COUNTER, "By", "Bytes received for files.")
CONNECTIONS = Instrument(
    "asyncdl.connections", Kind.LEVEL, "{connection}", "Connections in use.", ("host",)
)

FILE_WANTED = Instrument(
    "asyncdl.file.wanted", Kind.COUNTER, "{file}", "Files that jobs want, as far as known."
)
FILE_PREPARING = Instrument(
    "asyncdl.file.preparing", Kind.LEVEL, "{file}", "Files that the service is preparing."
)
FILE_ACTIVE = Instrument(
    "asyncdl.file.active", Kind.LEVEL, "{file}", "Files whose bytes are on their way."
)
FILE_FINISHED = Instrument(
    "asyncdl.file.finished",
    Kind.COUNTER,
    "{file}",
    "Files that reached their final state.",
    ("kind", "state", "reason"),
)
FILE_SIZE = Instrument(
    "asyncdl.file.size",
    Kind.HISTOGRAM,
    "By",
    "Sizes of the files that were downloaded.",
    ("kind",),
    _FILE_BYTES,
)
FILE_DURATION = Instrument(
    "asyncdl.file.duration",
    Kind.HISTOGRAM,
    "s",
    "Time of a transfer, waits and verification included; with a reason if it failed.",
    ("reason",),
    _FILE_S,
)
FILE_RETRIES = Instrument(
    "asyncdl.file.retries",
    Kind.COUNTER,
    "{try}",
    "Failed attempts of a transfer that were followed by another.",
    ("reason",),
)
FILE_RENEWALS = Instrument(
    "asyncdl.file.renewals",
    Kind.COUNTER,
    "{link}",
    "URLs that expired and were requested anew.",
)
FILE_CHECKED = Instrument(
    "asyncdl.file.checked",
    Kind.COUNTER,
    "{file}",
    "Finished files that were verified again; with a reason if that failed.",
    ("reason",),
)

HOST_RESTS = Instrument(
    "asyncdl.host.rests",
    Kind.COUNTER,
    "{rest}",
    "Times that all requests to a host were held back.",
    ("host",),
)
HOST_STRAINS = Instrument(
    "asyncdl.host.strains",
    Kind.COUNTER,
    "{change}",
    "Changes of the number of connections to a host because of strain.",
    ("host", "reason"),
)
HOST_DOWN = Instrument(
    "asyncdl.host.down", Kind.LEVEL, "{host}", "Whether a host or service is down.", ("host",)
)
HOST_OUTAGES = Instrument(
    "asyncdl.host.outage.duration",
    Kind.HISTOGRAM,
    "s",
    "How long a host or service was down, counted when it is back.",
    ("host",),
    _LONG_S,
)

API_DURATION = Instrument(
    "asyncdl.api.duration",
    Kind.HISTOGRAM,
    "s",
    "Time of a call of the M2M API; with a reason if it failed.",
    ("endpoint", "reason"),
    _CALL_S,
)
API_RETRIES = Instrument(
    "asyncdl.api.retries",
    Kind.COUNTER,
    "{call}",
    "Calls of the M2M API that failed and were retried.",
    ("endpoint",),
)

QUOTA_LEFT = Instrument(
    "asyncdl.quota.left", Kind.GAUGE, "{download}", "Downloads that may still be requested."
)
QUOTA_WAITS = Instrument(
    "asyncdl.quota.waits",
    Kind.COUNTER,
    "{wait}",
    "Waits for the next window of the download quota.",
)

SCENE_FOUND = Instrument("asyncdl.scene.found", Kind.COUNTER, "{scene}", "Scenes that jobs found.")
SCENE_SUPERSEDED = Instrument(
    "asyncdl.scene.superseded", Kind.COUNTER, "{scene}", "Scenes that were reprocessed."
)
SCENE_WITHDRAWN = Instrument(
    "asyncdl.scene.withdrawn", Kind.COUNTER, "{scene}", "Scenes that the service has deleted."
)

JOB_RUNNING = Instrument("asyncdl.job.running", Kind.LEVEL, "{job}", "Jobs that are running.")
JOB_FINISHED = Instrument(
    "asyncdl.job.finished", Kind.COUNTER, "{job}", "Jobs that have ended.", ("state",)
)
JOB_DURATION = Instrument(
    "asyncdl.job.duration", Kind.HISTOGRAM, "s", "Time of a job.", ("state",), _LONG_S
)

INSTRUMENTS: tuple[Instrument, ...] = (
    RECEIVED, CONNECTIONS,
    FILE_WANTED, FILE_PREPARING, FILE_ACTIVE, FILE_FINISHED, FILE_SIZE, FILE_DURATION,
    FILE_RETRIES, FILE_RENEWALS, FILE_CHECKED,
    HOST_RESTS, HOST_STRAINS, HOST_DOWN, HOST_OUTAGES,
    API_DURATION, API_RETRIES,
    QUOTA_LEFT, QUOTA_WAITS,
    SCENE_FOUND, SCENE_SUPERSEDED, SCENE_WITHDRAWN,
    JOB_RUNNING, JOB_FINISHED, JOB_DURATION,
)  # fmt: skip
"""All instruments, in the order in which they are shown."""
