"""What the script of a page needs to draw a map. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from asyncdl.events import FoundScene
from asyncdl.m2m.naming import parse_product_id
from asyncdl.pages.links import web_link
from asyncdl.pages.shapes import Ring, beside, projection_for

Polygon: TypeAlias = Sequence[Ring]
"""The outer ring, then the holes."""


@dataclass(frozen=True, slots=True)
class Tiles:
    """A background that is fetched from elsewhere."""

    url: str
    """Of a tile, with ``{z}``, ``{x}`` and ``{y}``."""
    credit: str = ""
    """Who is to be named for it."""

    @property
    def origin(self) -> str:
        """Scheme and host."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def map_data(
    scenes: Sequence[FoundScene], area: Sequence[Polygon], tiles: Tiles | None = None
) -> dict[str, Any]:
    """Return what is drawn, as plain data."""
    rings: list[Ring] = [ring for scene in scenes for ring in scene.footprint]
    rings += [ring for polygon in area for ring in polygon]
    return {
        "scenes": [_scene(scene) for scene in scenes],
        "area": [beside(polygon) for polygon in area],
        # Tiles are made for one projection.
        "projection": "mercator" if tiles else projection_for(rings),
        "tiles": tiles.url if tiles else None,
        "credit": tiles.credit if tiles else None,
    }


def _scene(scene: FoundScene) -> dict[str, Any]:
    product = parse_product_id(scene.product_id)
    browse = web_link(scene.browse_url)
    return {
        "product": scene.product_id,
        "entity": scene.entity_id,
        "date": scene.acquired,
        "cloud": scene.cloud_cover,
        "path": product.path if product else None,
        "row": product.row if product else None,
        "browse": browse.url if browse else "",
        "place": browse.place if browse else "",
        "isPicture": browse is not None and browse.is_picture,
        "rings": beside(scene.footprint),
    }
