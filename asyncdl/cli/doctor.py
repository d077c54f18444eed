"""``asyncdl doctor``: check everything that a run depends on, with advice."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import click

from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INCOMPLETE, INTERRUPTED, OK, REFUSED
from asyncdl.cli.options import Embedded, command, tls_options, verbose_option
from asyncdl.cli.printing import echo
from asyncdl.cli.service_access import (
    access_to,
    open_service,
    service_config,
    target_options,
    with_tls,
)
from asyncdl.config import Config, ServiceConfig, load_config
from asyncdl.doctor import Check, CheckState, DoctorTarget, run_checks
from asyncdl.job.choosing.from_config import locate_account
from asyncdl.job.places.store_placer import StorePlace
from asyncdl.library.service import SANDBOX_NAME
from asyncdl.m2m.account.credentials import FoundCredentials
from asyncdl.net.tls import TlsSettings


@command(
    examples=[
        "asyncdl doctor --sandbox",
        "asyncdl doctor examples/anchorage.toml --sandbox --json",
    ]
)
@target_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object to stdout.")
@tls_options
@verbose_option
def doctor(
    config: Path | None,
    sandbox: Embedded | None,
    url: str | None,
    as_json: bool,
    tls: TlsSettings,
) -> int:
    """Check token, role, notices, limits, hosts, TLS, proxies, clock, disk and versions.

    Each line has a state (ok, warn or fail) and a result; a line that is not ok
    is followed by advice. No downloads are requested, and no files are kept.

    Exit status: 0 nothing failed; 1 something failed; 3 credentials or permission refused.
    """
    settings = with_tls(service_config(config, url), tls)
    job = load_config(config) if config else None
    directory, states, store = _places_of(job)

    async def work() -> list[Check]:
        if sandbox is None:
            return await _check(
                DoctorTarget(
                    settings,
                    directory,
                    lambda: locate_account(settings),
                    state_directory=states,
                    store=store,
                )
            )
        async with open_service(access_to(settings, sandbox)) as service:
            own = FoundCredentials(service.credentials, SANDBOX_NAME, SANDBOX_NAME)
            files = (_origin(service.config),)
            return await _check(
                DoctorTarget(service.config, directory, lambda: own, files, states, store)
            )

    async def _check(target: DoctorTarget) -> list[Check]:
        checks = []
        async with aclosing(run_checks(target)) as found:
            async for check in found:
                checks.append(check)
                if not as_json:
                    _show(check)
        return checks

    checks = run_async(work)
    if checks is None:
        return INTERRUPTED
    if as_json:
        echo_json({"event": "doctor", "checks": [check.as_json() for check in checks]})
    return exit_status_of(checks)


def _origin(service: ServiceConfig) -> str:
    scheme, _, rest = service.url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/"


def _show(check: Check) -> None:
    echo(f"{check.state:<4}  {check.name}: {check.seen}")
    if check.advice:
        echo(f"      {check.advice}")


def exit_status_of(checks: Sequence[Check]) -> int:
    """Return the exit status for the results."""
    failed = [check for check in checks if check.state is CheckState.FAIL]
    if any(check.is_refusal for check in failed):
        return REFUSED
    return INCOMPLETE if failed else OK


def _places_of(job: Config | None) -> tuple[Path, Path | None, StorePlace | None]:
    """Return where files are received, the folder for states, and the store, if there is one."""
    if job is None:
        return Path.cwd(), None, None
    store = StorePlace.of(job) if job.store_address is not None else None
    return store.spool if store else job.directory, job.state_directory, store
