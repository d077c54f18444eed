"""Plane geometry on longitude and latitude, as much as a search by area needs.

Rings are open (the first point is not repeated) and in degrees. Good for areas
of a few degrees; nothing here knows of great circles.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

Point: TypeAlias = tuple[float, float]
"""Longitude and latitude, degrees."""
Ring: TypeAlias = tuple[Point, ...]
Bounds: TypeAlias = tuple[float, float, float, float]
"""West, south, east, north; degrees."""


@dataclass(frozen=True, slots=True)
class Area:
    """A polygon, perhaps with holes."""

    outer: Ring
    holes: tuple[Ring, ...] = ()

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The outline and the holes."""
        return (self.outer, *self.holes)

    def contains(self, point: Point) -> bool:
        """Tell whether ``point`` lies in the area and in none of its holes."""
        return encloses(self.outer, point) and not any(encloses(h, point) for h in self.holes)


@dataclass(frozen=True, slots=True)
class Track:
    """Some points joined by straight lines, or one point alone."""

    points: Ring


Shape: TypeAlias = Area | Track
"""What a search by area consists of."""


def rectangle(west: float, south: float, east: float, north: float) -> Ring:
    """Return the four corners of a box, from the lower left, counter-clockwise."""
    return ((west, south), (east, south), (east, north), (west, north))


def bounds(ring: Ring) -> Bounds:
    """Return the box around a ring."""
    longitudes = [lon for lon, _ in ring]
    latitudes = [lat for _, lat in ring]
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def encloses(ring: Ring, point: Point) -> bool:
    """Tell whether ``point`` lies inside ``ring`` (even-odd rule; the edge is undecided)."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in _edges(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside


def intersects(ring: Ring, shape: Shape) -> bool:
    """Tell whether a ring without holes and a shape have a point in common.

    The ring may reach over the antimeridian, with longitudes beyond 180.
    """
    return any(_meets(shifted, shape) for shifted in _turns_of(ring))


def _turns_of(ring: Ring) -> Iterator[Ring]:
    yield ring
    west, _, east, _ = bounds(ring)
    if east > 180:
        yield tuple((lon - 360, lat) for lon, lat in ring)
    if west < -180:
        yield tuple((lon + 360, lat) for lon, lat in ring)


def _meets(ring: Ring, shape: Shape) -> bool:
    return _meets_area(ring, shape) if isinstance(shape, Area) else _meets_track(ring, shape)


def _meets_area(ring: Ring, area: Area) -> bool:
    if not _boxes_meet(bounds(ring), bounds(area.outer)):
        return False
    if any(_crosses(ring, _edges(other)) for other in area.rings):
        return True
    # No edges cross: one is inside the other, or they are apart.
    return area.contains(ring[0]) or encloses(ring, area.outer[0])


def _meets_track(ring: Ring, track: Track) -> bool:
    points = track.points
    if not _boxes_meet(bounds(ring), bounds(points)):
        return False
    # A point alone is a line of no length: it may lie on an edge.
    lines = pairwise(points) if len(points) > 1 else ((points[0], points[0]),)
    return encloses(ring, points[0]) or _crosses(ring, lines)


def _boxes_meet(a: Bounds, b: Bounds) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _crosses(ring: Ring, edges: Iterable[tuple[Point, Point]]) -> bool:
    own = tuple(_edges(ring))
    return any(_segments_meet(*e, *f) for f in edges for e in own)


def _edges(ring: Ring) -> Iterator[tuple[Point, Point]]:
    return zip(ring, (*ring[1:], ring[0]), strict=True)


def _segments_meet(p: Point, q: Point, r: Point, s: Point) -> bool:
    return (
        _side(p, q, r) * _side(p, q, s) <= 0
        and _side(r, s, p) * _side(r, s, q) <= 0
        # Segments of one straight line may lie apart.
        and _boxes_meet(bounds((p, q)), bounds((r, s)))
    )


def _side(a: Point, b: Point, c: Point) -> float:
    """Return a number that is positive when ``c`` lies left of the way from ``a`` to ``b``."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


# --- UTM -----------------------------------------------------------------------

_SEMI_MAJOR_M = 6_378_137.0
_FLATTENING = 1 / 298.257223563
_SCALE = 0.9996
_FALSE_EASTING_M = 500_000.0


def utm_zone(longitude: float) -> int:
    """Return the UTM zone, 1 to 60, of a longitude in degrees."""
    return int((longitude + 180) % 360 // 6) + 1


def to_utm(point: Point, zone: int) -> tuple[float, float]:
    """Project to UTM on WGS 84, metres.

    Landsat counts northings from the equator in both hemispheres, so those of
    the south are negative and the code of the northern zone is right everywhere.

    Source: Krüger's series to the third power of n, good to a centimetre.
    """
    lon, lat = math.radians(point[0]), math.radians(point[1])
    meridian = math.radians(zone * 6 - 183)
    n = _FLATTENING / (2 - _FLATTENING)
    radius = _SEMI_MAJOR_M / (1 + n) * (1 + n**2 / 4)
    ecc = 2 * math.sqrt(n) / (1 + n)
    t = math.sinh(math.atanh(math.sin(lat)) - ecc * math.atanh(ecc * math.sin(lat)))
    xi = math.atan2(t, math.cos(lon - meridian))
    eta = math.atanh(math.sin(lon - meridian) / math.sqrt(1 + t * t))
    alphas = (n / 2 - 2 * n**2 / 3 + 5 * n**3 / 16, 13 * n**2 / 48 - 3 * n**3 / 5, 61 * n**3 / 240)
    east, north = eta, xi
    for j, alpha in enumerate(alphas, start=1):
        east += alpha * math.cos(2 * j * xi) * math.sinh(2 * j * eta)
        north += alpha * math.sin(2 * j * xi) * math.cosh(2 * j * eta)
    return _FALSE_EASTING_M + _SCALE * radius * east, _SCALE * radius * north


# --- Albers ----------------------------------------------------------------------


def from_albers(east: float, north: float, cone: tuple[float, float, float, float]) -> Point:
    """Return longitude and latitude of a point in an Albers projection, degrees.

    Args:
        east, north: Metres.
        cone: Both standard parallels, and latitude and longitude of the origin; degrees.
    Source: Snyder, Map Projections, formulas for the sphere: good to a fifth of a degree,
        which puts a tile over the right county.
    """
    first, second, origin, meridian = map(math.radians, cone)
    n = (math.sin(first) + math.sin(second)) / 2
    c = math.cos(first) ** 2 + 2 * n * math.sin(first)
    radius = _SEMI_MAJOR_M / n
    rho_0 = radius * math.sqrt(c - 2 * n * math.sin(origin))
    rho = math.hypot(east, rho_0 - north)
    latitude = math.asin((c - (rho / radius) ** 2) / (2 * n))
    longitude = meridian + math.atan2(east, rho_0 - north) / n
    return round(math.degrees(longitude), 5), round(math.degrees(latitude), 5)
