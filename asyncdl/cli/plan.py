"""``asyncdl plan``: what a run would fetch."""

from __future__ import annotations

from pathlib import Path

import msgspec

from asyncdl.cli.command import command
from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INTERRUPTED, OK
from asyncdl.cli.notes import print_note
from asyncdl.cli.options import (
    Embedded,
    config_argument,
    json_option,
    naming,
    sandbox_option,
    verbose_option,
)
from asyncdl.cli.printing import echo
from asyncdl.cli.quantities import count, size
from asyncdl.cli.service import client_of, open_service
from asyncdl.cli.tables import table_lines
from asyncdl.config import Config, load_config
from asyncdl.job.choosing.scenes import wish_of
from asyncdl.job.plan import Plan, make_plan


@command(
    examples=[
        "asyncdl plan examples/anchorage.toml --sandbox",
        "asyncdl plan examples/anchorage.toml --sandbox --json",
    ],
)
@config_argument
@sandbox_option
@json_option
@verbose_option
def plan(config: Path, sandbox: Embedded | None, as_json: bool) -> int:
    """Show what `run CONFIG` would fetch; requests nothing."""
    settings = load_config(config)
    with naming(config):
        made = run_async(lambda: _plan(settings, sandbox=sandbox))
    if made is None:
        return INTERRUPTED
    if as_json:
        echo_json(made.as_json())
    else:
        for line in describe(made):
            echo(line)
    return OK


async def _plan(settings: Config, *, sandbox: Embedded | None) -> Plan:
    wish = wish_of(settings)
    async with (
        open_service(settings.service, sandbox=sandbox) as service,
        client_of(service) as client,
    ):
        config = msgspec.structs.replace(settings, service=service.config)
        return await make_plan(client, config, wish, service.name, print_note)


def describe(plan: Plan) -> list[str]:
    """Return a plan as lines for people."""
    rows: list[dict[str, object]] = [
        {
            "product": name,
            "files": kind.files,
            "size": size(kind.size_bytes),
            "already there": kind.present_files,
            "not offered": kind.not_offered,
        }
        for name, kind in plan.kinds.items()
    ]
    quota = f"{plan.quota.room:,} downloads" if plan.quota else "not told"
    free = size(plan.free_bytes) if plan.free_bytes is not None else "not told"
    return [
        count(plan.scenes, "scene"),
        *table_lines(rows),
        f"to request: {count(plan.requests, 'download')}, {size(plan.missing_bytes)}",
        f"quota left: {quota}; free disk: {free}",
        *_no_room(plan),
    ]


def _no_room(plan: Plan) -> list[str]:
    if plan.fits:
        return []
    needed = size(plan.needed_bytes)
    return [
        f"It does not fit: on disk it takes {needed} more, so `run` will refuse. Make room,",
        "choose another directory, ask for fewer scenes or bands, or use `run --force`.",
    ]
