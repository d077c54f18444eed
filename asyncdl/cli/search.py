"""``asyncdl search``: the scenes of a config, as a table, JSON, GeoJSON, CSV or ids."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from asyncdl.cli.json_lines import json_text
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
from asyncdl.cli.printing import echo, table_lines
from asyncdl.cli.service_access import Access, access_to, open_client, with_tls
from asyncdl.config import Config, Seconds, load_config
from asyncdl.errors import ConfigError
from asyncdl.events import Event, Notice
from asyncdl.job.choosing.preflight import naming_datasets
from asyncdl.job.choosing.scenes import catalogued_scenes
from asyncdl.job.choosing.search_plan import SearchPlan, search_plan_of
from asyncdl.m2m.models import Scene
from asyncdl.m2m.naming import parse_product_id
from asyncdl.m2m.searching.footprints import geometry_of
from asyncdl.net.tls import TlsSettings
from asyncdl.units import count

_BEGINS_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are full-width forms, which some spreadsheets accept as well."""
FORMATS = ("table", "json", "geojson", "csv", "ids")
PIPE = (
    "asyncdl search examples/anchorage.toml --sandbox --format ids"
    " | asyncdl run examples/piped.toml --sandbox"
)
TABLE_ROWS = 100
"""Default limit of tables; other formats print all scenes."""
COLUMNS = ("acquired", "cloud", "path", "row", "tier", "product_id", "entity_id")
"""Columns of JSON and CSV; the CSV header is printed even without scenes."""
ORDERS: Mapping[str, Callable[[Scene], tuple[object, ...]]] = {
    "date": lambda scene: (scene.acquired, scene.display_id),
    # Unknown cloud cover comes last.
    "cloud": lambda scene: (
        scene.cloud_cover is None, scene.cloud_cover or 0, scene.acquired, scene.display_id
    ),
}  # fmt: skip


@command(
    examples=[
        "asyncdl search examples/anchorage.toml --sandbox",
        "asyncdl search examples/anchorage.toml --sandbox --format geojson",
        PIPE,
    ],
)
@config_argument
@sandbox_option
@click.option(
    "--format", "form", type=click.Choice(FORMATS),
    help="Output format; by default a table.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option(
    "--sort", type=click.Choice(list(ORDERS)), default="date", show_default=True,
    help="Sort by date, oldest first, or by cloud cover, clearest first.",
)  # fmt: skip
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help=f"Maximum number of scenes; 0 for all. By default {TABLE_ROWS} in a table, else all.",
)
@max_wait_option(FEW_RETRIES)
@tls_options
@verbose_option
def search(
    config: Path,
    sandbox: Embedded | None,
    form: str | None,
    as_json: bool,
    sort: str,
    limit: int | None,
    max_wait: Seconds | None,
    tls: TlsSettings,
) -> int:
    """List the scenes of CONFIG, without downloading anything.

    The total number of matches is printed to stderr. A config with scenes_file = "-"
    reads the output of --format ids.
    """
    form = _form_of(form, as_json=as_json)
    settings = load_config(config)
    with naming(config):
        search_plan = search_plan_of(settings)
    if search_plan.query is None:
        raise ConfigError(
            "lists scenes by id, so there is nothing to search", file=config, key="search"
        )
    with naming(config):
        access = access_to(with_tls(settings.service, tls), sandbox)
        scenes = run_async(lambda: _search(settings, search_plan, access, max_wait))
    if scenes is None:
        return INTERRUPTED
    if limit is None and form == "table":
        limit = TABLE_ROWS
    for line in WRITERS[form](_cut(sorted(scenes, key=ORDERS[sort]), limit or None)):
        echo(line)
    return OK


def _form_of(form: str | None, *, as_json: bool) -> str:
    if not as_json:
        return form or FORMATS[0]
    if form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} exclude each other")
    return "json"


def _cut(scenes: Sequence[Scene], limit: int | None) -> Sequence[Scene]:
    shown = scenes[:limit]
    if len(shown) < len(scenes):
        echo(f"Showing the first {len(shown):,}; --limit 0 shows all.", err=True)
    return shown


async def _search(
    settings: Config, search_plan: SearchPlan, access: Access, max_wait: Seconds | None
) -> list[Scene]:
    def note(event: Event) -> None:
        if isinstance(event, Notice):
            echo(event.text, err=True)

    async with open_client(access, max_wait) as client, naming_datasets(client, search_plan):
        found = await catalogued_scenes(client, search_plan, settings, note)
    echo(f"{len(found.scenes):,} of {count(found.total_hits, 'scene')}", err=True)
    return [known.scene for known in found.scenes]


def as_row(scene: Scene) -> dict[str, Any]:
    """Return the fields of a scene for JSON and CSV."""
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


def for_people(scene: Scene, today: date) -> dict[str, object]:
    """Return a row of the table."""
    row = as_row(scene)
    place = f"{row['path']}/{row['row']}" if row["path"] is not None else None
    return {
        "date": scene.acquired,
        "cloud": scene.cloud_cover,
        "path/row": place,
        "tier": row["tier"],
        "product id": scene.display_id,
        "age": _age(scene.acquired, today),
    }


def _age(acquired: str, today: date) -> str | None:
    try:
        return f"{(today - date.fromisoformat(acquired)).days:,} d"
    except ValueError:
        return None


def _as_table(scenes: Sequence[Scene]) -> list[str]:
    today = datetime.now(UTC).date()
    return table_lines([for_people(scene, today) for scene in scenes]) if scenes else []


def _as_ids(scenes: Sequence[Scene]) -> list[str]:
    return [scene.display_id or scene.entity_id for scene in scenes]


def _as_json(scenes: Sequence[Scene]) -> list[str]:
    return [json_text(as_row(scene)) for scene in scenes]


def _as_csv(scenes: Sequence[Scene]) -> list[str]:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    for scene in scenes:
        writer.writerow({name: _as_cell(value) for name, value in as_row(scene).items()})
    return text.getvalue().splitlines()


def _as_cell(value: object) -> object:
    """Return a value that a spreadsheet does not interpret as a formula."""
    is_formula = isinstance(value, str) and value.lstrip().startswith(_BEGINS_FORMULA)
    return f"'{value}" if is_formula else value


def _as_geojson(scenes: Sequence[Scene]) -> list[str]:
    collection = {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": scene.display_id,
                "geometry": geometry_of(scene.spatial_coverage)
                or geometry_of(scene.spatial_bounds),
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
    "ids": _as_ids,
}
