"""Draw the vegetation index of a fetched scene as a picture.

::

    pip install rioxarray
    python examples/ndvi.py data/bands/LC08_L2SP_068017_20200310_20200822_02_T1

The folder holds the bands ``red`` and ``nir08`` of one Landsat 8 or 9 Level-2 scene, as a
config with ``bands = ["red", "nir08", "qa_pixel"]`` fetches them. Where ``qa_pixel`` is there,
clouds and their shadows stay empty, as does what the sensor did not see.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rioxarray
from rasterio.errors import NotGeoreferencedWarning

MIN_PIXELS, MAX_PIXELS = 512, 2048
"""Longest side of the picture. A whole scene has about 7,700, one of the sandbox 64."""

# Landsat Collection 2 Level-2: reflectance = number x scale + offset; 0 is no data.
SCALE, OFFSET, NO_DATA = 0.0000275, -0.2, 0
CLOUDY = 1 << 1 | 1 << 3 | 1 << 4
"""Bits of QA_PIXEL: dilated cloud, cloud, cloud shadow."""

INDEX = (-0.2, 0.0, 0.2, 0.5, 0.9)
COLOURS = ((70, 90, 140), (170, 160, 150), (225, 205, 140), (120, 170, 70), (10, 90, 30))
"""Red, green, blue at each value of ``INDEX``: water, bare ground, grass, forest."""


def main() -> None:
    arguments = _arguments()
    red, nir = (read_band(arguments.folder, band) for band in ("SR_B4", "SR_B5"))
    is_seen = (red != NO_DATA) & (nir != NO_DATA)
    if list(arguments.folder.glob("*_QA_PIXEL.TIF")):
        is_seen &= read_band(arguments.folder, "QA_PIXEL") & CLOUDY == 0
    index = ndvi(reflectance(red), reflectance(nir))
    write_picture(arguments.output, index, is_seen)
    print(f"{arguments.output}: {index.shape[1]} x {index.shape[0]} pixels", end="; ")
    print(f"{is_seen.mean():.0%} seen, median NDVI {np.median(index[is_seen]):.2f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of one scene")
    parser.add_argument("-o", "--output", type=Path, default=Path("ndvi.png"))
    return parser.parse_args()


def read_band(folder: Path, band: str) -> Any:
    """Return the numbers of one band, thinned out or enlarged to the picture."""
    found = sorted(folder.glob(f"*_{band}.TIF"))
    if len(found) != 1:
        raise SystemExit(f"{folder} has {len(found)} files *_{band}.TIF; 1 is needed")
    with rioxarray.open_rasterio(found[0]) as raster:
        numbers = raster[0]
        longest = max(numbers.shape)
        zoom = min(max(longest, MIN_PIXELS), MAX_PIXELS) / longest
        rows, columns = (
            np.linspace(0, side, round(side * zoom), endpoint=False).astype(int)
            for side in numbers.shape
        )
        return numbers.isel(y=rows, x=columns).to_numpy()


def reflectance(numbers: Any) -> Any:
    """Return the share of light that the ground sends back, 0 to 1."""
    return np.clip(numbers * SCALE + OFFSET, 0.0, 1.0)


def ndvi(red: Any, nir: Any) -> Any:
    """Return (nir - red) / (nir + red), from -1 to 1; 0 where both are dark."""
    total = nir + red
    return np.divide(nir - red, total, out=np.zeros_like(total), where=total > 0)


def write_picture(path: Path, index: Any, is_seen: Any) -> None:
    channels = [np.interp(index, INDEX, colour) for colour in zip(*COLOURS, strict=True)]
    picture = np.stack([*channels, is_seen * 255]).astype("uint8")
    count, height, width = picture.shape
    shape = {"count": count, "height": height, "width": width, "dtype": "uint8"}
    with warnings.catch_warnings():
        # A picture has no place on the map, and needs none.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="PNG", **shape) as file:
            file.write(picture)


if __name__ == "__main__":
    main()
