"""``asyncdl clean``: remove what a job has begun and not finished."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import anyio.from_thread
import click

from asyncdl.cli.event_lines import print_message
from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INTERRUPTED, OK
from asyncdl.cli.options import (
    Duration,
    Embedded,
    command,
    json_option,
    naming,
    sandbox_option,
    state_option,
    verbose_option,
)
from asyncdl.cli.printing import echo
from asyncdl.cli.service_access import name_of, with_state
from asyncdl.config import Seconds, load_config
from asyncdl.events import Notice
from asyncdl.job.cleaning import Cleaned, clean_job, clean_place
from asyncdl.redact import Url
from asyncdl.stores.address import FORM, StoreAddress
from asyncdl.units import count, size

DAY_S = 86400.0


@command(examples=["asyncdl clean examples/anchorage.toml --sandbox"])
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option(
    "-d",
    "--directory",
    "place",
    metavar="s3://BUCKET/PREFIX",
    help="Instead of CONFIG: a place in a store that `asyncdl get -d` was killed in.",
)
@click.option(
    "--older-than",
    type=Duration(),
    help="With -d: remove only uploads that were begun so long ago; by default 1d.",
)
@sandbox_option
@json_option
@state_option
@verbose_option
def clean(
    config: Path | None,
    place: str | None,
    older_than: Seconds | None,
    sandbox: Embedded | None,
    as_json: bool,
    state_dir: Path | None,
) -> int:
    """Remove what runs of CONFIG have begun and not finished; finished files stay.

    That is parts of files, files that wait for their upload to an object store, and uploads
    that were never finished. The next run fetches them from the start. Exit status: 1 if
    a run of CONFIG goes on.

    With -d, all uploads to a place of S3 that were begun a day ago or earlier and never finished,
    by whichever program: nothing says which one it was.
    """
    if (config is None) is (place is None):
        raise click.UsageError("Give either a CONFIG or -d.")
    if older_than is not None and place is None:
        raise click.UsageError("--older-than is for -d; of a CONFIG, all that it knows is removed.")
    if config is None:
        work, target = _of_place(place or "", DAY_S if older_than is None else older_than)
    else:
        work, target = _of_job(config, sandbox, state_dir)
    done: list[Cleaned] = []

    async def clean_up() -> None:
        done.append(await work())

    with naming(config) if config is not None else nullcontext():
        run_async(clean_up)
    if not done:
        return INTERRUPTED
    if as_json:
        echo_json(_as_json(done[0]))
    else:
        for line in _lines(done[0], target):
            echo(line)
    return OK


_Work = tuple[Callable[[], Awaitable[Cleaned]], str]
"""What cleans up, and where."""


def _of_place(text: str, older_than_s: float) -> _Work:
    try:
        address = StoreAddress.parse(text)
    except ValueError as error:
        problem = f"{Url(text)} {error}; allowed: {FORM}"
        raise click.BadParameter(problem, param_hint="'-d' / '--directory'") from None
    return partial(clean_place, address, older_than_s), str(address)


def _of_job(config: Path, sandbox: Embedded | None, state_dir: Path | None) -> _Work:
    settings = with_state(load_config(config), state_dir)
    service = name_of(settings.service, sandbox)

    def on_wait(text: str) -> None:
        anyio.from_thread.run_sync(print_message, Notice(text, "warning"))

    return partial(clean_job, settings, service, on_wait), settings.target


def _as_json(cleaned: Cleaned) -> dict[str, object]:
    return {
        "event": "clean",
        "files": cleaned.files,
        "bytes": cleaned.size_bytes,
        "uploads": cleaned.uploads,
    }


def _lines(cleaned: Cleaned, target: str) -> list[str]:
    found = []
    if cleaned.files:
        found.append(f"{count(cleaned.files, 'unfinished file')} ({size(cleaned.size_bytes)})")
    if cleaned.uploads:
        found.append(count(cleaned.uploads, "unfinished upload"))
    shown = " and ".join(found)
    lines = [f"Removed from {target}: {shown}" if found else f"Nothing unfinished in {target}"]
    if not cleaned.lists_uploads:
        lines.append("This store does not say which uploads are unfinished; it drops them itself")
    return lines
