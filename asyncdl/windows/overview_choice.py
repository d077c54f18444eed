"""Where a window ends so that whole tiles make it, and which overviews it can have.

A reader takes every overview of a file to cover the same ground as the raster. A tile can be
shortened on its right and at its bottom (what is beyond the image is padding), never on its
left or top. So an overview of the window can be made of whole tiles exactly if the window
begins at a border of that overview's tiles, which are wider on the ground than the raster's:
with a factor of 8, eight times. The window is moved left and up to such a border where that
costs little, and does without the overview where it would cost much.

Strips are as wide as the image and end where their image says: a window of strips has all
columns, and begins and ends between strips.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from asyncdl.windows.area_boxes import PixelBox
from asyncdl.windows.tiff_structure import RasterLevel, TiledImage


@dataclass(frozen=True, slots=True)
class OverviewRule:
    """Which overviews a window is to have."""

    more_tiles_than: int = 1
    """An overview is of use if the next finer image of the window has more tiles than that in
    some direction. 1 is what GDAL goes by when it makes overviews; 0 wants all of them."""
    growth: float = 0.5
    """How much larger the window may become for all overviews together: the raster's pixels in
    its tiles may be at most ``1 + growth`` times what the area itself needs."""


@dataclass(frozen=True, slots=True)
class LevelWindow:
    """A part of one image: what the window has of it."""

    image: TiledImage
    box: PixelBox
    """In the image's own pixels. Begins at a border of tiles."""
    is_mask: bool
    factor: int

    @property
    def rows(self) -> range:
        """The rows of tiles."""
        height = self.image.tile_height
        return range(self.box.top // height, -(-self.box.bottom // height))

    @property
    def columns(self) -> range:
        """The columns of tiles."""
        width = self.image.tile_width
        return range(self.box.left // width, -(-self.box.right // width))

    def tile_rows(self) -> Iterator[int]:
        """Yield the row of each tile, in the order in which the image lists them."""
        for _ in range(self.image.planes):
            for row in self.rows:
                yield from repeat(row, len(self.columns))

    @property
    def tile_count(self) -> int:
        """Of all planes."""
        return len(self.rows) * len(self.columns) * self.image.planes


@dataclass(frozen=True, slots=True)
class _Borders:
    """Where a window may begin and end, in pixels of the raster."""

    start: int = 1
    """A multiple of it."""
    stop: int = 1

    def meet(self, start: int, stop: int) -> _Borders:
        return _Borders(math.lcm(self.start, start), math.lcm(self.stop, stop))

    def widened(self, start: int, stop: int, size: int) -> tuple[int, int]:
        start = start // self.start * self.start
        return start, min(size, -(-stop // self.stop) * self.stop)


def choose_levels(
    levels: Sequence[RasterLevel], box: PixelBox, rule: OverviewRule
) -> tuple[LevelWindow, ...]:
    """Return the parts of all images that make the window around a box.

    Args:
        levels: The raster itself, then its overviews from the finest on.
        box: Inside the raster, one pixel at least.
    Returns: The raster's part first, then its mask's, then those of each overview. Masks are
        not a matter of choice: if theirs are wider than the raster's tiles, the window grows.
    """
    raster, *overviews = levels
    borders = (_Borders(), _Borders())
    borders = _met(borders, raster, raster)
    # The raster's own tiles reach so far to the right in any case, at no cost.
    least = _widened(box, borders, raster)
    most_pixels = (1 + rule.growth) * least.width * least.height
    chosen, window, finer = [raster], least, raster
    for level in overviews:
        if not _is_of_use(finer, window, rule):
            break
        wider = _met(borders, level, raster)
        grown = _widened(box, wider, raster)
        if _is_possible(level, grown, raster) and grown.width * grown.height <= most_pixels:
            chosen.append(level)
            borders, window, finer = wider, grown, level
    return tuple(part for level in chosen for part in _parts(level, window, raster))


def _met(
    borders: tuple[_Borders, _Borders], level: RasterLevel, raster: RasterLevel
) -> tuple[_Borders, _Borders]:
    """Return the borders that suit a level, too: of columns, then of rows."""
    columns, rows = borders
    for image in level.images:
        if image.is_tiled:
            width = image.tile_width * level.factor
            # Only the raster's own tiles say where the window ends: those of others are cut.
            is_own = image is raster.image
            columns = columns.meet(width, width if is_own else 1)
            height = image.tile_height * level.factor
            rows = rows.meet(height, height if is_own else 1)
        else:
            whole = max(raster.image.width, image.width * level.factor)
            columns = columns.meet(whole, whole)
            height = image.tile_height * level.factor
            rows = rows.meet(height, height)
    return columns, rows


def _widened(box: PixelBox, borders: tuple[_Borders, _Borders], raster: RasterLevel) -> PixelBox:
    columns, rows = borders
    left, right = columns.widened(box.left, box.right, raster.image.width)
    top, bottom = rows.widened(box.top, box.bottom, raster.image.height)
    return PixelBox(left, top, right, bottom)


def _is_of_use(finer: RasterLevel, window: PixelBox, rule: OverviewRule) -> bool:
    across = -(-window.width // (finer.factor * finer.image.tile_width))
    down = -(-window.height // (finer.factor * finer.image.tile_height))
    return max(across, down) > rule.more_tiles_than


def _is_possible(level: RasterLevel, window: PixelBox, raster: RasterLevel) -> bool:
    """Return whether a level has pixels there, and none that would have to be cut off a strip."""
    part = _part_of(level, window, raster)
    if part.width <= 0 or part.height <= 0:
        return False
    return all(image.is_tiled or _ends_between_strips(image, part) for image in level.images)


def _ends_between_strips(image: TiledImage, part: PixelBox) -> bool:
    is_at_end = part.bottom == image.height or part.bottom % image.tile_height == 0
    return part.left == 0 and part.right == image.width and is_at_end


def _parts(level: RasterLevel, window: PixelBox, raster: RasterLevel) -> list[LevelWindow]:
    part = _part_of(level, window, raster)
    return [
        LevelWindow(image, part, image is not level.image, level.factor) for image in level.images
    ]


def _part_of(level: RasterLevel, window: PixelBox, raster: RasterLevel) -> PixelBox:
    """Return a window in the pixels of a level.

    At the raster's end it takes all that the level has: writers round sides up or down.
    """
    factor, image = level.factor, level.image
    right = -(-window.right // factor)
    bottom = -(-window.bottom // factor)
    return PixelBox(
        window.left // factor,
        window.top // factor,
        image.width if window.right == raster.image.width else min(image.width, right),
        image.height if window.bottom == raster.image.height else min(image.height, bottom),
    )
