"""The map projections of Landsat products: UTM, polar stereographic, and Albers for tiles. Pure.

All are on WGS 84. Only from metres to degrees; the inverse is not needed.

Source: Snyder, Map Projections: A Working Manual (USGS Professional Paper 1395), chapters 14
and 21; Krüger's series for UTM; PROJJSON 0.7; OGC 18-010r7 (WKT 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Point: TypeAlias = tuple[float, float]
"""x and y in metres, or longitude and latitude in degrees."""
Json: TypeAlias = dict[str, Any]

_SEMI_MAJOR_M = 6_378_137.0
_INVERSE_FLATTENING = 298.257223563
_FLATTENING = 1 / _INVERSE_FLATTENING
_E2 = _FLATTENING * (2 - _FLATTENING)
_E = math.sqrt(_E2)

_SCALE = 0.9996
_FALSE_EASTING_M = 500_000.0
_FALSE_NORTHING_M = 10_000_000.0
"""South of the equator; Landsat uses the northern code with negative northings instead."""
_UTM_NORTH, _UTM_SOUTH = range(32601, 32661), range(32701, 32761)

_ROUNDS = 30
"""Maximum iterations, each of which gains two digits."""
_CLOSE = 1e-14


@dataclass(frozen=True, slots=True)
class Polar:
    """A polar stereographic projection with a latitude of true scale."""

    true_scale: float
    """Latitude, degrees; negative around the south pole."""
    meridian: float
    """The longitude straight down (north) or up (south) from the pole, degrees."""
    false_easting: float = 0.0
    false_northing: float = 0.0


@dataclass(frozen=True, slots=True)
class Albers:
    """An equal-area conic projection."""

    first: float
    """Southern standard parallel, degrees, as all angles here."""
    second: float
    origin: float
    """Latitude."""
    meridian: float
    """Longitude of the origin."""
    false_easting: float = 0.0
    false_northing: float = 0.0


Projection: TypeAlias = Polar | Albers

KNOWN_CODES: Mapping[Projection, int] = {Polar(-71.0, 0.0): 3031, Polar(70.0, -45.0): 3413}
"""EPSG codes of projections that files describe by parameters."""


@dataclass(frozen=True, slots=True)
class Crs:
    """A coordinate system: its code, its projection, or both."""

    epsg: int | None = None
    projection: Projection | None = None

    def fields(self) -> Json:
        """Return the fields of the projection extension; empty for an unknown system.

        ``proj:epsg`` is included besides its successor, since stackstac and GDAL before 3.11
        need it; this requires version 1.2 of the extension, which has both.
        """
        if self.epsg is not None:
            return {"proj:code": f"EPSG:{self.epsg}", "proj:epsg": self.epsg}
        if self.projection is None:
            return {}
        return {
            "proj:code": None,
            "proj:epsg": None,
            "proj:wkt2": wkt2_of(self.projection),
            "proj:projjson": projjson_of(self.projection),
        }

    def to_degrees(self) -> Callable[[float, float], Point] | None:
        """Return a function from x and y to longitude and latitude; ``None`` if unknown."""
        if zone := utm_zone_of(self.epsg):
            return lambda x, y: from_utm(x, y, *zone)
        match self.projection or _BY_CODE.get(self.epsg or 0):
            case Polar() as polar:
                return lambda x, y: from_polar(x, y, polar)
            case Albers() as albers:
                return lambda x, y: from_albers(x, y, albers)
        return None


_BY_CODE = {code: projection for projection, code in KNOWN_CODES.items()}


def crs_of(projection: Projection) -> Crs:
    """Return the coordinate system of a projection, with its code if it has one."""
    return Crs(KNOWN_CODES.get(projection), projection)


# --- to degrees ---------------------------------------------------------------------------


def utm_zone_of(epsg: int | None) -> tuple[int, bool] | None:
    """Return the UTM zone of a code, and whether it is southern."""
    if epsg is None:
        return None
    if epsg in _UTM_NORTH:
        return epsg - _UTM_NORTH.start + 1, False
    return (epsg - _UTM_SOUTH.start + 1, True) if epsg in _UTM_SOUTH else None


def from_utm(x: float, y: float, zone: int, is_south: bool = False) -> Point:
    """Convert a point in UTM, in metres, to longitude and latitude on WGS 84, in degrees.

    Source: Krüger's series to the third power of n, good to a centimetre.
    """
    n = _FLATTENING / (2 - _FLATTENING)
    radius = _SCALE * _SEMI_MAJOR_M / (1 + n) * (1 + n**2 / 4)
    xi = (y - (_FALSE_NORTHING_M if is_south else 0.0)) / radius
    eta = (x - _FALSE_EASTING_M) / radius
    betas = (n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96, n**2 / 48 + n**3 / 15, 17 * n**3 / 480)
    north, east = xi, eta
    for j, beta in enumerate(betas, start=1):
        north -= beta * math.sin(2 * j * xi) * math.cosh(2 * j * eta)
        east -= beta * math.cos(2 * j * xi) * math.sinh(2 * j * eta)
    chi = math.asin(math.sin(north) / math.cosh(east))
    deltas = (2 * n - 2 * n**2 / 3 - 2 * n**3, 7 * n**2 / 3 - 8 * n**3 / 5, 56 * n**3 / 15)
    latitude = chi + sum(d * math.sin(2 * j * chi) for j, d in enumerate(deltas, start=1))
    longitude = math.radians(zone * 6 - 183) + math.atan2(math.sinh(east), math.cos(north))
    return _degrees(longitude, latitude)


def from_polar(x: float, y: float, polar: Polar) -> Point:
    """Convert a point in a polar stereographic projection to longitude and latitude.

    Source: Snyder, equations 21-33 to 21-40 and 7-9.
    """
    # At the south pole all signs are reversed.
    sign = math.copysign(1.0, polar.true_scale)
    x, y = sign * (x - polar.false_easting), sign * (y - polar.false_northing)
    true_scale = math.radians(abs(polar.true_scale))
    t = math.hypot(x, y) * _t(true_scale) / (_SEMI_MAJOR_M * _m(true_scale))
    longitude = sign * math.radians(polar.meridian) + math.atan2(x, -y)
    return _degrees(sign * longitude, sign * _latitude_of_t(t))


def _latitude_of_t(t: float) -> float:
    latitude = math.pi / 2 - 2 * math.atan(t)
    for _ in range(_ROUNDS):
        s = _E * math.sin(latitude)
        better = math.pi / 2 - 2 * math.atan(t * ((1 - s) / (1 + s)) ** (_E / 2))
        if abs(better - latitude) < _CLOSE:
            break
        latitude = better
    return latitude


def from_albers(x: float, y: float, albers: Albers) -> Point:
    """Convert a point in an Albers projection to longitude and latitude.

    Source: Snyder, equations 14-8 to 14-21 and 3-16.
    """
    first, second, origin = map(math.radians, (albers.first, albers.second, albers.origin))
    m1, q1 = _m(first), _q(first)
    n = (m1**2 - _m(second) ** 2) / (_q(second) - q1) if first != second else math.sin(first)
    c = m1**2 + n * q1
    rho_origin = _SEMI_MAJOR_M * math.sqrt(c - n * _q(origin)) / n
    x, y = x - albers.false_easting, rho_origin - (y - albers.false_northing)
    sign = math.copysign(1.0, n)
    q = (c - (math.hypot(x, y) * n / _SEMI_MAJOR_M) ** 2) / n
    longitude = math.radians(albers.meridian) + math.atan2(sign * x, sign * y) / n
    return _degrees(longitude, _latitude_of_q(q))


def _latitude_of_q(q: float) -> float:
    latitude = math.asin(max(-1.0, min(1.0, q / 2)))
    for _ in range(_ROUNDS):
        sine, cosine = math.sin(latitude), math.cos(latitude)
        if cosine < _CLOSE:
            break
        s = 1 - _E2 * sine**2
        logarithm = math.log((1 - _E * sine) / (1 + _E * sine)) / (2 * _E)
        step = s**2 / (2 * cosine) * (q / (1 - _E2) - sine / s + logarithm)
        latitude = max(-math.pi / 2, min(math.pi / 2, latitude + step))
        if abs(step) < _CLOSE:
            break
    return latitude


def _m(latitude: float) -> float:
    return math.cos(latitude) / math.sqrt(1 - (_E * math.sin(latitude)) ** 2)


def _q(latitude: float) -> float:
    s = _E * math.sin(latitude)
    return (1 - _E2) * (math.sin(latitude) / (1 - s**2) - math.log((1 - s) / (1 + s)) / (2 * _E))


def _t(latitude: float) -> float:
    s = _E * math.sin(latitude)
    return math.tan(math.pi / 4 - latitude / 2) / math.pow((1 - s) / (1 + s), _E / 2)


def _degrees(longitude: float, latitude: float) -> Point:
    return (math.degrees(longitude) + 180) % 360 - 180, math.degrees(latitude)


# --- as text ------------------------------------------------------------------------------

_METHODS = {
    Polar: ("Polar Stereographic (variant B)", 9829),
    Albers: ("Albers Equal Area", 9822),
}
_DEGREES, _METRES = "degree", "metre"
_UNITS = {
    _DEGREES: 'ANGLEUNIT["degree",0.0174532925199433]',
    _METRES: 'LENGTHUNIT["metre",1]',
}


def _parameters(projection: Projection) -> list[tuple[str, int, float, str]]:
    """Return name, EPSG code, value and unit of each parameter."""
    match projection:
        case Polar():
            return [
                ("Latitude of standard parallel", 8832, projection.true_scale, _DEGREES),
                ("Longitude of origin", 8833, projection.meridian, _DEGREES),
                ("False easting", 8806, projection.false_easting, _METRES),
                ("False northing", 8807, projection.false_northing, _METRES),
            ]
        case Albers():
            return [
                ("Latitude of false origin", 8821, projection.origin, _DEGREES),
                ("Longitude of false origin", 8822, projection.meridian, _DEGREES),
                ("Latitude of 1st standard parallel", 8823, projection.first, _DEGREES),
                ("Latitude of 2nd standard parallel", 8824, projection.second, _DEGREES),
                ("Easting at false origin", 8826, projection.false_easting, _METRES),
                ("Northing at false origin", 8827, projection.false_northing, _METRES),
            ]


def _name(projection: Projection) -> str:
    return f"WGS 84 / {'Albers' if isinstance(projection, Albers) else 'Polar Stereographic'}"


def projjson_of(projection: Projection) -> Json:
    """Return a projection as PROJJSON."""
    method, code = _METHODS[type(projection)]
    return {
        "$schema": "https://proj.org/schemas/v0.7/projjson.schema.json",
        "type": "ProjectedCRS",
        "name": _name(projection),
        "base_crs": _WGS84,
        "conversion": {
            "name": _name(projection),
            "method": {"name": method, "id": {"authority": "EPSG", "code": code}},
            "parameters": [
                {
                    "name": name,
                    "value": value,
                    "unit": unit,
                    "id": {"authority": "EPSG", "code": number},
                }
                for name, number, value, unit in _parameters(projection)
            ],
        },
        "coordinate_system": {
            "subtype": "Cartesian",
            "axis": [
                {"name": name, "abbreviation": short, "direction": way, "unit": _METRES}
                for name, short, way in _axes(projection)
            ],
        },
    }


def wkt2_of(projection: Projection) -> str:
    """Return a projection as well-known text of version 2."""
    method, code = _METHODS[type(projection)]
    parameters = ",".join(
        f'PARAMETER["{name}",{value},{_UNITS[unit]},ID["EPSG",{number}]]'
        for name, number, value, unit in _parameters(projection)
    )
    axes = ",".join(
        f'AXIS["{name.lower()} ({short})",{way}]' for name, short, way in _axes(projection)
    )
    return (
        f'PROJCRS["{_name(projection)}",{_WGS84_TEXT},'
        f'CONVERSION["{_name(projection)}",METHOD["{method}",ID["EPSG",{code}]],{parameters}],'
        f"CS[Cartesian,2],{axes},{_UNITS[_METRES]}]"
    )


def _axes(projection: Projection) -> list[tuple[str, str, str]]:
    ways = ("east", "north")
    if isinstance(projection, Polar):  # from a pole every direction leads to the other one
        ways = ("north", "north") if projection.true_scale < 0 else ("south", "south")
    return [("Easting", "E", ways[0]), ("Northing", "N", ways[1])]


_WGS84: Json = {
    "type": "GeographicCRS",
    "name": "WGS 84",
    "datum": {
        "type": "GeodeticReferenceFrame",
        "name": "World Geodetic System 1984",
        "ellipsoid": {
            "name": "WGS 84",
            "semi_major_axis": _SEMI_MAJOR_M,
            "inverse_flattening": _INVERSE_FLATTENING,
        },
    },
    "coordinate_system": {
        "subtype": "ellipsoidal",
        "axis": [
            {
                "name": "Geodetic latitude",
                "abbreviation": "Lat",
                "direction": "north",
                "unit": _DEGREES,
            },
            {
                "name": "Geodetic longitude",
                "abbreviation": "Lon",
                "direction": "east",
                "unit": _DEGREES,
            },
        ],
    },
    "id": {"authority": "EPSG", "code": 4326},
}
_WGS84_TEXT = (
    'BASEGEOGCRS["WGS 84",DATUM["World Geodetic System 1984",'
    f'ELLIPSOID["WGS 84",{_SEMI_MAJOR_M:.0f},{_INVERSE_FLATTENING},LENGTHUNIT["metre",1]]],'
    'PRIMEM["Greenwich",0,ANGLEUNIT["degree",0.0174532925199433]],ID["EPSG",4326]]'
)
