"""The spatial filters that cover an area: exact where possible, larger where not.

The service accepts one box or polygon per search. So every part of an area is its own filter,
as long as there are few and each is a simple polygon without too many corners. Otherwise
adjacent parts are covered by one outline or box, and a part with many corners by a simpler
outline. :mod:`asyncdl.m2m.searching.footprints` then drops scenes outside the area. Pure.

Source: API notes, section 4.2 (the filters).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import Any, TypeAlias

from asyncdl.m2m.searching.cells import SCENE_DEG, Bounds, Grid, box_around, surround
from asyncdl.m2m.searching.footprints import lines_meet
from asyncdl.m2m.searching.rings import Polygon, Position, Ring, bounds, is_box

SpatialFilter: TypeAlias = dict[str, Any]
"""A ``spatialFilter`` of ``scene-search``: kind ``mbr`` or ``geojson``."""

MAX_FILTERS = 25
"""One search each, one call at a time: more would take minutes before the first file."""
MAX_CORNERS = 500
"""Per filter. The service documents no limit; more have no effect on scenes of 180 km."""
POINT_MARGIN_DEG = 0.0001
"""Half the width of the box around a point, about 11 m: a box of size 0 finds nothing."""

MAX_RINGS = 5
"""Maximum number of filters for parts that are covered together."""

_MAX_BUNDLES = 64
"""Columns and rows of the grid in which parts are bundled before they are grouped."""


@dataclass(frozen=True, slots=True)
class Cover:
    """The filters that cover an area."""

    filters: tuple[SpatialFilter, ...]
    is_exact: bool
    """Whether the filters cover the area and nothing else, except a few metres around points
    and tiny parts."""
    reach_deg: float
    """Maximum distance by which they exceed it, along either axis; 0 if they are exact."""


def cover_of(parts: Sequence[Polygon]) -> Cover:
    """Return at most :data:`MAX_FILTERS` filters that cover all parts, in their order.

    Args:
        parts: Within [-180, 180] degrees, rings oriented; a point is a ring of one position.
    """
    boxes = [box_around(map(bounds, part[:1] if is_point(part) else part)) for part in parts]
    many = len(parts) > MAX_FILTERS
    groups = _grouped(boxes) if many else [[number] for number in range(len(parts))]
    filters: list[SpatialFilter] = []
    reach = 0.0
    for left, group in zip(range(len(groups), 0, -1), groups, strict=True):
        most = min(MAX_RINGS, MAX_FILTERS - len(filters) - left + 1)
        box = box_around(boxes[n] for n in group)
        found = _filters_of([parts[n] for n in group], box, most)
        filters += found.filters
        reach = max(reach, found.reach_deg)
    return Cover(tuple(filters), reach == 0, reach)


def is_point(part: Polygon) -> bool:
    """Return whether a part is a point."""
    return len(part[0]) == 1


def corners_of(parts: Iterable[Polygon]) -> int:
    """Return the total number of corners of parts."""
    return sum(len(ring) for part in parts for ring in part)


def mbr(west: float, south: float, east: float, north: float) -> SpatialFilter:
    """Return the filter for a box."""
    return {
        "filterType": "mbr",
        "lowerLeft": {"latitude": south, "longitude": west},
        "upperRight": {"latitude": north, "longitude": east},
    }


def around_point(box: Bounds) -> SpatialFilter:
    """Return the filter for a box that may be too small, widened by a few metres."""
    west, south, east, north = box
    return mbr(
        max(west - POINT_MARGIN_DEG, -180.0),
        max(south - POINT_MARGIN_DEG, -90.0),
        min(east + POINT_MARGIN_DEG, 180.0),
        min(north + POINT_MARGIN_DEG, 90.0),
    )


def _filters_of(group: Sequence[Polygon], box: Bounds, most: int) -> Cover:
    """Return the filters for one group: exact for one simple part, otherwise at most ``most``."""
    west, south, east, north = box
    is_small = min(east - west, north - south) < POINT_MARGIN_DEG
    if len(group) == 1:
        (part,) = group
        if is_small:
            return Cover((around_point(box),), True, 0.0)
        if is_box(part):
            return Cover((mbr(*box),), True, 0.0)
        if corners_of(group) <= MAX_CORNERS and is_simple(part):
            return Cover((_geojson(part),), True, 0.0)
    reach = max(east - west, north - south)
    if is_small:
        return Cover((around_point(box),), reach == 0, reach)
    rings = [ring for part in group for ring in part]
    around = surround(rings, box, most_rings=most, most_corners=MAX_CORNERS)
    if around is None:
        return Cover((mbr(*box),), False, reach)
    return Cover(tuple(map(_filter_of, around.rings)), False, around.reach_deg)


def _filter_of(ring: Ring) -> SpatialFilter:
    return mbr(*bounds(ring)) if is_box([ring]) else _geojson([ring])


def _geojson(polygon: Polygon) -> SpatialFilter:
    rings = [[list(position) for position in ring] for ring in polygon]
    return {"filterType": "geojson", "geoJson": {"type": "Polygon", "coordinates": rings}}


# -- groups -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Split:
    """Boxes that one search may cover, and the best way to split them."""

    numbers: list[int]
    gain: float
    """By how much less two searches find than one; 0 or less if one is as good."""
    halves: tuple[list[int], list[int]]


def _grouped(boxes: Sequence[Bounds]) -> list[list[int]]:
    """Group boxes so that a search per group finds as little else as possible.

    Starting with one group, the split that saves most is made, until there are enough.

    Returns: Numbers of boxes; groups and numbers in order.
    """
    bundles = _bundled(boxes)
    around = [box_around(boxes[n] for n in bundle) for bundle in bundles]
    first = _best_split(list(range(len(bundles))), around)
    groups = [(-first.gain, 0, first)]
    made = 1
    while len(groups) < MAX_FILTERS and groups[0][0] < 0:
        split = heapq.heappop(groups)[2]
        for half in split.halves:
            following = _best_split(half, around)
            heapq.heappush(groups, (-following.gain, made, following))
            made += 1
    return sorted(sorted(n for at in g.numbers for n in bundles[at]) for _, _, g in groups)


def _bundled(boxes: Sequence[Bounds]) -> list[list[int]]:
    """Bundle boxes whose centres are in one cell of a grid, to reduce comparisons."""
    grid = Grid(box_around(boxes), _MAX_BUNDLES)
    bundles: dict[tuple[int, int], list[int]] = {}
    if len(boxes) <= _MAX_BUNDLES * MAX_FILTERS:
        return [[number] for number in range(len(boxes))]
    for number, (west, south, east, north) in enumerate(boxes):
        cell = grid.row((south + north) / 2), grid.column((west + east) / 2)
        bundles.setdefault(cell, []).append(number)
    return list(bundles.values())


def _best_split(numbers: list[int], boxes: Sequence[Bounds]) -> _Split:
    whole = _cost(box_around(boxes[n] for n in numbers))
    best = _Split(numbers, -1.0, ([], []))
    for low, high in ((0, 2), (1, 3)):
        in_order = sorted(numbers, key=lambda n: (boxes[n][low] + boxes[n][high], n))
        before = list(_costs(boxes[n] for n in in_order))
        after = list(_costs(boxes[n] for n in reversed(in_order)))[::-1]
        for at in range(1, len(in_order)):
            gain = whole - before[at - 1] - after[at]
            if gain > best.gain:
                best = _Split(numbers, gain, (in_order[:at], in_order[at:]))
    return best


def _costs(boxes: Iterable[Bounds]) -> Iterator[float]:
    return map(_cost, accumulate(boxes, lambda a, b: box_around((a, b))))


def _cost(box: Bounds) -> float:
    """Return the approximate area in which scenes touch a box; square degrees."""
    west, south, east, north = box
    return (east - west + SCENE_DEG) * (north - south + SCENE_DEG)


# -- what the service can express -------------------------------------------------


def is_simple(polygon: Polygon) -> bool:
    """Return whether no edges of a polygon meet, except neighbours at their corner.

    Quadratic in the number of corners in the worst case.
    """
    edges: list[tuple[float, float, int, int, int, Position, Position]] = []
    for number, ring in enumerate(polygon):
        last = len(ring) - 2
        edges.extend(
            (min(a[0], b[0]), max(a[0], b[0]), number, at, last, a, b)
            for at, (a, b) in enumerate(pairwise(ring))
        )
    edges.sort(key=itemgetter(0))
    for index, (_, east, ring_number, at, last, a, b) in enumerate(edges):
        for other in range(index + 1, len(edges)):
            west, _, other_ring, other_at, _, c, d = edges[other]
            if west > east:
                break
            apart = abs(at - other_at)
            if ring_number == other_ring and (apart == 1 or apart == last):
                continue
            if lines_meet(a, b, c, d):
                return False
    return True
