"""The directories of a TIFF, read from as few bytes as they need.

What a file declares never decides how much is read or held. Tables of tiles are not read here:
of a large raster they have megabytes, and a window needs a few rows of them.

Source: TIFF 6.0, section 2; the BigTIFF design.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from asyncdl.transfer.ranges import Span
from asyncdl.windows.inquiry import Steps
from asyncdl.windows.tiff_form import TYPE_BYTES, Tag, TiffForm, read_header
from asyncdl.windows.window_errors import BrokenTiff, NotAGeoTiff, UnsupportedTiff

MOST_DIRECTORIES = 128
"""An overview or mask each. Each may cost a request, and no raster has so many."""
MOST_ENTRIES = 4096
"""Of one directory; TIFF knows some 500 tags."""
MOST_VALUE_BYTES = 1 << 22
"""Under one tag; longer ones are left out, as no reader needs them for the pixels."""
MOST_BYTES = 1 << 24
"""Of all values together."""

TABLES = {273, 279, 324, 325}
"""Offsets and sizes of strips and of tiles."""
POINTERS = {330, 400, 513, 519, 520, 521, 34665, 34853, 40965}
"""Tags whose values are places in the file: further directories, tables of old JPEG."""
_FREE_SPACE = {288, 289}
_SKIPPED = POINTERS | _FREE_SPACE
_NEEDED = {258, 277, 320, 338, 339, 347, 532, 33550, 33922, 34264, 34735, 34736, 34737}
"""Without these the pixels, or where they lie, would be others."""


@dataclass(frozen=True, slots=True)
class TileTable:
    """Where the offsets or sizes of tiles stand: in the file, or in the directory itself."""

    kind: int
    count: int
    place: Span
    """Of the whole table."""
    inline: bytes | None = None
    """Its bytes, if they stand in the directory."""


@dataclass(slots=True)
class Directory:
    """One directory, read."""

    tags: dict[int, Tag] = field(default_factory=dict)
    """All but tables and what points to other places."""
    tables: dict[int, TileTable] = field(default_factory=dict)
    left_out: list[int] = field(default_factory=list)
    """Tags whose values are too long, or lie behind the end of the file."""


@dataclass(slots=True)
class DirectoryChain:
    """All directories of a file."""

    form: TiffForm
    head: bytes
    """What follows the header, up to the length of GDAL's structural metadata."""
    directories: list[Directory] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is odd, and passed by."""


_HEAD_BYTES = 512


def read_directories(size_bytes: int) -> Steps[DirectoryChain]:
    """Read all directories of a file.

    Raises: NotAGeoTiff; BrokenTiff, if the first directory is not as it should be;
        UnsupportedTiff, if there is more of anything than a raster has.
    """
    if size_bytes < _SMALLEST_BYTES:
        raise NotAGeoTiff(f"a file of {size_bytes} bytes is no TIFF")
    head = yield Span(0, min(_HEAD_BYTES, size_bytes))
    form, offset = read_header(head)
    chain = DirectoryChain(form, head[form.header_bytes :])
    seen: set[int] = set()
    budget = MOST_BYTES
    while offset:
        if offset in seen:
            chain.notes.append("the directories form a loop")
            break
        if len(seen) >= MOST_DIRECTORIES:
            raise UnsupportedTiff(f"more than {MOST_DIRECTORIES} images in one file")
        seen.add(offset)
        try:
            directory, offset = yield from _read_directory(form, offset, size_bytes, budget)
        except _Outside as problem:
            if not chain.directories:
                raise BrokenTiff(str(problem)) from None
            # Some writers leave anything behind the last directory, and readers end there.
            chain.notes.append(str(problem))
            break
        budget -= sum(len(tag.data) for tag in directory.tags.values())
        chain.directories.append(directory)
    if not chain.directories:
        raise BrokenTiff("no image in the file")
    return chain


_SMALLEST_BYTES = 8


class _Outside(Exception):
    """Something lies behind the end of the file."""


def _within(start: int, length: int, size_bytes: int, what: str) -> Span:
    if start + length > size_bytes:
        raise _Outside(f"{what} at byte {start} ends behind the end of the file")
    return Span(start, start + length)


def _read_directory(
    form: TiffForm, at: int, size_bytes: int, budget: int
) -> Steps[tuple[Directory, int]]:
    """Return a directory and where the next one is; 0 if there is none."""
    count = form.number((yield _within(at, form.count_bytes, size_bytes, "a directory")))
    if count > MOST_ENTRIES:
        raise UnsupportedTiff(f"a directory of {count} entries")
    table_at, table_bytes = at + form.count_bytes, count * form.entry_bytes
    table = yield _within(table_at, table_bytes, size_bytes, "a directory")
    found = Directory()
    wanted = list(_entries(form, table, size_bytes, found))
    for number, tag, place in wanted:
        budget -= place.size_bytes
        if budget < 0:
            raise UnsupportedTiff("the directories have more values than any raster has")
        found.tags[number] = Tag(tag.kind, tag.count, (yield place))
    following = table_at + table_bytes
    if following + form.field_bytes > size_bytes:
        return found, 0  # the last one lacks its end: some writers do that
    return found, form.number((yield Span(following, following + form.field_bytes)))


def _entries(
    form: TiffForm, table: bytes, size_bytes: int, found: Directory
) -> Iterator[tuple[int, Tag, Span]]:
    """Sort the entries of a directory; yield those whose values lie elsewhere, and where."""
    seen: set[int] = set()
    for number, kind, count, value in struct.iter_unpack(form.entry_codes, table):
        width = TYPE_BYTES.get(kind)
        # Of a tag that is there twice, readers take the first.
        if number in seen or number in _SKIPPED or width is None or not count:
            continue
        seen.add(number)
        length = count * width
        is_inline = length <= form.field_bytes
        start = form.number(value)
        place = Span(start, start + length)
        if number in TABLES:
            inline = value[:length] if is_inline else None
            found.tables[number] = TileTable(kind, count, place, inline)
        elif is_inline:
            found.tags[number] = Tag(kind, count, value[:length])
        elif length > MOST_VALUE_BYTES or place.stop > size_bytes:
            if number in _NEEDED:
                raise _Outside(f"the value of tag {number}")
            found.left_out.append(number)
        else:
            yield number, Tag(kind, count, b""), place
