"""What the numbers in a GeoTIFF are: their type, and the one that means nothing.

Source: TIFF 6.0, tags 258, 322 and 339; GDAL's tag 42113; STAC 1.1.0, common metadata.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from asyncdl.transfer.proving.malformed import Malformed
from asyncdl.transfer.proving.tiff import read_numbers

_BITS, _TILE_WIDTH, _FORMAT, _NO_DATA = 258, 322, 339, 42113
_KINDS = {1: ("uint", (8, 16, 32, 64)), 2: ("int", (8, 16, 32, 64)), 3: ("float", (16, 32, 64))}
"""By the sample format: name and widths that STAC has a word for."""


@dataclass(frozen=True, slots=True)
class Samples:
    """What one band of a raster is made of."""

    data_type: str
    """As STAC and numpy call it, such as ``uint16``."""
    no_data: int | float | str | None
    """``"nan"`` for what is no number; ``None`` if every number is data."""
    is_tiled: bool = False
    """Whether the pixels lie in tiles, as in every file that was made for the cloud."""


def read_samples(path: Path) -> Samples | None:
    """Read the head of a GeoTIFF; ``None`` if it is none, or of a type without a name. Blocks.

    Raises: OSError.
    """
    try:
        with path.open("rb") as file:
            found = read_numbers(file, path.stat().st_size, (_BITS, _TILE_WIDTH, _FORMAT, _NO_DATA))
    except Malformed:
        return None
    kind, widths = _KINDS.get(int(found.get(_FORMAT, (1,))[0]), ("", ()))
    bits = int(found.get(_BITS, (1,))[0])
    if bits not in widths:
        return None
    no_data = _number(bytes(map(int, found.get(_NO_DATA, ()))))
    return Samples(f"{kind}{bits}", no_data, _TILE_WIDTH in found)


def _number(text: bytes) -> int | float | str | None:
    try:
        value = float(text.rstrip(b"\0 "))
    except ValueError:
        return None
    if math.isfinite(value):
        return int(value) if value.is_integer() else value
    return "nan" if math.isnan(value) else None
