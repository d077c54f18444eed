"""The ``sceneFilter`` of a search, read once into something that accepts or rejects scenes.

Source: API notes, section 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Any, Protocol, TypeAlias

from asyncdl.sandbox.fields import Field, Value, fields_of
from asyncdl.sandbox.geometry import Area, Ring, intersects, rectangle
from asyncdl.sandbox.refusal import Refusal, invalid
from asyncdl.sandbox.scenes import Scene

Json: TypeAlias = Any


class Test(Protocol):
    """One condition on the metadata of a scene."""

    def accepts(self, scene: Scene) -> bool:
        """Tell whether the scene fulfils it."""


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
    area: Area | None = None
    acquired: DateRange | None = None
    ingested: DateRange | None = None
    cloud: CloudRange | None = None
    months: frozenset[int] | None = None
    metadata: Test | None = None

    def accepts(self, scene: Scene) -> bool:
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
        return self.area is None or intersects(footprint, self.area)


# --- conditions on metadata ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class All:
    """Every one of some conditions."""

    tests: tuple[Test, ...]

    def accepts(self, scene: Scene) -> bool:
        """Tell whether the scene fulfils all of them."""
        return all(test.accepts(scene) for test in self.tests)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of some conditions."""

    tests: tuple[Test, ...]

    def accepts(self, scene: Scene) -> bool:
        """Tell whether the scene fulfils one of them."""
        return any(test.accepts(scene) for test in self.tests)


@dataclass(frozen=True, slots=True)
class Between:
    """A number, or a day as text, within limits; both included."""

    field: Field
    lowest: float | str
    highest: float | str

    def accepts(self, scene: Scene) -> bool:
        """Tell whether the field's value lies within."""
        return _lies_between(self.lowest, self.field.read(scene), self.highest)


def _lies_between(lowest: float | str, value: Value, highest: float | str) -> bool:
    if isinstance(value, str):
        # Days are written from the year down, so they sort as texts do.
        return str(lowest) <= value <= str(highest)
    if value is None or isinstance(lowest, str) or isinstance(highest, str):
        return False
    return lowest <= value <= highest


@dataclass(frozen=True, slots=True)
class Equals:
    """A text or a select field that has one value, or is like a pattern with ``%``."""

    field: Field
    value: str
    is_pattern: bool = False

    def accepts(self, scene: Scene) -> bool:
        """Tell whether the field's value is the wanted one."""
        value = self.field.read(scene)
        if self.field.is_ceiling:
            return isinstance(value, int | float) and value <= float(self.value)
        if self.is_pattern:
            return fnmatchcase(str(value).upper(), self.value.upper().replace("%", "*"))
        return str(value).upper() == self.value.upper()


# --- reading -----------------------------------------------------------------------------


def read_scene_filter(dataset: str, payload: Json) -> SceneFilter:
    """Read the ``sceneFilter`` of a call.

    Raises: Refusal, for a shape or a value that the service would not take.
    """
    given = payload or {}
    if not isinstance(given, Mapping):
        raise invalid("sceneFilter must be an object")
    try:
        return SceneFilter(
            dataset=dataset,
            area=_read(given.get("spatialFilter"), _area),
            acquired=_read(given.get("acquisitionFilter"), _days),
            ingested=_read(given.get("ingestFilter"), _days),
            cloud=_read(given.get("cloudCoverFilter"), _clouds),
            months=_read(given.get("seasonalFilter"), _months),
            metadata=_read(given.get("metadataFilter"), lambda tree: _test(tree, dataset)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise invalid(f"sceneFilter cannot be read: {wrong!r}") from wrong


def read_days(value: Json) -> DateRange | None:
    """Read a ``temporalFilter``. Raises: Refusal, for what is none."""
    try:
        return None if value is None else _days(value)
    except (TypeError, ValueError, AttributeError) as wrong:
        raise invalid(f"temporalFilter cannot be read: {wrong!r}") from wrong


def _read(value: Json, reader: Any) -> Any:
    return None if value is None else reader(value)


def _days(value: Json) -> DateRange:
    return DateRange(
        _day(value["start"]) if value.get("start") else date.min,
        _day(value["end"]) if value.get("end") else date.max,
    )


def _day(text: str) -> date:
    # The service ignores the time of day.
    return datetime.fromisoformat(text.replace("Z", "+00:00")).date()


def _clouds(value: Json) -> CloudRange:
    return CloudRange(
        float(value.get("min", 0)), float(value.get("max", 100)), bool(value.get("includeUnknown"))
    )


def _months(value: Json) -> frozenset[int]:
    months = frozenset(int(month) for month in value)
    if not months <= set(range(1, 13)):
        raise ValueError("a month is a number from 1 to 12")
    return months


def _area(value: Json) -> Area:
    if value["filterType"] == "mbr":
        return Area(_box(value["lowerLeft"], value["upperRight"]))
    if value["filterType"] != "geojson":
        raise ValueError(f"no such spatial filter: {value['filterType']}")
    geometry = value["geoJson"]
    if geometry["type"] != "Polygon":
        raise ValueError(f"geoJson has to be a Polygon, not a {geometry['type']}")
    outer, *holes = (_ring(ring) for ring in geometry["coordinates"])
    return Area(outer, tuple(holes))


def _box(low: Json, high: Json) -> Ring:
    west, south = float(low["longitude"]), float(low["latitude"])
    east, north = float(high["longitude"]), float(high["latitude"])
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise ValueError("lowerLeft has to lie southwest of upperRight, both in degrees")
    return rectangle(west, south, east, north)


def _ring(positions: Json) -> Ring:
    ring = tuple((float(p[0]), float(p[1])) for p in positions)
    if len(ring) < 4 or ring[0] != ring[-1]:
        raise ValueError("a ring has four or more positions and ends where it began")
    if any(abs(lon) > 180 or abs(lat) > 90 for lon, lat in ring):
        raise ValueError("a position is a longitude and a latitude in degrees")
    return ring[:-1]


def _test(tree: Json, dataset: str) -> Test:
    kind = tree["filterType"]
    if kind in ("and", "or"):
        children = tuple(_test(child, dataset) for child in tree["childFilters"])
        return All(children) if kind == "and" else AnyOf(children)
    field = _field(dataset, tree["filterId"])
    if kind == "between":
        return Between(field, _bound(tree["firstValue"]), _bound(tree["secondValue"]))
    if kind != "value" or tree.get("operand", "=") not in ("=", "like"):
        raise ValueError(f"no such metadata filter: {kind} {tree.get('operand', '')}")
    return Equals(field, str(tree["value"]), tree.get("operand") == "like")


def _bound(value: Json) -> float | str:
    is_day = isinstance(value, str) and "/" in value
    return value if is_day else float(value)


def _field(dataset: str, field_id: str) -> Field:
    for field in fields_of(dataset):
        if field.id_in(dataset) == field_id:
            return field
    raise Refusal("INPUT_INVALID", f"{dataset} has no filter {field_id}")
