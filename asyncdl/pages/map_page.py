"""The page that is a map and no more. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from asyncdl.events import FoundScene
from asyncdl.pages.mapping import Polygon, Tiles, map_data
from asyncdl.pages.markup import Markup, element
from asyncdl.pages.page import page


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
        title: Such as what was searched.
        scenes: With their footprints; one without is in the list alone.
        area: Of interest.
        notes: What else a reader should know, a paragraph each.
        tiles: A background; without one the page asks nothing of any network.
    """
    body = element(
        "div",
        element("header", element("h1", title), _told(notes)),
        element("div", scene_list(scenes), id="map", class_="map"),
        class_="whole",
    )
    sources = (tiles.origin,) if tiles else ()
    return page(title, body, {"map": map_data(scenes, area, tiles)}, picture_sources=sources)


def _told(notes: Sequence[str]) -> Iterator[Markup]:
    return (element("p", note, class_="faint") for note in notes)


def scene_list(scenes: Sequence[FoundScene]) -> Markup:
    """Return what stands in the map's place where no script runs."""
    items = (element("li", f"{scene.acquired} {scene.product_id}") for scene in scenes)
    return element("noscript", element("p", "The map needs JavaScript. The scenes:"),
                   element("ul", items))  # fmt: skip
