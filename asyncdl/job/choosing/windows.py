"""Which part of each raster a config wants, and which scenes have any of it. Works offline."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec

from asyncdl.config import Config, Window
from asyncdl.config.windows import Bounds, written
from asyncdl.errors import ConfigError
from asyncdl.events import Notice
from asyncdl.extras import installing
from asyncdl.job.choosing.areas import area_of
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.searching.area import SearchArea, area_from_bbox, parts_of_area
from asyncdl.m2m.searching.footprints import Ground, Outline
from asyncdl.m2m.searching.rings import Polygon, bounds

HASHED_CHARS = 8
KM_PER_DEGREE = 111.2
HALF_TURN = 180.0
SCENE_KM2 = 185.0 * 180.0
"""Of a scene whose footprint is not known. Source: Landsat Data Users Handbooks."""
TILE_KM = 256 * 0.03
"""Side of a tile on the ground: what a window exceeds its area by, half on each side."""
HEAD_BYTES = 16 * 1024
"""Of a file that are read to find the tiles."""


@dataclass(frozen=True, slots=True)
class AreaWindow:
    """A part of the earth that is wanted of each raster."""

    name: str
    """Short and safe in a path, such as ``box_-150_61_-149.8_61.1``; another area has another."""
    parts: tuple[Polygon, ...] = field(repr=False)
    """In longitude and latitude, within 180 degrees, each with closed rings; a point is a ring of
    one position."""
    is_exact: bool = False
    """Whether it is cut to pixels, not only to tiles."""

    @property
    def rings(self) -> tuple[tuple[tuple[float, float], ...], ...]:
        """The outer rings of all parts."""
        return tuple(tuple(part[0]) for part in self.parts)

    @property
    def boxes(self) -> tuple[Bounds, ...]:
        """The box around each part."""
        return tuple(bounds(part[0]) for part in self.parts)


def window_of(config: Config, area: SearchArea | None) -> AreaWindow | None:
    """Return the window of a config; ``None`` if it wants whole files.

    Args:
        config: Checked: with ``aoi`` it has an area.
        area: Of its search, if it is read already.
    Raises: ConfigError, if the area is not valid.
    """
    window = config.window
    if window is None:
        return None
    found = _tiles_of(config, window, area)
    if not config.is_exact:
        return found
    if lacking := lacking_for_exact():
        problem = "needs GDAL, by rasterio, which is not installed"
        raise ConfigError(problem, key="products.exact", allowed=f"false, or {lacking}")
    return replace(found, name=f"{found.name}_exact", is_exact=True)


def lacking_for_exact() -> str:
    """Return how to install what cuts to pixels; empty if it is there."""
    return "" if find_spec("rasterio") else installing("geo")


def _tiles_of(config: Config, window: Window, area: SearchArea | None) -> AreaWindow:
    box = window.bounds
    if box is None:
        box = config.search.bbox
        found = area_of(config.search) if area is None else area
        return AreaWindow(_name_of(box, found), tuple(parts_of_area(found)))
    try:
        found = area_from_bbox(*box)
    except ConfigError as error:
        error.key = "products.window"
        raise
    return AreaWindow(_name_of(box, found), tuple(parts_of_area(found)))


def _name_of(box: Bounds | None, area: SearchArea) -> str:
    if box is not None:
        return "_".join(("box", *map(written, box)))
    corners = [[tuple(map(written, at)) for at in part[0]] for part in parts_of_area(area)]
    digest = hashlib.sha256(repr(corners).encode()).hexdigest()
    return f"area_{digest[:HASHED_CHARS]}"


# --- of scenes ----------------------------------------------------------------------------

Footprints = Mapping[str, Sequence[Outline]]
"""Outlines of scenes by entity id, as far as a search gave them."""


class WindowCuts:
    """Makes the files of scenes those of a window, and leaves out scenes that have none of it.

    Args:
        window: What is wanted of each raster.
    """

    def __init__(self, window: AreaWindow) -> None:
        self._window = window
        self._ground = Ground(window.parts)
        self.outside: set[str] = set()
        """Display ids of scenes that were left out."""
        self._last: tuple[str | None, float | None] = (None, None)
        """The last scene, and its share."""
        self._is_met = False
        """Whether any scene may have a part of the window."""

    def cut(self, wanted: WantedFile, footprints: Footprints) -> WantedFile | None:
        """Return a file of a window; a bundle stays whole.

        Returns: ``None`` for a file of a scene that has none of the window.
        """
        if wanted.kinds == (BUNDLE,):
            return wanted
        share = self._share_of(wanted.scene_id, footprints.get(wanted.scene_id, ()))
        if share is None:
            self.outside.add(wanted.scene)
            return None
        self._is_met = True
        wanted = wanted.replace(window=self._window.name)
        if not wanted.is_cut:
            return wanted
        estimate = math.ceil(wanted.estimate_bytes * share) + HEAD_BYTES
        return wanted.replace(estimate_bytes=min(wanted.estimate_bytes, estimate))

    def _share_of(self, scene_id: str, outlines: Sequence[Outline]) -> float | None:
        """Return :func:`share_of` a scene; ``None`` if it does not touch the window."""
        if self._last[0] != scene_id:  # the files of a scene come together
            is_outside = outlines and not any(map(self._ground.touches, outlines))
            share = None if is_outside else share_of(self._window.boxes, outlines)
            self._last = scene_id, share
        return self._last[1]

    def notes(self) -> list[Notice]:
        """Return a notice on the scenes that were left out, if any were."""
        if not self.outside:
            return []
        if not self._is_met:
            text = f"No scene touches the window: its edges are {', '.join(map(str, self._box))}."
            return [Notice(text, "warning")]
        scenes = f"{len(self.outside):,}"
        return [Notice(f"Scenes left out, as their footprint does not touch the window: {scenes}.")]

    @property
    def _box(self) -> Bounds:
        boxes = self._window.boxes
        west, south = min(box[0] for box in boxes), min(box[1] for box in boxes)
        return west, south, max(box[2] for box in boxes), max(box[3] for box in boxes)


BUNDLE = "bundle"


def share_of(boxes: Iterable[Bounds], outlines: Sequence[Outline]) -> float:
    """Return which share of a raster's bytes a window may have, from 0 to 1.

    By their sizes on the ground: the box around what lies in the scene, with the tiles that it
    touches, beside the scene itself.
    """
    frames = [bounds(list(outline)) for outline in outlines]
    inside = [cut for box in boxes for frame in frames or [box] if (cut := _common(box, frame))]
    if not inside:
        return 0.0
    inside = _on_one_side(inside)
    west, south = min(box[0] for box in inside), min(box[1] for box in inside)
    east, north = max(box[2] for box in inside), max(box[3] for box in inside)
    shrink = math.cos(math.radians((south + north) / 2))
    width = (east - west) * KM_PER_DEGREE * shrink + TILE_KM
    height = (north - south) * KM_PER_DEGREE + TILE_KM
    whole = sum(_km2(outline) for outline in outlines) or SCENE_KM2
    return min(1.0, width * height / whole)


def _on_one_side(boxes: list[Bounds]) -> list[Bounds]:
    """Return boxes as they lie beside each other: over the antimeridian they come as two."""
    if max(box[2] for box in boxes) - min(box[0] for box in boxes) <= HALF_TURN:
        return boxes
    return [
        (west + 2 * HALF_TURN, south, east + 2 * HALF_TURN, north) if west < 0 else box
        for box in boxes
        for west, south, east, north in [box]
    ]


def _common(one: Bounds, other: Bounds) -> Bounds | None:
    west, south = max(one[0], other[0]), max(one[1], other[1])
    east, north = min(one[2], other[2]), min(one[3], other[3])
    return (west, south, east, north) if west <= east and south <= north else None


def _km2(outline: Outline) -> float:
    _, south, _, north = bounds(list(outline))
    shrink = math.cos(math.radians((south + north) / 2))
    pairs = zip(outline, [*outline[1:], outline[0]], strict=True)
    twice = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)
    return abs(twice) / 2 * KM_PER_DEGREE**2 * shrink
