"""Small GeoTIFFs that can be read at any offset.

A file consists of header, strip table, padding, pixels; the last pixel is the
last byte, so that a missing byte is detected. Each row of pixels is a window
into one noise pattern that depends on the file's name: no two files and no two
rows are equal, and nothing has to be stored.

Source: TIFF 6.0; OGC GeoTIFF 1.1 (tags 33550, 33922, 34735, 34736).
"""

from __future__ import annotations

import math
import random
import struct
from dataclasses import dataclass
from functools import lru_cache

from asyncdl.sandbox.geometry import Bounds, Ring, bounds, to_polar, to_utm, utm_zone

_HEADER_BYTES = 512
"""Bytes for the header and its directory; the strip table follows."""
_STRIP_BYTES = 64 * 1024
"""Target size of a strip, similar to that of real files."""
_KEPT_HEADERS = 64
_ROW_STEP = 7
"""Pixels by which each row is shifted in the pattern."""
_SOUTHERNMOST_UTM = -63
"""Degrees. Source: Landsat Collection 2 Level-1 products, map projection."""
PIXEL_M = 30
"""Pixel size of real rasters; those here cover the same ground with fewer pixels."""
_UTM_NORTH_OF_WGS84 = 32600
"""EPSG code of zone n is this plus n."""

_SHORT, _LONG, _DOUBLE, _ASCII = 3, 4, 12, 2
_SIZES = {_SHORT: 2, _LONG: 4, _DOUBLE: 8, _ASCII: 1}
_FORMATS = {_SHORT: "H", _LONG: "I", _DOUBLE: "d"}

_TO_LAND_VALUES = bytes(28 + byte * 142 // 255 for byte in range(256))
"""High bytes of the valid range of surface reflectance, 7273 to 43636."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Size of a raster in pixels and bytes."""

    width: int
    height: int
    bytes_per_pixel: int
    """1 or 2."""
    size_bytes: int
    """Of the whole file."""

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of pixels."""
        return self.width * self.bytes_per_pixel

    @property
    def rows_per_strip(self) -> int:
        """Rows per entry of the strip table."""
        return max(1, _STRIP_BYTES // self.row_bytes)

    @property
    def strips(self) -> int:
        """Entries of the strip table."""
        return -(-self.height // self.rows_per_strip)

    @property
    def first_pixel(self) -> int:
        """Offset of the pixels in the file."""
        return self.size_bytes - self.height * self.row_bytes


def square(pixels: int, bytes_per_pixel: int) -> Shape:
    """Return the shape of a square raster without padding."""
    bare = Shape(pixels, pixels, bytes_per_pixel, 0)
    size = _HEADER_BYTES + bare.strips * 8 + pixels * bare.row_bytes
    return Shape(pixels, pixels, bytes_per_pixel, size)


def of_size(size_bytes: int, bytes_per_pixel: int) -> Shape:
    """Return the shape of a nearly square raster of exactly this size.

    Raises: ValueError, if not even one pixel fits.
    """
    # Eight bytes of table for each strip, and one strip that may be half full.
    table = 8 * (size_bytes // (_STRIP_BYTES // 2) + 2)
    pixels = (size_bytes - _HEADER_BYTES - table) // bytes_per_pixel
    if pixels < 1:
        raise ValueError(f"a GeoTIFF of {size_bytes} bytes has no room for pixels")
    width = math.isqrt(pixels)
    return Shape(width, pixels // width, bytes_per_pixel, size_bytes)


@dataclass(frozen=True, slots=True)
class Frame:
    """Position and coordinate system of a raster."""

    box: Bounds
    """Left, bottom, right and top, in the units of the coordinates."""
    keys: tuple[int, ...]
    """Entries of the GeoTIFF key directory, four numbers each, without its header."""
    parameters: tuple[float, ...] = ()
    """Values of tag 34736, which the keys refer to."""


def scene_frame(footprint: Ring) -> Frame:
    """Return the frame of a scene: polar stereographic near the south pole, otherwise UTM."""
    return polar_frame(footprint) if is_polar(footprint) else utm_frame(footprint)


def is_polar(footprint: Ring) -> bool:
    """Return whether a scene is too far south for UTM."""
    _, south, _, north = bounds(footprint)
    return (south + north) / 2 < _SOUTHERNMOST_UTM


def utm_frame(footprint: Ring) -> Frame:
    """Return the box around a footprint in its UTM zone, metres."""
    west, _, east, _ = bounds(footprint)
    zone = utm_zone((west + east) / 2)
    box = _on_grid(bounds(tuple(to_utm(corner, zone) for corner in footprint)))
    return Frame(box, (*_PROJECTED, *_PIXEL_IS_AREA, *(3072, 0, 1, _UTM_NORTH_OF_WGS84 + zone)))


def polar_frame(footprint: Ring) -> Frame:
    """Return the box around a footprint in the polar stereographic system, metres.

    As in real files, the system has no EPSG code: its parameters are written out.
    """
    box = _on_grid(bounds(tuple(map(to_polar, footprint))))
    keys = (
        *(*_PROJECTED, *_PIXEL_IS_AREA, *_WGS84),
        *(3072, 0, 1, _USER_DEFINED),
        *(3074, 0, 1, _USER_DEFINED),
        *(3075, 0, 1, _POLAR_STEREOGRAPHIC),
        *(3076, 0, 1, 9001),  # metres
        *(number for n, key in enumerate(_POLAR_KEYS) for number in (key, 34736, 1, n)),
    )
    return Frame(box, keys, (-71.0, 0.0, 0.0, 0.0))


def _on_grid(box: Bounds) -> Bounds:
    """Widen a box so that the centres of its outer pixels are multiples of the pixel size."""
    left, bottom = (PIXEL_M * (math.floor(edge / PIXEL_M) - 0.5) for edge in box[:2])
    right, top = (PIXEL_M * (math.ceil(edge / PIXEL_M) + 0.5) for edge in box[2:])
    return left, bottom, right, top


def degree_frame(footprint: Ring) -> Frame:
    """Return the box around a footprint in degrees of WGS 84."""
    return Frame(
        bounds(footprint), (*(1024, 0, 1, 2), *_PIXEL_IS_AREA, *_WGS84, *(2054, 0, 1, 9102))
    )


def albers_frame(box: Bounds, cone: tuple[float, float, float, float]) -> Frame:
    """Return a box in an Albers projection of WGS 84, metres.

    Args:
        box: Left, bottom, right and top.
        cone: Both standard parallels, and latitude and longitude of the origin; degrees.
    """
    keys = (
        *(*_PROJECTED, *_PIXEL_IS_AREA, *_WGS84),
        *(3072, 0, 1, _USER_DEFINED),
        *(3074, 0, 1, _USER_DEFINED),
        *(3075, 0, 1, _ALBERS),
        *(3076, 0, 1, 9001),  # metres
        *(number for n, key in enumerate(_CONE_KEYS) for number in (key, 34736, 1, n)),
    )
    return Frame(box, keys, (*cone, 0.0, 0.0))


_PROJECTED = (1024, 0, 1, 1)
_PIXEL_IS_AREA = (1025, 0, 1, 1)
_WGS84 = (2048, 0, 1, 4326)
_USER_DEFINED = 32767
_ALBERS, _POLAR_STEREOGRAPHIC = 11, 15
_POLAR_KEYS = (3081, 3095, 3082, 3083)
"""Latitude of true scale, longitude from the pole, false easting and northing."""
_CONE_KEYS = (3078, 3079, 3081, 3080, 3082, 3083)
"""Standard parallels, latitude and longitude of the origin, false easting and northing."""


class Raster:
    """One GeoTIFF whose bytes depend on its name, shape, frame and seed.

    Args:
        name: File name; determines the pixels.
        shape: Size in pixels and bytes.
        frame: Position and coordinate system.
        seed: Determines the pixels, too.
    """

    def __init__(self, name: str, shape: Shape, frame: Frame, seed: int = 0) -> None:
        self.size = shape.size_bytes
        self._shape = shape
        self._head = _header(shape, frame)
        pattern_pixels = shape.width + shape.height * _ROW_STEP
        self._pattern = noise(f"{seed}/{name}", pattern_pixels, shape.bytes_per_pixel)

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of the half-open range, which must be within the file."""
        head = self._head[start:stop]
        first_pixel = self._shape.first_pixel
        if stop <= first_pixel:
            return head
        begin, end = max(start, first_pixel) - first_pixel, stop - first_pixel
        row_bytes = self._shape.row_bytes
        first_row, last_row = begin // row_bytes, -(-end // row_bytes)
        # Hot path for large files, so there are no calls here.
        pattern, step = self._pattern, _ROW_STEP * self._shape.bytes_per_pixel
        places = range(first_row * step, last_row * step, step)
        rows = b"".join([pattern[place : place + row_bytes] for place in places])
        skipped = first_row * row_bytes
        return head + rows[begin - skipped : end - skipped]

    def harmless_byte(self, start: int, stop: int, where: float) -> int | None:
        """Return the offset of a byte of some pixel within the half-open range."""
        begin, end = max(start, self._shape.first_pixel), min(stop, self.size)
        return begin + int(where * (end - begin)) if begin < end else None


def noise(name: str, pixels: int, bytes_per_pixel: int) -> bytes:
    """Return pixels that depend on a name."""
    source = random.Random(name)
    if bytes_per_pixel == 1:
        return source.randbytes(pixels)
    pattern = bytearray(2 * pixels)
    pattern[0::2] = source.randbytes(pixels)
    pattern[1::2] = source.randbytes(pixels).translate(_TO_LAND_VALUES)
    return bytes(pattern)


# --- the header --------------------------------------------------------------------


@lru_cache(maxsize=_KEPT_HEADERS)
def _header(shape: Shape, frame: Frame) -> bytes:
    """Return everything before the pixels; the rasters of one scene share it."""
    offsets, counts = _strips(shape)
    table_at = _HEADER_BYTES
    tags = [
        (256, _LONG, (shape.width,)),
        (257, _LONG, (shape.height,)),
        (258, _SHORT, (8 * shape.bytes_per_pixel,)),
        (259, _SHORT, (1,)),  # not compressed
        (262, _SHORT, (1,)),  # black is zero
        (273, _LONG, offsets),
        (277, _SHORT, (1,)),
        (278, _LONG, (shape.rows_per_strip,)),
        (279, _LONG, counts),
        (339, _SHORT, (1,)),  # unsigned
        *georeference_tags(shape.width, shape.height, frame),
        (42113, _ASCII, b"0\0"),  # GDAL's tag for the value that means no data
    ]
    entries, values = _directory(tags, table_at)
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + b"\0\0\0\0"
    fixed = (head + values).ljust(table_at, b"\0")
    if len(fixed) > table_at:
        raise AssertionError("the directory does not fit into the header")
    table = b"" if shape.strips == 1 else packed(_LONG, offsets) + packed(_LONG, counts)
    return (fixed + table).ljust(shape.first_pixel, b"\0")


def _strips(shape: Shape) -> tuple[tuple[int, ...], tuple[int, ...]]:
    strip = shape.rows_per_strip * shape.row_bytes
    offsets = tuple(range(shape.first_pixel, shape.size_bytes, strip))
    return offsets, tuple(min(strip, shape.size_bytes - offset) for offset in offsets)


def georeference_tags(
    width: int, height: int, frame: Frame
) -> tuple[tuple[int, int, tuple[float, ...] | tuple[int, ...]], ...]:
    """Return the tags that say where a raster of some size lies."""
    left, bottom, right, top = frame.box
    scale = ((right - left) / width, (top - bottom) / height, 0.0)
    tie = (0.0, 0.0, 0.0, left, top, 0.0)
    # Keys are sorted by number.
    entries = sorted(frame.keys[n : n + 4] for n in range(0, len(frame.keys), 4))
    keys = (1, 1, 0, len(entries), *(number for entry in entries for number in entry))
    tags: tuple[tuple[int, int, tuple[float, ...] | tuple[int, ...]], ...] = (
        (33550, _DOUBLE, scale),
        (33922, _DOUBLE, tie),
        (34735, _SHORT, keys),
    )
    return (*tags, (34736, _DOUBLE, frame.parameters)) if frame.parameters else tags


def _directory(
    tags: list[tuple[int, int, tuple[float, ...] | tuple[int, ...] | bytes]], table_at: int
) -> tuple[bytes, bytes]:
    """Return the directory's entries and the values that do not fit into them."""
    values_at = 8 + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    table_used = 0
    for tag, kind, value in tags:
        data = packed(kind, value)
        if len(data) <= 4:
            place = data.ljust(4, b"\0")
        elif tag in (273, 279):
            # The strip table may be long, so it has its own section after the header.
            place = struct.pack("<I", table_at + table_used)
            table_used += len(data)
        else:
            place = struct.pack("<I", values_at + len(values))
            values += data
        entries += struct.pack("<HHI", tag, kind, len(data) // _SIZES[kind]) + place
    return entries, values


def packed(kind: int, value: tuple[float, ...] | tuple[int, ...] | bytes) -> bytes:
    """Return the values of a tag of some type as they are in a file."""
    if isinstance(value, bytes):
        return value
    return struct.pack(f"<{len(value)}{_FORMATS[kind]}", *value)
