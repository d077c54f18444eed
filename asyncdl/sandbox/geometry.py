"""Plane geometry on longitude and latitude, for searches by area.

Rings are open (the first point is not repeated) and in degrees. Good for areas
of a few degrees; there are no great circles.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

Json: TypeAlias = Any


def polygon(ring: Ring) -> Json:
    """Return a polygon without holes."""
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def bounds_polygon(ring: Ring) -> Json:
    """Return the box around a ring; as recorded it runs SW, NW, NE, SE."""
    southwest, southeast, northeast, northwest = rectangle(*bounds(ring))
    return polygon((southwest, northwest, northeast, southeast))


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
        """Return whether ``point`` is in the area and in none of its holes."""
        return encloses(self.outer, point) and not any(encloses(h, point) for h in self.holes)


@dataclass(frozen=True, slots=True)
class Track:
    """Some points joined by straight lines, or one point alone."""

    points: Ring


Shape: TypeAlias = Area | Track
"""One part of the area of a search."""


def rectangle(west: float, south: float, east: float, north: float) -> Ring:
    """Return the four corners of a box, from the lower left, counter-clockwise."""
    return ((west, south), (east, south), (east, north), (west, north))


def bounds(ring: Ring) -> Bounds:
    """Return the box around a ring."""
    longitudes = [lon for lon, _ in ring]
    latitudes = [lat for _, lat in ring]
    return min(longitudes), min(latitudes), max(longitudes), max(latitudes)


def encloses(ring: Ring, point: Point) -> bool:
    """Return whether ``point`` is inside ``ring`` (even-odd rule; undefined on the edge)."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in _edges(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside


def intersects(ring: Ring, shape: Shape) -> bool:
    """Return whether a ring without holes and a shape have a point in common.

    The ring may cross the antimeridian, with longitudes beyond 180.
    """
    return any(_meets(shifted, shape) for shifted in _copies_of(ring))


def _copies_of(ring: Ring) -> Iterator[Ring]:
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
    """Return a number that is positive if ``c`` is left of the line from ``a`` to ``b``."""
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


# --- the other projections of Landsat ------------------------------------------------

_ECCENTRICITY = math.sqrt(_FLATTENING * (2 - _FLATTENING))
_POLAR_TRUE_SCALE = math.radians(71)
_STEP = 1e-4
"""Degrees; over this distance every projection is linear enough."""
_CLOSE_M = 0.01
_ROUNDS = 12
"""More iterations than Newton's method needs anywhere."""


def to_polar(point: Point) -> tuple[float, float]:
    """Project to the Antarctic polar stereographic system (EPSG:3031), metres.

    Source: Snyder, Map Projections, equations 15-9, 21-32 to 21-34.
    """
    longitude = math.radians(point[0])
    m = math.cos(_POLAR_TRUE_SCALE) / math.sqrt(
        1 - (_ECCENTRICITY * math.sin(_POLAR_TRUE_SCALE)) ** 2
    )
    rho = _SEMI_MAJOR_M * m * _half(-math.radians(point[1])) / _half(_POLAR_TRUE_SCALE)
    return rho * math.sin(longitude), rho * math.cos(longitude)


def _half(latitude: float) -> float:
    s = _ECCENTRICITY * math.sin(latitude)
    return math.tan(math.pi / 4 - latitude / 2) / math.pow((1 - s) / (1 + s), _ECCENTRICITY / 2)


def to_albers(point: Point, cone: tuple[float, float, float, float]) -> tuple[float, float]:
    """Project to an Albers projection of WGS 84, metres.

    Args:
        point: Longitude and latitude, degrees.
        cone: Both standard parallels, and latitude and longitude of the origin; degrees.
    Source: Snyder, Map Projections, equations 14-1 to 14-6 and 3-12.
    """
    first, second, origin, meridian = map(math.radians, cone)
    e = _ECCENTRICITY
    m = [math.cos(a) / math.sqrt(1 - (e * math.sin(a)) ** 2) for a in (first, second)]
    n = (m[0] ** 2 - m[1] ** 2) / (_authalic(second) - _authalic(first))
    c = m[0] ** 2 + n * _authalic(first)
    rho_0, rho = (
        _SEMI_MAJOR_M * math.sqrt(c - n * _authalic(a)) / n
        for a in (origin, math.radians(point[1]))
    )
    theta = n * (math.radians(point[0]) - meridian)
    return rho * math.sin(theta), rho_0 - rho * math.cos(theta)


def _authalic(latitude: float) -> float:
    sine, e = math.sin(latitude), _ECCENTRICITY
    logarithm = math.log((1 - e * sine) / (1 + e * sine)) / (2 * e)
    return (1 - e**2) * (sine / (1 - (e * sine) ** 2) - logarithm)


def unproject(
    project: Callable[[Point], tuple[float, float]], place: tuple[float, float], start: Point
) -> Point:
    """Invert a projection: return longitude and latitude, to five decimal places.

    Args:
        project: From degrees to metres.
        place: x and y, metres.
        start: First guess, not too far away.
    """
    lon, lat = start
    for _ in range(_ROUNDS):
        x, y = project((lon, lat))
        east, north = project((lon + _STEP, lat)), project((lon, lat + _STEP))
        a, b = (east[0] - x) / _STEP, (north[0] - x) / _STEP
        c, d = (east[1] - y) / _STEP, (north[1] - y) / _STEP
        dx, dy, area = place[0] - x, place[1] - y, a * d - b * c
        if abs(dx) + abs(dy) < _CLOSE_M:
            break
        lon, lat = lon + (d * dx - b * dy) / area, lat + (a * dy - c * dx) / area
    return round(lon, 5), round(lat, 5)
