"""Rings of positions: orientation, area, and the cut at the antimeridian.

Plane geometry on longitude and latitude, as in GeoJSON. Pure.

Source: RFC 7946, sections 3.1.6 and 3.1.9.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from asyncdl.errors import ConfigError

Position: TypeAlias = tuple[float, float]
"""Longitude and latitude, degrees."""

Ring: TypeAlias = list[Position]
"""Closed: the first position is repeated at the end."""

Polygon: TypeAlias = list[Ring]
"""The outer ring, then the holes."""


EDGE_DEG = 1e-7
"""A centimetre: tolerance within which a longitude counts as 180 or -180, a latitude as 90."""


NO_WIDTH_DEG = 1e-12
"""A tenth of a micrometre: a polygon that is no wider on average counts as a line."""


class NoArea(ConfigError):
    """A ring without area."""


@dataclass(frozen=True, slots=True)
class NormalizedPolygon:
    """A polygon within [-180, 180] degrees, and how its rings were interpreted."""

    pieces: list[list[Ring]]
    """One, or one for each side of the antimeridian, within [-180, 180] degrees. Outer rings,
    which may be several, are counter-clockwise, holes clockwise."""
    reading: str = ""
    """How an ambiguous outer ring was interpreted; empty if it is unambiguous."""


def cut_at_antimeridian(rings: Sequence[Ring]) -> list[Polygon]:
    """Bring a polygon into [-180, 180] degrees, in two or more parts if it crosses the edge.

    Args:
        rings: As for :func:`normalize_polygon`.
    Returns: Polygons that cover the same area as ``rings``; never empty.
    Raises: As :func:`normalize_polygon`.
    """
    return [polygon for piece in normalize_polygon(rings).pieces for polygon in polygons_of(piece)]


def normalize_polygon(rings: Sequence[Ring]) -> NormalizedPolygon:
    """Bring a polygon into [-180, 180] degrees, in two or more parts if it crosses the edge.

    Neighbours more than 180 degrees apart are a step across the antimeridian, except
    in a rectangle along the axes, which is read as written if it is counter-clockwise, as
    outer rings should be, or begins at its western side. A step from 180 to -180 is either
    no step or the edge of a world map, whichever closes the ring. A ring around a pole
    includes the pole.

    Args:
        rings: The outer ring and its holes, closed, in either orientation.
    Returns: Pieces that cover the same area as ``rings``; never empty. A ring may touch itself
        where a corner of ``rings`` is exactly on the antimeridian. Holes without area are
        left out.
    Raises: NoArea, for a ring without area; ConfigError, for one that is wider
        than the world or goes around it more than once, and for a hole around a pole.
    Source: RFC 7946, sections 3.1.6 and 3.1.9.
    """
    read = _read(_snapped(rings[0]))
    holes = [_read(_snapped(ring)) for ring in rings[1:]]
    if any(hole.is_around_pole for hole in holes):
        raise ConfigError("a hole goes around a pole; split the polygon at the antimeridian")
    west, _, east, _ = bounds(read.ring)
    if east - west > 360 + EDGE_DEG and not read.is_around_pole:
        raise ConfigError("a polygon is wider than the world")
    shift = wrap(west) - west
    placed = [_wound(_shifted(read.ring, shift), clockwise=False)]
    for hole in holes:
        with suppress(NoArea):
            placed.append(_wound(_beside(hole.ring, placed[0]), clockwise=True))
    return NormalizedPolygon(_cut_to_the_map(placed), read.note)


def _cut_to_the_map(rings: list[Ring]) -> list[list[Ring]]:
    """Cut oriented rings at 180 degrees, and shift the rest into the map."""
    if max(bounds(ring)[2] for ring in rings) <= 180:
        return [rings]
    kept, beyond = map(_with_area, _cut(rings, 180.0))
    rest = _cut_to_the_map([_shifted(ring, -360.0) for ring in beyond]) if beyond else []
    return [kept, *rest] if kept else rest


def _with_area(rings: Iterable[Ring]) -> list[Ring]:
    """Drop slivers where a ring only touched the cut."""
    return [ring for ring in rings if len(ring) >= 4 and signed_area(ring)]


def without_spikes(ring: Ring) -> Ring:
    """Remove spikes, where a closed ring goes out and straight back.

    Returns: A closed ring; one of fewer than four positions has no area.
    """
    kept: Ring = []
    for corner in ring[:-1]:
        kept.append(corner)
        while len(kept) > 2 and _is_spike(*kept[-3:]):
            del kept[-2]
            if kept[-1] == kept[-2]:
                del kept[-1]
    first = 0  # the ends meet as well
    while len(kept) - first > 2:
        if kept[-1] == kept[first] or _is_spike(kept[-2], kept[-1], kept[first]):
            del kept[-1]
        elif _is_spike(kept[-1], kept[first], kept[first + 1]):
            first += 1
        else:
            break
    return [*kept[first:], kept[first]] if kept else []


def _is_spike(a: Position, b: Position, c: Position) -> bool:
    """Return whether the path reverses at ``b``."""
    x1, y1, x2, y2 = b[0] - a[0], b[1] - a[1], c[0] - b[0], c[1] - b[1]
    return x1 * y2 == y1 * x2 and x1 * x2 + y1 * y2 < 0


@dataclass(frozen=True, slots=True)
class _Read:
    """A ring with continuous longitudes, so that it is closed on the plane."""

    ring: Ring
    note: str = ""
    is_around_pole: bool = False


def _snapped(ring: Ring) -> Ring:
    """Snap longitudes and latitudes that are almost at the edge of the map to it."""
    if all(abs(x) < 180 - EDGE_DEG and abs(y) < 90 - EDGE_DEG for x, y in ring):
        return ring
    return _without_repeats([(_to_edge(x, 180.0), _to_edge(y, 90.0)) for x, y in ring])


def _to_edge(value: float, edge: float) -> float:
    return math.copysign(edge, value) if abs(abs(value) - edge) <= EDGE_DEG else value


def _read(ring: Ring) -> _Read:
    steps = [(a, b) for a, b in pairwise(ring) if 180 < abs(b[0] - a[0]) <= 360]
    if not steps:
        return _Read(without_spikes(ring))
    if _is_rectangle(ring) and not _is_written_across(ring):
        return _Read(ring, _note_of_rectangle(ring))
    # A step of exactly 360 degrees is no step, unless the ring then does not close.
    unrolled, turn = _unroll(ring, longest=360.0)
    if turn or not signed_area(unrolled):
        short, short_turn = _unroll(ring, longest=360.0 - EDGE_DEG)
        if not short_turn:
            return _Read(without_spikes(short), _note_of_steps(steps) if short != ring else "")
    if not turn:
        return _Read(without_spikes(unrolled), _note_of_steps(steps))
    return _around_pole(unrolled, turn)


def _unroll(ring: Ring, *, longest: float) -> tuple[Ring, float]:
    """Make the longitudes of a ring continuous where they cross the antimeridian.

    Args:
        ring: Closed.
        longest: Longer steps do not cross the antimeridian; degrees.
    Returns: The ring, and the difference between its end and its start in degrees.
    """
    unrolled = [ring[0]]
    shift = 0.0
    for (before, _), (longitude, latitude) in pairwise(ring):
        if 180 < abs(longitude - before) <= longest:
            shift += math.copysign(360.0, before - longitude)
        unrolled.append((longitude + shift, latitude))
    return _without_repeats(unrolled), shift


def _is_rectangle(ring: Ring) -> bool:
    west, south, east, north = bounds(ring)
    area = (east - west) * (north - south)
    return area > 0 and math.isclose(abs(signed_area(ring)), area, rel_tol=1e-9)


def _is_written_across(ring: Ring) -> bool:
    """Return whether a rectangle wider than 180 degrees is meant to cross the antimeridian.

    170, -170 begins in the west and goes east, which is clockwise on the map.
    """
    west, _, east, _ = bounds(ring)
    return signed_area(ring) < 0 and ring[0][0] == east and east - west < 360


def _note_of_rectangle(ring: Ring) -> str:
    west, _, east, _ = bounds(ring)
    if east - west >= 360:
        return ""
    return (
        f"A rectangle from {west:.10g} to {east:.10g} is read as written, {east - west:.6g} "
        f"degrees wide; if you mean the {360 - east + west:.6g} degrees across the antimeridian, "
        f"write {east:.10g} to {west + 360:.10g}."
    )


def _note_of_steps(steps: Sequence[tuple[Position, Position]]) -> str:
    """Return a note that a ring crosses the antimeridian; steps of 360 degrees do not count."""
    first = next(((a, b) for a, b in steps if abs(b[0] - a[0]) < 360), None)
    if first is None:
        return ""
    (before, _), (after, _) = first
    return (
        f"A polygon that steps from {before:.10g} to {after:.10g} degrees of longitude is read "
        "as crossing the antimeridian."
    )


def _around_pole(ring: Ring, turn: float) -> _Read:
    """Close a ring around the world through the nearer pole."""
    if abs(turn) != 360:
        raise ConfigError("a ring of a polygon goes around the world more than once")
    chain = ring[:-1]
    latitudes = [y for _, y in chain]
    is_on_both = min(latitudes) < 0 < max(latitudes)
    # Going east, north is to the left, where the inside is.
    is_north = turn > 0 if is_on_both else max(latitudes) > 0
    pole = math.copysign(90.0, 1 if is_north else -1)
    # From the nearest crossing, the path to the pole meets no other part of the ring.
    at, (x, y) = min(_on_antimeridian(ring), key=lambda found: abs(pole - found[1][1]))
    turned = [*chain[at + 1 :], *((lon + turn, lat) for lon, lat in chain[: at + 1])]
    closed = [(x, y), *turned, (x + turn, y), (x + turn, pole), (x, pole), (x, y)]
    name = "north" if is_north else "south"
    note = f"A ring goes around the {name} pole, which is assumed to be inside."
    return _Read(_without_repeats(closed), note, is_around_pole=True)


def _on_antimeridian(ring: Ring) -> Iterator[tuple[int, Position]]:
    """Yield where a continuous ring meets the antimeridian, and after which corner."""
    for index, (a, b) in enumerate(pairwise(ring)):
        for meridian in (-540.0, -180.0, 180.0, 540.0):
            if a[0] == b[0] == meridian:
                yield index, a
            elif min(a[0], b[0]) <= meridian <= max(a[0], b[0]):
                yield index, (meridian, _latitude_at(meridian, a, b))


def wrap(longitude: float) -> float:
    """Bring a longitude into [-180, 180), but keep 180 itself."""
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180


def spans(west: float, east: float) -> list[tuple[float, float]]:
    """Bring a range of longitudes into [-180, 180], in two parts if it crosses the edge."""
    left = -180.0 if west == 180 else wrap(west)
    right = left + min(east - west, 360.0)
    return [(left, right)] if right <= 180 else [(left, 180.0), (-180.0, right - 360)]


def _shifted(ring: Ring, shift: float) -> Ring:
    return [(longitude + shift, latitude) for longitude, latitude in ring] if shift else ring


def _beside(hole: Ring, outer: Ring) -> Ring:
    """Shift a hole by multiples of 360 degrees to its outer ring."""
    west, _, east, _ = bounds(outer)
    left, _, right, _ = bounds(hole)
    return _shifted(hole, 360.0 * round((west + east - left - right) / 720))


def bounds(ring: Ring) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a ring."""
    longitudes, latitudes = zip(*ring, strict=True)
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def signed_area(ring: Ring) -> float:
    """Return the area of a ring in square degrees; positive if it is counter-clockwise."""
    # Relative to a corner, so that a small ring far from 0° loses no precision.
    x0, y0 = ring[0]
    return (
        sum((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0) for (x1, y1), (x2, y2) in pairwise(ring))
        / 2
    )


def is_box(polygon: Polygon) -> bool:
    """Return whether an oriented polygon is a rectangle along the axes, without holes."""
    # A simple ring fills its bounding box only if it is that box.
    west, south, east, north = bounds(polygon[0])
    box_area = (east - west) * (north - south)
    return len(polygon) == 1 and math.isclose(signed_area(polygon[0]), box_area, rel_tol=1e-12)


def _wound(ring: Ring, *, clockwise: bool) -> Ring:
    if len(ring) < 4 or _is_line(ring):
        raise NoArea("a ring of a polygon encloses no area")
    return ring if (signed_area(ring) < 0) == clockwise else ring[::-1]


def _is_line(ring: Ring) -> bool:
    """Return whether all corners are on one line, within rounding.

    The area is no criterion: that of a bow tie may be 0.
    """
    x0, y0 = ring[0]
    x1, y1 = max(ring, key=lambda corner: abs(corner[0] - x0) + abs(corner[1] - y0))
    x1, y1 = x1 - x0, y1 - y0
    widest = max(abs(x1 * (y - y0) - y1 * (x - x0)) for x, y in ring)
    return widest <= NO_WIDTH_DEG * (abs(x1) + abs(y1))


def _cut(rings: Iterable[Ring], meridian: float) -> tuple[list[Ring], list[Ring]]:
    """Cut oriented rings at a meridian: return the rings west of it, and those east of it.

    Every ring splits into chains on either side. The inside is always to the left,
    so going north along the meridian it is entered where a ring goes east and left
    where one goes west: the n-th end from the south is joined with the n-th start.
    That also joins holes that are cut.
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
    """Split a ring where it crosses a meridian; each chain has a flag whether it is east.

    A position on the meridian counts as west. A ring that does not cross it is
    returned whole, as its only chain.
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
        # The ring began in the middle of a chain: the last chain is the start of the first.
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


def polygons_of(rings: Iterable[Ring]) -> list[Polygon]:
    """Assign holes (clockwise) to the outer rings (counter-clockwise) around them.

    A hole outside every ring is dropped. Quadratic in the number of corners.
    """
    areas = [(ring, signed_area(ring)) for ring in rings]
    polygons = [[ring] for ring, area in areas if area >= 0]  # that of a bow tie may be 0
    for hole in (ring for ring, area in areas if area < 0):
        around = [polygon for polygon in polygons if _encloses(polygon[0], hole)]
        if around:
            around[0].append(hole)
    return polygons


def _encloses(outer: Ring, hole: Ring) -> bool:
    """Return whether most corners of ``hole`` are inside ``outer``; some may be on its edge."""
    return 2 * sum(_contains(outer, corner) for corner in hole[:-1]) >= len(hole) - 1


def _contains(ring: Ring, point: Position) -> bool:
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            inside = not inside
    return inside
