"""Maps: rings made drawable, the data of a map, and the page that is a map only. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from orjson import Fragment

from asyncdl.events import FoundScene
from asyncdl.m2m.naming import parse_product_id
from asyncdl.markup import Markup, element, web_link
from asyncdl.pages.page import page

Corner: TypeAlias = tuple[float, float]
"""Longitude and latitude, degrees."""
Ring: TypeAlias = Sequence[Corner]
"""Corners of an outline; the first may be repeated at the end."""

POLAR_FROM = 75.0
"""Degrees of latitude; a map that lies beyond it everywhere is drawn as seen from above."""


def unwrapped_ring(ring: Ring) -> list[Corner]:
    """Return a ring whose longitudes continue over the antimeridian, with the first corner once.

    A step of more than 180 degrees is taken for one over the antimeridian. A ring around a
    pole, which is not closed on a map of degrees, is led along the edge at the pole.
    """
    corners = list(ring)
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners.pop()
    if not corners:
        return []
    unrolled = _unrolled([*corners, corners[0]])
    turned = unrolled[-1][0] - unrolled[0][0]
    if abs(turned) < 180:
        return unrolled[:-1]
    pole = 90.0 if sum(latitude for _, latitude in corners) > 0 else -90.0
    return [*unrolled, (unrolled[-1][0], pole), (unrolled[0][0], pole)]


def unwrapped_shape(rings: Iterable[Ring]) -> list[list[Corner]]:
    """Return the rings of one shape, each unwrapped, next to the first of them.

    A shape that was cut at the antimeridian is joined again.
    """
    placed: list[list[Corner]] = []
    for ring in filter(None, map(unwrapped_ring, rings)):
        turns = round((_middle(placed[0]) - _middle(ring)) / 360) if placed else 0
        placed.append([(longitude + 360.0 * turns, latitude) for longitude, latitude in ring])
    return placed


def _middle(ring: Ring) -> float:
    longitudes = [longitude for longitude, _ in ring]
    return (min(longitudes) + max(longitudes)) / 2


def _unrolled(corners: Sequence[Corner]) -> list[Corner]:
    placed = [corners[0]]
    shift = 0.0
    for (before, _), (longitude, latitude) in pairwise(corners):
        if abs(longitude - before) > 180 and abs(longitude - before) != 360:
            shift += 360.0 if longitude < before else -360.0
        placed.append((longitude + shift, latitude))
    return placed


def projection_for(rings: Iterable[Ring]) -> str:
    """Return the projection for some rings: ``mercator``, or at a pole, ``north`` or ``south``."""
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
    """Background tiles, fetched from a tile server."""

    url: str
    """Of a tile, with ``{z}``, ``{x}`` and ``{y}``."""
    credit: str = ""
    """Attribution text."""

    @property
    def origin(self) -> str:
        """Scheme and host."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def map_data(
    scenes: Sequence[FoundScene],
    area: Sequence[Polygon],
    tiles: Tiles | None = None,
    missing: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return what the script draws, as plain data.

    Args:
        scenes: With their footprints.
        area: Of interest.
        tiles: A background.
        missing: Files that a run lacks, by product id; scenes that lack some are marked.
    """
    rings: list[Ring] = [ring for scene in scenes for ring in scene.footprint]
    rings += [ring for polygon in area for ring in polygon]
    return {
        "scenes": [
            _scene(scene) | {"missing": (missing or {}).get(scene.product_id, 0)}
            for scene in scenes
        ],
        # Tiles have a coast of their own.
        "coast": None if tiles else coast(),
        "area": [unwrapped_shape(polygon) for polygon in area],
        # Tiles are made for one projection.
        "projection": "mercator" if tiles else projection_for(rings),
        "tiles": tiles.url if tiles else None,
        "credit": tiles.credit if tiles else None,
    }


@cache
def coast() -> Fragment:
    """Return the world's coasts as JSON; docs/make_coast.py says in which form."""
    return Fragment(
        resources.files("asyncdl.pages").joinpath("parts", "coast.json").read_bytes().strip()
    )


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
        "rings": unwrapped_shape(scene.footprint),
    }


def map_page(
    title: str,
    scenes: Sequence[FoundScene],
    area: Sequence[Polygon] = (),
    *,
    notes: Sequence[str] = (),
    tiles: Tiles | None = None,
) -> str:
    """Return a page with footprints on a map.

    Args:
        title: Such as the dataset and the days.
        scenes: With their footprints; one without is in the list only.
        area: Of interest.
        notes: Further paragraphs.
        tiles: A background; without it the page works offline.
    """
    body = element(
        "div",
        element("header", element("h1", title), _paragraphs(notes)),
        element("div", scene_list(scenes), id="map", class_="map"),
        class_="whole",
    )
    sources = (tiles.origin,) if tiles else ()
    return page(title, body, {"map": map_data(scenes, area, tiles)}, picture_sources=sources)


def _paragraphs(notes: Sequence[str]) -> Iterator[Markup]:
    return (element("p", note, class_="faint") for note in notes)


def scene_list(scenes: Sequence[FoundScene]) -> Markup:
    """Return what is shown in place of the map where no script runs."""
    items = (element("li", f"{scene.acquired} {scene.product_id}") for scene in scenes)
    return element("noscript", element("p", "The map needs JavaScript. The scenes:"),
                   element("ul", items))  # fmt: skip
