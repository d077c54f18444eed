"""From longitude and latitude to the coordinates of a raster; the way back is in items.

Each projection is good in a part of the world only, its domain. What is cut to that first
loses nothing, as no raster in the projection lies outside. Datums that follow a continent, NAD 83
and ETRS 89, are taken as WGS 84 with some metres of slack, by which an area is widened.

Source: Snyder, Map Projections: A Working Manual (USGS Professional Paper 1395), chapters 14
and 21; Krüger's series for UTM.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from asyncdl.items.projections import KNOWN_CODES, Albers, Crs, Point, Polar, utm_zone_of
from asyncdl.windows.georeferencing import GEOGRAPHIC_CODES
from asyncdl.windows.window_errors import UnknownProjection

_SEMI_MAJOR_M = 6_378_137.0
_FLATTENING = 1 / 298.257223563
_E2 = _FLATTENING * (2 - _FLATTENING)
_E = math.sqrt(_E2)
_N = _FLATTENING / (2 - _FLATTENING)

_SCALE = 0.9996
_FALSE_EASTING_M, _FALSE_NORTHING_M = 500_000.0, 10_000_000.0
_RECTIFYING_M = _SCALE * _SEMI_MAJOR_M / (1 + _N) * (1 + _N**2 / 4 + _N**4 / 64)
_ALPHAS = (
    _N / 2 - 2 * _N**2 / 3 + 5 * _N**3 / 16,
    13 * _N**2 / 48 - 3 * _N**3 / 5,
    61 * _N**3 / 240,
)

_SLACK_M = 3.0
"""More than NAD 83 and ETRS 89 are away from WGS 84 anywhere on their continents."""
_SLACK_DEGREES = _SLACK_M / 40_000
"""Or more, up to 68 degrees of latitude."""
_DRIFTING_UTM = {
    **{26900 + zone: zone for zone in range(1, 24)},
    **{25800 + zone: zone for zone in range(28, 39)},
}
"""Zones by code: of NAD 83, and of ETRS 89."""
_DRIFTING_ALBERS = {
    5070: Albers(29.5, 45.5, 23.0, -96.0),
    3338: Albers(55.0, 65.0, 50.0, -154.0),
}
"""The United States without Alaska, and Alaska, on NAD 83."""

_UTM_REACH = 40.0
"""Degrees east and west of the middle of a zone; scenes near the poles reach over several."""
_CONE_REACH = 120.0
_FURTHEST_LATITUDE = 89.0
_POLAR_REACH = 80.0
"""Degrees from the pole."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The part of the world that a projection is good for, in degrees."""

    meridian: float
    """Longitudes are counted from there."""
    reach: float
    """Degrees east and west of it."""
    south: float
    north: float


@dataclass(frozen=True, slots=True)
class Projector:
    """The way from degrees to the coordinates of a raster."""

    domain: Domain
    project: Callable[[float, float], Point]
    """Longitude from the domain's meridian, and latitude, to x and y."""
    slack: float = 0.0
    """How far off x and y may be, in their units."""


def projector_of(crs: Crs) -> Projector:
    """Return the way to a coordinate system. Raises: UnknownProjection."""
    code = crs.epsg or 0
    if code in GEOGRAPHIC_CODES:
        slack = 0.0 if code == _WGS84 else _SLACK_DEGREES
        return Projector(Domain(0.0, 540.0, -90.0, 90.0), lambda lon, lat: (lon, lat), slack)
    if zone := utm_zone_of(code):
        return _of_utm(*zone)
    if code in _DRIFTING_UTM:
        return replace(_of_utm(_DRIFTING_UTM[code]), slack=_SLACK_M)
    if code in _DRIFTING_ALBERS:
        return replace(_of_albers(_DRIFTING_ALBERS[code]), slack=_SLACK_M)
    match crs.projection or _BY_CODE.get(code):
        case Polar() as polar:
            poles = (-90.0, _POLAR_REACH - 90) if polar.true_scale < 0 else (90 - _POLAR_REACH, 90)
            domain = Domain(polar.meridian, 180.0, *poles)
            return Projector(domain, lambda lon, lat: to_polar(lon, lat, polar))
        case Albers() as albers:
            return _of_albers(albers)
    raise UnknownProjection(
        "the raster's coordinate system is none of those that are known here: UTM, polar"
        " stereographic and Albers, and longitude and latitude, on WGS 84, NAD 83 or ETRS 89"
    )


def _of_utm(zone: int, is_south: bool = False) -> Projector:
    domain = Domain(6.0 * zone - 183, _UTM_REACH, -_FURTHEST_LATITUDE, _FURTHEST_LATITUDE)
    return Projector(domain, lambda lon, lat: to_utm(lon, lat, is_south=is_south))


def _of_albers(albers: Albers) -> Projector:
    domain = Domain(albers.meridian, _CONE_REACH, -_FURTHEST_LATITUDE, _FURTHEST_LATITUDE)
    return Projector(domain, lambda lon, lat: to_albers(lon, lat, albers))


_WGS84 = 4326
_BY_CODE = {code: projection for projection, code in KNOWN_CODES.items()}


def to_utm(longitude: float, latitude: float, *, is_south: bool = False) -> Point:
    """Return x and y in UTM in metres.

    Args:
        longitude: Degrees from the middle of the zone, less than 90.
        latitude: Degrees.
    Source: Krüger's series to the third power of n, good to a millimetre in the domain.
    """
    lam, phi = math.radians(longitude), math.radians(latitude)
    root = 2 * math.sqrt(_N) / (1 + _N)
    t = math.sinh(math.atanh(math.sin(phi)) - root * math.atanh(root * math.sin(phi)))
    north = math.atan2(t, math.cos(lam))
    east = math.atanh(math.sin(lam) / math.hypot(1, t))
    x, y = east, north
    for j, alpha in enumerate(_ALPHAS, start=1):
        x += alpha * math.cos(2 * j * north) * math.sinh(2 * j * east)
        y += alpha * math.sin(2 * j * north) * math.cosh(2 * j * east)
    start = _FALSE_NORTHING_M if is_south else 0.0
    return _FALSE_EASTING_M + _RECTIFYING_M * x, start + _RECTIFYING_M * y


def to_polar(longitude: float, latitude: float, polar: Polar) -> Point:
    """Return x and y of a polar stereographic projection; longitude from its meridian.

    Source: Snyder, equations 21-30 to 21-34 and 15-9.
    """
    # Of the south pole all signs are turned round.
    sign = math.copysign(1.0, polar.true_scale)
    true_scale = math.radians(abs(polar.true_scale))
    lam, phi = math.radians(sign * longitude), math.radians(sign * latitude)
    rho = _SEMI_MAJOR_M * _m(true_scale) * _t(phi) / _t(true_scale)
    x, y = rho * math.sin(lam), -rho * math.cos(lam)
    return polar.false_easting + sign * x, polar.false_northing + sign * y


def to_albers(longitude: float, latitude: float, albers: Albers) -> Point:
    """Return x and y of an Albers projection; longitude from its meridian.

    Source: Snyder, equations 14-1 to 14-6 and 3-12.
    """
    first, second, origin = map(math.radians, (albers.first, albers.second, albers.origin))
    m1, q1 = _m(first), _q(first)
    n = (m1**2 - _m(second) ** 2) / (_q(second) - q1) if first != second else math.sin(first)
    c = m1**2 + n * q1

    def rho(phi: float) -> float:
        return _SEMI_MAJOR_M * math.sqrt(max(0.0, c - n * _q(phi))) / n

    theta, at = n * math.radians(longitude), rho(math.radians(latitude))
    x, y = at * math.sin(theta), rho(origin) - at * math.cos(theta)
    return albers.false_easting + x, albers.false_northing + y


def _m(latitude: float) -> float:
    return math.cos(latitude) / math.sqrt(1 - (_E * math.sin(latitude)) ** 2)


def _q(latitude: float) -> float:
    s = _E * math.sin(latitude)
    return (1 - _E2) * (math.sin(latitude) / (1 - s**2) - math.log((1 - s) / (1 + s)) / (2 * _E))


def _t(latitude: float) -> float:
    s = _E * math.sin(latitude)
    return math.tan(math.pi / 4 - latitude / 2) / math.pow((1 - s) / (1 + s), _E / 2)
