"""A window cut to the pixels of its area, by GDAL. Needs the extra ``geo``; imported only for it.

GDAL reads and writes memory only: no file, no network, one driver. What it reads is a file of
ours, whose tiles have been checked.
"""

from __future__ import annotations

import warnings
from typing import Any

from asyncdl.windows import PixelBox

_SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",
    "GDAL_TIFF_INTERNAL_MASK": "YES",
    "GDAL_NUM_THREADS": "1",
}
TILE = 256
_LOSSY = {"JPEG", "WEBP", "JXL"}
"""Encoded anew, their pixels would be others."""
_LOSSLESS = "DEFLATE"


def cut_to_pixels(data: bytes, box: PixelBox) -> bytes:
    """Return a GeoTIFF of some pixels of another one. Blocks.

    Predictor, coordinate system, value for no data, masks, colours, scales, descriptions and
    metadata are kept, and the compression, unless it changes pixels; overviews are not made.

    Args:
        data: Of a whole file.
        box: Pixels of its raster.
    Raises: rasterio.errors.RasterioError, if GDAL cannot read it or write its kind.
    """
    import rasterio
    from rasterio.io import MemoryFile
    from rasterio.windows import Window

    window = Window(box.left, box.top, box.width, box.height)
    with (
        warnings.catch_warnings(),
        rasterio.Env(**_SETTINGS),
        MemoryFile(data) as source_file,
        source_file.open(driver="GTiff") as source,
        MemoryFile() as made_file,
    ):
        warnings.simplefilter("ignore")  # of odd tags in files of others
        with made_file.open(**_profile(source, box, source.window_transform(window))) as made:
            made.write(source.read(window=window))
            _copy_facts(source, made, window)
        return bytes(made_file.read())


def _profile(source: Any, box: PixelBox, transform: Any) -> dict[str, Any]:
    structure = source.tags(ns="IMAGE_STRUCTURE")
    is_tiled = max(box.width, box.height) > TILE
    compression = source.compression.value if source.compression else None
    bits = source.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
    return {
        "driver": "GTiff",
        "width": box.width,
        "height": box.height,
        "count": source.count,
        "dtype": source.dtypes[0],
        "crs": source.crs,
        "transform": transform,
        "nodata": source.nodata,
        "compress": _LOSSLESS if compression in _LOSSY else compression,
        "predictor": structure.get("PREDICTOR", "1"),
        "interleave": structure.get("INTERLEAVE", "PIXEL"),
        "tiled": is_tiled,
        **({"blockxsize": TILE, "blockysize": TILE} if is_tiled else {}),
        **({"nbits": bits} if bits else {}),
        **({"photometric": "MINISWHITE"} if _white_is_zero(source) else {}),
    }


def _white_is_zero(source: Any) -> bool:
    return "MINISWHITE" in source.tags(ns="IMAGE_STRUCTURE")


def _copy_facts(source: Any, made: Any, window: Any) -> None:
    from rasterio.enums import MaskFlags

    made.update_tags(**source.tags())
    made.scales, made.offsets = source.scales, source.offsets
    made.descriptions, made.units = source.descriptions, source.units
    made.colorinterp = source.colorinterp
    for band in range(1, source.count + 1):
        made.update_tags(band, **source.tags(band))
        if _white_is_zero(source):
            continue  # what is said to be its colours are those of any such file
        try:
            made.write_colormap(band, source.colormap(band))
        except ValueError:
            continue  # it has none
    if source.mask_flag_enums[0] == [MaskFlags.per_dataset]:
        made.write_mask(source.dataset_mask(window=window))
