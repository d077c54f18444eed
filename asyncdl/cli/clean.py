"""``asyncdl clean``: remove what a job has begun and not finished."""

from __future__ import annotations

from pathlib import Path

import anyio.from_thread

from asyncdl.cli.event_lines import print_message
from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INTERRUPTED, OK
from asyncdl.cli.options import (
    Embedded,
    command,
    config_argument,
    json_option,
    naming,
    sandbox_option,
    state_option,
    verbose_option,
)
from asyncdl.cli.printing import echo
from asyncdl.cli.service_access import name_of, with_state
from asyncdl.config import load_config
from asyncdl.events import Notice
from asyncdl.job.cleaning import Cleaned, clean_job
from asyncdl.units import count, size


@command(examples=["asyncdl clean examples/anchorage.toml --sandbox"])
@config_argument
@sandbox_option
@json_option
@state_option
@verbose_option
def clean(config: Path, sandbox: Embedded | None, as_json: bool, state_dir: Path | None) -> int:
    """Remove what runs of CONFIG have begun and not finished; finished files stay.

    That is parts of files, files that wait for their upload to an object store, and uploads
    that were never finished. The next run fetches them from the start. Exit status: 1 if
    a run of CONFIG goes on.
    """
    settings = with_state(load_config(config), state_dir)
    service = name_of(settings.service, sandbox)
    done: list[Cleaned] = []

    def on_wait(text: str) -> None:
        anyio.from_thread.run_sync(print_message, Notice(text, "warning"))

    async def work() -> None:
        done.append(await clean_job(settings, service, on_wait))

    with naming(config):
        run_async(work)
    if not done:
        return INTERRUPTED
    if as_json:
        echo_json(_as_json(done[0]))
    else:
        for line in _lines(done[0], settings.target):
            echo(line)
    return OK


def _as_json(cleaned: Cleaned) -> dict[str, object]:
    return {
        "event": "clean",
        "files": cleaned.files,
        "bytes": cleaned.size_bytes,
        "uploads": cleaned.uploads,
    }


def _lines(cleaned: Cleaned, target: str) -> list[str]:
    if not (cleaned.files or cleaned.uploads):
        lines = [f"Nothing unfinished in {target}"]
    else:
        files = f"{count(cleaned.files, 'unfinished file')} ({size(cleaned.size_bytes)})"
        uploads = f" and {count(cleaned.uploads, 'unfinished upload')}" if cleaned.uploads else ""
        lines = [f"Removed from {target}: {files}{uploads}"]
    if not cleaned.lists_uploads:
        lines.append("This store does not say which uploads are unfinished; it drops them itself")
    return lines
