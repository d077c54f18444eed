"""What is known of a scene, whoever tells it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from asyncdl.items.georeference import Georeference
from asyncdl.m2m.searching.outlines import Outline


@dataclass(frozen=True, slots=True)
class SceneFacts:
    """What is known of a scene; ``None`` for what is not."""

    acquired: str | None = None
    """When the middle of the scene was taken, ISO 8601 in UTC."""
    cloud_cover: float | None = None
    """Percent."""
    cloud_cover_land: float | None = None
    """Percent of the land; -1 where the service says that it does not know."""
    sun_azimuth: float | None = None
    """Degrees from north, 0 to 360."""
    sun_elevation: float | None = None
    """Degrees above the horizon."""
    off_nadir: float | None = None
    """Degrees; 0 where the satellite looked straight down."""
    scene_id: str | None = None
    """Such as ``LC80680172020070LGN00``."""
    footprint: tuple[Outline, ...] | None = None
    """Outlines of the part of the Earth that was seen."""
    frame: Outline | None = None
    """Corners of the raster around it, against the clock; half of it may be empty."""
    grid: Georeference | None = None
    """Of the bands with the usual resolution."""
    rescaling: Mapping[str, tuple[float, float]] | None = None
    """Factor and summand that make physical values, by band, such as ``B4`` or ``SR_B4``."""
    landsat: Mapping[str, Any] | None = None
    """Further fields ``landsat:…`` of the product's own item, as they stand there."""

    def or_else(self, other: SceneFacts) -> SceneFacts:
        """Return these facts, and those of another source where these are missing."""
        gaps = {
            f.name: getattr(other, f.name) for f in fields(self) if getattr(self, f.name) is None
        }
        return replace(self, **gaps)
