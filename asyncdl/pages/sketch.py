"""A map of a few centimetres, as SVG without a script: footprints where they lie. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from asyncdl.markup import Markup, element
from asyncdl.pages.maps import Corner, Ring, unwrapped_shape

WIDTH_PX = 320
HEIGHT_PX = 200
_MARGIN_PX = 8
_SHAPE = "fill:#1f77b4;fill-opacity:0.15;stroke:#1f77b4;stroke-width:1"


def sketch(shapes: Iterable[Sequence[Ring]]) -> Markup | None:
    """Return a drawing of some shapes; ``None`` if there are none.

    Args:
        shapes: Each of one or more rings, in degrees.
    """
    placed = [ring for shape in shapes for ring in unwrapped_shape(shape)]
    if not placed:
        return None
    fit = _Fit([corner for ring in placed for corner in ring])
    polygons = (element("polygon", points=fit.points(ring), style=_SHAPE) for ring in placed)
    return element(
        "svg", polygons, role="img", aria_label="Footprints",
        width=WIDTH_PX, height=HEIGHT_PX, viewBox=f"0 0 {WIDTH_PX} {HEIGHT_PX}",
    )  # fmt: skip


class _Fit:
    """Places degrees in the drawing: equirectangular, true to scale in its middle."""

    def __init__(self, corners: Sequence[Corner]) -> None:
        longitudes, latitudes = zip(*corners, strict=True)
        self._middle = (
            (min(longitudes) + max(longitudes)) / 2,
            (min(latitudes) + max(latitudes)) / 2,
        )
        self._narrower = max(0.05, math.cos(math.radians(self._middle[1])))
        wide = max((max(longitudes) - min(longitudes)) * self._narrower, 1e-6)
        high = max(max(latitudes) - min(latitudes), 1e-6)
        self._scale = min((WIDTH_PX - 2 * _MARGIN_PX) / wide, (HEIGHT_PX - 2 * _MARGIN_PX) / high)

    def points(self, ring: Sequence[Corner]) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in map(self._place, ring))

    def _place(self, corner: Corner) -> tuple[float, float]:
        x = (corner[0] - self._middle[0]) * self._narrower * self._scale
        return WIDTH_PX / 2 + x, HEIGHT_PX / 2 - (corner[1] - self._middle[1]) * self._scale
