"""Rings made drawable, and what a map needs beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from asyncdl.events import FoundScene
from asyncdl.m2m.naming import parse_product_id
from asyncdl.pages.markup import web_link

Corner: TypeAlias = tuple[float, float]
"""Longitude and latitude, degrees."""
Ring: TypeAlias = Sequence[Corner]
"""Corners of an outline; the first may stand again at the end."""

POLAR_FROM = 75.0
"""Degrees; where all of a map lies nearer to one pole than this, it is drawn from above."""


def drawn(ring: Ring) -> list[Corner]:
    """Return a ring whose longitudes run on over the antimeridian, the first corner once.

    A step of more than 180 degrees is taken for one over the antimeridian. A ring
    around a pole, which has no end on a map of degrees, is led along the pole's edge.
    """
    corners = list(ring)
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners.pop()
    if not corners:
        return []
    run_on = _run_on([*corners, corners[0]])
    turned = run_on[-1][0] - run_on[0][0]
    if abs(turned) < 180:
        return run_on[:-1]
    pole = 90.0 if sum(latitude for _, latitude in corners) > 0 else -90.0
    return [*run_on, (run_on[-1][0], pole), (run_on[0][0], pole)]


def beside(rings: Iterable[Ring]) -> list[list[Corner]]:
    """Return the rings of one shape as :func:`drawn` gives each, next to the first of them.

    A shape that was cut at the antimeridian comes together again.
    """
    placed: list[list[Corner]] = []
    for ring in filter(None, map(drawn, rings)):
        turns = round((_middle(placed[0]) - _middle(ring)) / 360) if placed else 0
        placed.append([(longitude + 360.0 * turns, latitude) for longitude, latitude in ring])
    return placed


def _middle(ring: Ring) -> float:
    longitudes = [longitude for longitude, _ in ring]
    return (min(longitudes) + max(longitudes)) / 2


def _run_on(corners: Sequence[Corner]) -> list[Corner]:
    placed = [corners[0]]
    shift = 0.0
    for (before, _), (longitude, latitude) in pairwise(corners):
        if abs(longitude - before) > 180 and abs(longitude - before) != 360:
            shift += 360.0 if longitude < before else -360.0
        placed.append((longitude + shift, latitude))
    return placed


def projection_for(rings: Iterable[Ring]) -> str:
    """Return how to look at some rings: ``mercator``, or at a pole, ``north`` or ``south``."""
    latitudes = [latitude for ring in rings for _, latitude in ring]
    if latitudes and min(latitudes) >= POLAR_FROM:
        return "north"
    if latitudes and max(latitudes) <= -POLAR_FROM:
        return "south"
    return "mercator"


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
