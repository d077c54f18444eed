"""Rings of positions on the globe: winding, area, and the cut at the antimeridian.

Pure geometry on the flat map of longitude and latitude, as GeoJSON means it.

Source: RFC 7946, sections 3.1.6 and 3.1.9.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

from asyncdl.errors import ConfigError

Position: TypeAlias = tuple[float, float]
"""Longitude and latitude, degrees."""

Ring: TypeAlias = list[Position]
"""Closed: the first position stands again at the end."""

Polygon: TypeAlias = list[Ring]
"""The outer ring, then the holes."""


def cut_at_antimeridian(rings: Sequence[Ring]) -> list[Polygon]:
    """Bring a polygon into [-180, 180] degrees, in two or more parts if it crosses the edge.

    Neighbours more than 180 degrees apart are taken for a step over the
    antimeridian. Exactly 360 is the rim of a map of the whole world and stays.

    Args:
        rings: The outer ring and its holes, closed, wound either way.
    Returns: Polygons whose outer rings run counter-clockwise and whose holes run
        clockwise; they cover what ``rings`` cover. Never empty. A part may touch itself
        where a corner of ``rings`` lies exactly on the antimeridian.
    Raises: ConfigError, for a ring around a pole, one wider than the world, or one without area.
    Source: RFC 7946, sections 3.1.6 and 3.1.9.
    """
    outer, *holes = [_unroll(ring) for ring in rings]
    west, _, east, _ = bounds(outer)
    if east - west > 360:
        raise ConfigError("a polygon is wider than the world")
    shift = wrap(west) - west
    placed = [_wound(_shifted(outer, shift), clockwise=False)]
    placed += [_wound(_beside(hole, placed[0]), clockwise=True) for hole in holes]
    if east + shift <= 180:
        return [placed]
    kept, beyond = _cut(placed, 180.0)
    return [*_polygons(kept), *_polygons([_shifted(ring, -360.0) for ring in beyond])]


def _unroll(ring: Ring) -> Ring:
    """Make the longitudes of a ring run on where they step over the antimeridian."""
    unrolled = [ring[0]]
    shift = 0.0
    for (before, _), (longitude, latitude) in pairwise(ring):
        if 180 < abs(longitude - before) < 360:
            shift += math.copysign(360.0, before - longitude)
        unrolled.append((longitude + shift, latitude))
    if shift:
        raise ConfigError(
            "a polygon runs around a pole; split it at the antimeridian and along the pole"
        )
    return unrolled


def wrap(longitude: float) -> float:
    """Bring a longitude into [-180, 180), but leave 180 itself where it is."""
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180


def spans(west: float, east: float) -> list[tuple[float, float]]:
    """Bring a span of longitudes into [-180, 180], in two parts if it crosses the edge."""
    left = -180.0 if west == 180 else wrap(west)
    right = left + min(east - west, 360.0)
    return [(left, right)] if right <= 180 else [(left, 180.0), (-180.0, right - 360)]


def _shifted(ring: Ring, shift: float) -> Ring:
    return [(longitude + shift, latitude) for longitude, latitude in ring] if shift else ring


def _beside(hole: Ring, outer: Ring) -> Ring:
    """Shift a hole by whole turns to where its outer ring is."""
    west, _, east, _ = bounds(outer)
    left, _, right, _ = bounds(hole)
    return _shifted(hole, 360.0 * round((west + east - left - right) / 720))


def bounds(ring: Ring) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a ring."""
    longitudes, latitudes = zip(*ring, strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def signed_area(ring: Ring) -> float:
    """Return the area inside a ring in square degrees: positive if it runs counter-clockwise."""
    # Measured from a corner, so that a small ring far from 0° loses no digits.
    x0, y0 = ring[0]
    return (
        sum((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) for (x1, y1), (x2, y2) in pairwise(ring))
        / 2
    )


def is_box(polygon: Polygon) -> bool:
    """Tell whether a wound polygon is a rectangle along the axes, without holes."""
    # A simple ring fills its bounding box only if it is that box.
    west, south, east, north = bounds(polygon[0])
    box_area = (east - west) * (north - south)
    return len(polygon) == 1 and math.isclose(signed_area(polygon[0]), box_area, rel_tol=1e-12)


def _wound(ring: Ring, *, clockwise: bool) -> Ring:
    area = signed_area(ring)
    if area == 0:
        raise ConfigError("a ring of a polygon encloses no area")
    return ring if (area < 0) == clockwise else ring[::-1]


def _cut(rings: Iterable[Ring], meridian: float) -> tuple[list[Ring], list[Ring]]:
    """Cut wound rings at a meridian: the rings west of it, and those east of it.

    Every ring falls into chains on either side. The inside is always to the
    left of the way, so going north along the meridian it is entered where a
    ring goes east and left where one goes west: the lowest of the ones belongs
    to the lowest of the others, and so on. That also joins holes which are cut.
    """
    split = [_chains(ring, meridian) for ring in rings]
    return _side(split, east=False), _side(split, east=True)


def _side(split: Iterable[list[tuple[bool, Ring]]], *, east: bool) -> list[Ring]:
    whole: list[Ring] = []
    cut: list[Ring] = []
    for chains in split:
        kept = whole if len(chains) == 1 else cut
        kept.extend(chain for is_east, chain in chains if is_east == east)
    return whole + _joined(cut)


def _chains(ring: Ring, meridian: float) -> list[tuple[bool, Ring]]:
    """Split a ring where it crosses a meridian, each chain with whether it is east of it.

    A position on the meridian counts as west. A ring that does not cross comes
    back whole, as its only chain.
    """
    chains: list[tuple[bool, Ring]] = [(ring[0][0] > meridian, [ring[0]])]
    for a, b in pairwise(ring):
        is_east = b[0] > meridian
        if is_east != chains[-1][0]:
            crossing = (meridian, _latitude_at(meridian, a, b))
            chains[-1][1].append(crossing)
            chains.append((is_east, [crossing]))
        chains[-1][1].append(b)
    if len(chains) > 1:
        # The walk began in the middle of a chain: its end is that chain's beginning.
        is_east, last = chains.pop()
        chains[0] = (is_east, last[:-1] + chains[0][1])
    return chains


def _latitude_at(meridian: float, a: Position, b: Position) -> float:
    share = (meridian - a[0]) / (b[0] - a[0])
    return a[1] + share * (b[1] - a[1])


def _joined(chains: Sequence[Ring]) -> list[Ring]:
    """Join chains along the meridian that cut them, into closed rings."""
    by_end = sorted(range(len(chains)), key=lambda index: chains[index][-1][1])
    by_start = sorted(range(len(chains)), key=lambda index: chains[index][0][1])
    followers = dict(zip(by_end, by_start, strict=True))
    rings: list[Ring] = []
    while followers:
        first, index = followers.popitem()
        ring = list(chains[first])
        while index != first:
            ring += chains[index]
            index = followers.pop(index)
        rings.append(_without_repeats([*ring, ring[0]]))
    return rings


def _without_repeats(ring: Ring) -> Ring:
    return ring[:1] + [b for a, b in pairwise(ring) if a != b]


def _polygons(rings: Iterable[Ring]) -> list[Polygon]:
    """Put holes (clockwise) into the outer rings (counter-clockwise) around them.

    Slivers without area, left where a ring only touched the cut, are dropped.
    """
    areas = [(ring, signed_area(ring)) for ring in rings if len(ring) >= 4]
    polygons = [[ring] for ring, area in areas if area > 0]
    for hole in (ring for ring, area in areas if area < 0):
        around = [polygon for polygon in polygons if _encloses(polygon[0], hole)]
        if around:  # a hole outside every ring cuts nothing out
            around[0].append(hole)
    return polygons


def _encloses(outer: Ring, hole: Ring) -> bool:
    """Tell whether most corners of ``hole`` lie inside ``outer``; some may lie on its line."""
    return 2 * sum(_contains(outer, corner) for corner in hole[:-1]) >= len(hole) - 1


def _contains(ring: Ring, point: Position) -> bool:
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside
