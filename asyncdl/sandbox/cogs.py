"""Cloud-optimised GeoTIFFs of full size that can be read at any offset and are held nowhere.

A real band has about 7,800 by 7,800 pixels in tiles of 256, compressed with Deflate and a
predictor, and overviews down to one tile. Here each tile is made when it is read. Its first row
of pixels is its own and stored as it is; the others are one of a few patterns, compressed once.
So no two tiles are equal, their lengths are known beforehand, and each ends in the right checksum.

In the order of GDAL's driver COG: header, text about the layout, directories with their values,
tables of tiles, then the tiles, those of the coarsest overview first, each between its length and
its last four bytes.

Source: TIFF 6.0 and its supplement on Deflate; RFC 1950, RFC 1951; GDAL, driver COG.
"""

from __future__ import annotations

import random
import struct
import zlib
from array import array
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate

from asyncdl.sandbox.rasters import PIXEL_M, Frame, georeference_tags, noise, packed

TILE = 256
_PATTERNS = 16
"""Different contents of tiles, but for the first row."""
_NOISE_BITS = 7
"""Of a pixel of two bytes: tiles become about as long as those of real bands."""
_FRAME_BYTES = 4
_ZLIB_HEAD = b"\x78\x9c"
_STORED_HEAD_BYTES = 5
_LAYOUT = (
    "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    "BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_GHOST = f"GDAL_STRUCTURAL_METADATA_SIZE={len(_LAYOUT):06} bytes\n{_LAYOUT}".encode()
_SHORT, _LONG, _ASCII = 3, 4, 2
_SIZES = {1: 1, _ASCII: 1, _SHORT: 2, _LONG: 4, 12: 8}
_KEPT_PLANS = 256


@dataclass(frozen=True, slots=True)
class CogShape:
    """Size of a raster in pixels, and what a pixel is."""

    width: int
    height: int
    bytes_per_pixel: int
    """1 or 2."""

    @classmethod
    def of_frame(cls, frame: Frame, bytes_per_pixel: int) -> CogShape:
        """Return the shape in which each pixel has its real size on the ground."""
        left, bottom, right, top = frame.box
        size = round((right - left) / PIXEL_M), round((top - bottom) / PIXEL_M)
        return cls(*size, bytes_per_pixel)

    @property
    def levels(self) -> tuple[CogShape, ...]:
        """The raster itself, and overviews until one tile holds all of it."""
        found, shape = [self], self
        while max(shape.width, shape.height) > TILE:
            half = -(-shape.width // 2), -(-shape.height // 2)
            shape = CogShape(*half, self.bytes_per_pixel)
            found.append(shape)
        return tuple(found)

    @property
    def across(self) -> int:
        """Tiles side by side."""
        return -(-self.width // TILE)

    @property
    def tiles(self) -> int:
        """Of this level."""
        return self.across * -(-self.height // TILE)


class Cog:
    """One cloud-optimised GeoTIFF whose bytes depend on its name, shape, frame and seed.

    Args:
        name: File name; determines the pixels.
        shape: Size in pixels.
        frame: Position and coordinate system.
        seed: Determines the pixels, too.
    """

    def __init__(self, name: str, shape: CogShape, frame: Frame, seed: int = 0) -> None:
        self._name, self._shape, self._frame, self._seed = name, shape, frame, seed
        self._plan = _plan_of(name, shape, frame, seed)
        self.size = self._plan.size_bytes

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of the half-open range, which must be within the file."""
        plan = self._plan
        found = [self._head[start:stop]]
        number = max(0, bisect_right(plan.starts, start) - 1)
        while number < len(plan.starts) and plan.starts[number] < stop:
            at = plan.starts[number]
            if start < at + plan.lengths[number]:
                found.append(self._block(number)[max(0, start - at) : stop - at])
            number += 1
        return b"".join(found)

    def harmless_byte(self, start: int, stop: int, where: float) -> int | None:
        """Return the offset of a byte of the first row of some tile in the half-open range.

        Readers that check what they decompress notice it, and no others.
        """
        first = _FRAME_BYTES + len(_ZLIB_HEAD) + _STORED_HEAD_BYTES
        row = TILE * self._shape.bytes_per_pixel
        spots = [
            at + first + row // 2
            for at in self._plan.starts
            if start <= at + first + row // 2 < stop
        ]
        return spots[int(where * len(spots))] if spots else None

    @cached_property
    def _head(self) -> bytes:
        return _head_of(self._shape, self._frame, self._plan)

    def _block(self, number: int) -> bytes:
        """Return a tile with its frame."""
        pattern = _patterns(self._seed, self._shape.bytes_per_pixel)[self._plan.picks[number]]
        row = noise(f"{self._seed}/{self._name}/{number}", TILE, self._shape.bytes_per_pixel)
        check = zlib.adler32(pattern.pixels, zlib.adler32(row))
        stored = struct.pack("<BHH", 0, len(row), len(row) ^ 0xFFFF) + row
        tile = b"".join((_ZLIB_HEAD, stored, pattern.deflated, struct.pack(">I", check)))
        return struct.pack("<I", len(tile)) + tile + tile[-_FRAME_BYTES:]


@dataclass(frozen=True, slots=True)
class _Pattern:
    """All rows of a tile but the first, as the predictor leaves them."""

    pixels: bytes
    deflated: bytes


@lru_cache(maxsize=4)
def _patterns(seed: int, bytes_per_pixel: int) -> tuple[_Pattern, ...]:
    made = (_pattern(f"{seed}/{bytes_per_pixel}/{n}", bytes_per_pixel) for n in range(_PATTERNS))
    return tuple(made)


def _pattern(name: str, bytes_per_pixel: int) -> _Pattern:
    source = random.Random(name)
    count = TILE * (TILE - 1)
    if bytes_per_pixel == 1:
        pixels = source.randbytes(count).translate(bytes(byte & 7 for byte in range(256)))
    else:
        mask = (1 << _NOISE_BITS) - 1
        steps = array("H", source.randbytes(2 * count))
        pixels = array("H", (step & mask for step in steps)).tobytes()
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return _Pattern(pixels, deflater.compress(pixels) + deflater.flush())


# --- where all is -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    """Tiles in file order: those of the coarsest level first."""

    picks: tuple[int, ...]
    """Which pattern each has."""
    starts: tuple[int, ...]
    """Where each begins, its frame included."""
    lengths: tuple[int, ...]
    """With their frames."""
    size_bytes: int


@lru_cache(maxsize=_KEPT_PLANS)
def _plan_of(name: str, shape: CogShape, frame: Frame, seed: int) -> _Plan:
    count = sum(level.tiles for level in shape.levels)
    source = random.Random(f"{seed}/{name}/picks")
    picks = tuple(byte % _PATTERNS for byte in source.randbytes(count))
    fixed = len(_ZLIB_HEAD) + _STORED_HEAD_BYTES + TILE * shape.bytes_per_pixel + 4
    of_pattern = [
        2 * _FRAME_BYTES + fixed + len(pattern.deflated)
        for pattern in _patterns(seed, shape.bytes_per_pixel)
    ]
    lengths = tuple(of_pattern[pick] for pick in picks)
    # The head's length does not depend on what is in its tables.
    nowhere = _Plan(picks, (0,) * count, lengths, 0)
    starts = tuple(accumulate(lengths, initial=len(_head_of(shape, frame, nowhere))))
    return _Plan(picks, starts[:-1], lengths, starts[-1])


def _head_of(shape: CogShape, frame: Frame, plan: _Plan) -> bytes:
    """Return everything before the tiles."""
    levels, numbers = shape.levels, {}
    first = 0
    for level in reversed(levels):
        numbers[level] = range(first, first + level.tiles)
        first += level.tiles
    head = struct.pack("<2sHI", b"II", 42, _even(8 + len(_GHOST))) + _GHOST
    head = head.ljust(_even(len(head)), b"\0")
    for level in levels:
        tiles = numbers[level]
        offsets = tuple(plan.starts[n] + _FRAME_BYTES if plan.starts[n] else 0 for n in tiles)
        sizes = tuple(plan.lengths[n] - 2 * _FRAME_BYTES for n in tiles)
        tags = _tags(level, frame, is_overview=level is not shape)
        tags += [(324, _LONG, offsets), (325, _LONG, sizes)]
        head += _directory(sorted(tags), len(head), is_last=level is levels[-1])
    return head


def _even(count: int) -> int:
    return count + count % 2


_Values = tuple[float, ...] | tuple[int, ...] | bytes
_Tag = tuple[int, int, _Values]


def _tags(level: CogShape, frame: Frame, *, is_overview: bool) -> list[_Tag]:
    tags: list[_Tag] = [
        (256, _SHORT, (level.width,)),
        (257, _SHORT, (level.height,)),
        (258, _SHORT, (8 * level.bytes_per_pixel,)),
        (259, _SHORT, (8,)),  # Deflate
        (262, _SHORT, (1,)),  # black is zero
        (277, _SHORT, (1,)),
        (284, _SHORT, (1,)),
        (317, _SHORT, (2,)),  # differences between neighbours
        (322, _SHORT, (TILE,)),
        (323, _SHORT, (TILE,)),
        (339, _SHORT, (1,)),  # unsigned
        (42113, _ASCII, b"0\0"),  # GDAL's tag for the value that means no data
    ]
    if is_overview:
        return [(254, _LONG, (1,)), *tags]
    return [*tags, *georeference_tags(level.width, level.height, frame)]


def _directory(tags: list[_Tag], at: int, *, is_last: bool) -> bytes:
    """Return a directory that begins at an offset, and its values behind it."""
    values_at = at + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for number, kind, value in tags:
        data = packed(kind, value)
        if len(data) <= 4:
            place = data.ljust(4, b"\0")
        else:
            place = struct.pack("<I", values_at + len(values))
            values += data.ljust(_even(len(data)), b"\0")
        entries += struct.pack("<HHI", number, kind, len(data) // _SIZES[kind]) + place
    following = 0 if is_last else values_at + len(values)
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + values
