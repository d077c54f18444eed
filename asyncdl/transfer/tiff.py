"""TIFF structure: does everything that the directories point to lie in the file?

Reads the directories only, never the pixels, so a file of gigabytes takes
milliseconds. Source: TIFF 6.0; the BigTIFF design.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from asyncdl.transfer.malformed import Malformed

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_MOST_DIRECTORIES = 4096
"""Real files have a page per overview; more is a loop or nonsense."""
_MOST_VALUES = 1 << 22
"""Strips or tiles of one image; keeps memory bounded whatever the file claims."""

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_TYPE_BYTES |= {13: 4, 16: 8, 17: 8, 18: 8}
_INTEGER_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

_DATA_TAGS = {273: 279, 324: 325}
"""Offsets to sizes: of strips, of tiles."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How numbers are stored: TIFF and BigTIFF differ in little but their width."""

    order: str
    count_code: str
    entry_code: str
    offset_code: str

    def unpack(self, codes: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack(self.order + codes, data)

    def width(self, codes: str) -> int:
        return struct.calcsize(self.order + codes)


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    field: bytes


def check_tiff(file: BinaryIO, size_bytes: int) -> None:
    """Check that every directory, value, strip and tile lies inside the file.

    Raises: Malformed, at the first one that does not, or if there is no image.
    """
    layout, offset = _read_header(file)
    seen: set[int] = set()
    while offset:
        if offset in seen or len(seen) >= _MOST_DIRECTORIES:
            raise Malformed("the directories run in a circle")
        seen.add(offset)
        entries, offset = _read_directory(file, size_bytes, layout, offset)
        for offsets_tag, sizes_tag in _DATA_TAGS.items():
            if offsets_tag in entries:
                _check_data(file, size_bytes, layout, entries, offsets_tag, sizes_tag)
    if not seen:
        raise Malformed("no image in the file")


def _read_header(file: BinaryIO) -> tuple[_Layout, int]:
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    if head[:4] not in MAGICS or len(head) < 8:
        raise Malformed("no TIFF header")
    if head[:4] in MAGICS[:2]:
        layout = _Layout(order, "H", "HHI4s", "I")
        return layout, layout.unpack("I", head[4:8])[0]
    layout = _Layout(order, "Q", "HHQ8s", "Q")
    if len(head) < 16 or layout.unpack("HH", head[4:8]) != (8, 0):
        raise Malformed("no BigTIFF header")
    return layout, layout.unpack("Q", head[8:16])[0]


def _read_directory(
    file: BinaryIO, size_bytes: int, layout: _Layout, offset: int
) -> tuple[dict[int, _Entry], int]:
    count_bytes, entry_bytes = layout.width(layout.count_code), layout.width(layout.entry_code)
    (count,) = layout.unpack(layout.count_code, _read(file, size_bytes, offset, count_bytes))
    table_bytes = count * entry_bytes
    if count > 0xFFFF:
        raise Malformed(f"a directory of {count} entries")
    tail_bytes = layout.width(layout.offset_code)
    table = _read(file, size_bytes, offset + count_bytes, table_bytes + tail_bytes)
    entries = {}
    for at in range(0, table_bytes, entry_bytes):
        tag, kind, values, field = struct.unpack(
            layout.order + layout.entry_code, table[at : at + entry_bytes]
        )
        entries[tag] = _Entry(kind, values, field)
        _check_value(size_bytes, layout, tag, entries[tag])
    return entries, layout.unpack(layout.offset_code, table[table_bytes:])[0]


def _check_value(size_bytes: int, layout: _Layout, tag: int, entry: _Entry) -> None:
    value_bytes = entry.count * _TYPE_BYTES.get(entry.kind, 0)
    if value_bytes > len(entry.field):
        (offset,) = layout.unpack(layout.offset_code, entry.field)
        if offset + value_bytes > size_bytes:
            raise Malformed(f"tag {tag} points behind the end of the file")


def _check_data(
    file: BinaryIO,
    size_bytes: int,
    layout: _Layout,
    entries: dict[int, _Entry],
    offsets_tag: int,
    sizes_tag: int,
) -> None:
    if sizes_tag not in entries:
        raise Malformed(f"tag {offsets_tag} without tag {sizes_tag}")
    offsets = _integers(file, size_bytes, layout, entries[offsets_tag])
    sizes = _integers(file, size_bytes, layout, entries[sizes_tag])
    if len(offsets) != len(sizes):
        raise Malformed(f"{len(offsets)} strips or tiles, but {len(sizes)} sizes")
    # A sparse file has tiles of no bytes; where they would be does not matter.
    for offset, size in zip(offsets, sizes, strict=True):
        if size and offset + size > size_bytes:
            raise Malformed("a strip or tile ends behind the end of the file")


def _integers(file: BinaryIO, size_bytes: int, layout: _Layout, entry: _Entry) -> tuple[int, ...]:
    code = _INTEGER_CODES.get(entry.kind)
    if code is None or entry.count > _MOST_VALUES:
        raise Malformed("offsets of strips or tiles that cannot be read")
    value_bytes = entry.count * layout.width(code)
    data = entry.field[:value_bytes]
    if value_bytes > len(entry.field):
        (offset,) = layout.unpack(layout.offset_code, entry.field)
        data = _read(file, size_bytes, offset, value_bytes)
    return layout.unpack(f"{entry.count}{code}", data)


def _read(file: BinaryIO, size_bytes: int, offset: int, count: int) -> bytes:
    if offset + count <= size_bytes:
        file.seek(offset)
        data = file.read(count)
        if len(data) == count:
            return data
    raise Malformed("a directory lies behind the end of the file")
