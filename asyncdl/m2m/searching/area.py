"""From an area of interest to the spatial filters of a search.

GeoJSON, WKT, a box or a point goes in; what comes out covers the same ground within
[-180, 180] degrees, so that a polygon over the antimeridian becomes two. Pure:
nothing here reads a file or asks the service.

Source: RFC 7946 (GeoJSON); API notes, section 4.2 (the filters).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias, TypeGuard

import orjson

from asyncdl.errors import ConfigError
from asyncdl.m2m.models import Json
from asyncdl.m2m.searching.rings import (
    Polygon,
    Position,
    Ring,
    bounds,
    cut_at_antimeridian,
    is_box,
    spans,
    wrap,
)
from asyncdl.m2m.searching.wkt import read_wkt
from asyncdl.outside import TooMuch, check_values
from asyncdl.text import described

SpatialFilter: TypeAlias = dict[str, Json]
"""A ``spatialFilter`` of ``scene-search``: kind ``mbr`` or ``geojson``."""

Area: TypeAlias = tuple[SpatialFilter, ...]
"""What to search, a search for each filter; scenes found twice count once."""

MAX_VALUES = 3_000_000
"""Of GeoJSON: a million corners, which no search takes."""
MAX_FILTERS = 25
"""One search each, and one call at a time: more would take minutes before the first file."""

POINT_MARGIN_DEG = 0.0001
"""Half the width of the box around a point, about 11 m: no box of no size is searched."""

_CRS_NAME = re.compile(r"(?:urn:ogc:def:crs:)?[A-Za-z]{2,10}:[0-9.]{0,8}:?[A-Za-z0-9]{1,12}")
_TYPE_NAME = re.compile(r"[A-Za-z]{1,20}")
_BEYOND_ANY_DEGREE = 10**15
_WGS84_NAMES = ("CRS84", "EPSG:4326", "EPSG::4326", "EPSG:4979", "EPSG::4979")


def area_from_bbox(west: float, south: float, east: float, north: float) -> Area:
    """Return the filters for a box.

    Args:
        west: Degrees; greater than ``east`` for a box over the antimeridian.
        south: Degrees, less than ``north``.
        east: Degrees; beyond 180 also means over the antimeridian.
        north: Degrees.
    Returns: One filter, or two for a box over the antimeridian.
    Raises: ConfigError, if the numbers make no box on earth.
    """
    box = (west, south, east, north)
    try:
        _check_degrees([(west, south), (east, north)])
        if not south < north or west == east:
            raise ConfigError("the box is empty", allowed="[west, south, east, north], in degrees")
    except ConfigError as error:
        error.key, error.value = "search.bbox", list(box)
        raise
    return tuple(
        _mbr(left, south, right, north)
        for left, right in spans(west, east if west < east else east + 360)
    )


def area_from_point(longitude: float, latitude: float) -> Area:
    """Return the filter for a point: a box of a few metres around it.

    Raises: ConfigError, if the numbers are no longitude and latitude.
    """
    try:
        _check_degrees([(longitude, latitude)])
    except ConfigError as error:
        error.key, error.value = "search.point", [longitude, latitude]
        raise
    return (_point_filter((longitude, latitude)),)


def area_from_geojson(data: object, *, source: Path | None = None) -> Area:
    """Return the filters for an area of interest in GeoJSON.

    Args:
        data: The text, or what it decodes to, or an object with ``__geo_interface__``.
        source: The file it came from, for messages.
    Returns: One filter for each polygon and point, in order, and one more for each
        polygon over the antimeridian. A rectangle along the axes becomes a box.
    Raises: ConfigError, for anything but polygons and points in degrees, for an
        empty area, and for more than ``MAX_FILTERS`` filters.
    """
    return _area_from(lambda: _decode(data), source)


def area_from_wkt(text: str, *, source: Path | None = None) -> Area:
    """Return the filters for an area of interest in well-known text.

    Args:
        text: One geometry, longitude first.
        source: The file it came from, for messages.
    Returns: As :func:`area_from_geojson`.
    Raises: ConfigError, for what is no WKT, and as :func:`area_from_geojson`.
    """
    return _area_from(lambda: read_wkt(text), source)


def _area_from(decode: Callable[[], object], source: Path | None) -> Area:
    try:
        area = tuple(_filters(decode()))
        _check_count(area)
    except ConfigError as error:
        error.file = source
        raise
    return area


def polygons_of(area: Area) -> list[Polygon]:
    """Return the ground that an area covers, for those who draw it: one polygon a filter."""
    return [_polygon_of(spatial) for spatial in area]


def _polygon_of(spatial: SpatialFilter) -> Polygon:
    match spatial:
        case {"geoJson": {"coordinates": [*rings]}}:
            return [[(x, y) for x, y in ring] for ring in rings]
        case {
            "lowerLeft": {"longitude": west, "latitude": south},
            "upperRight": {"longitude": east, "latitude": north},
        }:
            return [[(west, south), (east, south), (east, north), (west, north), (west, south)]]
    raise AssertionError(f"no filter of this module: {spatial}")


def _check_count(area: Area) -> None:
    if not area:
        raise ConfigError("the area of interest is empty", allowed="at least one polygon or point")
    if len(area) > MAX_FILTERS:
        raise ConfigError(
            f"the area of interest has {len(area)} separate parts; dissolve or simplify it, "
            "or search its bounding box with bbox",
            allowed=f"at most {MAX_FILTERS} parts",
        )


def _decode(data: object) -> object:
    if isinstance(data, bytes | bytearray | str):
        text = data.removeprefix("\ufeff") if isinstance(data, str) else bytes(data)
        if isinstance(text, bytes):
            text = text.removeprefix(b"\xef\xbb\xbf")
        try:
            check_values(
                text.encode(errors="replace") if isinstance(text, str) else text, MAX_VALUES
            )
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ConfigError(f"the area of interest is not JSON: {error}") from None
        except TooMuch as error:
            raise ConfigError(f"the area of interest {error}; simplify it") from None
    return getattr(data, "__geo_interface__", data)


def _filters(root: object) -> Iterator[SpatialFilter]:
    for kind, coordinates in _geometries(root):
        if kind == "Point":
            yield from _point_filters([coordinates] if _sequence(coordinates) else [])
        elif kind == "MultiPoint":
            yield from _point_filters(_sequence(coordinates))
        elif kind == "Polygon":
            yield from _polygon_filters(coordinates)
        elif kind == "MultiPolygon":
            for polygon in _sequence(coordinates):
                yield from _polygon_filters(polygon)
        elif kind in ("LineString", "MultiLineString"):
            raise ConfigError(f"a {kind} has no area; give it a width (a buffer) first")
        else:
            raise ConfigError(_no_type(kind), allowed="polygons and points")


def _geometries(root: object) -> Iterator[tuple[object, object]]:
    """Yield type and coordinates of every geometry, in order, however deep they stand."""
    # A stack, because a hostile file may be nested deeper than Python's own.
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if item is None:  # the geometry of a feature without a place
            continue
        if not isinstance(item, Mapping):
            raise ConfigError("the area of interest is no GeoJSON object")
        _check_crs(item.get("crs"))
        match item.get("type"):
            case "FeatureCollection":
                waiting.extend(reversed(_sequence(item.get("features"))))
            case "GeometryCollection":
                waiting.extend(reversed(_sequence(item.get("geometries"))))
            case "Feature":
                waiting.append(item.get("geometry"))
            case kind:
                yield kind, item.get("coordinates")


def _no_type(kind: object) -> str:
    is_name = isinstance(kind, str) and _TYPE_NAME.fullmatch(kind)
    return f"{kind!r} is no GeoJSON type" if is_name else f"{described(kind)} is no GeoJSON type"


class OtherReferenceSystem(ConfigError):
    """GeoJSON whose coordinates are no longitudes and latitudes, as it says itself."""


def _check_crs(crs: object) -> None:
    """Refuse a named reference system other than WGS 84.

    Raises: OtherReferenceSystem.
    Source: GeoJSON of 2008, section 3; RFC 7946, section 4, dropped the member.
    """
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    name = properties.get("name") if isinstance(properties, Mapping) else crs
    if not isinstance(name, str) or not name.upper().endswith(_WGS84_NAMES):
        is_name = isinstance(name, str) and _CRS_NAME.fullmatch(name)
        told = name if is_name else "another reference system"
        raise OtherReferenceSystem(
            f"the coordinates are in {told}; reproject them to longitude and latitude",
            allowed="WGS 84 (EPSG:4326)",
        )


def _sequence(value: object) -> Sequence[object]:
    if value is None:
        return ()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value
    raise ConfigError(f"expected a list of coordinates, found {described(value)}")


def _point_filters(positions: Iterable[object]) -> Iterator[SpatialFilter]:
    points = [_read_position(position) for position in positions]
    _check_degrees(points)
    return map(_point_filter, points)


def _point_filter(point: Position) -> SpatialFilter:
    longitude, latitude = wrap(point[0]), point[1]
    return _mbr(
        max(longitude - POINT_MARGIN_DEG, -180.0),
        max(latitude - POINT_MARGIN_DEG, -90.0),
        min(longitude + POINT_MARGIN_DEG, 180.0),
        min(latitude + POINT_MARGIN_DEG, 90.0),
    )


def _polygon_filters(coordinates: object) -> Iterator[SpatialFilter]:
    rings = [_read_ring(ring) for ring in _sequence(coordinates) if _sequence(ring)]
    for polygon in cut_at_antimeridian(rings) if rings else ():
        west, south, east, north = bounds(polygon[0])
        yield (
            _mbr(west, south, east, north)
            if is_box(polygon)
            else {
                "filterType": "geojson",
                "geoJson": {
                    "type": "Polygon",
                    "coordinates": [[list(position) for position in ring] for ring in polygon],
                },
            }
        )


def _mbr(west: float, south: float, east: float, north: float) -> SpatialFilter:
    return {
        "filterType": "mbr",
        "lowerLeft": {"latitude": south, "longitude": west},
        "upperRight": {"latitude": north, "longitude": east},
    }


def _read_ring(value: object) -> Ring:
    positions = [_read_position(position) for position in _sequence(value)]
    _check_degrees(positions)
    if positions[0] != positions[-1]:
        positions.append(positions[0])
    ring = [positions[0]]
    ring.extend(b for a, b in pairwise(positions) if a != b)
    if len(ring) < 4:
        raise ConfigError("a ring of a polygon has fewer than 3 different corners")
    return ring


def _read_position(value: object) -> Position:
    # A third number, the height, means nothing to the search.
    numbers = _sequence(value)[:2]
    if len(numbers) == 2:
        longitude, latitude = numbers
        if _is_number(longitude) and _is_number(latitude):
            return float(longitude), float(latitude)
    raise ConfigError(f"expected a longitude and a latitude, found {described(value)}")


def _is_number(value: object) -> TypeGuard[int | float]:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < _BEYOND_ANY_DEGREE  # which may be too much for a float
    return isinstance(value, float) and math.isfinite(value)


def _check_degrees(positions: Sequence[Position]) -> None:
    """Refuse what cannot be longitude and latitude, and say what it looks like.

    Longitudes up to 360 either way are let through: people write 190 for -170.
    """
    if all(abs(x) <= 360 and abs(y) <= 90 for x, y in positions):
        return
    if all(abs(x) <= 90 and abs(y) <= 360 for x, y in positions):
        raise ConfigError("latitude and longitude are swapped", allowed="longitude first")
    raise ConfigError(
        "the coordinates are no longitude and latitude; reproject them if they are metres",
        allowed="degrees, WGS 84 (EPSG:4326)",
    )
