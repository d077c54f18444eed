"""Which bytes of a file make a window of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from asyncdl.items.raster_head import Georeference
from asyncdl.transfer.ranges import Span
from asyncdl.windows.area_boxes import PixelBox
from asyncdl.windows.byte_ranges import HeldBytes, coalesce
from asyncdl.windows.directories import TileTable
from asyncdl.windows.gdal_layout import FRAME_BYTES
from asyncdl.windows.georeferencing import georeference_of, moved
from asyncdl.windows.inquiry import Inquiry, Steps
from asyncdl.windows.overview_choice import LevelWindow, OverviewRule, choose_levels
from asyncdl.windows.tiff_form import TiffForm, unpacked_integers
from asyncdl.windows.tiff_structure import TiffStructure, table_slice
from asyncdl.windows.window_errors import BrokenTiff, UnsupportedTiff

MOST_TILES = 1 << 19
"""Of a window, with its overviews: a raster of 180,000 by 180,000 pixels in tiles of 256."""
_UNCOMPRESSED = 1
_SHORT_TABLE_BYTES = 1 << 18
"""A part of a table that is read in one piece, though a window needs less of it."""

GAP_BYTES = 64 * 1024
"""Costs some milliseconds; another request costs a round trip of tens of them."""
MOST_RANGE_BYTES = 8 * 1000 * 1000
"""Some hosts fail at ranges that are longer."""


@dataclass(frozen=True, slots=True)
class LevelTiles:
    """The tiles of one part, in the order in which its image lists them."""

    part: LevelWindow
    tiles: tuple[Span, ...]
    """Where each is in the file. Of no bytes where the file has none: a sparse file."""


@dataclass(frozen=True)
class WindowPlan:
    """What has to be fetched for a window."""

    structure: TiffStructure
    area: PixelBox
    """What was asked for, in pixels of the raster."""
    parts: tuple[LevelTiles, ...]
    """The raster's part first, then its mask's and those of overviews."""

    @property
    def box(self) -> PixelBox:
        """What the window has, in pixels of the raster: the area and what its tiles add."""
        return self.parts[0].part.box

    @property
    def georeference(self) -> Georeference:
        """Where the window lies. Raises: NotAGeoTiff, if the file does not say it of itself."""
        of_raster, box = georeference_of(self.structure), self.box
        transform = moved(of_raster.transform, box.left, box.top)
        return Georeference(of_raster.crs, transform, (box.height, box.width))

    @property
    def is_whole(self) -> bool:
        """Whether the window is the whole raster."""
        raster = self.structure.raster
        return (self.box.width, self.box.height) == (raster.width, raster.height)

    @cached_property
    def tiles(self) -> tuple[Span, ...]:
        """The different tiles of all parts that have bytes, in file order."""
        return tuple(sorted({t for part in self.parts for t in part.tiles if t.size_bytes}))

    @property
    def tile_bytes(self) -> int:
        """Length of them all."""
        return sum(tile.size_bytes for tile in self.tiles)

    def frame_of(self, tile: Span) -> Span:
        """Return a tile with what the file says that it has before and behind it."""
        if not self.structure.layout.is_framed:
            return tile
        stop = min(self.structure.size_bytes, tile.stop + FRAME_BYTES)
        return Span(max(0, tile.start - FRAME_BYTES), stop)

    def ranges(
        self, *, gap_bytes: int = GAP_BYTES, most_bytes: int = MOST_RANGE_BYTES
    ) -> tuple[Span, ...]:
        """Return what to fetch: all tiles with their frames, in file order.

        Args:
            gap_bytes: Unwanted bytes that are fetched rather than asked around.
            most_bytes: No range is longer, unless one tile is.
        """
        framed = map(self.frame_of, self.tiles)
        return coalesce(framed, gap_bytes=gap_bytes, most_bytes=most_bytes)


def plan_inquiry(
    structure: TiffStructure,
    area: PixelBox,
    *,
    rule: OverviewRule | None = None,
    held: HeldBytes | None = None,
) -> Inquiry[WindowPlan]:
    """Begin to find the tiles of a window; only their rows in the tables are read.

    Args:
        structure: Of the file.
        area: Pixels of the raster; what lies outside of it is left off.
        rule: Which overviews the window is to have.
        held: What the inquiry about the structure has in memory.
    Raises: AreaOutside, EmptyArea; UnsupportedTiff, if the window has too many tiles;
        BrokenTiff, if tiles are not in the file. The latter two also when bytes are fed.
    """
    area = area.within(structure.raster.width, structure.raster.height)
    levels = choose_levels(structure.levels, area, rule or OverviewRule())
    return Inquiry(_read_plan(structure, area, levels), structure.size_bytes, held)


def _read_plan(
    structure: TiffStructure, area: PixelBox, levels: tuple[LevelWindow, ...]
) -> Steps[WindowPlan]:
    count = sum(level.tile_count for level in levels)
    if count > MOST_TILES:
        raise UnsupportedTiff(f"a window of {count} tiles (allowed: up to {MOST_TILES})")
    parts = []
    for level in levels:
        offsets = yield from _read_table(structure.form, level.image.offsets, level)
        sizes = yield from _read_table(structure.form, level.image.sizes, level)
        if level.image.compression == _UNCOMPRESSED:
            sizes = _needed(level, sizes)
        parts.append(LevelTiles(level, tuple(map(_tile, offsets, sizes))))
    plan = WindowPlan(structure, area, tuple(parts))
    _check_tiles(plan)
    return plan


def _needed(level: LevelWindow, sizes: list[int]) -> list[int]:
    """Return how much of each tile has pixels: some writers declare more, and readers take less."""
    lengths = map(level.image.decoded_bytes, level.tile_rows())
    return [
        size if length is None else min(size, length)
        for size, length in zip(sizes, lengths, strict=True)
    ]


def _tile(offset: int, size_bytes: int) -> Span:
    # A sparse file has tiles of no bytes; where they would be does not matter.
    return Span(offset, offset + size_bytes) if size_bytes else Span(0, 0)


def _check_tiles(plan: WindowPlan) -> None:
    size_bytes, header_bytes = plan.structure.size_bytes, plan.structure.form.header_bytes
    for tile in plan.tiles:
        if tile.start < header_bytes or tile.stop > size_bytes:
            where = f"bytes {tile.start} to {tile.stop}"
            raise BrokenTiff(f"a tile lies at {where} of a file of {size_bytes}")
    if plan.tile_bytes > size_bytes:
        raise BrokenTiff("tiles overlap: together they are longer than the file")


def _read_table(form: TiffForm, table: TileTable, level: LevelWindow) -> Steps[list[int]]:
    """Return the values of a table that a part needs, row by row of tiles, plane by plane."""
    if table.inline is not None:
        values = unpacked_integers(form, table.kind, table.inline)
        return [value for first, stop in _runs(level) for value in values[first:stop]]
    found: list[int] = []
    runs = list(_runs(level))
    whole = table_slice(table, runs[0][0], runs[-1][1])
    if whole.size_bytes <= _SHORT_TABLE_BYTES:
        yield whole  # so that one request brings what the following lines read
    for first, stop in runs:
        data = yield table_slice(table, first, stop)
        found += unpacked_integers(form, table.kind, data)
    return found


def _runs(level: LevelWindow) -> Iterator[tuple[int, int]]:
    """Yield the tiles of a part by their numbers in the image: first and behind the last."""
    image, columns = level.image, level.columns
    for plane in range(image.planes):
        for row in level.rows:
            start = (plane * image.down + row) * image.across
            yield start + columns.start, start + columns.stop
