"""What images a GeoTIFF has, and how each lies in tiles.

The first image is the raster itself. Others are its overviews (smaller by a whole factor) and
the masks of both; what is neither is left out, with a note.

Source: TIFF 6.0; TIFF tag 254 as GDAL and libtiff use it; docs/decisions/011-windows.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from asyncdl.transfer.ranges import Span
from asyncdl.windows.byte_ranges import HeldBytes
from asyncdl.windows.directories import (
    Directory,
    DirectoryChain,
    TileTable,
    read_directories,
)
from asyncdl.windows.gdal_layout import GdalLayout, read_gdal_layout
from asyncdl.windows.inquiry import Inquiry, Steps
from asyncdl.windows.tiff_form import INTEGERS, TYPE_BYTES, Tag, TiffForm
from asyncdl.windows.window_errors import BrokenTiff, UnsupportedTiff

LARGEST_SIDE = 1 << 31
"""Pixels of a raster in one direction; GDAL holds no more."""
LARGEST_TILE_BYTES = 1 << 30
"""Of one tile or strip, decoded; a strip may be a whole image."""
MOST_SAMPLES = 1 << 16

_REDUCED, _MASK = 1, 4
"""Bits of tag 254."""
_OLD_REDUCED = 2
"""Value of tag 255, which 254 has replaced."""
_OLD_JPEG = 6
_SEPARATE = 2
_YCBCR = 6
_JPEG = 7


@dataclass(frozen=True, slots=True)
class TiledImage:
    """One image of a file: the raster, an overview or a mask."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    """Of strips: the image's width, and the rows of one."""
    is_tiled: bool
    planes: int
    """1 if all samples of a pixel stand together, else one for each sample."""
    bits: int
    """Of one pixel in one plane; 0 if samples are not all of one width."""
    samples: int
    compression: int
    is_subsampled: bool
    """Whether samples are shared by pixels, so that a tile's length does not follow from these."""
    tags: Mapping[int, Tag]
    """All that is not about where tiles are."""
    offsets: TileTable
    sizes: TileTable

    @property
    def across(self) -> int:
        """Tiles side by side."""
        return -(-self.width // self.tile_width)

    @property
    def down(self) -> int:
        """Tiles one below the other."""
        return -(-self.height // self.tile_height)

    @property
    def tile_count(self) -> int:
        """Of all planes."""
        return self.across * self.down * self.planes

    def decoded_bytes(self, row: int) -> int | None:
        """Return the length of a tile of a row of tiles, decoded; ``None`` if unknown."""
        if not self.bits or self.is_subsampled:
            return None
        rows = self.tile_height
        if not self.is_tiled:
            rows = min(rows, self.height - row * rows)
        return rows * -(-self.tile_width * self.bits // 8)


@dataclass(frozen=True, slots=True)
class RasterLevel:
    """The raster at one scale."""

    image: TiledImage
    factor: int
    """Pixels of the raster itself, in each direction, for one of these: 1, 2, 4 …"""
    mask: TiledImage | None = None

    @property
    def images(self) -> tuple[TiledImage, ...]:
        """The image, and its mask if it has one."""
        return (self.image,) if self.mask is None else (self.image, self.mask)


@dataclass(frozen=True, slots=True)
class TiffStructure:
    """What a file is made of."""

    size_bytes: int
    form: TiffForm
    levels: tuple[RasterLevel, ...]
    """The raster itself, then its overviews from the finest on."""
    layout: GdalLayout
    notes: tuple[str, ...] = ()
    """What is odd, or was left out."""

    @property
    def raster(self) -> TiledImage:
        """The image of full resolution."""
        return self.levels[0].image


def structure_inquiry(size_bytes: int, held: HeldBytes | None = None) -> Inquiry[TiffStructure]:
    """Begin to read the structure of a file.

    Args:
        size_bytes: Its length.
        held: What is in memory of it; the inquiry adds to it, and the plan goes on with it.
    Raises: NotAGeoTiff, BrokenTiff, UnsupportedTiff; also when bytes are fed.
    """
    return Inquiry(_read_structure(size_bytes), size_bytes, held)


def _read_structure(size_bytes: int) -> Steps[TiffStructure]:
    chain = yield from read_directories(size_bytes)
    return structure_of(chain, size_bytes)


def structure_of(chain: DirectoryChain, size_bytes: int) -> TiffStructure:
    """Make the structure of directories.

    Raises: BrokenTiff, UnsupportedTiff; both about the raster itself or its mask alone, as a
        file without an overview is right, too.
    """
    form, notes = chain.form, list(chain.notes)
    first, *others = chain.directories
    raster = _image_of(form, first)
    overviews: dict[int, TiledImage] = {}
    masks: list[TiledImage] = []
    for number, directory in enumerate(others, start=1):
        is_mask, is_reduced = _role(form, directory)
        try:
            image = _image_of(form, directory)
        except (BrokenTiff, UnsupportedTiff) as problem:
            if is_mask and not is_reduced:
                raise
            notes.append(f"image {number} is left out: {problem}")
            continue
        factor = factor_between(raster, image)
        if is_mask:
            masks.append(image)
        elif is_reduced and factor and _are_alike(raster, image):
            overviews.setdefault(factor, image)
        else:
            notes.append(f"image {number} is left out: it is no overview and no mask")
    for directory in chain.directories:
        notes += [f"tag {tag} is left out: its value is too long" for tag in directory.left_out]
    pairs = [(1, raster), *sorted(overviews.items())]
    levels = tuple(RasterLevel(image, factor, _mask_of(image, masks)) for factor, image in pairs)
    return TiffStructure(size_bytes, form, levels, read_gdal_layout(chain.head), tuple(notes))


def factor_between(raster: TiledImage, image: TiledImage) -> int | None:
    """Return how much smaller an image is, if that is a whole number of 2 or more.

    Writers round the sides of an overview up or down, so that several factors may fit a small
    one: a power of two goes before others.
    """
    sides = ((raster.width, image.width), (raster.height, image.height))
    whole, part = max(sides)
    ratio = max(1.0, whole / part)
    power = math.floor(math.log2(ratio))
    for factor in (1 << power, 2 << power, round(ratio)):
        if factor > 1 and all(_fits(*side, factor) for side in sides):
            return factor
    return None


def _fits(whole: int, part: int, factor: int) -> bool:
    return max(1, whole // factor) <= part <= -(-whole // factor)


def _mask_of(image: TiledImage, masks: list[TiledImage]) -> TiledImage | None:
    size = (image.width, image.height)
    return next((mask for mask in masks if (mask.width, mask.height) == size), None)


def _are_alike(one: TiledImage, other: TiledImage) -> bool:
    return (one.samples, one.bits) == (other.samples, other.bits)


def _role(form: TiffForm, directory: Directory) -> tuple[bool, bool]:
    """Return whether an image is a mask, and whether it is one of less resolution."""
    bits = _integer(form, directory, 254, 0)
    is_old = _integer(form, directory, 255, 1) == _OLD_REDUCED
    return bool(bits & _MASK), bool(bits & _REDUCED) or is_old


def _image_of(form: TiffForm, directory: Directory) -> TiledImage:
    def tag(number: int, default: int) -> int:
        return _integer(form, directory, number, default)

    width, height = tag(256, 0), tag(257, 0)
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise BrokenTiff(f"an image of {width} by {height} pixels")
    is_tiled = 324 in directory.tables or 322 in directory.tags
    tile_width, tile_height = (tag(322, 0), tag(323, 0)) if is_tiled else (width, tag(278, height))
    if not is_tiled:
        tile_height = min(tile_height, height)
    if not (0 < tile_width <= LARGEST_SIDE and 0 < tile_height <= LARGEST_SIDE):
        raise BrokenTiff(f"tiles of {tile_width} by {tile_height} pixels")
    samples, compression = tag(277, 1), tag(259, 1)
    if not 0 < samples <= MOST_SAMPLES:
        raise BrokenTiff(f"pixels of {samples} samples")
    if compression == _OLD_JPEG:
        raise UnsupportedTiff("its tiles share tables in a way that is not cut here (old JPEG)")
    if tag(32997, 1) > 1:
        raise UnsupportedTiff("an image with a depth")
    planes = samples if tag(284, 1) == _SEPARATE else 1
    image = TiledImage(
        width,
        height,
        tile_width,
        tile_height,
        is_tiled,
        planes,
        _bits(form, directory, samples, planes),
        samples,
        compression,
        tag(262, 0) == _YCBCR and compression != _JPEG,
        directory.tags,
        *_tables(directory, is_tiled),
    )
    _check_tables(image)
    if (image.decoded_bytes(0) or 0) > LARGEST_TILE_BYTES:
        raise UnsupportedTiff(f"a tile of {image.decoded_bytes(0)} bytes")
    return image


def _bits(form: TiffForm, directory: Directory, samples: int, planes: int) -> int:
    tag = directory.tags.get(258)
    bits = set(tag.integers(form)) if tag else {1}
    if len(bits) != 1:
        return 0
    (of_sample,) = bits
    return of_sample * (1 if planes > 1 else samples)


def _tables(directory: Directory, is_tiled: bool) -> tuple[TileTable, TileTable]:
    # Some writers list tiles under the tags of strips.
    numbers = (324, 325) if is_tiled and 324 in directory.tables else (273, 279)
    try:
        offsets, sizes = (directory.tables[number] for number in numbers)
    except KeyError as missing:
        raise BrokenTiff(f"tag {missing} is missing: where the tiles are, or how long") from None
    return offsets, sizes


def _check_tables(image: TiledImage) -> None:
    for table in (image.offsets, image.sizes):
        if table.kind not in INTEGERS:
            raise BrokenTiff(f"a table of tiles has values of type {table.kind}")
        if table.count < image.tile_count:
            count = image.tile_count
            raise BrokenTiff(f"a table of {table.count} tiles, but the image has {count}")


def _integer(form: TiffForm, directory: Directory, number: int, default: int) -> int:
    tag = directory.tags.get(number)
    values = tag.integers(form) if tag else ()
    return values[0] if values else default


def table_slice(table: TileTable, first: int, stop: int) -> Span:
    """Return where some values of a table are that is not in its directory."""
    width = TYPE_BYTES[table.kind]
    return Span(table.place.start + first * width, table.place.start + stop * width)
