"""From GeoJSON to the parts of an area, with notes. Pure.

One invalid ring among hundreds is not an error: polygons without area are left out and named.

Source: RFC 7946; GeoJSON of 2008, section 3 (``crs``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias, TypeGuard

from asyncdl.errors import ConfigError
from asyncdl.m2m.searching.cover import MAX_CORNERS, corners_of
from asyncdl.m2m.searching.rings import (
    EDGE_DEG,
    NoArea,
    Polygon,
    Position,
    Ring,
    normalize_polygon,
    polygons_of,
    wrap,
)
from asyncdl.text import described

_CRS_NAME = re.compile(r"(?:urn:ogc:def:crs:)?[A-Za-z]{2,10}:[0-9.]{0,8}:?[A-Za-z0-9]{1,12}")
_TYPE_NAME = re.compile(r"[A-Za-z]{1,20}")
_BEYOND_ANY_DEGREE = 10**15
_SHOWN_NAMES = 3
_WGS84_NAMES = ("CRS84", "CRS:84", "WGS84", "WGS 84")
AS_WGS84 = frozenset({4326, 4979, 4269, 4617, 4258, 4283, 7844, 4167, 4490, 4674, 4612, 6668})
"""EPSG codes of geographic systems that are within two metres of WGS 84."""

Geometry: TypeAlias = tuple[object, object, str]
"""Type, coordinates, and name of its feature."""


@dataclass(slots=True)
class Parts:
    """The parts of an area, and notes about how they were read."""

    parts: list[Polygon] = field(default_factory=list)
    """Within [-180, 180] degrees; a point is a ring of one position."""
    empty: list[str] = field(default_factory=list)
    """Polygons without area, each with its reason."""
    lines: list[str] = field(default_factory=list)
    """Lines that were left out."""
    readings: list[str] = field(default_factory=list)
    """How ambiguous polygons were interpreted."""

    def notes(self) -> tuple[str, ...]:
        """Return sentences about parts that were left out and how ambiguous ones were read."""
        notes = []
        if self.empty:
            notes.append(f"Left out of the area because it has no area: {_few(self.empty)}.")
        if self.lines:
            notes.append(f"Left out of the area because a line has no area: {_few(self.lines)}.")
        readings = list(dict.fromkeys(self.readings))
        notes += readings[:_SHOWN_NAMES]
        if len(readings) > _SHOWN_NAMES:
            notes.append(f"{len(readings) - _SHOWN_NAMES:,} more polygons are read this way.")
        return tuple(notes)

    def check(self) -> None:
        """Raise ConfigError, with the reason, if nothing is left."""
        if self.parts:
            return
        if self.lines:
            problem = f"{_few(self.lines)} has no area; give it a width (a buffer) first"
        elif self.empty:
            problem = f"no polygon of the area of interest has an area: {_few(self.empty)}"
        else:
            problem = "the area of interest is empty"
        raise ConfigError(problem, allowed="at least one polygon or point")


def _few(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN_NAMES
    shown = "; ".join(names[:_SHOWN_NAMES])
    return f"{shown}; and {more:,} more" if more > 0 else shown


def parts_of(root: object) -> Parts:
    """Return the polygons and points of a GeoJSON object, in order.

    Raises: ConfigError, for anything but GeoJSON in degrees, and where nothing is left.
    """
    found = Parts()
    for kind, coordinates, place in _geometries(root):
        match kind:
            case "Point":
                _add_points(found, [coordinates] if _sequence(coordinates) else [])
            case "MultiPoint":
                _add_points(found, _sequence(coordinates))
            case "Polygon":
                _add_polygon(found, coordinates, place or "the polygon")
            case "MultiPolygon":
                for number, polygon in enumerate(_sequence(coordinates), 1):
                    _add_polygon(found, polygon, f"{place}{place and ', '}polygon {number:,}")
            case "LineString" | "MultiLineString":
                found.lines.append(f"{place}{place and ', '}a {kind}")
            case _:
                is_name = isinstance(kind, str) and _TYPE_NAME.fullmatch(kind)
                shown = repr(kind) if is_name else described(kind)
                allowed = "polygons and points"
                raise ConfigError(f"{shown} is not a GeoJSON type", allowed=allowed)
    found.check()
    return found


def _geometries(root: object) -> Iterator[Geometry]:
    """Yield every geometry, in order, at any depth."""
    # A stack instead of recursion: a hostile file may be nested too deeply.
    waiting: list[tuple[object, int]] = [(root, 0)]
    while waiting:
        item, number = waiting.pop()
        if item is None:  # the geometry of a feature without a place
            continue
        if not isinstance(item, Mapping):
            raise ConfigError("the area of interest is not a GeoJSON object")
        check_crs(item.get("crs"))
        match item.get("type"):
            case "FeatureCollection":
                features = _sequence(item.get("features"))
                waiting.extend(zip(reversed(features), range(len(features), 0, -1), strict=True))
            case "GeometryCollection":
                inner = _sequence(item.get("geometries"))
                waiting.extend((geometry, number) for geometry in reversed(inner))
            case "Feature":
                waiting.append((item.get("geometry"), number))
            case kind:
                yield kind, item.get("coordinates"), f"feature {number:,}" if number else ""


class OtherReferenceSystem(ConfigError):
    """GeoJSON that names a reference system other than WGS 84."""


def check_crs(crs: object) -> None:
    """Check that a named reference system is WGS 84 or within two metres of it.

    Raises: OtherReferenceSystem.
    Source: GeoJSON of 2008, section 3; RFC 7946, section 4, dropped the member.
    """
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    name = properties.get("name") if isinstance(properties, Mapping) else crs
    if isinstance(name, str) and _is_wgs84(name.strip().upper()):
        return
    is_name = isinstance(name, str) and _CRS_NAME.fullmatch(name)
    shown = name if is_name else "another reference system"
    raise OtherReferenceSystem(
        f"the coordinates are in {shown}; reproject them to longitude and latitude",
        allowed="WGS 84 (EPSG:4326)",
    )


def _is_wgs84(name: str) -> bool:
    if name.endswith(_WGS84_NAMES):
        return True
    code = name.rpartition(":")[2]
    return "EPSG" in name and code.isascii() and code.isdigit() and _code(code) in AS_WGS84


def _code(digits: str) -> int:
    return int(digits) if len(digits) < 10 else 0


def _sequence(value: object) -> Sequence[object]:
    if value is None:
        return ()
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return value
    raise ConfigError(f"expected a list of coordinates, found {described(value)}")


def _add_points(found: Parts, positions: Sequence[object]) -> None:
    points = [_read_position(position) for position in positions]
    check_degrees(points)
    found.parts.extend([[(wrap(x), max(-90.0, min(90.0, y)))]] for x, y in points)


def _add_polygon(found: Parts, coordinates: object, place: str) -> None:
    """Add a polygon, whose first ring is the outer one."""
    given = [ring for ring in _sequence(coordinates) if _sequence(ring)]
    if not given:
        return
    try:
        normalized = normalize_polygon([_read_ring(given[0]), *_holes_in(given[1:])])
    except NoArea as error:
        found.empty.append(f"{place}, {_first_of(given[0])}: {error.problem}")
        return
    if normalized.reading:
        found.readings.append(normalized.reading)
    for part in normalized.pieces:
        # Polygons that are sent to the service unchanged have to be valid.
        is_small = corners_of([part]) <= MAX_CORNERS
        found.parts.extend(polygons_of(part) if is_small else [part])


def _holes_in(rings: Iterable[object]) -> Iterator[Ring]:
    for ring in rings:
        with suppress(NoArea):  # a hole without area
            yield _read_ring(ring)


def _first_of(ring: object) -> str:
    x, y = _read_position(_sequence(ring)[0])
    return f"at {x:.10g}, {y:.10g}"


def _read_ring(value: object) -> Ring:
    positions = [_read_position(position) for position in _sequence(value)]
    check_degrees(positions)
    if positions[0] != positions[-1]:
        positions.append(positions[0])
    ring = [positions[0]]
    ring.extend(b for a, b in pairwise(positions) if a != b)
    if len(ring) < 4:
        raise NoArea("a ring of a polygon has fewer than 3 different corners")
    return ring


def _read_position(value: object) -> Position:
    # A third number, the height, is ignored.
    numbers = _sequence(value)[:2]
    if len(numbers) == 2:
        longitude, latitude = numbers
        if _is_number(longitude) and _is_number(latitude):
            return float(longitude), float(latitude)
    raise ConfigError(f"expected a longitude and a latitude, found {described(value)}")


def _is_number(value: object) -> TypeGuard[int | float]:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < _BEYOND_ANY_DEGREE  # larger ones may overflow a float
    return isinstance(value, float) and math.isfinite(value)


def check_degrees(positions: Sequence[Position]) -> None:
    """Check that positions are longitude and latitude; the error says what they look like.

    Longitudes up to 360 either way are accepted: 190 is used for -170.
    """
    turn, pole = 360 + EDGE_DEG, 90 + EDGE_DEG
    if all(abs(x) <= turn and abs(y) <= pole for x, y in positions):
        return
    if all(abs(x) <= pole and abs(y) <= turn for x, y in positions):
        raise ConfigError("latitude and longitude are swapped", allowed="longitude first")
    raise ConfigError(
        "the coordinates are not longitude and latitude; reproject them if they are metres",
        allowed="degrees, WGS 84 (EPSG:4326)",
    )
