"""Whether a scene touches an area, by its footprint. Pure.

What comes out is small and well formed, so that it can be kept, drawn and sent on
without another look.

Source: RFC 7946, sections 3.1.6, 3.1.7 and 3.1.9.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from asyncdl.errors import ConfigError
from asyncdl.m2m.models import Scene
from asyncdl.m2m.searching.ground import Ground
from asyncdl.m2m.searching.rings import Polygon, cut_at_antimeridian

Outline: TypeAlias = tuple[tuple[float, float], ...]
"""Corners as longitude and latitude in degrees, the first not repeated; 3 or more."""

MAX_CORNERS = 100
"""Of one outline; a Landsat footprint has four. Finer ones are thinned out."""
MAX_OUTLINES = 20
"""Of one footprint."""
DECIMALS = 5
"""Of a degree: a metre."""


def outlines_of(geometry: object) -> tuple[Outline, ...]:
    """Return the outer rings of a GeoJSON polygon or multipolygon; of anything else nothing.

    A feature counts as its geometry.
    """
    if not isinstance(geometry, Mapping):
        return ()
    if geometry.get("type") == "Feature":
        geometry = geometry.get("geometry")
        if not isinstance(geometry, Mapping):
            return ()
    match geometry.get("type"), geometry.get("coordinates"):
        case "Polygon", [outer, *_]:
            rings: Sequence[object] = [outer]
        case "MultiPolygon", [*polygons]:
            rings = [polygon[0] for polygon in polygons if isinstance(polygon, list) and polygon]
        case _:
            return ()
    outlines = (_outline(ring) for ring in rings[:MAX_OUTLINES])
    return tuple(outline for outline in outlines if outline)


def geometry_of(geometry: object) -> dict[str, Any] | None:
    """Return a footprint as GeoJSON that every reader takes; ``None`` if it encloses nothing.

    Rings are closed and run counter-clockwise; what crosses the antimeridian is cut there.
    """
    polygons = pieces_of(geometry)
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons} if polygons else None


def pieces_of(geometry: object) -> list[Polygon]:
    """Return a footprint as polygons within [-180, 180] degrees; none if it encloses nothing."""
    return [polygon for outline in outlines_of(geometry) for polygon in _cut(outline)]


def _cut(outline: Outline) -> list[Polygon]:
    try:
        return cut_at_antimeridian([[*outline, outline[0]]])
    except ConfigError:
        return []  # a line there and back


def _outline(ring: object) -> Outline:
    corners = list(dict.fromkeys(_corners(ring)))
    step = math.ceil(len(corners) / MAX_CORNERS)
    return tuple(corners[::step]) if len(corners) >= 3 else ()


def _corners(ring: object) -> Iterator[tuple[float, float]]:
    for position in ring if isinstance(ring, list) else ():
        match position:
            case [int() | float() as longitude, int() | float() as latitude, *_]:
                if abs(longitude) <= 540 and abs(latitude) <= 90:  # no comparison with nan is true
                    yield round(float(longitude), DECIMALS), round(float(latitude), DECIMALS)
            case _:
                pass


class Footprints:
    """Compares scenes with an area.

    Args:
        parts: Of the area, as :class:`Ground` takes them.
    """

    def __init__(self, parts: Sequence[Polygon]) -> None:
        self._ground = Ground(parts)

    def touch(self, scene: Scene) -> bool:
        """Tell whether a scene touches the area; one without a footprint is not left out."""
        found = pieces_of(scene.spatial_coverage) or pieces_of(scene.spatial_bounds)
        return not found or any(self._ground.touches(outer[:-1]) for outer, *_ in found)
