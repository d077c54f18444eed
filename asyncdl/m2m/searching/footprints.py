"""Footprints of scenes: their outlines, and which of them touch an area. Pure.

Lines are straight on the map of longitude and latitude, as in GeoJSON, and touching
counts. The area is what outer rings enclose, in either direction and however often, without
what holes of the same part enclose. Outlines are small and valid, so that they can be
stored, drawn and sent without further checks.

Source: RFC 7946, sections 3.1.1 (lines between positions), 3.1.6, 3.1.7 and 3.1.9.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, pairwise
from typing import Any, TypeAlias

from asyncdl.errors import ConfigError
from asyncdl.m2m.models import Scene
from asyncdl.m2m.searching.cells import Grid, box_around, lengths_within, size_for
from asyncdl.m2m.searching.rings import (
    Polygon,
    Position,
    Ring,
    bounds,
    cut_at_antimeridian,
    signed_area,
)

Corners: TypeAlias = Sequence[Position]

FINEST = 256
"""Columns and rows of the grid that indexes edges."""


class Ground:
    """Parts of an area with a spatial index.

    The cost of each query grows with the number of corners nearby, not with all of them.

    Args:
        parts: Each with closed rings, or a ring of a single position, which is a point.
            Outer rings are counter-clockwise, holes clockwise. At least one part.
    """

    def __init__(self, parts: Sequence[Polygon]) -> None:
        rings = [ring for part in parts for ring in part]
        box = box_around(map(bounds, rings))
        self._grid = Grid(box, size_for(*lengths_within(rings, box), FINEST))
        self._x, self._y = array("d"), array("d")
        self._side_of = array("l")
        """For each edge twice the number of its part, plus one for a hole."""
        self._by_cell: dict[int, array[int]] = {}
        self._by_row: dict[int, array[int]] = {}
        self._first: dict[int, list[Position]] = {}
        for number, part in enumerate(parts):
            for ring in part:
                self._add(ring, 2 * number + (signed_area(ring) < 0))
        for places in self._first.values():
            places.sort()

    def _add(self, ring: Ring, side: int) -> None:
        """Add a ring; an edge has the number of its first corner."""
        size, start = self._grid.size, len(self._x)
        self._x.extend(x for x, _ in ring)
        self._y.extend(y for _, y in ring)
        self._side_of.extend([side] * len(ring))
        self._first.setdefault(self._grid.row(ring[0][1]), []).append(ring[0])
        places = pairwise(self._grid.places(ring))
        for edge, (one, other), (a, b) in zip(count(start), places, pairwise(ring), strict=False):
            runs = self._grid.runs(a, b) if one != other else ((one[0], one[1], one[1]),)
            for row, first, last in runs:
                _enter(self._by_row, row, edge)
                for column in range(first, last + 1):
                    _enter(self._by_cell, row * size + column, edge)

    def touches(self, corners: Corners) -> bool:
        """Return whether a polygon without holes and the area have a point in common.

        Args:
            corners: At least one, the first one not repeated, within [-180, 180] degrees.
        """
        west, south, east, north = bounds(list(corners))
        left, low, right, high = self._grid.box
        if west > right or left > east or south > high or low > north:
            return False
        closed = [*corners, corners[0]]
        return (
            any(self._meets(a, b) for a, b in pairwise(closed))
            # No edges cross: one is inside the other, or they are apart.
            or any(encloses(closed, place) for place in self._starts(west, south, east, north))
            or self._holds(corners[0])
        )

    def _meets(self, a: Position, b: Position) -> bool:
        """Return whether a line meets an edge."""
        clipped = _clipped(a, b, self._grid.box)
        if clipped is None:
            return False
        seen: set[int] = set()
        for row, first, last in self._grid.runs(*clipped):
            for column in range(first, last + 1):
                for edge in self._by_cell.get(row * self._grid.size + column, ()):
                    if edge not in seen:
                        seen.add(edge)
                        if lines_meet(a, b, *self._edge(edge)):
                            return True
        return False

    def _edge(self, edge: int) -> tuple[Position, Position]:
        x, y = self._x, self._y
        return (x[edge], y[edge]), (x[edge + 1], y[edge + 1])

    def _starts(self, west: float, south: float, east: float, north: float) -> Iterator[Position]:
        """Yield the first corners of the rings that begin in a box."""
        for row in range(self._grid.row(south), self._grid.row(north) + 1):
            places = self._first.get(row, [])
            for place in places[bisect_left(places, (west, -90.0)) :]:
                if place[0] > east:
                    break
                if south <= place[1] <= north:
                    yield place

    def _holds(self, point: Position) -> bool:
        """Return whether a point is inside a part and in none of its holes."""
        px, py = point
        low, high = self._grid.box[1], self._grid.box[3]
        if not low <= py <= high:
            return False
        turns: dict[int, int] = {}
        for edge in self._by_row.get(self._grid.row(py), ()):
            (x1, y1), (x2, y2) = self._edge(edge)
            if (y1 > py) != (y2 > py) and px < x1 + (py - y1) / (y2 - y1) * (x2 - x1):
                side = self._side_of[edge]
                turns[side] = turns.get(side, 0) + (1 if y2 > y1 else -1)
        return any(
            times and side % 2 == 0 and not turns.get(side + 1) for side, times in turns.items()
        )


def _enter(index: dict[int, array[int]], key: int, edge: int) -> None:
    found = index.get(key)
    if found is None:
        index[key] = array("l", (edge,))
    else:
        found.append(edge)


def encloses(ring: Sequence[Position], point: Position) -> bool:
    """Return whether a point is inside a closed ring (even-odd rule; undefined on its edge)."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside


def lines_meet(p: Position, q: Position, r: Position, s: Position) -> bool:
    """Return whether two lines have a point in common, ends included."""
    return (
        min(p[0], q[0]) <= max(r[0], s[0])
        and min(r[0], s[0]) <= max(p[0], q[0])
        and min(p[1], q[1]) <= max(r[1], s[1])
        and min(r[1], s[1]) <= max(p[1], q[1])
        and _side(p, q, r) * _side(p, q, s) <= 0
        and _side(r, s, p) * _side(r, s, q) <= 0
    )


def _side(a: Position, b: Position, c: Position) -> int:
    """Return the side of the line from ``a`` to ``b`` that a point is on: 1 left, 0 on it, -1."""
    # Compared, not subtracted: small differences keep their sign.
    left = (b[0] - a[0]) * (c[1] - a[1])
    right = (b[1] - a[1]) * (c[0] - a[0])
    return (left > right) - (left < right)


def _clipped(
    a: Position, b: Position, box: tuple[float, float, float, float]
) -> tuple[Position, Position] | None:
    """Return the part of a line within a box; ``None`` if there is none.

    Source: the Liang-Barsky algorithm.
    """
    (x1, y1), (x2, y2) = a, b
    dx, dy = x2 - x1, y2 - y1
    start, end = 0.0, 1.0
    west, south, east, north = box
    for step, room in ((-dx, x1 - west), (dx, east - x1), (-dy, y1 - south), (dy, north - y1)):
        if step == 0:
            if room < 0:
                return None
        elif step < 0:
            start = max(start, room / step)
        else:
            end = min(end, room / step)
    # With a tolerance, so that a line that only touches the box is not lost to rounding.
    if start > end + 1e-9:
        return None
    return (x1 + start * dx, y1 + start * dy), (x1 + end * dx, y1 + end * dy)


Outline: TypeAlias = tuple[tuple[float, float], ...]
"""Corners as longitude and latitude in degrees, the first one not repeated; 3 or more."""

MAX_CORNERS = 100
"""Per outline; a Landsat footprint has four. Larger outlines are thinned out."""
MAX_OUTLINES = 20
"""Per footprint."""
DECIMALS = 5
"""Of a degree: a metre."""


def outlines_of(geometry: object) -> tuple[Outline, ...]:
    """Return the outer rings of a GeoJSON polygon or multipolygon; empty for anything else.

    A feature is treated as its geometry.
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
    """Return a footprint as valid GeoJSON; ``None`` if it has no area.

    Rings are closed and counter-clockwise; polygons are cut at the antimeridian.
    """
    polygons = pieces_of(geometry)
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons} if polygons else None


def pieces_of(geometry: object) -> list[Polygon]:
    """Return a footprint as polygons within [-180, 180] degrees; empty if it has no area."""
    return [polygon for outline in outlines_of(geometry) for polygon in _cut(outline)]


def _cut(outline: Outline) -> list[Polygon]:
    try:
        return cut_at_antimeridian([[*outline, outline[0]]])
    except ConfigError:
        return []  # it has no area


def _outline(ring: object) -> Outline:
    corners = list(dict.fromkeys(_corners(ring)))
    step = math.ceil(len(corners) / MAX_CORNERS)
    return tuple(corners[::step]) if len(corners) >= 3 else ()


def _corners(ring: object) -> Iterator[tuple[float, float]]:
    for position in ring if isinstance(ring, list) else ():
        match position:
            case [int() | float() as longitude, int() | float() as latitude, *_]:
                if abs(longitude) <= 540 and abs(latitude) <= 90:  # also excludes NaN
                    yield round(float(longitude), DECIMALS), round(float(latitude), DECIMALS)
            case _:
                pass


class Footprints:
    """Compares scenes with an area.

    Args:
        parts: Parts of the area, as for :class:`Ground`.
    """

    def __init__(self, parts: Sequence[Polygon]) -> None:
        self._ground = Ground(parts)

    def touch(self, scene: Scene) -> bool:
        """Return whether a scene touches the area; true for one without a footprint."""
        found = pieces_of(scene.spatial_coverage) or pieces_of(scene.spatial_bounds)
        return not found or any(self._ground.touches(outer[:-1]) for outer, *_ in found)
