"""Whether a scene touches an area, by its footprint. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from asyncdl.m2m.models import Scene
from asyncdl.m2m.searching.ground import Ground
from asyncdl.m2m.searching.outlines import pieces_of
from asyncdl.m2m.searching.rings import Polygon


class Footprints:
    """Compares scenes with an area.

    Args:
        parts: Of the area, as :class:`Ground` takes them.
    """

    def __init__(self, parts: Sequence[Polygon]) -> None:
        self._ground = Ground(parts)

    def touch(self, scene: Scene) -> bool:
        """Tell whether a scene touches the area; one without a footprint is not left out."""
        found = pieces_of(scene.spatial_coverage) or pieces_of(scene.spatial_bounds)
        return not found or any(self._ground.touches(outer[:-1]) for outer, *_ in found)
