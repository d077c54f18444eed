"""The file of a window: all its bytes but the tiles', and where each tile goes.

Everything but the tiles' own bytes follows from the plan, so the file can be laid out before
the first tile is there, and written in any order. In file order:

1. the header; GDAL's text about the layout, where it is true;
2. the directories with their values: raster, its mask, each overview and its mask;
3. the tables of offsets and sizes of all of them;
4. the tiles: of the coarsest overview first, of the raster last, row by row.

That is the order of a cloud-optimised GeoTIFF: one request brings what says where all else is.

Source: TIFF 6.0; the BigTIFF design; GDAL, driver COG, "File format details".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from asyncdl.transfer.ranges import Span
from asyncdl.windows.directory_bytes import DirectoryDraft, aligned, directories_bytes
from asyncdl.windows.gdal_layout import FRAME_BYTES, gdal_layout_text
from asyncdl.windows.georeferencing import tags_of_part
from asyncdl.windows.tiff_form import (
    LARGEST_CLASSIC_BYTES,
    LONG,
    SHORT,
    Tag,
    TiffForm,
    integers_tag,
)
from asyncdl.windows.tiff_structure import TiledImage
from asyncdl.windows.window_plan import LevelTiles, WindowPlan

_LARGEST_SHORT = (1 << 16) - 1


@dataclass(frozen=True, slots=True)
class WindowPiece:
    """One tile's way."""

    source: Span
    """In the file that the window is of."""
    frame: Span
    """The same with its frame, if that file says that its tiles have one."""
    at: int
    """Where its bytes go in the window's file, its frame not counted."""
    image: TiledImage
    """What it belongs to; the first that has it, if several share it."""
    row: int
    """Its row of tiles in that image."""


@dataclass(frozen=True, slots=True)
class WindowFile:
    """A file, but for the bytes of its tiles."""

    head: bytes
    """From the first byte on."""
    pieces: tuple[WindowPiece, ...]
    """In the order of the file; they fill it without a gap, with their frames."""
    size_bytes: int
    is_framed: bool
    """Whether each tile has its length before it and its last bytes once more behind it."""


def lay_out(plan: WindowPlan) -> WindowFile:
    """Lay out the file of a window.

    It is a BigTIFF only if it has to be: if it is too long for 32 bits, or has a value that is.
    """
    form = replace(plan.structure.form, is_big=False)
    directories = [_directory_of(plan, part) for part in plan.parts]
    narrow = [found for tags in directories if (found := _narrowed(form, tags)) is not None]
    if len(narrow) == len(directories):
        file = _lay_out(plan, form, narrow)
        if file.size_bytes <= LARGEST_CLASSIC_BYTES:
            return file
    return _lay_out(plan, form.as_big(), directories)


def _directory_of(plan: WindowPlan, part: LevelTiles) -> dict[int, Tag]:
    """Return the tags of a part's directory but for its tables."""
    form, (image, box) = plan.structure.form, (part.part.image, part.part.box)
    is_whole = (box.width, box.height) == (image.width, image.height)
    tags = tags_of_part(form, image, box.left, box.top, is_whole=is_whole)
    for number, value in ((256, box.width), (257, box.height)):
        tags[number] = integers_tag(form, SHORT if value <= _LARGEST_SHORT else LONG, (value,))
    return tags


def _narrowed(form: TiffForm, tags: Mapping[int, Tag]) -> dict[int, Tag] | None:
    """Return tags in types of classic TIFF; ``None`` if one has none."""
    narrow = {number: tag.narrowed(form) for number, tag in tags.items()}
    found = {number: tag for number, tag in narrow.items() if tag is not None}
    return found if len(found) == len(tags) else None


# --- where all is -----------------------------------------------------------------------------


def _lay_out(plan: WindowPlan, form: TiffForm, directories: list[dict[int, Tag]]) -> WindowFile:
    is_framed = _may_be_framed(plan)
    text = gdal_layout_text() if is_framed else b""
    at = aligned(form.header_bytes + len(text))
    # The tables' length does not depend on what is in them, so places come out with any.
    nowhere = [[0] * len(part.tiles) for part in plan.parts]
    draft = directories_bytes(form, at, _drafts(plan, form, directories, nowhere))
    places, pieces, size_bytes = _place_tiles(plan, at + len(draft), is_framed=is_framed)
    if size_bytes > LARGEST_CLASSIC_BYTES and not form.is_big:
        return WindowFile(b"", (), size_bytes, False)  # not even its offsets can be written
    body = directories_bytes(form, at, _drafts(plan, form, directories, places))
    head = (form.header(at) + text).ljust(at, b"\0") + body
    return WindowFile(head, tuple(pieces), size_bytes, is_framed)


def _drafts(
    plan: WindowPlan,
    form: TiffForm,
    directories: list[dict[int, Tag]],
    places: list[list[int]],
) -> list[DirectoryDraft]:
    drafts = []
    for part, tags, offsets in zip(plan.parts, directories, places, strict=True):
        sizes = tuple(tile.size_bytes for tile in part.tiles)
        numbers = (324, 325) if part.part.image.is_tiled else (273, 279)
        tables = (
            integers_tag(form, form.offset_type, tuple(offsets)),
            integers_tag(form, form.offset_type, sizes),
        )
        drafts.append(DirectoryDraft(tags, dict(zip(numbers, tables, strict=True))))
    return drafts


def _may_be_framed(plan: WindowPlan) -> bool:
    """Return whether GDAL's layout holds: tiles, one after the other, each its own."""
    tiles = [tile for part in plan.parts for tile in part.tiles if tile.size_bytes]
    return (
        all(part.part.image.is_tiled and part.part.image.planes == 1 for part in plan.parts)
        and len(tiles) == len(plan.tiles)
        and all(FRAME_BYTES <= tile.size_bytes <= LARGEST_CLASSIC_BYTES for tile in tiles)
    )


def _place_tiles(
    plan: WindowPlan, at: int, *, is_framed: bool
) -> tuple[list[list[int]], list[WindowPiece], int]:
    """Return the offsets of each part's tiles, the pieces, and the length of the file.

    A tile that several places of the file share is shared in the window, too.
    """
    frame = FRAME_BYTES if is_framed else 0
    pieces: list[WindowPiece] = []
    placed: dict[Span, int] = {}
    offsets: list[list[int]] = []
    for part in reversed(plan.parts):
        of_part = []
        for row, tile in zip(part.part.tile_rows(), part.tiles, strict=True):
            if tile.size_bytes and tile not in placed:
                placed[tile] = at + frame
                pieces.append(
                    WindowPiece(tile, plan.frame_of(tile), at + frame, part.part.image, row)
                )
                at += tile.size_bytes + 2 * frame
            of_part.append(placed.get(tile, 0))
        offsets.append(of_part)
    return offsets[::-1], pieces, at
