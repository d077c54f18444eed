"""Facts about a scene from any source, and which footprints are plausible. Pure.

A few of the service's footprints cross themselves, where a scene is at the antimeridian: what
they enclose is undefined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import combinations, pairwise
from typing import Any

from asyncdl.items.raster_head import Georeference
from asyncdl.m2m.searching.footprints import Outline


@dataclass(frozen=True, slots=True)
class SceneFacts:
    """Facts about a scene; ``None`` where unknown."""

    acquired: str | None = None
    """Acquisition time of the scene centre, ISO 8601 in UTC."""
    cloud_cover: float | None = None
    """Percent."""
    cloud_cover_land: float | None = None
    """Percent of the land; -1 if the service does not know it."""
    sun_azimuth: float | None = None
    """Degrees from north, 0 to 360."""
    sun_elevation: float | None = None
    """Degrees above the horizon."""
    off_nadir: float | None = None
    """Degrees; 0 for a nadir view."""
    scene_id: str | None = None
    """Such as ``LC80680172020070LGN00``."""
    footprint: tuple[Outline, ...] | None = None
    """Outlines of the area with data."""
    frame: Outline | None = None
    """Corners of the raster, counter-clockwise; half of it may be empty."""
    grid: Georeference | None = None
    """Grid of the bands with the usual resolution."""
    rescaling: Mapping[str, tuple[float, float]] | None = None
    """Factor and offset for physical values, by band, such as ``B4`` or ``SR_B4``."""
    landsat: Mapping[str, Any] | None = None
    """Further fields ``landsat:…`` of the product's own item, unchanged."""

    def or_else(self, other: SceneFacts) -> SceneFacts:
        """Return these facts, completed by those of another source."""
        gaps = {
            f.name: getattr(other, f.name) for f in fields(self) if getattr(self, f.name) is None
        }
        return replace(self, **gaps)


_Point = tuple[float, float]


def plausible_footprint(footprint: Sequence[Outline]) -> tuple[Outline, ...] | None:
    """Return a footprint if it is not empty and no outline crosses itself, else ``None``."""
    is_simple = all(not crosses_itself(outline) for outline in footprint)
    return tuple(footprint) if footprint and is_simple else None


def crosses_itself(outline: Outline) -> bool:
    """Return whether two edges of an outline cross, with the antimeridian taken into account."""
    ring = _unrolled(outline)
    edges = list(pairwise([*ring, ring[0]]))
    return any(_cross(*a, *b) for a, b in combinations(edges, 2))


def _unrolled(outline: Outline) -> list[_Point]:
    first = outline[0][0]
    return [(first + (lon - first + 180) % 360 - 180, lat) for lon, lat in outline]


def _cross(p: _Point, q: _Point, r: _Point, s: _Point) -> bool:
    """Return whether two segments cross; touching ends do not count."""
    return _side(p, q, r) * _side(p, q, s) < 0 and _side(r, s, p) * _side(r, s, q) < 0


def _side(a: _Point, b: _Point, c: _Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
