"""``asyncdl search``: the scenes of a config, as a table, JSON, GeoJSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import click
import orjson

from asyncdl.cli.command import command
from asyncdl.cli.json_lines import json_text
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INTERRUPTED, OK
from asyncdl.cli.options import Embedded, config_argument, naming, sandbox_option, verbose_option
from asyncdl.cli.printing import echo
from asyncdl.cli.service import open_client
from asyncdl.cli.tables import table_lines
from asyncdl.config import Config, load_config
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.scenes import search_notes, wish_of
from asyncdl.m2m.models import Scene
from asyncdl.m2m.naming import parse_product_id
from asyncdl.m2m.search import SceneQuery, search_scenes

FORMATS = ("table", "json", "geojson", "csv")


@command(
    examples=[
        "asyncdl search examples/anchorage.toml --sandbox",
        "asyncdl search examples/anchorage.toml --sandbox --format geojson",
    ],
)
@config_argument
@sandbox_option
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@verbose_option
def search(config: Path, sandbox: Embedded | None, form: str) -> int:
    """Show the scenes that CONFIG asks for, without fetching anything."""
    settings = load_config(config)
    with naming(config):
        query = wish_of(settings).query
    if query is None:
        raise ConfigError(
            "names its scenes by id, so there is nothing to search", file=config, key="search"
        )
    with naming(config):
        scenes = run_async(lambda: _search(settings, query, sandbox=sandbox))
    if scenes is None:
        return INTERRUPTED
    for line in WRITERS[form](scenes):
        echo(line)
    return OK


async def _search(settings: Config, query: SceneQuery, *, sandbox: Embedded | None) -> list[Scene]:
    scenes: list[Scene] = []
    last, left_out = None, 0
    async with (
        open_client(settings.service, sandbox=sandbox) as client,
        aclosing(
            search_scenes(client, query, page_size=settings.service.scenes_per_page)
        ) as batches,
    ):
        async for batch in batches:
            scenes += batch.scenes
            left_out += batch.not_bulk
            last = batch
    total = last.total_hits if last else 0
    echo(f"{len(scenes):,} of {total:,} scenes", err=True)
    for note in search_notes(query, last, found=len(scenes), left_out=left_out):
        echo(note.text, err=True)
    return sorted(scenes, key=lambda scene: (scene.acquired, scene.display_id))


def as_row(scene: Scene) -> dict[str, Any]:
    """Return what a person wants to know of a scene."""
    product = parse_product_id(scene.display_id)
    return {
        "acquired": scene.acquired,
        "cloud": scene.cloud_cover,
        "path": product.path if product else None,
        "row": product.row if product else None,
        "tier": product.tier if product else None,
        "product_id": scene.display_id,
        "entity_id": scene.entity_id,
    }


def _as_table(scenes: Sequence[Scene]) -> list[str]:
    return table_lines([as_row(scene) for scene in scenes]) if scenes else []


def _as_json(scenes: Sequence[Scene]) -> list[str]:
    return [json_text(as_row(scene)) for scene in scenes]


def _as_csv(scenes: Sequence[Scene]) -> list[str]:
    if not scenes:
        return []
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(as_row(scenes[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(as_row(scene) for scene in scenes)
    return text.getvalue().splitlines()


def _as_geojson(scenes: Sequence[Scene]) -> list[str]:
    collection = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": scene.display_id,
                "geometry": scene.spatial_coverage or scene.spatial_bounds,
                "properties": as_row(scene),
            }
            for scene in scenes
        ],
    }
    return json_text(collection, option=orjson.OPT_INDENT_2).split("\n")


WRITERS: Mapping[str, Callable[[Sequence[Scene]], list[str]]] = {
    "table": _as_table,
    "json": _as_json,
    "geojson": _as_geojson,
    "csv": _as_csv,
}
