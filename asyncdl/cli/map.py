"""``asyncdl map``: the scenes of a config on a map, as one self-contained file."""

from __future__ import annotations

import re
from pathlib import Path

import click

from asyncdl.cli.event_lines import print_message
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INTERRUPTED, OK
from asyncdl.cli.options import (
    FEW_RETRIES,
    Embedded,
    command,
    config_argument,
    max_wait_option,
    naming,
    sandbox_option,
    tls_options,
    verbose_option,
)
from asyncdl.cli.page_files import STDOUT, write_page
from asyncdl.cli.printing import echo
from asyncdl.cli.service_access import access_to, open_client, with_tls
from asyncdl.config import Seconds, load_config
from asyncdl.events import Event, FoundScene, Notice
from asyncdl.job.choosing.preflight import naming_datasets
from asyncdl.job.choosing.scenes import found_scenes
from asyncdl.job.choosing.search_plan import SearchPlan, search_plan_of
from asyncdl.m2m.searching.area import polygons_of
from asyncdl.net.tls import TlsSettings
from asyncdl.pages.maps import Polygon, Tiles, map_page
from asyncdl.units import count

# Nothing else before the path: the origin goes into the page's policy.
_TILES = re.compile(r"https?://[A-Za-z0-9.-]+(:\d+)?/.*")
_PLACES = ("{z}", "{x}", "{y}")


class TileUrl(click.ParamType[str]):
    """The URL of map tiles, with ``{z}``, ``{x}`` and ``{y}``."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the template, or fail with what is allowed."""
        if not _TILES.fullmatch(value) or not all(place in value for place in _PLACES):
            self.fail(
                f"{value!r} is not a URL of tiles; allowed: "
                "such as https://host/{z}/{x}/{y}.png", param, ctx,
            )  # fmt: skip
        return value


@command(
    "map",
    examples=[
        "asyncdl map examples/anchorage.toml -o map.html --sandbox",
    ],
)
@config_argument
@click.option(
    "-o", "--output", required=True,
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="HTML file to write; - is stdout.",
)  # fmt: skip
@click.option(
    "--tiles", type=TileUrl(),
    help="Map tiles for the background, fetched when the page is opened; by default none.",
)  # fmt: skip
@click.option("--credit", default="", help="Attribution text for the map tiles.")
@sandbox_option
@max_wait_option(FEW_RETRIES)
@tls_options
@verbose_option
def map_(
    config: Path,
    output: Path,
    tiles: str | None,
    credit: str,
    sandbox: Embedded | None,
    max_wait: Seconds | None,
    tls: TlsSettings,
) -> int:
    """Draw the scenes that CONFIG selects on a map in an HTML file.

    The page works offline; browse pictures are fetched from USGS when you click for one.
    """
    settings = load_config(config)
    notes: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, Notice):
            notes.append(event.text)
        print_message(event)

    async def work() -> list[FoundScene]:
        async with open_client(access, max_wait) as client, naming_datasets(client, search_plan):
            return await found_scenes(client, search_plan, settings, note)

    with naming(config):
        search_plan = search_plan_of(
            settings
        )  # reads files, and but once, so before the loop begins
        access = access_to(with_tls(settings.service, tls), sandbox)
        area, title = area_of(search_plan), settings.title
        scenes = run_async(work)
    if scenes is None:
        return INTERRUPTED
    background = Tiles(tiles, credit or f"Tiles: {Tiles(tiles).origin}") if tiles else None
    notes.insert(0, count(len(scenes), "scene"))
    write_page(output, map_page(title, scenes, area, notes=notes, tiles=background))
    if output != STDOUT:
        echo(f"{count(len(scenes), 'scene')} on a map in {output}", err=True)
    return OK


def area_of(search_plan: SearchPlan) -> list[Polygon]:
    """Return the area of interest for a map; empty where there is none."""
    return list(polygons_of(search_plan.query.area)) if search_plan.query else []
