"""The replies of the M2M API, typed.

Plain JSON ends here: :func:`read_reply` turns the ``data`` of an envelope into
these records. Unknown fields are ignored, unknown codes are kept as text, and
the service's habits (``[]`` for an empty map, numbers as text, ``"Y"`` for
true, null for an empty list) are smoothed out, so that nothing above has to
know them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from asyncdl.redact import redact

T = TypeVar("T")

Json = Any
"""Plain JSON, as orjson gives it. Stays inside ``m2m``."""


class Flag(int):
    """A truth value that may come as a boolean, as 0 or 1, or as ``"Y"`` or ``"N"``."""

    def __bool__(self) -> bool:
        return self != 0

    @classmethod
    def read(cls, value: Json) -> Flag:
        """Read any of the forms; whatever is not clearly true is false."""
        if isinstance(value, str):
            return cls(value.strip().upper() in ("Y", "YES", "TRUE", "1"))
        return cls(bool(value))


class Labels(dict[str, str]):
    """Download ids (as text) and the label each stands under."""

    @classmethod
    def read(cls, value: Json) -> Labels:
        """Read the map; the service writes an empty one as ``[]``."""
        return cls({str(k): str(v) for k, v in _as_map(value).items()})


class Reply(Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all replies: camelCase on the wire, snake_case here, extra fields ignored."""

    def __repr__(self) -> str:
        # Replies carry signed URLs, and a repr ends up in logs and tracebacks.
        return redact(super().__repr__())


def read_reply(data: Json, as_type: type[T]) -> T:
    """Turn the ``data`` of an envelope into ``as_type``.

    Raises: msgspec.ValidationError, when a known field has a form that no reply ever had.
    """
    return msgspec.convert(data, as_type, strict=False, dec_hook=_decode_custom)


def _decode_custom(kind: type, value: Json) -> Any:
    reader = getattr(kind, "read", None)
    if reader is None:
        raise NotImplementedError(kind)
    return reader(value)


def _as_map(value: Json) -> Mapping[str, Json]:
    # PHP encodes an empty associative array as a list.
    return value if isinstance(value, dict) else {}


# --- datasets ----------------------------------------------------------------


class Dataset(Reply, frozen=True):
    """One dataset (``dataset``, ``dataset-search``; API reference, dataset object)."""

    dataset_id: str = ""
    dataset_alias: str = ""
    """What every other call wants as ``datasetName``."""
    collection_name: str | None = None
    collection_long_name: str | None = None
    dataset_category_name: str | None = None
    scene_count: int | None = None
    acquisition_start: str | None = None
    acquisition_end: str | None = None
    """``None`` while the mission goes on."""
    support_cloud_cover: Flag = Flag(0)


class ChecksumType(Reply, frozen=True):
    """A kind of digest that a dataset's downloads come with."""

    id: str
    """``cksum`` or ``sha256sum``."""


class DatasetProduct(Reply, frozen=True):
    """A product that a dataset's scenes can be had as (``dataset-download-options``)."""

    product_id: str
    product_code: str | None = None
    product_name: str | None = None
    download_name: str | None = None
    download_system: str | None = None
    file_groups: list[str] | None = None
    checksum_types: list[ChecksumType] | None = msgspec.field(default=None, name="checksum_types")
    """``None`` if the service promises no digests."""


class FileGroup(Reply, frozen=True):
    """A named set of secondary files (``dataset-file-groups``)."""

    id: str
    label: str | None = None
    description: str | None = None
    files: list[dict[str, Any]] = []

    @property
    def file_names(self) -> tuple[str, ...]:
        """Suffixes of the group's files, such as ``SR_B1.TIF``; may be incomplete."""
        return tuple(str(f["name"]) for f in self.files if f.get("name"))


class GroupsByDataset(dict[str, dict[str, FileGroup]]):
    """File groups by secondary dataset id, then by group id."""

    @classmethod
    def read(cls, value: Json) -> GroupsByDataset:
        """Read the two nested maps; either may come as ``[]``."""
        return cls(
            {
                dataset_id: {
                    group_id: read_reply(group, FileGroup)
                    for group_id, group in _as_map(groups).items()
                }
                for dataset_id, groups in _as_map(value).items()
            }
        )


class DatasetFileGroups(Reply, frozen=True):
    """All file groups of a dataset (``dataset-file-groups``)."""

    secondary: GroupsByDataset = msgspec.field(default_factory=GroupsByDataset)


class DatasetFilter(Reply, frozen=True):
    """A metadata field that a search may filter on (``dataset-filters``)."""

    id: str
    field_label: str
    field_config: dict[str, Any] | None = None
    value_list: Any = None

    @property
    def is_range(self) -> bool:
        """Whether the field takes a lowest and a highest value."""
        return (self.field_config or {}).get("type") == "Range"

    @property
    def values(self) -> tuple[str, ...]:
        """The values a select field offers; empty for free text and ranges."""
        return tuple(str(v) for v in _as_map(self.value_list))


# --- scenes ------------------------------------------------------------------


class SceneOptions(Reply, frozen=True):
    """What may be done with a scene."""

    bulk: Flag = Flag(0)
    download: Flag = Flag(0)
    order: Flag = Flag(0)
    secondary: Flag = Flag(0)


class TemporalCoverage(Reply, frozen=True):
    """Acquisition time; text, with or without an offset."""

    start_date: str | None = None
    end_date: str | None = None


class Scene(Reply, frozen=True):
    """One hit of ``scene-search``."""

    entity_id: str
    display_id: str = ""
    cloud_cover: float | None = None
    """Percent; ``None`` when unknown."""
    options: SceneOptions | None = None
    spatial_bounds: dict[str, Any] | None = None
    spatial_coverage: dict[str, Any] | None = None
    """Footprint as GeoJSON geometry."""
    temporal_coverage: TemporalCoverage | None = None
    publish_date: str | None = None
    browse: list[dict[str, Any]] | None = None

    @property
    def is_bulk(self) -> bool:
        """Whether the scene may be downloaded in bulk; taken for granted when not told."""
        return self.options is None or bool(self.options.bulk)

    @property
    def acquired(self) -> str:
        """Acquisition date, ``YYYY-MM-DD``, or empty."""
        start = self.temporal_coverage.start_date if self.temporal_coverage else None
        return (start or "")[:10]


class ScenePage(Reply, frozen=True):
    """One page of ``scene-search``."""

    results: list[Scene] | None = None
    records_returned: int = 0
    total_hits: int = 0
    total_hits_accuracy: str | None = None
    starting_number: int = 1
    next_record: int | None = None


class DeletedScene(Reply, frozen=True):
    """A scene that the service no longer has (``scene-search-delete``)."""

    entity_id: str
    display_id: str = ""
    deletion_date: str | None = None
    acquisition_date: str | None = None


class DeletedScenePage(Reply, frozen=True):
    """One page of ``scene-search-delete``."""

    results: list[DeletedScene] | None = None
    records_returned: int = 0
    total_hits: int = 0
    next_record: int | None = None


class SceneListName(Reply, frozen=True):
    """One of the account's scene lists (``scene-list-types``)."""

    list_id: str = msgspec.field(name="list")
    scene_count: int = 0


class SceneListEntry(Reply, frozen=True):
    """One member of a scene list (``scene-list-get``)."""

    entity_id: str
    dataset_name: str = ""


class SceneListAdded(Reply, frozen=True):
    """What ``scene-list-add`` took: a bare count in the stable version, this in others."""

    scene_count: int = 0
    failed: list[dict[str, Any]] = []


class SceneListPart(Reply, frozen=True):
    """One dataset's part of a scene list."""

    dataset_name: str
    scene_count: int = 0


class SceneListTotals(Reply, frozen=True):
    """Totals of a scene list."""

    scene_count: int = 0


class SceneListSummary(Reply, frozen=True):
    """``scene-list-summary``."""

    summary: SceneListTotals | None = None
    datasets: list[SceneListPart] = []


# --- downloads ---------------------------------------------------------------


class Checksum(Reply, frozen=True):
    """A digest that the service promises: ``cksum`` (POSIX) or ``sha256sum`` (hex)."""

    id: str
    value: int | str


class DownloadOption(Reply, frozen=True):
    """One product row of ``download-options``; secondary files have the same shape."""

    id: str
    """Product id: what a request sends as ``productId``. Changes over the years."""
    entity_id: str
    display_id: str = ""
    """Product id of the scene, or the file name of a secondary."""
    dataset_id: str | None = None
    available: Flag = Flag(0)
    bulk_available: Flag = Flag(0)
    filesize: int | None = None
    """Bytes; exact for single files, an estimate for bundles, 0 for folders."""
    product_name: str | None = None
    product_code: str | None = None
    download_name: str | None = None
    download_system: str | None = None
    """``ls_zip``, ``ls_s3``, ``dds``, ``dds_ms``, ``folder``, ``wms`` …"""
    secondary_downloads: list[DownloadOption] | None = None
    file_groups: list[str] | None = None
    checksum: list[Checksum] | None = None


class RequestedDownload(Reply, frozen=True):
    """One accepted item of ``download-request``."""

    download_id: int
    url: str | None = None
    """A bearer secret. For a preparing item it is not usable yet."""
    entity_id: str | None = None
    """Absent in replies of 2021."""
    eula_code: str | None = None
    # The one name that the service does not write in camel case.
    checksum_values: list[Checksum] | None = msgspec.field(default=None, name="checksum_values")


class Limit(Reply, frozen=True):
    """What is left of the download quota for a user or an IP address."""

    limit_type: str | None = None
    recent_download_count: int = 0
    pending_download_count: int = 0
    unattempted_download_count: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """All of them, by what is counted."""
        return {
            "recent": self.recent_download_count,
            "pending": self.pending_download_count,
            "unattempted": self.unattempted_download_count,
        }

    @property
    def room(self) -> int:
        """How many downloads may be requested now under this limit."""
        return max(0, min(self.counts.values()))


class DownloadRequestReply(Reply, frozen=True):
    """``download-request``."""

    available_downloads: list[RequestedDownload] | None = None
    preparing_downloads: list[RequestedDownload] | None = None
    failed: list[dict[str, Any]] | None = None
    """The rejected input, each with its ``errorMessage``."""
    new_records: Labels = msgspec.field(default_factory=Labels)
    duplicate_products: Labels = msgspec.field(default_factory=Labels)
    """Items asked for before under another label: download id to that label."""
    num_invalid_scenes: int = 0
    remaining_limits: list[Limit] | None = None

    @property
    def eula_codes(self) -> frozenset[str]:
        """Codes of the agreements that some of the accepted items come with."""
        accepted = (*(self.available_downloads or ()), *(self.preparing_downloads or ()))
        return frozenset(item.eula_code for item in accepted if item.eula_code)


class DownloadEntry(Reply, frozen=True):
    """One entry of the account's download queue (``download-retrieve``, ``download-search``)."""

    download_id: int
    url: str | None = None
    label: str | None = None
    entity_id: str | None = None
    display_id: str | None = None
    dataset_id: str | None = None
    collection_name: str | None = None
    product_code: str | None = None
    product_name: str | None = None
    filesize: int | None = None
    status_code: str | None = None
    status_text: str | None = None
    eula_code: str | None = None
    checksum: list[Checksum] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether ``url`` can be fetched now.

        ``D`` only means that somebody began to fetch it once. Unknown codes
        count as ready unless the URL itself says staging (API notes, §5.5).
        """
        if not self.url or len(self.url) <= 5:
            return False
        if self.status_code in ("A", "D"):
            return True
        return not self.is_final and "/download-staging/" not in self.url and not self.is_waiting

    @property
    def is_waiting(self) -> bool:
        """Whether the service says that it is still at work on it."""
        return (self.status_text or "").lower() in (
            "preparing",
            "queued",
            "staging",
            "ordered",
            "pending",
        )

    @property
    def is_proxied(self) -> bool:
        """Whether another site delivers it, so that the service waits to hear of its end.

        Only ``download-search`` tells it, once the item was handed out (API notes, §5.6).
        """
        return self.status_code == "P" or (self.status_text or "").lower() == "proxied"

    @property
    def is_complete(self) -> bool:
        """Whether the service knows that it was fetched."""
        return self.status_code == "C" or (self.status_text or "").lower() == "complete"

    @property
    def is_final(self) -> bool:
        """Whether the service has given it up, so that it will never be ready."""
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
    queue_size: int | None = None
    eulas: list[Any] | None = None
    """Agreements of the listed items; no filled list is on record."""

    @property
    def entries(self) -> list[DownloadEntry]:
        """Both lists as one: what was handed out before moves from one to the other."""
        return [*(self.available or ()), *(self.requested or ())]


class DownloadLabel(Reply, frozen=True):
    """One label of the account's queue (``download-labels``)."""

    label: str
    date_entered: int | None = None
    """Milliseconds since 1970."""
    download_size: int | None = None
    download_count: int = 0
    """Without the complete ones, as far as the documented reply shows."""
    total_complete: int = 0


class DownloadCollection(Reply, frozen=True):
    """One dataset's part of ``download-summary``."""

    dataset_name: str | None = None
    collection_name: str | None = None
    scene_count: int = 0
    download_count: int = 0
    total_estimated_size: int = 0


class DownloadSummary(Reply, frozen=True):
    """Totals of a label (``download-summary``)."""

    label: str = ""
    scene_count: int = 0
    download_count: int = 0
    total_estimated_size: int = 0
    """Bytes; bundles count with their estimates."""
    collections: list[DownloadCollection] = []


class Eula(Reply, frozen=True):
    """An end user licence agreement (``download-eula``)."""

    eula_code: str
    agreement_content: str = ""


class ProxiedReply(Reply, frozen=True):
    """``download-complete-proxied``."""

    failed: list[dict[str, Any]] = []
    """The items that were not taken, as they were sent."""
    updated_downloads_count: int = 0


class Allowance(msgspec.Struct, frozen=True):
    """What one count of the quota still allows."""

    left: int
    used: int | None
    """``None`` where the service does not tell how many there were at first."""


class RateLimits(Reply, frozen=True):
    """``rate-limit-summary``."""

    initial_limits: list[Limit] = []
    remaining_limits: list[Limit] = []

    @property
    def allowances(self) -> dict[str, Allowance]:
        """What the user or the IP address has left, whichever leaves less.

        Returns: By what is counted: ``recent`` (requested in the last 15 minutes),
            ``pending`` (in preparation) and ``unattempted`` (ready and not fetched yet);
            empty when the service tells no limit.
        """
        if not self.remaining_limits:
            return {}
        left = min(self.remaining_limits, key=lambda limit: limit.room)
        alike = [limit for limit in self.initial_limits if limit.limit_type == left.limit_type]
        first = next(iter((*alike, *self.initial_limits)), None)
        return {
            name: Allowance(count, None if first is None else max(0, first.counts[name] - count))
            for name, count in left.counts.items()
        }

    @property
    def room(self) -> int | None:
        """How many downloads may be requested now; ``None`` when the service tells no limit."""
        return min((limit.room for limit in self.remaining_limits), default=None)


class Notification(Reply, frozen=True):
    """A notice of the service (``notifications``)."""

    id: int | None = None
    subject: str | None = None
    message_content: str | None = None
    severity_code: str | None = None
    severity_text: str | None = None
