"""The head of a GeoTIFF: its georeference and its sample format.

Source: TIFF 6.0, tags 258, 322 and 339; GDAL's tag 42113; STAC 1.1.0, common metadata; OGC
GeoTIFF 1.1, section 7.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import BinaryIO

from asyncdl.items.projections import Albers, Crs, Point, Polar, Projection, crs_of
from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.tiff import read_numbers

_BITS, _TILE_WIDTH, _FORMAT, _NO_DATA = 258, 322, 339, 42113
_KINDS = {1: ("uint", (8, 16, 32, 64)), 2: ("int", (8, 16, 32, 64)), 3: ("float", (16, 32, 64))}
"""By sample format: name and widths for which STAC has a data type."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Sample format of a raster."""

    data_type: str
    """Data type in STAC and numpy, such as ``uint16``."""
    no_data: int | float | str | None
    """``"nan"`` for NaN; ``None`` if there is no such value."""
    is_tiled: bool = False
    """Whether the raster is tiled, as cloud-optimized files are."""


def read_samples(path: Path) -> Samples | None:
    """Read the sample format of a file, as :func:`samples_in`. Blocks. Raises: OSError."""
    with path.open("rb") as file:
        return samples_in(file)


def samples_in(file: BinaryIO) -> Samples | None:
    """Read the sample format; ``None`` if it is no GeoTIFF, or of an unnamed type. Blocks.

    Raises: OSError.
    """
    try:
        found = read_numbers(file, _length_of(file), (_BITS, _TILE_WIDTH, _FORMAT, _NO_DATA))
    except Malformed:
        return None
    kind, widths = _KINDS.get(int(found.get(_FORMAT, (1,))[0]), ("", ()))
    bits = int(found.get(_BITS, (1,))[0])
    if bits not in widths:
        return None
    no_data = _number(bytes(map(int, found.get(_NO_DATA, ()))))
    return Samples(f"{kind}{bits}", no_data, _TILE_WIDTH in found)


def _length_of(file: BinaryIO) -> int:
    """Return the length of a file, which is then read from its start."""
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    return length


def _number(text: bytes) -> int | float | str | None:
    try:
        value = float(text.rstrip(b"\0 "))
    except ValueError:
        return None
    if math.isfinite(value):
        return int(value) if value.is_integer() else value
    return "nan" if math.isnan(value) else None


_WIDTH, _HEIGHT, _PIXEL_SCALE, _TIE_POINT = 256, 257, 33550, 33922
_GEO_KEYS, _GEO_NUMBERS = 34735, 34736
_TAGS = (_WIDTH, _HEIGHT, _PIXEL_SCALE, _TIE_POINT, _GEO_KEYS, _GEO_NUMBERS)

_RASTER_TYPE, _GEODETIC_CRS, _DATUM, _PROJECTED_CRS, _METHOD, _UNIT = (
    1025, 2048, 2050, 3072, 3075, 3076
)  # fmt: skip
_POINTS = 2
"""Raster type in which coordinates are those of pixel centres."""
_CODES = range(1024, 32767)
"""EPSG codes of projected systems; other values mean a user-defined system."""
_WGS84, _WGS84_DATUM, _METRE = 4326, 6326, 9001
_ALBERS, _POLAR = 11, 15
_FIRST, _SECOND = 3078, 3079
_ORIGIN_LONGITUDE, _ORIGIN_LATITUDE = (3080, 3084, 3088), (3081, 3085, 3089)
"""Keys of the natural origin, the false origin and the centre: writers use any of them."""
_DOWN_LONGITUDE = (3095, *_ORIGIN_LONGITUDE)
_SCALE = 3092
"""At the origin; a polar projection has either this or a latitude of true scale."""
_FALSE_EASTING, _FALSE_NORTHING = (3082, 3086, 3090), (3083, 3087, 3091)

Keys = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Georeference:
    """Position of a raster."""

    crs: Crs
    transform: tuple[float, float, float, float, float, float]
    """Column and row to x and y: ``x = a * column + b * row + c``, then y the same way."""
    shape: tuple[int, int]
    """Rows, then columns."""

    @property
    def corners(self) -> tuple[Point, ...]:
        """x and y of the outer corners, counter-clockwise from the upper left one."""
        rows, columns = self.shape
        return self.at([(0, 0), (0, rows), (columns, rows), (columns, 0)])

    def at(self, pixels: Iterable[Point]) -> tuple[Point, ...]:
        """Return x and y of some columns and rows."""
        a, b, c, d, e, f = self.transform
        return tuple((a * i + b * j + c, d * i + e * j + f) for i, j in pixels)

    def footprint(self, pixels: Sequence[Point] = ()) -> tuple[Point, ...] | None:
        """Return longitude and latitude of some columns and rows, or of the corners.

        Returns: ``None`` if the coordinate system is unknown.
        """
        to_degrees = self.crs.to_degrees()
        if to_degrees is None:
            return None
        try:
            return tuple(to_degrees(x, y) for x, y in (self.at(pixels) if pixels else self.corners))
        except (ValueError, ArithmeticError):
            return None  # outside of the projection


def read_georeference(path: Path) -> Georeference | None:
    """Read the georeference of a file, as :func:`georeference_in`. Blocks. Raises: OSError."""
    with path.open("rb") as file:
        return georeference_in(file)


def georeference_in(file: BinaryIO) -> Georeference | None:
    """Read the georeference; ``None`` if it is no GeoTIFF, or not north up. Blocks.

    Raises: OSError.
    """
    try:
        found = read_numbers(file, _length_of(file), _TAGS)
    except Malformed:
        return None
    if len(found.get(_PIXEL_SCALE, ())) < 2 or len(found.get(_TIE_POINT, ())) < 6:
        return None
    if not (found.get(_WIDTH) and found.get(_HEIGHT)):
        return None
    if not all(map(isfinite, (*found[_PIXEL_SCALE], *found[_TIE_POINT]))):
        return None
    keys = geo_keys(found.get(_GEO_KEYS, ()), found.get(_GEO_NUMBERS, ()))
    shift = 0.5 if keys.get(_RASTER_TYPE) == _POINTS else 0.0
    dx, dy, *_ = found[_PIXEL_SCALE]
    column, row, _, x, y, *_ = found[_TIE_POINT]
    return Georeference(
        crs_of_keys(keys),
        (dx, 0.0, x - (column + shift) * dx, 0.0, -dy, y + (row + shift) * dy),
        (int(found[_HEIGHT][0]), int(found[_WIDTH][0])),
    )


def geo_keys(directory: Sequence[float], numbers: Sequence[float]) -> Keys:
    """Return the keys whose values are in the key directory, or in the numbers' tag."""
    entries = zip(*(map(int, directory[at::4]) for at in range(4)), strict=False)
    found: dict[int, float] = {}
    for key, location, _, value in list(entries)[1:]:
        if location == 0:
            found[key] = value
        elif location == _GEO_NUMBERS and value < len(numbers):
            found[key] = numbers[value]
    return found


def crs_of_keys(keys: Keys) -> Crs:
    """Return the coordinate system that keys name or describe; an unknown one if neither."""
    code = int(keys.get(_PROJECTED_CRS, 0))
    if code in _CODES:
        return Crs(code)
    is_wgs84 = keys.get(_GEODETIC_CRS) == _WGS84 or keys.get(_DATUM) == _WGS84_DATUM
    if not is_wgs84 or keys.get(_UNIT, _METRE) != _METRE:
        return Crs()
    projection = _projection({key: value for key, value in keys.items() if isfinite(value)})
    return crs_of(projection) if projection else Crs()


def _projection(keys: Keys) -> Projection | None:
    east, north = _first(keys, _FALSE_EASTING) or 0.0, _first(keys, _FALSE_NORTHING) or 0.0
    latitude = _first(keys, _ORIGIN_LATITUDE)
    if latitude is None or keys.get(_SCALE, 1.0) != 1.0:
        return None
    match keys.get(_METHOD), _first(keys, _ORIGIN_LONGITUDE), _first(keys, _DOWN_LONGITUDE):
        case [method, _, down] if method == _POLAR and down is not None and abs(latitude) < 90:
            return Polar(latitude, down, east, north)
        case [method, meridian, _] if method == _ALBERS and meridian is not None:
            if _FIRST in keys and _SECOND in keys:
                parallels = keys[_FIRST], keys[_SECOND]
                return Albers(*parallels, latitude, meridian, east, north)
    return None


def _first(keys: Keys, names: Iterable[int]) -> float | None:
    return next((keys[name] for name in names if name in keys), None)
