"""The replies of the M2M API, typed.

:func:`read_reply` converts the ``data`` of an envelope from plain JSON to
these records. Unknown fields are ignored, unknown codes are kept as text, and
the service's variants (``[]`` for an empty map, numbers as text, ``"Y"`` for
true, null for an empty list) are normalized, so that no other module has to
know them.

A field without a default is essential; there are few, and ``docs/replies.md``
lists them. Every other one may be absent, null or of any type: an invalid value
counts as absent. So a default means "unknown", unless absence itself has a meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec
import orjson
from msgspec import Meta, Struct

from asyncdl.m2m.tolerant import Id, OnLoss, ignore_loss, read_tolerantly
from asyncdl.redact import redact

T = TypeVar("T")

Json = Any
"""Plain JSON, as orjson returns it. Used only inside ``m2m``."""


Count = Annotated[int, Meta(ge=0, le=1 << 53)]
"""A number of items or bytes, no larger than every JSON parser can represent exactly."""

Left = Annotated[int, Meta(ge=-(1 << 53), le=1 << 53)]
"""What is left of a limit; negative when it is exceeded."""

Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
"""A numeric id, no larger than a database can store."""

CoverPercent = Annotated[float, Meta(ge=0, le=100)]


class Flag(int):
    """A boolean that may be sent as boolean, as 0 or 1, or as ``"Y"`` or ``"N"``."""

    def __bool__(self) -> bool:
        return self != 0

    @classmethod
    def read(cls, value: Json) -> Flag:
        """Parse any of the forms.

        Raises: ValueError, for anything that is not clearly true or false.
        """
        if type(value) is bool:  # in nearly all replies, and there are many
            return _YES if value else _NO
        text = str(value).strip().upper()
        if text in _TRUE:
            return cls(1)
        if text in _FALSE:
            return cls(0)
        raise ValueError("neither true nor false")


_YES, _NO = Flag(1), Flag(0)
_TRUE = frozenset({"TRUE", "T", "YES", "Y", "1", "1.0"})
_FALSE = frozenset({"FALSE", "F", "NO", "N", "0", "0.0"})


Labels: TypeAlias = dict[str, Id]
"""Download ids (as text) and the label of each."""


class GeoJsonText(bytes):
    """A GeoJSON object as its text.

    As plain JSON a footprint is a dozen lists, and a page of scenes has 16,000 of them, which
    every garbage collection would look at; most of them are read once.
    """

    __slots__ = ()

    @classmethod
    def read(cls, value: Json) -> GeoJsonText:
        """Take a JSON object. Raises: ValueError, for anything else."""
        if value == []:
            value = {}  # PHP encodes an empty map as a list
        if not isinstance(value, dict):
            raise ValueError("not an object")
        try:
            return cls(orjson.dumps(value))
        except orjson.JSONEncodeError:
            raise ValueError("nested too deeply") from None

    def plain(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        read: dict[str, Any] = orjson.loads(memoryview(self))
        return read


class Reply(Struct, frozen=True, rename="camel", kw_only=True, gc=False):
    """Base of all replies: camelCase on the wire, snake_case here, extra fields ignored.

    What is read from JSON contains no cycles, so the garbage collector need not look at it.
    """

    def __repr__(self) -> str:
        # Replies contain signed URLs, and a repr ends up in logs and tracebacks.
        return redact(super().__repr__())


def read_reply(data: Json, as_type: type[T], on_loss: OnLoss = ignore_loss) -> T:
    """Convert the ``data`` of an envelope to ``as_type``.

    Args:
        data: Plain JSON.
        as_type: A reply, or a list or a map of them.
        on_loss: Called with path and reason for each part that is left out because it is
            invalid and not essential.
    Raises: msgspec.ValidationError, if something essential is missing or invalid.
    """
    return read_tolerantly(data, as_type, on_loss)


# --- datasets ----------------------------------------------------------------


class Dataset(Reply, frozen=True):
    """One dataset (``dataset``, ``dataset-search``; API reference, dataset object)."""

    dataset_id: str = ""
    dataset_alias: str = ""
    """``datasetName`` in all other calls."""
    collection_name: str | None = None
    collection_long_name: str | None = None
    dataset_category_name: str | None = None
    scene_count: Count | None = None
    acquisition_start: str | None = None
    acquisition_end: str | None = None
    """``None`` while the mission goes on."""
    support_cloud_cover: Flag | None = None


class ChecksumType(Reply, frozen=True):
    """A kind of digest that a dataset's downloads have."""

    id: Id
    """As in :class:`Checksum`."""


class DatasetProduct(Reply, frozen=True):
    """A product of a dataset's scenes (``dataset-download-options``)."""

    product_id: Id
    product_code: str | None = None
    product_name: str | None = None
    download_name: str | None = None
    download_system: str | None = None
    file_groups: list[Id] | None = None
    checksum_types: list[ChecksumType] | None = msgspec.field(default=None, name="checksum_types")
    """``None`` if the service announces no digests."""


class FileOfGroup(Reply, frozen=True):
    """One file of a file group."""

    name: str = ""
    """Such as ``SR_B1.TIF``."""


class FileGroup(Reply, frozen=True):
    """A named set of secondary files (``dataset-file-groups``)."""

    id: str = ""
    """Also the key of the group in the reply."""
    label: str | None = None
    description: str | None = None
    files: list[FileOfGroup] = []

    @property
    def file_names(self) -> tuple[str, ...]:
        """Suffixes of the group's files, such as ``SR_B1.TIF``; may be incomplete."""
        return tuple(file.name for file in self.files if file.name)


class DatasetFileGroups(Reply, frozen=True):
    """All file groups of a dataset (``dataset-file-groups``)."""

    secondary: dict[str, dict[str, FileGroup]]
    """By secondary dataset id, then by group id."""


class DatasetFilter(Reply, frozen=True):
    """A metadata field that a search can filter on (``dataset-filters``)."""

    id: Id
    field_label: Id
    field_config: dict[str, Any] | None = None
    value_list: Any = None

    @property
    def is_range(self) -> bool:
        """Whether the field has a lowest and a highest value."""
        return (self.field_config or {}).get("type") == "Range"

    @property
    def values(self) -> tuple[str, ...]:
        """The values a select field offers; empty for free text and ranges."""
        return tuple(map(str, self.value_list)) if isinstance(self.value_list, dict) else ()


# --- scenes ------------------------------------------------------------------


class SceneOptions(Reply, frozen=True):
    """What can be done with a scene."""

    bulk: Flag | None = None
    download: Flag | None = None
    order: Flag | None = None
    secondary: Flag | None = None


class TemporalCoverage(Reply, frozen=True):
    """Acquisition time; text, with or without an offset."""

    start_date: str | None = None
    end_date: str | None = None


class Browse(Reply, frozen=True):
    """One preview of a scene."""

    browse_path: str | None = None
    """URL of a picture."""


class Scene(Reply, frozen=True):
    """One hit of ``scene-search``."""

    entity_id: Id
    display_id: str = ""
    cloud_cover: CoverPercent | None = None
    """Percent; ``None`` when unknown."""
    options: SceneOptions | None = None
    bounds_text: GeoJsonText | None = msgspec.field(default=None, name="spatialBounds")
    coverage_text: GeoJsonText | None = msgspec.field(default=None, name="spatialCoverage")
    temporal_coverage: TemporalCoverage | None = None
    publish_date: str | None = None
    browse: list[Browse] | None = None

    @property
    def spatial_bounds(self) -> dict[str, Any] | None:
        """Bounds as GeoJSON geometry; read anew each time."""
        return None if self.bounds_text is None else self.bounds_text.plain()

    @property
    def spatial_coverage(self) -> dict[str, Any] | None:
        """Footprint as GeoJSON geometry; read anew each time."""
        return None if self.coverage_text is None else self.coverage_text.plain()

    @property
    def is_bulk(self) -> bool:
        """Whether the scene can be downloaded in bulk; true if the service does not say."""
        bulk = self.options.bulk if self.options else None
        return bulk is None or bool(bulk)

    @property
    def acquired(self) -> str:
        """Acquisition date, ``YYYY-MM-DD``, or empty."""
        start = self.temporal_coverage.start_date if self.temporal_coverage else None
        return (start or "")[:10]


class ScenePage(Reply, frozen=True):
    """One page of ``scene-search``."""

    results: list[Scene] | None
    """Null if nothing was found. If it is missing, the reply is invalid."""
    records_returned: Count | None = None
    total_hits: Count | None = None
    total_hits_accuracy: str | None = None
    starting_number: Count | None = None
    next_record: Count | None = None


class DeletedScene(Reply, frozen=True):
    """A scene that was deleted (``scene-search-delete``)."""

    entity_id: Id
    display_id: str = ""
    deletion_date: str | None = None
    acquisition_date: str | None = None


class DeletedScenePage(Reply, frozen=True):
    """One page of ``scene-search-delete``."""

    results: list[DeletedScene] | None
    records_returned: Count | None = None
    total_hits: Count | None = None
    total_hits_accuracy: str | None = None
    next_record: Count | None = None


class SceneListName(Reply, frozen=True):
    """One of the account's scene lists (``scene-list-types``)."""

    list_id: Id = msgspec.field(name="list")
    scene_count: Count = 0


class SceneListEntry(Reply, frozen=True):
    """One member of a scene list (``scene-list-get``)."""

    entity_id: Id
    dataset_name: str = ""


class SceneListAdded(Reply, frozen=True):
    """Reply of ``scene-list-add``: a bare count in the stable version, this in others."""

    scene_count: Count = 0
    failed: list[dict[str, Any]] = []


class SceneListPart(Reply, frozen=True):
    """One dataset's part of a scene list."""

    dataset_name: Id
    scene_count: Count = 0


class SceneListTotals(Reply, frozen=True):
    """Totals of a scene list."""

    scene_count: Count = 0


class SceneListSummary(Reply, frozen=True):
    """``scene-list-summary``."""

    summary: SceneListTotals | None = None
    datasets: list[SceneListPart] = []


# --- downloads ---------------------------------------------------------------


class Checksum(Reply, frozen=True):
    """A digest in a reply; its value may be missing."""

    id: Id
    """Such as ``cksum`` (POSIX), ``sha256sum`` or ``sha512``."""
    value: int | str | None = None
    """Hex, or the number of ``cksum``; null in most rows of 2025."""


class DownloadOption(Reply, frozen=True):
    """One product row of ``download-options``; secondary files have the same shape."""

    id: Id
    """Product id: ``productId`` of a request. Changes over the years."""
    entity_id: Id
    display_id: str = ""
    """Product id of the scene, or the file name of a secondary."""
    dataset_id: str | None = None
    available: Flag | None = None
    bulk_available: Flag | None = None
    filesize: Count | None = None
    """Bytes; exact for single files, an estimate for bundles, 0 for folders."""
    product_name: str | None = None
    product_code: str | None = None
    download_name: str | None = None
    download_system: str | None = None
    """``ls_zip``, ``ls_s3``, ``dds``, ``dds_ms``, ``folder``, ``wms`` …"""
    secondary_downloads: list[DownloadOption] | None = None
    file_groups: list[Id] | None = None
    checksum: list[Checksum] | None = None


class RequestedDownload(Reply, frozen=True):
    """One accepted item of ``download-request``."""

    download_id: Number
    url: str | None = None
    """A bearer secret. Not usable yet for an item in preparation."""
    entity_id: str | None = None
    """Absent in replies of 2021."""
    eula_code: str | None = None
    # The only name that the service does not write in camel case.
    checksum_values: list[Checksum] | None = msgspec.field(default=None, name="checksum_values")


class Limit(Reply, frozen=True):
    """What is left of the download quota for a user or an IP address."""

    limit_type: str | None = None
    recent_download_count: Left | None = None
    pending_download_count: Left | None = None
    unattempted_download_count: Left | None = None

    @property
    def counts(self) -> dict[str, int]:
        """The counts in the reply, by what is counted."""
        counts = {
            "recent": self.recent_download_count,
            "pending": self.pending_download_count,
            "unattempted": self.unattempted_download_count,
        }
        return {name: count for name, count in counts.items() if count is not None}

    @property
    def room(self) -> int | None:
        """How many downloads may be requested now; ``None`` without a count."""
        least = min(self.counts.values(), default=None)
        return None if least is None else max(0, least)


def room_in(limits: Iterable[Limit]) -> int | None:
    """Return the room under the tightest of the limits; ``None`` if none has a count."""
    rooms = (limit.room for limit in limits)
    return min((room for room in rooms if room is not None), default=None)


class RejectedDownload(Reply, frozen=True):
    """One refused item of ``download-request``: the input and the reason."""

    entity_id: str = ""
    product_id: str = ""
    error_message: str = ""


class DownloadRequestReply(Reply, frozen=True):
    """``download-request``."""

    available_downloads: list[RequestedDownload] | None = None
    preparing_downloads: list[RequestedDownload] | None = None
    failed: list[RejectedDownload] | None = None
    new_records: Labels = {}
    duplicate_products: Labels = {}
    """Items requested before under another label: download id to that label."""
    num_invalid_scenes: Count = 0
    remaining_limits: list[Limit] | None = None

    @property
    def eula_codes(self) -> frozenset[str]:
        """Codes of the agreements of accepted items."""
        accepted = (*(self.available_downloads or ()), *(self.preparing_downloads or ()))
        return frozenset(item.eula_code for item in accepted if item.eula_code)


class DownloadEntry(Reply, frozen=True):
    """One entry of the account's download queue (``download-retrieve``, ``download-search``)."""

    download_id: Number
    url: str | None = None
    label: str | None = None
    entity_id: str | None = None
    display_id: str | None = None
    dataset_id: str | None = None
    collection_name: str | None = None
    product_code: str | None = None
    product_name: str | None = None
    filesize: Count | None = None
    status_code: str | None = None
    status_text: str | None = None
    eula_code: str | None = None
    checksum: list[Checksum] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether ``url`` can be fetched now.

        ``D`` only means that a download was started once. Unknown codes
        count as ready unless it is a staging URL (API notes, §5.5).
        """
        if not self.url or len(self.url) <= 5:
            return False
        if self.status_code in ("A", "D"):
            return True
        return not self.is_final and "/download-staging/" not in self.url and not self.is_waiting

    @property
    def is_waiting(self) -> bool:
        """Whether the service is still preparing it."""
        return (self.status_text or "").lower() in (
            "preparing",
            "queued",
            "staging",
            "ordered",
            "pending",
        )

    @property
    def is_proxied(self) -> bool:
        """Whether another site delivers it, so that the service needs a report of its end.

        Only ``download-search`` says so, once its URL was returned (API notes, §5.6).
        """
        return self.status_code == "P" or (self.status_text or "").lower() == "proxied"

    @property
    def is_unused(self) -> bool:
        """Whether its URL was not used yet, so that it is not known who delivers it."""
        return self.status_code == "A" or self.is_waiting

    @property
    def is_complete(self) -> bool:
        """Whether the service knows that it was fetched."""
        return self.status_code == "C" or (self.status_text or "").lower() == "complete"

    @property
    def is_final(self) -> bool:
        """Whether the service has given it up; it will never be ready."""
        return (self.status_text or "").lower() in (
            "failed",
            "cleared",
            "removed",
            "expired",
            "cancelled",
        )


class DownloadRetrieveReply(Reply, frozen=True):
    """``download-retrieve``."""

    available: list[DownloadEntry] | None = None
    requested: list[DownloadEntry] | None = None
    queue_size: Count | None = None
    eulas: list[Any] | None = None
    """Agreements of the listed items; a non-empty list is not on record."""

    @property
    def entries(self) -> list[DownloadEntry]:
        """Both lists as one: entries move from one to the other after the first call."""
        return [*(self.available or ()), *(self.requested or ())]


class DownloadLabel(Reply, frozen=True):
    """One label of the account's queue (``download-labels``)."""

    label: Id
    date_entered: Count | None = None
    """Milliseconds since 1970."""
    download_size: Count | None = None
    download_count: Count = 0
    """Without complete ones, according to the documented reply."""
    total_complete: Count = 0


class DownloadCollection(Reply, frozen=True):
    """One dataset's part of ``download-summary``."""

    dataset_name: str | None = None
    collection_name: str | None = None
    scene_count: Count = 0
    download_count: Count = 0
    total_estimated_size: Count = 0


class DownloadSummary(Reply, frozen=True):
    """Totals of a label (``download-summary``)."""

    label: str = ""
    scene_count: Count = 0
    download_count: Count = 0
    total_estimated_size: Count = 0
    """Bytes; estimates for bundles."""
    collections: list[DownloadCollection] = []


class Eula(Reply, frozen=True):
    """An end user licence agreement (``download-eula``)."""

    eula_code: Id
    agreement_content: str = ""


class ProxiedReply(Reply, frozen=True):
    """``download-complete-proxied``."""

    failed: list[dict[str, Any]] = []
    """The items that failed, as they were sent."""
    updated_downloads_count: Count = 0


class Allowance(msgspec.Struct, frozen=True):
    """What is left of one limit of the quota."""

    left: int
    used: int | None
    """``None`` if the service does not send the initial limit."""


class RateLimits(Reply, frozen=True):
    """``rate-limit-summary``."""

    initial_limits: list[Limit] = []
    remaining_limits: list[Limit] = []

    @property
    def allowances(self) -> dict[str, Allowance]:
        """What is left for the user or for the IP address, whichever is less.

        Returns: By what is counted: ``recent`` (requested in the last 15 minutes),
            ``pending`` (in preparation) and ``unattempted`` (ready and not fetched yet);
            empty if the service sends no limits.
        """
        known = [limit for limit in self.remaining_limits if limit.counts]
        if not known:
            return {}
        left = min(known, key=lambda limit: limit.room or 0)
        alike = [limit for limit in self.initial_limits if limit.limit_type == left.limit_type]
        first = next(iter((*alike, *self.initial_limits)), Limit()).counts
        return {
            name: Allowance(count, max(0, first[name] - count) if name in first else None)
            for name, count in left.counts.items()
        }

    @property
    def room(self) -> int | None:
        """How many downloads may be requested now; ``None`` if the service sends no limits."""
        return room_in(self.remaining_limits)


class Notification(Reply, frozen=True):
    """A notice of the service (``notifications``)."""

    id: int | None = None
    subject: str | None = None
    message_content: str | None = None
    severity_code: str | None = None
    severity_text: str | None = None


REPLIES: Mapping[str, Any] = {
    "permissions": list[Id],
    "rate-limit-summary": RateLimits,
    "notifications": list[Notification],
    "dataset": Dataset,
    "dataset-search": list[Dataset],
    "dataset-file-groups": DatasetFileGroups,
    "dataset-filters": list[DatasetFilter],
    "dataset-download-options": list[DatasetProduct],
    "scene-search": ScenePage,
    "scene-search-delete": DeletedScenePage,
    "scene-metadata-list": dict[str, list[Scene]],
    "scene-list-add": SceneListAdded,
    "scene-list-get": list[SceneListEntry],
    "scene-list-summary": SceneListSummary,
    "scene-list-types": list[SceneListName],
    "download-options": list[DownloadOption],
    "download-request": DownloadRequestReply,
    "download-retrieve": DownloadRetrieveReply,
    "download-search": list[DownloadEntry],
    "download-labels": list[DownloadLabel],
    "download-summary": DownloadSummary,
    "download-eula": list[Eula],
    "download-complete-proxied": ProxiedReply,
    "download-order-load": list[DownloadEntry],
}
"""The type of each endpoint's data, except those that return a bare number."""
