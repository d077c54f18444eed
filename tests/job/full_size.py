"""Jobs for windows of rasters of real size, and what their files have to be."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from asyncdl.sandbox.file_contents import ExpectedFiles
from asyncdl.sandbox.lookup import find_target
from asyncdl.sandbox.sized_content import SizedContent
from tests.windows.handmade import Read, read_tiff

LAKE = [-150.0, 61.1, -149.9, 61.15]
"""About 5 km in each direction, in all three scenes around Anchorage."""
HEAD_BYTES = 65_536
PIXEL_M = 30.0


def cut(*bands: str, window: Any = "aoi", kind: str = "bands") -> dict[str, Any]:
    """Return a product of windows."""
    return {"kind": kind, "bands": list(bands or ("SR_B4",)), "window": window}


class Truth:
    """The rasters that windows are of."""

    def __init__(self) -> None:
        self._expected = ExpectedFiles(full_size=True)

    def raster(self, name: str) -> SizedContent:
        target = find_target(self._expected.catalog, name)
        assert target is not None
        return self._expected.contents.content(target)

    def check_windows(self, paths: Iterable[Path]) -> int:
        """Compare each tile of each window with the tile at its place; return how many."""
        return sum(self._check(path) for path in paths)

    def _check(self, path: Path) -> int:
        source = self.raster(path.name)
        whole = read_tiff(source.read(0, HEAD_BYTES))[0]
        window = read_tiff(path.read_bytes())[0]
        left, top = first_tile(whole, window)
        (across, down), of_whole = tiles_of(window), tiles_of(whole)[0]
        assert window[33550] == whole[33550]
        assert window[34735] == whole[34735]
        for number, (offset, size) in enumerate(window.places):
            row, column = divmod(number, across)
            start, length = whole.places[(top + row) * of_whole + left + column]
            assert window.data[offset : offset + size] == source.read(start, start + length), path
        assert len(window.places) == across * down
        return len(window.places)


def first_tile(whole: Read, window: Read) -> tuple[int, int]:
    """Return column and row of the tile that a window begins with, by where both lie."""
    side = whole.one(322)
    east, north = (window[33922][n] - whole[33922][n] for n in (3, 4))
    column, row = east / whole[33550][0] / side, -north / whole[33550][1] / side
    assert (column, row) == (round(column), round(row))
    return round(column), round(row)


def tiles_of(image: Read) -> tuple[int, int]:
    width, height = image.size
    return -(-width // image.one(322)), -(-height // image.one(323))
