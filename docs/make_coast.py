"""Writes ``asyncdl/pages/parts/coast.json``: the world's coasts, for maps that work offline.

The outlines of all land in Natural Earth's countries at 1:110 million (public domain), as geopandas
0.14 has them: ``make areas`` installs that. Each line is a list of whole numbers, hundredths of a
degree: longitude and latitude of its first corner, then the steps to each next one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
COAST = ROOT / "asyncdl" / "pages" / "parts" / "coast.json"
COUNTRIES = (
    ROOT / ".venv-geometry" / "geopandas/datasets/naturalearth_lowres/naturalearth_lowres.shp"
)


def coast(countries: Path) -> list[list[int]]:
    """Return the outlines of all land, without borders between countries."""
    geometry = import_module("shapely.geometry")
    with import_module("shapefile").Reader(str(countries)) as reader:
        shapes = [geometry.shape(shape.__geo_interface__) for shape in reader.shapes()]
    land = import_module("shapely").union_all(shapes, grid_size=0.01)
    return [list(_steps(ring)) for part in land.geoms for ring in _rings(part)]


def _rings(part: Any) -> Iterable[Any]:
    return (part.exterior, *part.interiors)


def _steps(ring: Any) -> Iterator[int]:
    x = y = 0
    for longitude, latitude in ring.coords:
        at_x, at_y = round(longitude * 100), round(latitude * 100)
        if (at_x, at_y) != (x, y):
            yield from (at_x - x, at_y - y)
            x, y = at_x, at_y


if __name__ == "__main__":
    COAST.write_text(json.dumps(coast(COUNTRIES), separators=(",", ":")) + "\n", encoding="utf-8")
