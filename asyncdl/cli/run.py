"""``asyncdl run``: the whole job."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
import msgspec

from asyncdl.cli.display import open_display
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INCOMPLETE, INTERRUPTED, OK
from asyncdl.cli.options import (
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
from asyncdl.cli.outcome import next_steps, print_summary
from asyncdl.cli.service_access import (
    job_access,
    open_service,
    with_cluster,
    with_state,
    with_window,
)
from asyncdl.config import Seconds, Window, load_config
from asyncdl.errors import AsyncdlError
from asyncdl.job.choosing.scope import FAILED
from asyncdl.job.job import Job
from asyncdl.job.reporting.report import Summary
from asyncdl.journal import places_of
from asyncdl.net.tls import TlsSettings
from asyncdl.system.memory import keep_little

ENGINES = ("dask",)


@command(
    examples=[
        "asyncdl run examples/anchorage.toml --sandbox",
        "asyncdl run examples/anchorage.toml --sandbox --retry-failed --json",
    ],
)
@config_argument
@sandbox_option
@json_option
@state_option
@window_option
@click.option("--engine", type=click.Choice(ENGINES), help="Fetch files with a cluster's workers.")
@click.option(
    "--scheduler", help="Address of the cluster; by default workers start on this machine."
)
@click.option("--retry-failed", is_flag=True, help="Only files that failed or stayed unresolved.")
@click.option("--force", is_flag=True, help="Run even if not everything fits on the disk.")
@click.option("--quiet", "-q", is_flag=True, help="Print only errors.")
@click.option("--no-progress", is_flag=True, help="Disable the live display.")
@max_wait_option("as in the config")
@tls_options
@verbose_option
def run(
    config: Path,
    sandbox: Embedded | None,
    as_json: bool,
    state_dir: Path | None,
    window: Window | None,
    engine: Literal["dask"] | None,
    scheduler: str | None,
    retry_failed: bool,
    force: bool,
    quiet: bool,
    no_progress: bool,
    max_wait: Seconds | None,
    tls: TlsSettings,
) -> int:
    """Download everything in CONFIG; run it again to continue where it stopped.

    Exit status: 0 all files are present and verified; 1 some failed or stayed
    unresolved, or the run had to stop; 2 wrong usage or config; 3 credentials
    or permission refused; 130 interrupted.
    """
    keep_little()  # before there are threads
    with naming(config):
        settings = with_window(with_state(load_config(config), state_dir), window)
        settings = with_cluster(settings, engine, scheduler)
    if max_wait is not None:
        service_config = msgspec.structs.replace(settings.service, max_wait=max_wait)
        settings = msgspec.structs.replace(settings, service=service_config)
    with naming(config):
        access = job_access(settings, sandbox, tls)
    ended: list[Summary] = []

    async def work() -> None:
        async with open_service(access) as service:
            job = Job(
                msgspec.structs.replace(settings, service=service.config),
                credentials=service.credentials,
                service_name=service.name,
                only=FAILED if retry_failed else (),
                force=force,
            )
            try:
                with open_display(as_json=as_json, quiet=quiet, live=not no_progress) as emit:
                    await job.run(emit)
            finally:
                if job.summary is not None:
                    ended.append(job.summary)

    try:
        with naming(config):
            run_async(work)
    except AsyncdlError:
        # The error is printed as one line; JSON output still gets its last object.
        if as_json and ended:
            print_summary(ended[0], places_of(settings), as_json=True, quiet=quiet)
        raise
    if not ended:
        return INTERRUPTED
    steps = next_steps(
        ended[0],
        config,
        is_sandbox=sandbox is not None,
        is_piped=settings.search.scenes_file == "-",
    )
    print_summary(ended[0], places_of(settings), as_json=as_json, quiet=quiet, next_steps=steps)
    return exit_status_of(ended[0])


def exit_status_of(summary: Summary) -> int:
    """Return the exit status that goes with an outcome."""
    return {"complete": OK, "interrupted": INTERRUPTED}.get(summary.status, INCOMPLETE)
