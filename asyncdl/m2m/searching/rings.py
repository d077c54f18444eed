"""Rings of positions on the globe: winding, area, and the cut at the antimeridian.

Pure geometry on the flat map of longitude and latitude, as GeoJSON means it.

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
"""Closed: the first position stands again at the end."""

Polygon: TypeAlias = list[Ring]
"""The outer ring, then the holes."""


EDGE_DEG = 1e-7
"""A centimetre: a longitude so near to 180 or -180 is meant to be it, and a latitude to be 90."""


NO_WIDTH_DEG = 1e-12
"""A tenth of a micrometre: what is no wider on average is a line, but for noise."""


class NoArea(ConfigError):
    """A ring that encloses nothing."""


@dataclass(frozen=True, slots=True)
class OnTheMap:
    """A polygon as it lies on the map, and how its rings were read."""

    pieces: list[list[Ring]]
    """One, or one for each side of the antimeridian, within [-180, 180] degrees. Outer rings,
    which may be several, run counter-clockwise, holes clockwise."""
    reading: str = ""
    """What has to be said of how the outer ring was read; empty where it could mean one thing."""


def cut_at_antimeridian(rings: Sequence[Ring]) -> list[Polygon]:
    """Bring a polygon into [-180, 180] degrees, in two or more parts if it crosses the edge.

    Args:
        rings: As :func:`lay_out` takes them.
    Returns: Polygons that cover what ``rings`` cover; never empty.
    Raises: As :func:`lay_out`.
    """
    return [polygon for piece in lay_out(rings).pieces for polygon in polygons_of(piece)]


def lay_out(rings: Sequence[Ring]) -> OnTheMap:
    """Bring a polygon into [-180, 180] degrees, in two or more parts if it crosses the edge.

    Neighbours more than 180 degrees apart are taken for a step over the antimeridian, but
    not in a rectangle along the axes, which is read as it stands if it runs
    counter-clockwise, as outer rings should, or begins at its western side. A step from
    180 to -180 is none, or is the rim of a map of the world, whichever closes the ring. A
    ring around a pole takes the pole in.

    Args:
        rings: The outer ring and its holes, closed, wound either way.
    Returns: Pieces that cover what ``rings`` cover; never empty. A ring may touch itself
        where a corner of ``rings`` lies exactly on the antimeridian. Holes without area are
        left out.
    Raises: NoArea, for a ring that encloses nothing; ConfigError, for one that is wider
        than the world or runs around it more than once, and for a hole around a pole.
    Source: RFC 7946, sections 3.1.6 and 3.1.9.
    """
    read = _read(_snapped(rings[0]))
    holes = [_read(_snapped(ring)) for ring in rings[1:]]
    if any(hole.is_around_pole for hole in holes):
        raise ConfigError("a hole runs around a pole; split the polygon at the antimeridian")
    west, _, east, _ = bounds(read.ring)
    if east - west > 360 + EDGE_DEG and not read.is_around_pole:
        raise ConfigError("a polygon is wider than the world")
    shift = wrap(west) - west
    placed = [_wound(_shifted(read.ring, shift), clockwise=False)]
    for hole in holes:
        with suppress(NoArea):
            placed.append(_wound(_beside(hole.ring, placed[0]), clockwise=True))
    return OnTheMap(_cut_to_the_map(placed), read.note)


def _cut_to_the_map(rings: list[Ring]) -> list[list[Ring]]:
    """Cut wound rings that reach beyond 180 degrees there, and bring the rest around."""
    if max(bounds(ring)[2] for ring in rings) <= 180:
        return [rings]
    kept, beyond = map(_with_area, _cut(rings, 180.0))
    rest = _cut_to_the_map([_shifted(ring, -360.0) for ring in beyond]) if beyond else []
    return [kept, *rest] if kept else rest


def _with_area(rings: Iterable[Ring]) -> list[Ring]:
    """Leave out the slivers that are left where a ring only touched the cut."""
    return [ring for ring in rings if len(ring) >= 4 and signed_area(ring)]


def without_spikes(ring: Ring) -> Ring:
    """Take out of a closed ring where it goes out and straight back.

    Returns: A closed ring; one of fewer than four positions encloses nothing.
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
    """Tell whether the way turns back at ``b``."""
    x1, y1, x2, y2 = b[0] - a[0], b[1] - a[1], c[0] - b[0], c[1] - b[1]
    return x1 * y2 == y1 * x2 and x1 * x2 + y1 * y2 < 0


@dataclass(frozen=True, slots=True)
class _Read:
    """A ring whose longitudes run on, so that it is closed on the flat map."""

    ring: Ring
    note: str = ""
    is_around_pole: bool = False


def _snapped(ring: Ring) -> Ring:
    """Put longitudes and latitudes that are the edge of the map but for noise upon it."""
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
    # A step of exactly 360 leads to where it began, unless the ring then does not close.
    unrolled, turn = _unroll(ring, longest=360.0)
    if turn or not signed_area(unrolled):
        short, short_turn = _unroll(ring, longest=360.0 - EDGE_DEG)
        if not short_turn:
            return _Read(without_spikes(short), _note_of_steps(steps) if short != ring else "")
    if not turn:
        return _Read(without_spikes(unrolled), _note_of_steps(steps))
    return _around_pole(unrolled, turn)


def _unroll(ring: Ring, *, longest: float) -> tuple[Ring, float]:
    """Make the longitudes of a ring run on where they step over the antimeridian.

    Args:
        ring: Closed.
        longest: Longer steps are none over the antimeridian; degrees.
    Returns: The ring, and by how many degrees its end is away from its beginning.
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
    """Tell whether a rectangle that is wide as it stands is meant to cross the antimeridian.

    Whoever writes 170, -170 begins in the west and goes east, which is clockwise on the map.
    """
    west, _, east, _ = bounds(ring)
    return signed_area(ring) < 0 and ring[0][0] == east and east - west < 360


def _note_of_rectangle(ring: Ring) -> str:
    west, _, east, _ = bounds(ring)
    if east - west >= 360:
        return ""
    return (
        f"A rectangle from {west:.10g} to {east:.10g} is read as it stands, {east - west:.6g} "
        f"degrees wide; if the {360 - east + west:.6g} degrees over the antimeridian are meant, "
        f"write {east:.10g} to {west + 360:.10g}."
    )


def _note_of_steps(steps: Sequence[tuple[Position, Position]]) -> str:
    """Say that a ring is read over the antimeridian; a step that leads nowhere is none."""
    first = next(((a, b) for a, b in steps if abs(b[0] - a[0]) < 360), None)
    if first is None:
        return ""
    (before, _), (after, _) = first
    return (
        f"A polygon that steps from {before:.10g} to {after:.10g} degrees of longitude is read "
        "as running over the antimeridian."
    )


def _around_pole(ring: Ring, turn: float) -> _Read:
    """Close a ring that runs around the world by way of the pole that it is nearer to."""
    if abs(turn) != 360:
        raise ConfigError("a ring of a polygon runs around the world more than once")
    chain = ring[:-1]
    latitudes = [y for _, y in chain]
    is_on_both = min(latitudes) < 0 < max(latitudes)
    # Going east, the north is to the left, where the inside is.
    is_north = turn > 0 if is_on_both else max(latitudes) > 0
    pole = math.copysign(90.0, 1 if is_north else -1)
    # From the crossing nearest to it the way to the pole meets no other part of the ring.
    at, (x, y) = min(_on_antimeridian(ring), key=lambda found: abs(pole - found[1][1]))
    turned = [*chain[at + 1 :], *((lon + turn, lat) for lon, lat in chain[: at + 1])]
    closed = [(x, y), *turned, (x + turn, y), (x + turn, pole), (x, pole), (x, y)]
    name = "north" if is_north else "south"
    note = f"A ring runs around the {name} pole, which is taken to lie inside."
    return _Read(_without_repeats(closed), note, is_around_pole=True)


def _on_antimeridian(ring: Ring) -> Iterator[tuple[int, Position]]:
    """Yield where a ring that runs on meets the antimeridian, and after which corner."""
    for index, (a, b) in enumerate(pairwise(ring)):
        for meridian in (-540.0, -180.0, 180.0, 540.0):
            if a[0] == b[0] == meridian:
                yield index, a
            elif min(a[0], b[0]) <= meridian <= max(a[0], b[0]):
                yield index, (meridian, _latitude_at(meridian, a, b))


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
    if len(ring) < 4 or _is_line(ring):
        raise NoArea("a ring of a polygon encloses no area")
    return ring if (signed_area(ring) < 0) == clockwise else ring[::-1]


def _is_line(ring: Ring) -> bool:
    """Tell whether all corners lie on one line, but for noise.

    The area does not tell: that of a bow tie may be 0.
    """
    x0, y0 = ring[0]
    x1, y1 = max(ring, key=lambda corner: abs(corner[0] - x0) + abs(corner[1] - y0))
    x1, y1 = x1 - x0, y1 - y0
    widest = max(abs(x1 * (y - y0) - y1 * (x - x0)) for x, y in ring)
    return widest <= NO_WIDTH_DEG * (abs(x1) + abs(y1))


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


def polygons_of(rings: Iterable[Ring]) -> list[Polygon]:
    """Put holes (clockwise) into the outer rings (counter-clockwise) around them.

    A hole outside every ring cuts nothing out. Takes time as the square of the corners.
    """
    areas = [(ring, signed_area(ring)) for ring in rings]
    polygons = [[ring] for ring, area in areas if area >= 0]  # that of a bow tie may be 0
    for hole in (ring for ring, area in areas if area < 0):
        around = [polygon for polygon in polygons if _encloses(polygon[0], hole)]
        if around:
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
