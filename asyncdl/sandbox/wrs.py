"""The Worldwide Reference System 2: position of a path and row, and dates of its passes.

Accurate to about half a degree, enough to put a scene over the right country.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from functools import lru_cache

from asyncdl.sandbox.geometry import Point, Ring, encloses, rectangle

PATHS = 233
ROWS = 248
"""Rows of one orbit; 60 is the equator on the way south."""
_INCLINATION = math.radians(98.2)
_LONGITUDE_OF_PATH_1 = -64.6
_HALF_WIDTH_KM = 95.5
_HALF_HEIGHT_KM = 95.0
_TILT = 0.155
"""Sine of the track's tilt at the equator, with the turn of the Earth."""
_KM_PER_DEGREE = 111.3

_LAND = tuple(
    rectangle(*box)
    for box in (
        (-124, 26, -80, 50),
        (-130, 50, -70, 62),
        (-78, -34, -44, -2),
        (-8, 37, 40, 68),
        (-14, 5, 44, 34),
        (12, -33, 38, 4),
        (44, 12, 80, 60),
        (80, 20, 120, 70),
        (115, -33, 150, -18),
    )
)
"""Boxes over the continents, none of which touches Alaska: only real scenes are there."""

_CYCLE = timedelta(days=16)
_CYCLE_START = date(2020, 2, 27)
"""A day on which Landsat 8 was at the (hypothetical) path 0."""


def centre(path: int, row: int) -> Point:
    """Return the centre of a scene on the descending orbit."""
    angle = math.radians((row - 60) * 360 / ROWS)
    latitude = math.degrees(math.asin(-math.sin(_INCLINATION) * math.sin(angle)))
    along = math.atan2(math.cos(_INCLINATION) * math.sin(angle), math.cos(angle))
    # 233 orbits in 16 days: the Earth turns under the satellite while it flies.
    turned = math.degrees(angle) * 16 / PATHS
    longitude = _LONGITUDE_OF_PATH_1 - (path - 1) * 360 / PATHS + math.degrees(along) - turned
    return (longitude + 180) % 360 - 180, latitude


def footprint(path: int, row: int) -> Ring:
    """Return the four corners of a scene, from the lower left, counter-clockwise.

    Longitudes exceed 180 where the scene crosses the antimeridian.
    """
    middle = centre(path, row)
    tilt = math.asin(min(_TILT / max(math.cos(math.radians(middle[1])), _TILT), 1.0))
    corners = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return tuple(_corner(middle, tilt, x, y) for x, y in corners)


def _corner(middle: Point, tilt: float, x: int, y: int) -> Point:
    east_km = x * _HALF_WIDTH_KM * math.cos(tilt) + y * _HALF_HEIGHT_KM * math.sin(tilt)
    north_km = y * _HALF_HEIGHT_KM * math.cos(tilt) - x * _HALF_WIDTH_KM * math.sin(tilt)
    latitude = middle[1] + north_km / _KM_PER_DEGREE
    longitude = middle[0] + east_km / (_KM_PER_DEGREE * math.cos(math.radians(latitude)))
    return round(longitude, 5), round(latitude, 5)


@lru_cache(maxsize=PATHS)
def first_pass(path: int, *, after: date) -> date:
    """Return the first day, ``after`` or later, on which Landsat 8 flies over a path."""
    days = (_CYCLE_START - after).days + 7 * path
    return after + timedelta(days=days % _CYCLE.days)


@lru_cache(maxsize=1)
def land_places() -> tuple[tuple[int, int], ...]:
    """Return the paths and rows whose centre is roughly over land."""
    return tuple(
        (path, row)
        for path in range(1, PATHS + 1)
        for row in range(10, 100)
        if any(encloses(box, centre(path, row)) for box in _LAND)
    )
