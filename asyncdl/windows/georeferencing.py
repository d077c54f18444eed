"""Where a raster lies, read from its tags, and the tags of a part of it.

Source: OGC GeoTIFF 1.1, sections 7.1 to 7.3 (tags 33550, 33922, 34264, 34735 to 34737);
GDAL's tags 42112 and 42113; the tag of RPC coefficients, 50844.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite

from asyncdl.items.projections import Crs
from asyncdl.items.raster_head import Georeference, crs_of_keys, geo_keys
from asyncdl.windows.tiff_form import Tag, TiffForm, doubles_tag
from asyncdl.windows.tiff_structure import TiffStructure, TiledImage
from asyncdl.windows.window_errors import NotAGeoTiff

PIXEL_SCALE, TIE_POINTS, TRANSFORMATION = 33550, 33922, 34264
GEO_KEYS, GEO_NUMBERS = 34735, 34736
GDAL_METADATA, RPC = 42112, 50844

_RASTER_TYPE, _MODEL_TYPE, _GEODETIC_CRS, _ANGLE_UNIT = 1025, 1024, 2048, 2054
_POINTS = 2
"""Raster type in which a coordinate is that of a pixel's middle."""
_GEOGRAPHIC, _DEGREE = 2, 9102
GEOGRAPHIC_CODES = {4326, 4269, 4258}
"""Longitude and latitude on WGS 84, NAD 83 and ETRS 89."""
_RPC_LINE, _RPC_SAMPLE = 2, 3
"""Where a polynomial's middle is: row and column."""

Affine = tuple[float, float, float, float, float, float]
"""Column and row to x and y: ``x = a * column + b * row + c``, then y the same way."""


def georeference_of(structure: TiffStructure) -> Georeference:
    """Return where a raster lies.

    Returns: Its coordinate system is without a code and a projection if it is not known here;
        bounds in its own coordinates make windows all the same.
    Raises: NotAGeoTiff, if its tags do not say it by one affine transform.
    """
    form, image = structure.form, structure.raster
    keys = geo_keys(_numbers(form, image, GEO_KEYS), _numbers(form, image, GEO_NUMBERS))
    transform = _transform(form, image)
    if transform is None:
        raise NotAGeoTiff("the file does not say where its pixels lie")
    if keys.get(_RASTER_TYPE) == _POINTS:
        transform = moved(transform, -0.5, -0.5)
    a, b, _, d, e, _ = transform
    if not (all(map(isfinite, transform)) and a * e - b * d):
        raise NotAGeoTiff("the file says of its pixels that they have no place, or no size")
    return Georeference(_crs(keys), transform, (image.height, image.width))


def moved(transform: Affine, columns: float, rows: float) -> Affine:
    """Return the transform of a raster that begins so many columns and rows further on."""
    a, b, c, d, e, f = transform
    return a, b, c + a * columns + b * rows, d, e, f + d * columns + e * rows


def _numbers(form: TiffForm, image: TiledImage, number: int) -> tuple[float, ...]:
    tag = image.tags.get(number)
    return tag.numbers(form) if tag else ()


def _transform(form: TiffForm, image: TiledImage) -> Affine | None:
    matrix = _numbers(form, image, TRANSFORMATION)
    if len(matrix) == 16:
        return matrix[0], matrix[1], matrix[3], matrix[4], matrix[5], matrix[7]
    scale, ties = _numbers(form, image, PIXEL_SCALE), _numbers(form, image, TIE_POINTS)
    if len(scale) < 2 or len(ties) != 6:
        return None
    (dx, dy), (column, row, _, x, y, _) = scale[:2], ties
    # Rows run southwards whatever the sign, as GDAL and so all that is built on it reads it.
    return moved((dx, 0.0, x, 0.0, -abs(dy), y), -column, -row)


def _crs(keys: Mapping[int, float]) -> Crs:
    if keys.get(_MODEL_TYPE) == _GEOGRAPHIC:
        code = int(keys.get(_GEODETIC_CRS, 0))
        is_known = code in GEOGRAPHIC_CODES and keys.get(_ANGLE_UNIT, _DEGREE) == _DEGREE
        return Crs(code) if is_known else Crs()
    return crs_of_keys(keys)


# --- of a part ----------------------------------------------------------------------------


def tags_of_part(
    form: TiffForm, image: TiledImage, left: int, top: int, *, is_whole: bool
) -> dict[int, Tag]:
    """Return the tags of a part of an image: its place is another, the rest is the same.

    Args:
        left: Columns of the image before the part.
        top: Rows above it.
        is_whole: Whether it is the whole image after all; else statistics of the whole are
            left out, as they would be wrong for the part.
    """
    tags = dict(image.tags)
    if left or top:
        _move_tie_points(form, tags, left, top)
        _change(form, tags, TRANSFORMATION, 16, lambda v: _moved_matrix(v, left, top))
        _change(form, tags, RPC, 92, lambda v: _moved_rpc(v, left, top))
    if not is_whole and GDAL_METADATA in tags:
        tags[GDAL_METADATA] = without_statistics(tags[GDAL_METADATA])
    return tags


def _move_tie_points(form: TiffForm, tags: dict[int, Tag], left: int, top: int) -> None:
    ties = tags[TIE_POINTS].numbers(form) if TIE_POINTS in tags else ()
    scale = tags[PIXEL_SCALE].numbers(form) if PIXEL_SCALE in tags else ()
    if not ties or len(ties) % 6:
        return
    is_plain = len(ties) == 6 and len(scale) >= 2 and min(scale[:2]) > 0
    moved_ties = list(ties)
    if is_plain:
        # What is moved is the place of the same pixel: some readers take it to be the first one.
        moved_ties[3] += left * scale[0]
        moved_ties[4] -= top * scale[1]
    else:
        # Points on the ground stay where they are; their pixels have other numbers.
        for at in range(0, len(ties), 6):
            moved_ties[at] -= left
            moved_ties[at + 1] -= top
    tags[TIE_POINTS] = doubles_tag(form, tuple(moved_ties))


def _change(
    form: TiffForm,
    tags: dict[int, Tag],
    number: int,
    count: int,
    change: Callable[[list[float]], None],
) -> None:
    """Change the doubles under a tag, if it is there and has as many as it should."""
    values = list(tags[number].numbers(form)) if number in tags else []
    if len(values) == count:
        change(values)
        tags[number] = doubles_tag(form, tuple(values))


def _moved_matrix(matrix: list[float], left: int, top: int) -> None:
    for row in range(0, 12, 4):
        matrix[row + 3] += matrix[row] * left + matrix[row + 1] * top


def _moved_rpc(values: list[float], left: int, top: int) -> None:
    values[_RPC_LINE] -= top
    values[_RPC_SAMPLE] -= left


_STATISTICS = re.compile(rb'<Item name="STATISTICS_[^<>]*+>[^<>]*+</Item>\s*+')


def without_statistics(tag: Tag) -> Tag:
    """Return GDAL's metadata without minimum, maximum, mean and the like."""
    text = _STATISTICS.sub(b"", tag.data)
    return Tag(tag.kind, len(text), text)
