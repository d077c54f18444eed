"""``asyncdl verify``: read every finished file again, and repair it on request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from asyncdl.cli.display import is_live, open_display
from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INCOMPLETE, INTERRUPTED, OK
from asyncdl.cli.options import (
    Embedded,
    command,
    config_argument,
    json_option,
    naming,
    sandbox_option,
    state_option,
    tls_options,
    verbose_option,
)
from asyncdl.cli.outcome import next_steps, print_summary
from asyncdl.cli.printing import echo
from asyncdl.cli.run import exit_status_of
from asyncdl.cli.service_access import (
    Access,
    access_to,
    name_of,
    open_service,
    with_state,
    with_tls,
)
from asyncdl.config import Config, load_config
from asyncdl.events import CheckProgress, Emit, Event, FileChecked
from asyncdl.job.choosing.scope import DAMAGED
from asyncdl.job.job import Job
from asyncdl.job.places.target import placer_of
from asyncdl.job.reporting.report import Summary
from asyncdl.job.verifying import Checked, NothingKnown, forget_gone, verify_job
from asyncdl.journal import open_state, places_of
from asyncdl.library.service import SANDBOX_NAME
from asyncdl.net.tls import TlsSettings
from asyncdl.units import count, plural, size


@command(
    examples=[
        "asyncdl verify examples/anchorage.toml --sandbox",
        "asyncdl verify examples/anchorage.toml --sandbox --repair",
    ],
)
@config_argument
@click.option("--repair", is_flag=True, help="Download damaged and missing files again.")
@click.option(
    "--read", "reads", is_flag=True, help="Read the files in an object store, too; it may cost."
)
@sandbox_option
@json_option
@state_option
@click.option("--quiet", "-q", is_flag=True, help="Print only problems.")
@tls_options
@verbose_option
def verify(
    config: Path,
    repair: bool,
    reads: bool,
    sandbox: Embedded | None,
    as_json: bool,
    state_dir: Path | None,
    quiet: bool,
    tls: TlsSettings,
) -> int:
    """Read every finished file of CONFIG again and compare it with its recorded checksum.

    Files in an object store are compared by size and tag, unless --read is given.
    Works offline otherwise, except for --repair. Exit status: 0 all files are right or repaired;
    1 some are not, or no run of CONFIG is known.
    """
    settings = with_state(load_config(config), state_dir)
    service = name_of(settings.service, sandbox)
    checked: list[Checked | NothingKnown] = []

    async def work() -> None:
        with _watching(as_json=as_json, quiet=quiet) as emit:
            checked.append(await verify_job(settings, service, emit, reads=reads))

    run_async(work)
    if not checked:
        return INTERRUPTED
    outcome = checked[0]
    if isinstance(outcome, NothingKnown):
        _print_unknown(outcome, settings.target, as_json=as_json)
        return INCOMPLETE
    if not (repair and outcome.damaged):
        _print(outcome, settings.target, as_json=as_json, quiet=quiet)
        return INCOMPLETE if outcome.damaged else OK
    if not as_json:
        _print(outcome, settings.target, as_json=False, quiet=quiet)
    with naming(config):
        access = access_to(with_tls(settings.service, tls), sandbox)
        mended = run_async(lambda: _repair(settings, access, as_json=as_json, quiet=quiet))
    if mended is None:
        return INTERRUPTED
    summary, unwanted = mended
    steps = next_steps(summary, config, is_sandbox=sandbox is not None)
    print_summary(summary, places_of(settings), as_json=as_json, quiet=quiet, next_steps=steps)
    if unwanted and not as_json:
        echo(f"{count(unwanted, 'damaged file')} no longer in CONFIG: left alone")
    return exit_status_of(summary) or (INCOMPLETE if unwanted else OK)


def _print_unknown(unknown: NothingKnown, target: str, *, as_json: bool) -> None:
    why = f"no run of this job is known in {target}"
    if unknown.is_damaged:
        why = f"the journal in {target} could not be read and was moved aside"
        why += "; `asyncdl run` verifies the existing files again"
    elif unknown.services:
        why += f", but runs against {', '.join(unknown.services)} are"
        why += " (verify them with --sandbox)" if SANDBOX_NAME in unknown.services else ""
    if as_json:
        files = {"total": 0, "verified": 0, "damaged": 0}
        summary = {"event": "summary", "status": "incomplete", "files": files, "bytes": {"read": 0}}
        echo_json(summary | {"error": why})
    else:
        echo(f"Nothing was verified: {why}.")


async def _repair(
    settings: Config, access: Access, *, as_json: bool, quiet: bool
) -> tuple[Summary, int]:
    """Download damaged files; return the summary, and the number of those not in CONFIG."""
    async with open_service(access) as service:
        job = Job(
            msgspec.structs.replace(settings, service=service.config),
            credentials=service.credentials,
            service_name=service.name,
            only=DAMAGED,
        )
        with open_display(as_json=as_json, quiet=quiet, live=True) as emit:
            summary = await job.run(emit)
    if not summary.is_complete:
        return summary, 0
    async with open_state(places_of(settings), service.name) as journal:
        return summary, await forget_gone(placer_of(settings), journal)


@contextmanager
def _watching(*, as_json: bool, quiet: bool) -> Iterator[Emit]:
    """Yield a function that shows damaged files as they are found, and the progress."""
    show_wrong = _echo_json_line if as_json else _echo_line
    bar = None
    if is_live() and not quiet:
        from asyncdl.cli.live import open_bar

        bar = open_bar()

    def show(event: Event) -> None:
        match event:
            case FileChecked(is_right=False):
                show_wrong(event)
            case CheckProgress() if bar is not None:
                bar.show(event)
            case _:
                pass

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def _echo_line(checked: FileChecked) -> None:
    echo(f"{checked.file}: {checked.detail} [{checked.reason}]")


def _echo_json_line(checked: FileChecked) -> None:
    echo_json(
        {
            "event": "file",
            "file": checked.file,
            "state": "damaged",
            "reason": checked.reason,
            "detail": checked.detail,
        }
    )


def _print(outcome: Checked, target: str, *, as_json: bool, quiet: bool) -> None:
    wrong = len(outcome.damaged)
    if as_json:
        echo_json(
            {
                "event": "summary",
                "status": "incomplete" if wrong else "complete",
                "files": {
                    "total": outcome.total,
                    "verified": outcome.total - wrong,
                    "damaged": wrong,
                },
                "bytes": {"read": outcome.read_bytes},
            }
        )
        return
    if not outcome.total:
        if not quiet:
            echo(f"Nothing to verify: no run of this job has finished a file in {target} yet.")
        return
    if wrong or not quiet:
        right = f"{outcome.total - wrong:,} of {count(outcome.total, 'file')} right"
        echo(f"{right}; read {size(outcome.read_bytes)}")
    if wrong:
        them = plural(wrong, "it", "them")
        echo(f"{count(wrong, 'file')} damaged or missing; --repair downloads {them} again")
