"""TIFF structure: whether everything that the directories point to lies inside the file.

Reads the directories only, never the pixels, so a file of gigabytes takes milliseconds. The
numbers in a file never decide how much is read or kept: all directories together have limits, far
beyond any real file, and a file that exceeds one is refused. Source: TIFF 6.0; the BigTIFF
design.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import BinaryIO

from msgspec import Struct, field

from asyncdl.transfer.verification.malformed import Doubtful, Malformed

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_MAX_DIRECTORIES = 4096
"""Real files have one per overview; more is a loop or nonsense."""
_MAX_ENTRIES = 1 << 18
"""In all directories together; they may overlap, so the file's length is no limit."""
_MAX_VALUES = 1 << 23
"""Strips or tiles of all images together; checked in a second or two."""
_VALUES_AT_ONCE = 1 << 16
"""Offsets or sizes in memory at once."""

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_TYPE_BYTES |= {13: 4, 16: 8, 17: 8, 18: 8}
_INTEGER_CODES = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}

_NUMBER_CODES = {**_INTEGER_CODES, 2: "B", 11: "f", 12: "d"}
"""Text is read as the numbers of its bytes."""
_MAX_NUMBERS = 4096
"""Values of one tag that are read."""

_YCBCR = 6
_IMAGE_DEPTH = 32997
"""Tag: number of planes of a volume, in one or several strips or tiles."""
_UNBOUNDED = 1 << 64
"""More than any field can hold."""

_DATA_TAGS = {273: 279, 324: 325}
"""Tag of the offsets to tag of the sizes: for strips, for tiles."""


class _Layout(Struct, frozen=True):
    """How numbers are stored: TIFF and BigTIFF differ mainly in their width."""

    order: str
    count_code: str
    entry_code: str
    offset_code: str

    def unpack(self, codes: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack(self.order + codes, data)

    def width(self, codes: str) -> int:
        return struct.calcsize(self.order + codes)


class _Entry(Struct, frozen=True):
    kind: int
    count: int
    field: bytes


class _Allowance(Struct):
    """How many of one kind may still be read."""

    what: str
    left: int

    def take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise Doubtful(f"more {self.what} than any image has")


class _Source(Struct):
    """The file, and how much may still be read of it."""

    file: BinaryIO
    size_bytes: int
    layout: _Layout
    entries: _Allowance = field(default_factory=lambda: _Allowance("entries", _MAX_ENTRIES))
    values: _Allowance = field(default_factory=lambda: _Allowance("strips or tiles", _MAX_VALUES))

    oddity: str = ""
    """The first odd thing that was found; something worse may follow."""

    def note_oddity(self, oddity: str) -> None:
        self.oddity = self.oddity or oddity

    def read(self, offset: int, count: int) -> bytes:
        if offset + count <= self.size_bytes:
            self.file.seek(offset)
            data = self.file.read(count)
            if len(data) == count:
                return data
        raise Malformed("a directory lies beyond the end of the file")


def check_tiff(file: BinaryIO, size_bytes: int) -> None:
    """Check that every directory, value, strip and tile lies inside the file.

    Raises: Malformed, at the first one that does not, or if there is no image; Doubtful, if
        all that is wrong is what readers ignore.
    """
    layout, offset = _read_header(file)
    source = _Source(file, size_bytes, layout)
    seen: set[int] = set()
    while offset:
        if offset in seen or len(seen) >= _MAX_DIRECTORIES:
            source.note_oddity("the directories run in a circle")
            break
        seen.add(offset)
        try:
            entries, offset = _read_directory(source, offset)
        except Malformed as problem:
            if len(seen) == 1:
                raise
            # Some writers leave anything after the last directory, and readers stop there.
            source.note_oddity(str(problem))
            break
        for offsets_tag, sizes_tag in _DATA_TAGS.items():
            if offsets_tag in entries:
                _check_data(source, entries, offsets_tag, sizes_tag)
    if not seen:
        raise Malformed("no image in the file")
    if source.oddity:
        raise Doubtful(source.oddity)


def read_numbers(
    file: BinaryIO, size_bytes: int, tags: Collection[int]
) -> dict[int, tuple[float, ...]]:
    """Return the values of some tags of the first directory.

    Args:
        file: At its beginning.
        size_bytes: Its length.
        tags: Those that the directory lacks are left out of the result.
    Raises: Malformed, if it is not a TIFF, or a tag has too many values or no numbers.
    """
    layout, offset = _read_header(file)
    source = _Source(file, size_bytes, layout)
    entries, _ = _read_directory(source, offset)
    return {tag: _numbers(source, entries[tag]) for tag in tags if tag in entries}


def _numbers(source: _Source, entry: _Entry) -> tuple[float, ...]:
    code = _NUMBER_CODES.get(entry.kind)
    if code is None or entry.count > _MAX_NUMBERS:
        raise Malformed("a tag that cannot be read")
    codes = f"{entry.count}{code}"
    value_bytes = source.layout.width(codes)
    data = entry.field[:value_bytes]
    if value_bytes > len(entry.field):
        (offset,) = source.layout.unpack(source.layout.offset_code, entry.field)
        data = source.read(offset, value_bytes)
    return source.layout.unpack(codes, data)


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


def _read_directory(source: _Source, offset: int) -> tuple[dict[int, _Entry], int]:
    """Return the entries of a directory by tag, and the offset of the next one."""
    layout = source.layout
    count_bytes, entry_bytes = layout.width(layout.count_code), layout.width(layout.entry_code)
    (count,) = layout.unpack(layout.count_code, source.read(offset, count_bytes))
    source.entries.take(count)
    table_bytes = count * entry_bytes
    table = source.read(offset + count_bytes, table_bytes)
    entries = {}
    for tag, *entry in struct.iter_unpack(layout.order + layout.entry_code, table):
        entries[tag] = _Entry(*entry)
        _check_value(source, tag, entries[tag])
    return entries, _following(source, offset + count_bytes + table_bytes)


def _following(source: _Source, at: int) -> int:
    """Return the offset of the next directory; 0 if there is none, or the last is cut off."""
    layout = source.layout
    tail_bytes = layout.width(layout.offset_code)
    if at + tail_bytes > source.size_bytes:
        source.note_oddity("the last directory lacks its end")
        return 0
    (offset,) = layout.unpack(layout.offset_code, source.read(at, tail_bytes))
    return int(offset)


def _check_value(source: _Source, tag: int, entry: _Entry) -> None:
    value_bytes = entry.count * _TYPE_BYTES.get(entry.kind, 0)
    if value_bytes > len(entry.field):
        (offset,) = source.layout.unpack(source.layout.offset_code, entry.field)
        if offset + value_bytes > source.size_bytes:
            source.note_oddity(f"tag {tag} points beyond the end of the file")


def _check_data(
    source: _Source, entries: dict[int, _Entry], offsets_tag: int, sizes_tag: int
) -> None:
    if sizes_tag not in entries:
        source.note_oddity(f"tag {offsets_tag} without tag {sizes_tag}")
        return
    offsets, sizes = entries[offsets_tag], entries[sizes_tag]
    if offsets.count != sizes.count:
        source.note_oddity(f"{offsets.count} strips or tiles, but {sizes.count} sizes")
    count, pixels = min(offsets.count, sizes.count), None
    source.values.take(count)
    if _ends_at(source, sizes, count) > source.size_bytes:
        # Readers compute the sizes themselves then; the bad offset is already recorded.
        return
    pairs = zip(_integers(source, offsets, count), _integers(source, sizes, count), strict=True)
    for index, (offset, size) in enumerate(pairs):
        # A sparse file has tiles without bytes; their offsets do not matter.
        if size and offset + size > source.size_bytes:
            pixels = pixels or _read_pixels(source, entries)
            if offset + min(size, pixels.needed_bytes(index)) > source.size_bytes:
                raise Malformed("a strip or tile ends beyond the end of the file")


class _Pixels(Struct, frozen=True):
    """How many bytes of a strip or tile readers need, whatever its size says."""

    row_bytes: int | None = None
    """``None`` if it is compressed, or unknown."""
    rows: int = 0
    """In a strip or tile."""
    image_rows: int | None = None
    """``None`` for tiles, which are always full."""
    planes: int = 1

    def needed_bytes(self, index: int) -> int:
        """Return it for a strip or tile, counted from 0; 0 after the last one."""
        rows = self.rows
        if self.image_rows and rows:
            in_plane = -(-self.image_rows // rows)
            if index >= in_plane * self.planes:
                return 0
            rows = min(rows, self.image_rows - index % in_plane * rows)
        return _UNBOUNDED if self.row_bytes is None else rows * self.row_bytes


def _read_pixels(source: _Source, entries: dict[int, _Entry]) -> _Pixels:
    """Read the tags that decide how many bytes the pixels need."""

    def tag(number: int, default: int) -> int:
        entry = entries.get(number)
        if entry is None or entry.kind not in _INTEGER_CODES or not entry.count:
            return default
        # All samples have the same number of bits.
        return next(_integers(source, entry, 1))

    samples, is_chunky = tag(277, 1), tag(284, 1) == 1
    if tag(_IMAGE_DEPTH, 1) > 1:
        return _Pixels()
    is_tiled = bool(tag(322, 0))
    width, length = tag(322, 0) or tag(256, 0), tag(257, 0)
    rows = tag(323, 0) if is_tiled else min(tag(278, length), length)
    row_bytes: int | None = -(-width * tag(258, 1) * (samples if is_chunky else 1) // 8)
    # In YCbCr, pixels may share the samples of two of the three colours.
    if tag(259, 1) != 1 or tag(262, 0) == _YCBCR or not (width and rows):
        row_bytes = None
    return _Pixels(row_bytes, rows, None if is_tiled else length, 1 if is_chunky else samples)


def _ends_at(source: _Source, entry: _Entry, wanted: int) -> int:
    """Return where the first values of an entry end; 0 if they are in the directory."""
    width = _TYPE_BYTES.get(entry.kind, 0)
    if entry.count * width <= len(entry.field):
        return 0
    (offset,) = source.layout.unpack(source.layout.offset_code, entry.field)
    return int(offset) + wanted * width


def _integers(source: _Source, entry: _Entry, wanted: int) -> Iterator[int]:
    """Yield the first values of an entry, read in blocks."""
    code, layout = _INTEGER_CODES.get(entry.kind), source.layout
    if code is None:
        raise Doubtful("offsets of strips or tiles that cannot be read")
    width = layout.width(code)
    if entry.count * width <= len(entry.field):
        yield from layout.unpack(f"{wanted}{code}", entry.field[: wanted * width])
        return
    (offset,) = layout.unpack(layout.offset_code, entry.field)
    for first in range(0, wanted, _VALUES_AT_ONCE):
        count = min(_VALUES_AT_ONCE, wanted - first)
        data = source.read(offset + first * width, count * width)
        yield from layout.unpack(f"{count}{code}", data)
