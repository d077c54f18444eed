"""The ``sceneFilter`` of a search, read once into something that accepts or rejects scenes.

Source: API notes, section 4.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TypeAlias, TypeVar

from asyncdl.sandbox.areas import read_area
from asyncdl.sandbox.geometry import Ring, Shape, intersects
from asyncdl.sandbox.metadata_filters import Condition, read_metadata_filter
from asyncdl.sandbox.refusal import invalid
from asyncdl.sandbox.scenes import SandboxScene

Json: TypeAlias = Any
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days from ``first`` to ``last``, both included."""

    first: date = date.min
    last: date = date.max

    def holds(self, day: date) -> bool:
        """Tell whether a day lies in the range."""
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class CloudRange:
    """Percent, both ends included."""

    lowest: float = 0
    highest: float = 100
    with_unknown: bool = False

    def holds(self, cloud: int | None) -> bool:
        """Tell whether a cloud cover lies in the range."""
        return self.with_unknown if cloud is None else self.lowest <= cloud <= self.highest


@dataclass(frozen=True, slots=True)
class SceneFilter:
    """All conditions of a search; what is ``None`` was not asked for. Hashable."""

    dataset: str
    area: tuple[Shape, ...] | None = None
    """A footprint has to meet one of these."""
    acquired: DateRange | None = None
    ingested: DateRange | None = None
    cloud: CloudRange | None = None
    months: frozenset[int] | None = None
    metadata: Condition | None = None

    def accepts(self, scene: SandboxScene) -> bool:
        """Tell whether a scene of the dataset fulfils every condition but the area's."""
        return (
            self.suits(scene.acquired, scene.cloud)
            and (self.ingested is None or self.ingested.holds(scene.processed))
            and (self.metadata is None or self.metadata.accepts(scene))
        )

    def suits(self, acquired: date, cloud: int | None) -> bool:
        """Tell whether a scene of this day and cloud cover may be one that is accepted."""
        return (
            (self.acquired is None or self.acquired.holds(acquired))
            and (self.months is None or acquired.month in self.months)
            and (self.cloud is None or self.cloud.holds(cloud))
        )

    @property
    def looks_closer(self) -> bool:
        """Whether there are conditions on more than day, cloud cover and place."""
        return self.ingested is not None or self.metadata is not None

    def covers(self, footprint: Ring) -> bool:
        """Tell whether the area and a footprint have a point in common."""
        return self.area is None or any(intersects(footprint, shape) for shape in self.area)


# --- reading -----------------------------------------------------------------------------


def read_scene_filter(dataset: str, payload: Json) -> SceneFilter:
    """Read the ``sceneFilter`` of a call; what is null or empty in it was not asked for.

    Raises: Refusal, for a shape or a value that the service would not take.
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
    """Read a ``temporalFilter``. Raises: Refusal, for what is none."""
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
