"""The ``sceneFilter`` of a search, parsed into an object that accepts or rejects scenes.

Source: API notes, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias, TypeVar

from asyncdl.sandbox.geometry import Ring, Shape, intersects
from asyncdl.sandbox.landsat_scenes import SandboxScene
from asyncdl.sandbox.metadata_filter import Condition, read_metadata_filter
from asyncdl.sandbox.refusal import invalid
from asyncdl.sandbox.spatial_filter import read_area

Json: TypeAlias = Any
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days from ``first`` to ``last``, both included."""

    first: date = date.min
    last: date = date.max

    def holds(self, day: date) -> bool:
        """Return whether a day is in the range."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class CloudRange:
    """Percent, both ends included."""

    lowest: float = 0
    highest: float = 100
    with_unknown: bool = False

    def holds(self, cloud: int | None) -> bool:
        """Return whether a cloud cover is in the range."""
        return self.with_unknown if cloud is None else self.lowest <= cloud <= self.highest


@dataclass(frozen=True, slots=True)
class SceneFilter:
    """All conditions of a search; ``None`` where there is no condition. Hashable."""

    dataset: str
    area: tuple[Shape, ...] | None = None
    """A footprint has to meet one of these."""
    acquired: DateRange | None = None
    ingested: DateRange | None = None
    cloud: CloudRange | None = None
    months: frozenset[int] | None = None
    metadata: Condition | None = None

    def accepts(self, scene: SandboxScene) -> bool:
        """Return whether a scene of the dataset meets every condition except the area."""
        return (
            self.may_accept(scene.acquired, scene.cloud)
            and (self.ingested is None or self.ingested.holds(scene.processed))
            and (self.metadata is None or self.metadata.accepts(scene))
        )

    def may_accept(self, acquired: date, cloud: int | None) -> bool:
        """Return whether a scene of this day and cloud cover might be accepted."""
        return (
            (self.acquired is None or self.acquired.holds(acquired))
            and (self.months is None or acquired.month in self.months)
            and (self.cloud is None or self.cloud.holds(cloud))
        )

    @property
    def needs_whole_scene(self) -> bool:
        """Whether there are conditions on more than date, cloud cover and area."""
        return self.ingested is not None or self.metadata is not None

    def covers(self, footprint: Ring) -> bool:
        """Return whether the area and a footprint have a point in common."""
        return self.area is None or any(intersects(footprint, shape) for shape in self.area)


# --- reading -----------------------------------------------------------------------------


def read_scene_filter(dataset: str, payload: Json) -> SceneFilter:
    """Parse the ``sceneFilter`` of a call; null and empty entries are no condition.

    Raises: Refusal, for a shape or a value that the service would not accept.
    """
    given = payload or {}
    if not isinstance(given, Mapping):
        raise invalid("The parameter sceneFilter must be an object")
    return SceneFilter(
        dataset=dataset,
        area=_read(given.get("spatialFilter"), read_area),
        acquired=_read(given.get("acquisitionFilter"), lambda v: _days(v, "acquisitionFilter")),
        ingested=_read(given.get("ingestFilter"), lambda v: _days(v, "ingestFilter")),
        cloud=_read(given.get("cloudCoverFilter"), _clouds),
        months=_read(given.get("seasonalFilter"), _months),
        metadata=_read(given.get("metadataFilter"), lambda v: read_metadata_filter(v, dataset)),
    )


def read_days(value: Json) -> DateRange | None:
    """Parse a ``temporalFilter``. Raises: Refusal, if it is invalid."""
    return _read(value, lambda given: _days(given, "temporalFilter"))


def _read(value: Json, reader: Callable[[Json], _T]) -> _T | None:
    return reader(value) if value or value == 0 else None


def _days(value: Json, name: str) -> DateRange:
    if not isinstance(value, Mapping):
        raise invalid(f"The parameter {name} must be an object")
    return DateRange(
        _day(value["start"], name) if value.get("start") else date.min,
        _day(value["end"], name) if value.get("end") else date.max,
    )


def _day(text: Json, name: str) -> date:
    try:
        # The service ignores the time of day.
        return datetime.fromisoformat(str(text).replace("/", "-")).date()
    except ValueError:
        raise invalid(f"The dates of {name} must be ISO 8601 dates") from None


def _clouds(value: Json) -> CloudRange:
    if not isinstance(value, Mapping):
        raise invalid("The parameter cloudCoverFilter must be an object")
    return CloudRange(
        _percent(value.get("min"), 0),
        _percent(value.get("max"), 100),
        bool(value.get("includeUnknown")),
    )


def _percent(value: Json, default: float) -> float:
    try:
        return default if value is None else float(value)
    except (TypeError, ValueError):
        raise invalid("The limits of cloudCoverFilter must be numbers") from None


def _months(value: Json) -> frozenset[int]:
    given = [str(month) for month in (value if isinstance(value, list) else [value])]
    if not all(month.isascii() and month.isdigit() and 1 <= int(month) <= 12 for month in given):
        raise invalid("The months of seasonalFilter must be numbers from 1 to 12")
    return frozenset(map(int, given))
