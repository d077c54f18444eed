"""``asyncdl.map``: scenes on a map, as one page that works offline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import anyio.to_thread

from asyncdl.config import Config
from asyncdl.config.aoi import AreaInput
from asyncdl.job.choosing.areas import area_of
from asyncdl.library.arguments import check_scenes, refuse_path, with_known_words
from asyncdl.library.scenes import SceneHit, Scenes, on_map
from asyncdl.library.searching import search
from asyncdl.library.service import ServiceInput
from asyncdl.library.settings import search_settings
from asyncdl.m2m import Credentials
from asyncdl.m2m.searching.area import polygons_of
from asyncdl.pages.maps import Polygon, Tiles, map_page
from asyncdl.units import count

FRAME_HEIGHT_PX = 520


@dataclass(frozen=True, slots=True, repr=False)
class SceneMap:
    """A map as an HTML page; a notebook shows it."""

    html: str
    """The whole page."""
    scenes: int
    """How many are on it."""

    def __repr__(self) -> str:
        return f"<SceneMap: {count(self.scenes, 'scene')}>"

    def _repr_html_(self) -> str:
        # Its own document: neither its style nor its script touches the notebook.
        return (
            f'<iframe srcdoc="{escape(self.html)}" sandbox="allow-scripts allow-popups" '
            f'style="width: 100%; height: {FRAME_HEIGHT_PX}px; border: 0"></iframe>'
        )

    def save(self, path: Path | str) -> Path:
        """Write the page to a file and return its path."""
        path = Path(path)
        path.write_text(self.html, encoding="utf-8")
        return path


@with_known_words
async def map(
    scenes: Iterable[SceneHit] | SceneHit | Config,
    *,
    area: AreaInput | None = None,
    title: str = "",
    tiles: str | None = None,
    credit: str = "",
    service: ServiceInput = None,
    credentials: Credentials | None = None,
) -> SceneMap:
    """Draw footprints on a map.

    Args:
        scenes: Of a search; or a config, which is searched.
        area: An area of interest to draw; by default that of the config.
        title: Of the page; by default the datasets.
        tiles: A URL of background tiles with ``{z}``, ``{x}`` and ``{y}``; without it the page
            works offline.
        credit: Attribution text for the tiles.
        service: For the search of a config.
        credentials: For the search of a config.
    Raises: as :func:`asyncdl.search`.
    """
    config = scenes if isinstance(scenes, Config) else None
    drawn: Sequence[SceneHit]
    if isinstance(scenes, Config):
        drawn = await search(scenes, service=service, credentials=credentials)
    else:
        drawn = _listed(scenes)
    background = Tiles(tiles, credit or f"Tiles: {Tiles(tiles).origin}") if tiles else None
    page = await anyio.to_thread.run_sync(_page_of, drawn, config, area, title, background)
    return SceneMap(page, len(drawn))


def _listed(scenes: Iterable[SceneHit] | SceneHit) -> Sequence[SceneHit]:
    refuse_path("scenes", scenes)
    if isinstance(scenes, SceneHit):
        return [scenes]
    found = scenes if isinstance(scenes, Scenes) else list(scenes)
    check_scenes(found, SceneHit, "scenes of a search")
    return found


def _page_of(
    scenes: Sequence[SceneHit],
    config: Config | None,
    area: AreaInput | None,
    title: str,
    background: Tiles | None,
) -> str:
    notices = scenes.notices if isinstance(scenes, Scenes) else ()
    return map_page(
        title or _title_of(scenes),
        [on_map(scene) for scene in scenes],
        _outlines_of(config, area),
        notes=[count(len(scenes), "scene"), *notices],
        tiles=background,
    )


def _outlines_of(config: Config | None, area: AreaInput | None) -> list[Polygon]:
    if area is not None:
        config = search_settings({"dataset": "any", "aoi": area})
    if config is None or config.search.is_by_id:
        return []
    return list(polygons_of(area_of(config.search)))


def _title_of(scenes: Iterable[SceneHit]) -> str:
    return ", ".join(dict.fromkeys(scene.dataset for scene in scenes)) or "Scenes"
