"""Which pixels of a raster an area touches: a box of columns and rows, or two.

An area comes as rings of longitude and latitude. Each is cut to where the raster's projection
is good, set with points so close that straight lines between them stay straight, brought into
pixels, and cut to the raster; the box around what is left of all is the window. So parts on
both sides of the antimeridian make one window where the raster runs over it, as in UTM.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from asyncdl.items.projections import Point
from asyncdl.items.raster_head import Georeference
from asyncdl.windows.georeferencing import GEOGRAPHIC_CODES, Affine
from asyncdl.windows.projecting import Domain, Projector, projector_of
from asyncdl.windows.window_errors import AreaOutside, EmptyArea

Ring: TypeAlias = Sequence[Point]
"""Points one after the other; the last need not be the first. One point is a ring, too."""

_STEP_DEGREES = 0.05
"""Between points of an edge: a parallel bows less than half a metre from the line between."""
_ROUNDING_PIXELS = 1e-6
"""A border of a pixel that is met so closely is met; what lies behind it is not touched."""
_TURN = 360.0
_FURTHEST_LONGITUDE = 540.0
"""One and a half turns: whoever runs over the antimeridian gets there, and no further."""


@dataclass(frozen=True, slots=True)
class PixelBox:
    """Columns ``[left, right)`` and rows ``[top, bottom)`` of a raster."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    def within(self, width: int, height: int) -> PixelBox:
        """Return the part that lies in a raster of that size.

        Raises: EmptyArea, if it has no column or no row; AreaOutside, if no part lies there.
        """
        if self.width <= 0 or self.height <= 0:
            raise EmptyArea(f"a box of {self.width} columns and {self.height} rows")
        box = PixelBox(
            max(0, self.left),
            max(0, self.top),
            min(width, self.right),
            min(height, self.bottom),
        )
        if box.width <= 0 or box.height <= 0:
            raise AreaOutside("the area lies outside the raster")
        return box


def box_of_bounds(georeference: Georeference, bounds: tuple[float, ...]) -> PixelBox:
    """Return the pixels that a box in the raster's own coordinates touches.

    Args:
        bounds: Least x, least y, greatest x, greatest y. Where two are equal, it is a line or
            a point, and the pixels that it lies in are taken.
    Raises: EmptyArea, for bounds that are none; AreaOutside.
    """
    x0, y0, x1, y1 = bounds
    if not all(map(math.isfinite, bounds)) or x0 > x1 or y0 > y1:
        raise EmptyArea(f"{bounds} are no bounds (allowed: least x and y, then greatest x and y)")
    to_pixels = _inverse(georeference.transform)
    corners = [to_pixels(x, y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
    return _touched([_cut_to_raster(corners, georeference)], georeference)


def boxes_of_area(georeference: Georeference, rings: Iterable[Ring]) -> tuple[PixelBox, ...]:
    """Return the pixels that an area touches, as the box around them.

    Args:
        rings: Outer rings of all parts, longitude and latitude on WGS 84 in degrees. A part
            over the antimeridian may have longitudes beyond 180, or come as two.
    Returns: One box. Two, if a raster in degrees ends at the antimeridian (or wherever a turn
        around the world ends) and the area touches both of its ends: they make two windows, or
        one by :func:`box_around` that has all columns.
    Raises: EmptyArea, AreaOutside, UnknownProjection.
    """
    projector = projector_of(georeference.crs)
    to_pixels = _inverse(georeference.transform)
    touched: list[list[Point]] = []
    for ring in _checked(rings):
        for turned in _turns(ring, projector.domain):
            pixels = [to_pixels(x, y) for x, y in _projected(turned, projector)]
            if cut := _cut_to_raster(pixels, georeference):
                touched.append(_with_slack(cut, georeference.transform, projector.slack))
    return _parted(touched, georeference)


def box_around(boxes: Iterable[PixelBox]) -> PixelBox:
    """Return the box around some boxes, one at least."""
    left, top, right, bottom = zip(
        *((box.left, box.top, box.right, box.bottom) for box in boxes), strict=True
    )
    return PixelBox(min(left), min(top), max(right), max(bottom))


def ring_of_bbox(west: float, south: float, east: float, north: float) -> Ring:
    """Return the ring of a box of longitudes and latitudes; west may be the greater one."""
    east += _TURN if west > east else 0.0
    return ((west, south), (east, south), (east, north), (west, north))


def _checked(rings: Iterable[Ring]) -> list[Ring]:
    found = [ring for ring in rings if len(ring)]
    if not found:
        raise EmptyArea("the area has no points")
    for ring in found:
        for longitude, latitude in ring:
            if not (abs(longitude) <= _FURTHEST_LONGITUDE and abs(latitude) <= 90):
                raise EmptyArea(f"({longitude}, {latitude}) is no longitude and latitude")
    return found


# --- to the raster's coordinates ------------------------------------------------------------


def _turns(ring: Ring, domain: Domain) -> Iterator[list[Point]]:
    """Yield what of a ring lies in a domain, by longitude from its meridian; any turn counts."""
    west = min(longitude for longitude, _ in ring) - domain.meridian
    east = max(longitude for longitude, _ in ring) - domain.meridian
    first = math.ceil((-domain.reach - east) / _TURN)
    last = math.floor((domain.reach - west) / _TURN)
    for turn in range(first, last + 1):
        shift = turn * _TURN - domain.meridian
        moved = [(longitude + shift, latitude) for longitude, latitude in ring]
        if cut := _cut_to_box(moved, (-domain.reach, domain.south, domain.reach, domain.north)):
            yield cut


def _projected(ring: list[Point], projector: Projector) -> Iterator[Point]:
    """Yield points of a ring and between them, in the raster's coordinates."""
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
        steps = max(1, math.ceil(max(abs(x1 - x0), abs(y1 - y0)) / _STEP_DEGREES))
        for step in range(steps):
            part = step / steps
            yield projector.project(x0 + (x1 - x0) * part, y0 + (y1 - y0) * part)


def _inverse(transform: Affine) -> Callable[[float, float], Point]:
    a, b, c, d, e, f = transform
    determinant = a * e - b * d

    def to_pixels(x: float, y: float) -> Point:
        dx, dy = x - c, y - f
        return (e * dx - b * dy) / determinant, (a * dy - d * dx) / determinant

    return to_pixels


# --- boxes ----------------------------------------------------------------------------------


def _cut_to_raster(pixels: list[Point], georeference: Georeference) -> list[Point]:
    """Return the part of a ring in the raster; empty if it does no more than meet its border."""
    rows, columns = georeference.shape
    cut = _cut_to_box(pixels, (0.0, 0.0, float(columns), float(rows)))
    is_border = cut and any(
        _extent(cut, axis) < _ROUNDING_PIXELS <= _extent(pixels, axis) for axis in (0, 1)
    )
    return [] if is_border else cut


def _with_slack(points: list[Point], transform: Affine, slack: float) -> list[Point]:
    """Return points and two more, so that the box around them is wider by some slack."""
    if not slack:
        return points
    a, b, _, d, e, _ = transform
    columns, rows = (slack * (abs(p) + abs(q)) / abs(a * e - b * d) for p, q in ((b, e), (a, d)))
    x, y = zip(*points, strict=True)
    corners = (min(x) - columns, min(y) - rows), (max(x) + columns, max(y) + rows)
    return [*points, *corners]


def _extent(points: list[Point], axis: int) -> float:
    return max(point[axis] for point in points) - min(point[axis] for point in points)


def _touched(parts: list[list[Point]], georeference: Georeference) -> PixelBox:
    """Return the box around parts that lie in the raster."""
    rows, columns = georeference.shape
    points = [point for part in parts for point in part]
    if not points:
        raise AreaOutside("the area lies outside the raster")
    left, right = _pixels(min(x for x, _ in points), max(x for x, _ in points))
    top, bottom = _pixels(min(y for _, y in points), max(y for _, y in points))
    # What only meets the border of the raster is outside.
    return PixelBox(left, top, right, bottom).within(columns, rows)


def _pixels(least: float, greatest: float) -> tuple[int, int]:
    """Return the first pixel that is touched, and the one behind the last; one at least."""
    first = math.floor(least + _ROUNDING_PIXELS)
    return first, max(first + 1, math.ceil(greatest - _ROUNDING_PIXELS))


def _parted(parts: list[list[Point]], georeference: Georeference) -> tuple[PixelBox, ...]:
    whole = _touched(parts, georeference)
    columns = georeference.shape[1]
    if georeference.crs.epsg not in GEOGRAPHIC_CODES or whole.width < columns:
        return (whole,)
    # Parts that touch the raster's left end, and all that hangs together with them.
    ordered = sorted(parts, key=lambda part: min(x for x, _ in part))
    reach = 0.0
    for number, part in enumerate(ordered):
        if number and min(x for x, _ in part) > reach:
            return tuple(
                _touched(some, georeference) for some in (ordered[:number], ordered[number:])
            )
        reach = max(reach, math.ceil(max(x for x, _ in part)))
    return (whole,)


def _cut_to_box(ring: Sequence[Point], box: tuple[float, float, float, float]) -> list[Point]:
    """Return the part of a ring in a box, its border included; empty if there is none.

    Source: Sutherland and Hodgman's cut at one side after the other. Where the ring leaves the
    box and comes back, the part runs along the border, which no box around it sees.
    """
    left, top, right, bottom = box
    points = list(ring)
    for axis, limit, sign in ((0, left, 1), (0, right, -1), (1, top, 1), (1, bottom, -1)):
        points = list(_cut_at(points, axis, limit, sign))
    return points


def _cut_at(ring: list[Point], axis: int, limit: float, sign: int) -> Iterator[Point]:
    """Yield a ring's part on one side of a line: `sign` 1 is where coordinates are greater."""
    for point, following in zip(ring, [*ring[1:], *ring[:1]], strict=True):
        here, there = sign * (point[axis] - limit), sign * (following[axis] - limit)
        if here >= 0:
            yield point
        if (here < 0) != (there < 0):
            part = here / (here - there)
            crossing = [p + (q - p) * part for p, q in zip(point, following, strict=True)]
            crossing[axis] = limit
            yield crossing[0], crossing[1]
