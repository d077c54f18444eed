"""``asyncdl plan``: what a run would fetch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
import msgspec

from asyncdl.cli.event_lines import print_message
from asyncdl.cli.get_options import RateOption
from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INTERRUPTED, OK
from asyncdl.cli.options import (
    FEW_RETRIES,
    Embedded,
    command,
    config_argument,
    json_option,
    max_wait_option,
    naming,
    sandbox_option,
    state_option,
    tls_options,
    verbose_option,
    window_option,
)
from asyncdl.cli.printing import echo, table_lines
from asyncdl.cli.service_access import (
    Access,
    job_access,
    open_service,
    with_state,
    with_window,
)
from asyncdl.config import ByteCount, Config, Seconds, Window, load_config
from asyncdl.job.choosing.from_config import options_of
from asyncdl.job.choosing.search_plan import SearchPlan, search_plan_of
from asyncdl.job.estimate import Basis, find_rate
from asyncdl.job.plan import Plan, make_plan
from asyncdl.job.source import open_source
from asyncdl.journal import places_of
from asyncdl.m2m.models import RateLimits
from asyncdl.net.tls import TlsSettings
from asyncdl.units import count, duration, size


@command(
    examples=[
        "asyncdl plan examples/anchorage.toml --sandbox",
        "asyncdl plan examples/anchorage.toml --sandbox --rate '50 MB/s' --json",
    ],
)
@config_argument
@sandbox_option
@json_option
@state_option
@window_option
@click.option(
    "--rate",
    type=RateOption(),
    help="Expected rate, such as '50 MB/s'; by default that of the last run or max_rate.",
)
@max_wait_option(FEW_RETRIES)
@tls_options
@verbose_option
def plan(
    config: Path,
    sandbox: Embedded | None,
    as_json: bool,
    state_dir: Path | None,
    window: Window | None,
    rate: ByteCount | None,
    max_wait: Seconds | None,
    tls: TlsSettings,
) -> int:
    """Show what `run CONFIG` would download and how long it may take; requests nothing."""
    with naming(config):
        settings = with_window(with_state(load_config(config), state_dir), window)
        search_plan = search_plan_of(settings)  # reads files, so before the loop starts
        access = job_access(settings, sandbox, tls)
        made = run_async(lambda: _plan(settings, search_plan, access, rate=rate, max_wait=max_wait))
    if made is None:
        return INTERRUPTED
    if as_json:
        echo_json(made.as_json())
    else:
        for line in describe(made):
            echo(line)
    return OK


async def _plan(
    settings: Config,
    search_plan: SearchPlan,
    access: Access,
    *,
    rate: ByteCount | None,
    max_wait: Seconds | None,
) -> Plan:
    async with open_service(access) as service:
        config = msgspec.structs.replace(settings, service=service.config)
        options = replace(options_of(config.service), max_wait_s=max_wait or 0.0)
        async with open_source(config, service.credentials, options, print_message) as client:
            made = await make_plan(client, config, search_plan, service.name, print_message)
    made.rate = await find_rate(places_of(config), config.download, service.name, rate)
    return made


def describe(plan: Plan) -> list[str]:
    """Return a plan as lines of text."""
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
    free = size(plan.free_bytes) if plan.free_bytes is not None else "unknown"
    return [
        count(plan.scenes, "scene"),
        *_area(plan),
        *table_lines(rows),
        *_products(plan),
        f"to request: {count(plan.requests, 'download')}, {size(plan.missing_bytes)}",
        *([plan.window_line] if plan.window else []),
        _cost(plan),
        f"free disk: {free}",
        f"time: {_time(plan)}",
        *_no_room(plan),
    ]


def _area(plan: Plan) -> list[str]:
    """Return a line about a search area that exceeds the given area."""
    if not plan.area.ground:
        return []
    number = len(plan.area.filters)
    searches = count(number, "search", "searches")
    parts = count(len(plan.area.ground), "part")
    reach = f"up to {plan.area.reach_deg:.2g} degrees beyond it"
    return [f"area: {parts}, {searches} {reach}; scenes that do not touch it are left out"]


def _products(plan: Plan) -> list[str]:
    """Return the service's codes and names of the products, if known."""
    rows: list[dict[str, object]] = [
        {
            "product": name,
            "code": product.code,
            "name": product.name,
            "files": product.files,
            "size": size(product.size_bytes),
        }
        for name, kind in plan.kinds.items()
        for product in kind.products.values()
        if product.code or product.name
    ]
    return ["", *table_lines(rows), ""] if rows else []


_USED_AS = {
    "recent": "requested in 15 minutes",
    "pending": "in preparation",
    "unattempted": "ready and not fetched",
}


def _cost(plan: Plan) -> str:
    """Return what requests are charged to: the account's quota, or the reader's AWS account."""
    if plan.source == "m2m":
        return f"quota: {_quota(plan.quota)}"
    requests = f"{count(plan.requests + plan.scenes, 'request')} or a few more"
    return f"your AWS account pays for: {requests}, {size(plan.missing_bytes)}"


def _quota(limits: RateLimits) -> str:
    """Return the remaining and used quota; further counts only if they are not 0."""
    if limits.room is None:
        return "unknown"
    used = (
        f"{allowance.used:,} of {allowance.used + allowance.left:,} {_USED_AS[name]}"
        for name, allowance in limits.allowances.items()
        if allowance.used or (allowance.used is not None and name == "recent")
    )
    return "; ".join((f"{count(limits.room, 'download')} left", *used))


def _time(plan: Plan) -> str:
    if not plan.missing_bytes:
        return "nothing is missing"
    expected, estimate_s = plan.rate, plan.estimate_s
    if expected is None or estimate_s is None:
        return "unknown, as there was no run yet; use --rate '20 MB/s' for an estimate"
    took, rate = duration(estimate_s), f"{size(expected.bytes_per_s)}/s"
    match expected.basis:
        case Basis.GIVEN:
            return f"about {took} at {rate}, as given"
        case Basis.MAX_RATE:
            return f"{took} or more, as download.max_rate is {rate}"
        case Basis.LAST_RUN:
            seen = f"the last run here ({size(expected.size_bytes)}, begun {expected.begun})"
            return f"about {took} at {rate}, as in {seen}"


def _no_room(plan: Plan) -> list[str]:
    if plan.fits:
        return []
    needed = size(plan.needed_bytes)
    return [
        f"It does not fit: it needs {needed} more disk space, so `run` will refuse. Free some",
        "space, use another directory, select fewer scenes or bands, or use `run --force`.",
    ]
