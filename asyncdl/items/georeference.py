"""Where the pixels of a GeoTIFF are.

Source: OGC GeoTIFF 1.1, section 7; TIFF 6.0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asyncdl.transfer.proving.malformed import Malformed
from asyncdl.transfer.proving.tiff import read_numbers

_WIDTH, _HEIGHT, _PIXEL_SCALE, _TIE_POINT, _GEO_KEYS = 256, 257, 33550, 33922, 34735
_RASTER_TYPE, _PROJECTED_CRS = 1025, 3072
_POINTS = 2
"""Raster type in which a coordinate is that of a pixel's middle."""
_CODES = range(1024, 32767)
"""Of systems that EPSG knows; beyond, the file would have to describe its own."""
_UTM_NORTH, _UTM_SOUTH = range(32601, 32661), range(32701, 32761)

_SEMI_MAJOR_M = 6_378_137.0
_FLATTENING = 1 / 298.257223563
_SCALE = 0.9996
_FALSE_EASTING_M = 500_000.0
_FALSE_NORTHING_M = 10_000_000.0
"""South of the equator; Landsat counts from zero there, too, under the northern code."""


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where a raster lies."""

    epsg: int | None
    """``None`` for a system without a code."""
    transform: tuple[float, float, float, float, float, float]
    """Column and row to x and y: ``x = a * column + b * row + c``, then y the same way."""
    shape: tuple[int, int]
    """Rows, then columns."""

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """x and y of the outer corners, from the upper left one against the clock."""
        a, b, c, d, e, f = self.transform
        rows, columns = self.shape
        at = ((0, 0), (0, rows), (columns, rows), (columns, 0))
        return tuple((a * i + b * j + c, d * i + e * j + f) for i, j in at)

    def footprint(self) -> tuple[tuple[float, float], ...] | None:
        """Return longitude and latitude of the corners; ``None`` if it is not in UTM."""
        zone = utm_zone_of(self.epsg)
        if zone is None:
            return None
        return tuple(from_utm(x, y, *zone) for x, y in self.corners)


def read_georeference(path: Path) -> Georeference | None:
    """Read the head of a GeoTIFF; ``None`` if it is none, or not laid out north up. Blocks.

    Raises: OSError.
    """
    tags = (_WIDTH, _HEIGHT, _PIXEL_SCALE, _TIE_POINT, _GEO_KEYS)
    try:
        with path.open("rb") as file:
            found = read_numbers(file, path.stat().st_size, tags)
    except Malformed:
        return None
    if len(found.get(_PIXEL_SCALE, ())) < 2 or len(found.get(_TIE_POINT, ())) < 6:
        return None
    keys = _keys(tuple(int(number) for number in found.get(_GEO_KEYS, ())))
    shift = 0.5 if keys.get(_RASTER_TYPE) == _POINTS else 0.0
    dx, dy, *_ = found[_PIXEL_SCALE]
    column, row, _, x, y, *_ = found[_TIE_POINT]
    code = keys.get(_PROJECTED_CRS, 0)
    return Georeference(
        code if code in _CODES else None,
        (dx, 0.0, x - (column + shift) * dx, 0.0, -dy, y + (row + shift) * dy),
        (int(found[_HEIGHT][0]), int(found[_WIDTH][0])),
    )


def _keys(numbers: tuple[int, ...]) -> Mapping[int, int]:
    """Return the keys whose values stand in the directory of keys itself."""
    entries = zip(*(numbers[at::4] for at in range(4)), strict=False)
    return {key: value for key, location, _, value in list(entries)[1:] if location == 0}


def utm_zone_of(epsg: int | None) -> tuple[int, bool] | None:
    """Return the UTM zone of a code, and whether it is a southern one."""
    if epsg is None:
        return None
    if epsg in _UTM_NORTH:
        return epsg - _UTM_NORTH.start + 1, False
    return (epsg - _UTM_SOUTH.start + 1, True) if epsg in _UTM_SOUTH else None


def from_utm(x: float, y: float, zone: int, is_south: bool = False) -> tuple[float, float]:
    """Return longitude and latitude on WGS 84 in degrees of a point in UTM, in metres.

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
    return (math.degrees(longitude) + 180) % 360 - 180, math.degrees(latitude)
