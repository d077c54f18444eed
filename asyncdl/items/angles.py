"""What the file of angle coefficients (``ANG``) tells: where in its raster the scene lies. Pure.

Each band has an outline of its own there. The corners of the first band are three to four
kilometres from those of the footprint that the service gives (measured on five scenes); those of
the raster's frame are 44 to 133 kilometres away.

Source: Landsat 8-9 Level 1 Data Format Control Book, angle coefficient file.
"""

from __future__ import annotations

import re

from asyncdl.items.facts import SceneFacts
from asyncdl.items.georeference import Georeference
from asyncdl.items.projections import Point
from asyncdl.m2m.searching.outlines import DECIMALS, Outline

_SCENE = re.compile(r'^[ \t]*+LANDSAT_SCENE_ID = "([A-Z0-9]{21})"', re.MULTILINE)
_LISTS = re.compile(
    r"^[ \t]*+(UL_CORNER|BAND\d\d_L1T_IMAGE_CORNER_(?:LINES|SAMPS)) = \(([^()]{0,200}+)\)",
    re.MULTILINE,
)


def read_angles(text: str) -> SceneFacts:
    """Read an angle coefficient file; what makes no sense is left out."""
    scene = _SCENE.search(text)
    return SceneFacts(scene_id=scene[1] if scene else None)


def footprint_of(text: str, grid: Georeference | None) -> tuple[Outline, ...] | None:
    """Return the outline of the first band.

    Args:
        text: Of the angle coefficient file.
        grid: Of the usual resolution; lines and samples are counted on it.
    Returns: ``None`` if the file does not tell, or the grid is not known.
    """
    lists: dict[str, tuple[float, ...]] = {}
    for name, numbers in _LISTS.findall(text):
        lists.setdefault(re.sub(r"^BAND\d\d_", "", name), _numbers(numbers))
    lines = lists.get("L1T_IMAGE_CORNER_LINES", ())
    samples = lists.get("L1T_IMAGE_CORNER_SAMPS", ())
    if grid is None or len(lines) != 4 or len(samples) != 4 or not _fits(grid, lines, samples):
        return None
    # From the upper left corner with the clock; the middle of the first pixel is (0, 0).
    pixels: list[Point] = [(s + 0.5, n + 0.5) for n, s in zip(lines, samples, strict=True)]
    ring = grid.footprint([pixels[0], *reversed(pixels[1:])])
    return (tuple((round(x, DECIMALS), round(y, DECIMALS)) for x, y in ring),) if ring else None


def _fits(grid: Georeference, lines: tuple[float, ...], samples: tuple[float, ...]) -> bool:
    """Tell whether the corners lie on the grid, give or take a hundredth of it."""
    rows, columns = grid.shape
    is_on = all(-0.01 * rows <= n <= 1.01 * rows for n in lines)
    return is_on and all(-0.01 * columns <= n <= 1.01 * columns for n in samples)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, text.split(",")))
    except ValueError:
        return ()
