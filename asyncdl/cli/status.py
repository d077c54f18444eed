"""``asyncdl status``: what the journal knows; works offline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INTERRUPTED, OK
from asyncdl.cli.options import (
    Embedded,
    command,
    config_argument,
    json_option,
    sandbox_option,
    state_option,
    verbose_option,
)
from asyncdl.cli.outcome import SHOWN_FAILURES
from asyncdl.cli.printing import echo, table_lines
from asyncdl.cli.service_access import name_of, with_state
from asyncdl.config import load_config
from asyncdl.job.status import Status, status_of
from asyncdl.journal import FileStatus, places_of
from asyncdl.units import count, size


@command(
    examples=[
        "asyncdl status examples/anchorage.toml",
        "asyncdl status examples/anchorage.toml --sandbox --json",
    ],
)
@config_argument
@sandbox_option
@json_option
@state_option
@verbose_option
def status(config: Path, sandbox: Embedded | None, as_json: bool, state_dir: Path | None) -> int:
    """Show how far the job of CONFIG is; works offline, read-only."""
    settings = with_state(load_config(config), state_dir)
    service = name_of(settings.service, sandbox)
    found: list[Status | None] = []

    async def work() -> None:
        found.append(await status_of(places_of(settings), service))

    run_async(work)
    if not found:
        return INTERRUPTED
    known = found[0]
    if as_json:
        echo_json(known.as_json() if known else _nothing(settings.target))
        return OK
    for line in describe(known) if known else [f"No run of this job began in {settings.target}"]:
        echo(line)
    return OK


def _nothing(target: str) -> dict[str, object]:
    return {"event": "status", "directory": target, "runs": 0, "files": {}, "failures": []}


_TITLES = {FileStatus.WANTED: "to come"}
"""Of columns; the name of the state would be read as all wanted files."""


def describe(status: Status) -> list[str]:
    """Return a status as lines for people."""
    facts = status.as_json()
    last = facts["last_run"]
    rows = [
        {"product": kind}
        | {_TITLES.get(state, state): counts.get(state, 0) for state in FileStatus}
        for kind, counts in status.overview.files.items()
    ]
    ended = f", ended {last['ended']}" if last["ended"] else ""
    return [
        f"{count(status.overview.runs, 'run')} in {status.target}, label {facts['label']}",
        f"last run: {last['status']}; begun {last['begun']}{ended}",
        *(table_lines(rows) if rows else ()),
        f"verified: {size(status.overview.size_bytes)}",
        *_open_ends(status),
    ]


def _open_ends(status: Status) -> Iterator[str]:
    if status.unfinished_files:
        files, held = count(status.unfinished_files, "file"), size(status.unfinished_bytes)
        yield f"partly downloaded: {files}, {held} on disk"
    if status.overview.downloads:
        states = ", ".join(f"{n:,} {state}" for state, n in status.overview.downloads.items())
        yield f"requested from the service: {states}"
    if status.superseded:
        scenes = count(len(status.superseded), "scene")
        yield f"reprocessed by the service, old files kept: {scenes}"
    if status.withdrawn:
        yield f"withdrawn by the service, files kept: {count(len(status.withdrawn), 'scene')}"
    for file in status.open_files[:SHOWN_FAILURES]:
        yield f"{file.state}: {file.path}: {file.detail} [{file.reason}]"
        yield f"    {file.remedy}"
    hidden = len(status.open_files) - SHOWN_FAILURES
    if hidden > 0:
        yield f"… and {hidden:,} more; --json shows them all"
