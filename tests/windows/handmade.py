"""Small TIFFs made by hand, and a small reader of them that shares nothing with ours."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from asyncdl.windows import (
    OverviewRule,
    PixelBox,
    TileEvidence,
    WindowPlan,
    assembled,
    finish,
    lay_out,
    plan_inquiry,
    structure_inquiry,
)
from asyncdl.windows.tiff_structure import TiffStructure

PLAIN, DEFLATE, PACKBITS = 1, 8, 32773
SHORT, LONG, DOUBLE, ASCII, LONG8 = 3, 4, 12, 2, 16
CODES = {SHORT: "H", LONG: "I", DOUBLE: "d", ASCII: "B", LONG8: "Q", 1: "B", 7: "B"}
PADDING = b"\xee"
ALL = OverviewRule(more_tiles_than=0, growth=math.inf)
NONE = OverviewRule(more_tiles_than=1 << 40, growth=0)

Tags = Mapping[int, tuple[int, tuple[float, ...]]]

GEO: dict[int, tuple[int, tuple[float, ...]]] = {
    33550: (DOUBLE, (30.0, 30.0, 0.0)),
    33922: (DOUBLE, (0.0, 0.0, 0.0, 300_000.0, 6_800_000.0, 0.0)),
    34735: (SHORT, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32606)),
}
"""30 m in zone 6."""


@dataclass(frozen=True)
class Picture:
    """An image of bytes; each pixel follows from its place."""

    width: int
    height: int
    tile: tuple[int, int] = (16, 16)
    """Width and height of tiles; of strips only the height counts."""
    is_tiled: bool = True
    samples: int = 1
    is_planar: bool = False
    compression: int = DEFLATE
    subfile: int = 0
    sparse: frozenset[int] = frozenset()
    """Tiles that the file does not have."""
    tags: Tags = field(default_factory=dict)
    seed: int = 0

    def pixel(self, x: int, y: int, sample: int) -> int:
        return (x * 7 + y * 13 + sample * 31 + self.seed * 101 + x * y % 11) % 251

    @property
    def grid(self) -> tuple[int, int]:
        width = self.tile[0] if self.is_tiled else self.width
        return -(-self.width // width), -(-self.height // self.tile[1])

    def tiles(self) -> list[bytes]:
        """Return all, compressed."""
        across, down = self.grid
        samples = list(range(self.samples))
        planes = [[sample] for sample in samples] if self.is_planar else [samples]
        places = [(c, r, p) for p in planes for r in range(down) for c in range(across)]
        return [
            b"" if number in self.sparse else self._tile(*place)
            for number, place in enumerate(places)
        ]

    def _tile(self, column: int, row: int, samples: list[int]) -> bytes:
        width = self.tile[0] if self.is_tiled else self.width
        top, left = row * self.tile[1], column * width
        bottom = top + self.tile[1] if self.is_tiled else min(self.height, top + self.tile[1])
        raw = b"".join(
            bytes(self.pixel(x, y, s) for s in samples)
            if x < self.width and y < self.height
            else PADDING * len(samples)
            for y in range(top, bottom)
            for x in range(left, left + width)
        )
        return COMPRESS[self.compression](raw)


def packed_bits(raw: bytes) -> bytes:
    """Return runs of up to 128 bytes as they are."""
    runs = (raw[at : at + 128] for at in range(0, len(raw), 128))
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


COMPRESS: dict[int, Callable[[bytes], bytes]] = {
    PLAIN: bytes,
    DEFLATE: zlib.compress,
    PACKBITS: packed_bits,
}


def tiff(*pictures: Picture, order: str = "<", big: bool = False, frames: bool = False) -> bytes:
    """Return a file: header, tiles of all pictures, then directories and their values.

    So nothing lies where our own writer would put it.
    """
    mark, offset_code = (b"II" if order == "<" else b"MM"), "Q" if big else "I"
    header_bytes = 16 if big else 8
    body = bytearray(header_bytes)
    if frames:
        text = (
            b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
            b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
        )
        body += b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(text) + text
    places: list[tuple[list[int], list[int]]] = []
    for picture in pictures:
        offsets, sizes = [], []
        for tile in picture.tiles():
            body += struct.pack("<I", len(tile)) if frames and tile else b""
            offsets.append(len(body) if tile else 0)
            sizes.append(len(tile))
            body += tile + (tile[-4:] if frames else b"")
        places.append((offsets, sizes))
    link = header_bytes - (8 if big else 4)
    for picture, place in zip(pictures, places, strict=True):
        body += bytes(-len(body) % 8)
        struct.pack_into(order + offset_code, body, link, len(body))
        link = _add_directory(body, order, big, all_tags(picture, *place))
    start = struct.pack(order + "HHH", 43, 8, 0) if big else struct.pack(order + "H", 42)
    body[: 2 + len(start)] = mark + start
    return bytes(body)


def all_tags(picture: Picture, offsets: list[int], sizes: list[int]) -> Tags:
    numbers = (324, 325) if picture.is_tiled else (273, 279)
    found: dict[int, tuple[int, tuple[float, ...]]] = {
        256: (LONG, (picture.width,)),
        257: (LONG, (picture.height,)),
        258: (SHORT, (8,) * picture.samples),
        259: (SHORT, (picture.compression,)),
        262: (SHORT, (1,)),
        277: (SHORT, (picture.samples,)),
        284: (SHORT, (2 if picture.is_planar else 1,)),
        numbers[0]: (LONG, tuple(offsets)),
        numbers[1]: (LONG, tuple(sizes)),
    }
    if picture.subfile:
        found[254] = (LONG, (picture.subfile,))
    if picture.is_tiled:
        found |= {322: (SHORT, (picture.tile[0],)), 323: (SHORT, (picture.tile[1],))}
    else:
        found[278] = (LONG, (picture.tile[1],))
    return found | dict(picture.tags)


def _add_directory(body: bytearray, order: str, big: bool, tags: Tags) -> int:
    """Append a directory; return where the offset of the next one stands."""
    field_bytes, offset_code = (8, "Q") if big else (4, "I")
    values_at = len(body) + (8 if big else 2) + len(tags) * (20 if big else 12) + field_bytes
    entries, values = b"", b""
    for number in sorted(tags):
        kind, value = tags[number]
        data = struct.pack(f"{order}{len(value)}{CODES[kind]}", *value)
        if len(data) > field_bytes:
            place = struct.pack(order + offset_code, values_at + len(values))
            values, data = values + data + bytes(-len(data) % 2), place
        entries += struct.pack(f"{order}HH{offset_code}", number, kind, len(value))
        entries += data.ljust(field_bytes, b"\0")
    body += struct.pack(order + ("Q" if big else "H"), len(tags)) + entries
    link = len(body)
    body += bytes(field_bytes) + values
    return link


# --- reading ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """One image of a file."""

    tags: dict[int, tuple[float, ...]]
    data: bytes

    def __getitem__(self, number: int) -> list[float]:
        return list(self.tags[number])

    def one(self, number: int, default: int = 0) -> int:
        return int(self.tags.get(number, (default,))[0])

    @property
    def size(self) -> tuple[int, int]:
        return self.one(256), self.one(257)

    @property
    def places(self) -> list[tuple[int, int]]:
        """Offset and size of each tile."""
        numbers = (324, 325) if 324 in self.tags else (273, 279)
        offsets, sizes = ([int(n) for n in self.tags[number]] for number in numbers)
        return list(zip(offsets, sizes, strict=True))

    def rows(self) -> list[list[tuple[int, ...]]]:
        """Return all pixels; of tiles that are not there, 0."""
        width, height = self.size
        tile_width, tile_height = self.one(322, width), self.one(323, self.one(278, height))
        across, down = -(-width // tile_width), -(-height // tile_height)
        samples, is_planar = self.one(277, 1), self.one(284, 1) == 2
        in_tile = 1 if is_planar else samples
        raw = [self._decoded(*place) for place in self.places]

        def value(x: int, y: int, sample: int) -> int:
            plane, within = (sample, 0) if is_planar else (0, sample)
            tile = raw[(plane * down + y // tile_height) * across + x // tile_width]
            at = ((y % tile_height) * tile_width + x % tile_width) * in_tile + within
            return tile[at] if tile else 0

        return [
            [tuple(value(x, y, sample) for sample in range(samples)) for x in range(width)]
            for y in range(height)
        ]

    def _decoded(self, offset: int, size: int) -> bytes:
        data = self.data[offset : offset + size]
        return zlib.decompress(data) if size and self.one(259) == DEFLATE else data


def read_tiff(data: bytes) -> list[Read]:
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    count_code, code, field_bytes = ("Q", "Q", 8) if big else ("H", "I", 4)
    (at,) = struct.unpack_from(order + code, data, 8 if big else 4)
    found = []
    while at:
        (count,) = struct.unpack_from(order + count_code, data, at)
        at += 8 if big else 2
        tags: dict[int, tuple[float, ...]] = {}
        for _ in range(count):
            number, kind, values = struct.unpack_from(f"{order}HH{code}", data, at)
            codes = f"{order}{values}{CODES[kind]}"
            place = at + 4 + field_bytes
            if struct.calcsize(codes) > field_bytes:
                (place,) = struct.unpack_from(order + code, data, place)
            assert number > max(tags, default=0)
            tags[number] = struct.unpack_from(codes, data, place)
            at += 4 + 2 * field_bytes
        found.append(Read(tags, data))
        (at,) = struct.unpack_from(order + code, data, at)
    return found


# --- windows ----------------------------------------------------------------------------------


def structure_of_bytes(data: bytes) -> TiffStructure:
    return finish(structure_inquiry(len(data)), lambda start, stop: data[start:stop])


def plan_of(data: bytes, box: PixelBox, rule: OverviewRule | None = None) -> WindowPlan:
    inquiry = plan_inquiry(structure_of_bytes(data), box, rule=rule)
    return finish(inquiry, lambda start, stop: data[start:stop])


def window_bytes(plan: WindowPlan, data: bytes, proven: list[TileEvidence] | None = None) -> bytes:
    """Return the file of a window, made of nothing but what its plan wants to have fetched."""
    fetched = bytearray(len(data))
    for span in plan.ranges(gap_bytes=0):
        fetched[span.start : span.stop] = data[span.start : span.stop]
    window, evidence = lay_out(plan), proven if proven is not None else []
    pieces = assembled(window, lambda start, stop: bytes(fetched[start:stop]), evidence)
    made = b"".join(pieces)
    assert len(made) == window.size_bytes
    return made


def window_of(data: bytes, box: PixelBox, rule: OverviewRule | None = None) -> bytes:
    return window_bytes(plan_of(data, box, rule), data)
