"""What our filters are for an area, measured with shapely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from asyncdl.errors import ConfigError
from asyncdl.m2m.searching.area import SearchArea, area_from_geojson, polygons_of
from asyncdl.m2m.searching.cover import MAX_CORNERS, MAX_FILTERS
from tests.areas.atlas import Tried

NOISE = 1e-9
"""Share of an area, or square degrees of a small one, that rounding may cost."""
SMALL_DEG2 = 1e-7
"""What the boxes of a few metres around the tiniest islands may add."""


@dataclass
class Tally:
    """What became of many areas."""

    tried: int = 0
    exact: int = 0
    wider: int = 0
    refused: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    """What should not be, in words."""
    searches: int = 0
    most_reach_deg: float = 0.0
    shares: list[float] = field(default_factory=list)
    """By how much more ground is searched, for areas that are searched wider."""

    @property
    def median_share(self) -> float:
        """How much of what is searched is the area itself, typically; 1 where all is exact."""
        return sorted(self.shares)[len(self.shares) // 2] if self.shares else 1.0


def measure(areas: Iterable[Tried]) -> Tally:
    """Make filters for areas, and compare what they cover."""
    tally = Tally()
    for tried in areas:
        tally.tried += 1
        try:
            found = area_from_geojson(import_module("shapely.geometry").mapping(tried.shape))
        except ConfigError as error:
            tally.refused.append(f"{tried.name}: {error}")
            continue
        tally.searches += len(found.filters)
        tally.wrong += [f"{tried.name}: {wrong}" for wrong in _faults(found, tried.shape, tally)]
    return tally


def valid(shape: Any) -> Any:
    """Return what a shape covers, whatever its rings do."""
    shapely = import_module("shapely")
    return shape if shape.is_valid else shapely.make_valid(shape, method="structure")


def filters_of(found: SearchArea) -> list[Any]:
    """Return what each filter covers."""
    polygon = import_module("shapely").Polygon
    return [polygon(outer, holes) for outer, *holes in polygons_of(SearchArea(found.filters))]


def _faults(found: SearchArea, shape: Any, tally: Tally) -> Iterable[str]:
    shapely = import_module("shapely")
    filters = filters_of(found)
    parts = [valid(part) for part in shapely.get_parts(shape)]
    if len(filters) > MAX_FILTERS:
        yield f"{len(filters)} filters"
    for part in filters:
        corners = max(map(len, (ring.coords for ring in (part.exterior, *part.interiors))))
        if not part.is_valid or corners > MAX_CORNERS + 1:
            yield f"a filter that the service may not take: {shapely.is_valid_reason(part)}"
    covered = shapely.union_all(filters)
    area = shapely.area(parts).sum()
    noise = NOISE * max(area, 1)
    if (lost := shapely.area(shapely.difference(parts, covered)).sum()) > noise:
        yield f"{lost} square degrees are not searched"
    if found.ground:
        tally.wider += 1
        tally.shares.append(area / covered.area)
        tally.most_reach_deg = max(tally.most_reach_deg, found.reach_deg)
        return
    tally.exact += 1
    more = covered.difference(shapely.union_all(parts)).area
    if more > noise + SMALL_DEG2 * len(filters):
        yield f"{more} square degrees more are searched, and nothing is compared"
