"""``asyncdl get``: plain downloads, with the same engine and without M2M."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import anyio
import click
import orjson
from anyio.streams.memory import MemoryObjectSendStream

from asyncdl.cli.display import open_display
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INCOMPLETE, INTERRUPTED, OK
from asyncdl.cli.options import json_option, verbose_option
from asyncdl.cli.quantities import count, size
from asyncdl.config import ByteRate
from asyncdl.events import Emit, FilesWanted
from asyncdl.redact import redact
from asyncdl.retry import Backoff
from asyncdl.transfer import Digest, Downloader, FileRequest, Limits, Outcome, serve_queue

QUEUED_PER_WORKER = 2
"""Requests made ahead for each worker; a list of any length takes no more memory than this."""


class Rate(click.ParamType[ByteRate]):
    """Bytes per second, such as ``5 MB/s``."""

    name = "rate"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> ByteRate:
        """Read the rate, or fail with what is allowed."""
        try:
            return ByteRate.read(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}; allowed: bytes, or text such as '5 MB/s'", param, ctx)


class Header(click.ParamType[tuple[str, str]]):
    """A request header, ``Name: value``."""

    name = "header"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split the header, or fail; the value may be a secret, so it is not repeated."""
        name, colon, content = value.partition(":")
        if not colon or not name.strip() or any(c in value for c in "\r\n\0"):
            self.fail("allowed: 'Name: value'", param, ctx)
        return name.strip(), content.strip()


@click.command()
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option(
    "-i", "--input", "listed", type=click.File("r", encoding="utf-8"),
    help="File with one URL a line; - is standard input.",
)  # fmt: skip
@click.option(
    "-o", "--output", "directory", type=click.Path(path_type=Path, file_okay=False),
    default=Path(), help="Folder to put the files in; made if missing.",
)  # fmt: skip
@click.option(
    "-j", "--jobs", type=click.IntRange(1, 256), default=5, show_default=True,
    help="Files at once.",
)  # fmt: skip
@click.option(
    "-x", "--connections", type=click.IntRange(1, 64), default=4, show_default=True,
    help="Connections per large file, at most.",
)  # fmt: skip
@click.option("-H", "--header", "headers", type=Header(), multiple=True, help="'Name: value'.")
@click.option("--sha256", metavar="HEX", help="What the one file has to hash to.")
@click.option("--limit-rate", type=Rate(), help="Over all files, such as '5 MB/s'.")
@click.option("--attempts", type=click.IntRange(1, 1000), default=5, show_default=True)
@click.option("--overwrite", is_flag=True, help="Fetch files that are there already, too.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@click.option("--no-progress", is_flag=True, help="No live display.")
@json_option
@verbose_option
def get(
    urls: tuple[str, ...],
    listed: Iterable[str] | None,
    directory: Path,
    jobs: int,
    connections: int,
    headers: tuple[tuple[str, str], ...],
    sha256: str | None,
    limit_rate: ByteRate | None,
    attempts: int,
    overwrite: bool,
    quiet: bool,
    no_progress: bool,
    as_json: bool,
) -> int:
    """Fetch each URL into a file; run again, it continues where it stopped.

    For example: asyncdl get -o data -j 8 -i urls.txt
    """
    digests = _digests(sha256, urls, listed)
    if not urls and listed is None:
        raise click.UsageError("give a URL, or a file of URLs with -i")

    def requests() -> Iterator[FileRequest]:
        for url in _all_urls(urls, listed):
            yield FileRequest(
                url=url,
                directory=directory,
                key=redact(url),
                digests=digests,
                headers=dict(headers),
                overwrite=overwrite,
            )

    limits = Limits(
        connections=jobs * connections,
        per_host=jobs * connections,
        connections_per_file=connections,
        backoff=Backoff(attempts=attempts),
        max_rate_bytes_s=limit_rate,
    )
    tally = Tally(as_json=as_json, quiet=quiet)

    async def work() -> bool:
        with open_display(as_json=False, quiet=quiet or as_json, live=not no_progress) as emit:
            await _fetch_all(requests(), limits, jobs, tally, emit)
        return True

    finished = run_async(work)
    tally.close(directory, status="interrupted" if finished is None else "")
    if finished is None:
        return INTERRUPTED
    return INCOMPLETE if tally.counts["failed"] else OK


def _digests(
    sha256: str | None, urls: Sequence[str], listed: Iterable[str] | None
) -> tuple[Digest, ...]:
    if sha256 is None:
        return ()
    if len(urls) != 1 or listed is not None:
        raise click.UsageError("--sha256 goes with exactly one URL")
    value = sha256.strip().lower()
    if len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise click.UsageError("--sha256 takes 64 hexadecimal digits")
    return (Digest("sha256", value),)


def _all_urls(urls: Iterable[str], listed: Iterable[str] | None) -> Iterator[str]:
    yield from urls
    for line in listed or ():
        url = line.strip()
        if url and not url.startswith("#"):
            yield url


async def _fetch_all(
    requests: Iterator[FileRequest], limits: Limits, jobs: int, tally: Tally, emit: Emit
) -> None:
    requests_out, requests_in = anyio.create_memory_object_stream[FileRequest](
        jobs * QUEUED_PER_WORKER
    )
    outcomes_out, outcomes_in = anyio.create_memory_object_stream[Outcome](jobs)
    async with (
        Downloader(limits, emit=emit) as downloader,
        outcomes_in,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(_feed, requests, requests_out, emit)
        tasks.start_soon(serve_queue, downloader, requests_in, outcomes_out, jobs)
        async for outcome in outcomes_in:
            tally.take(outcome)


async def _feed(
    requests: Iterator[FileRequest], requests_out: MemoryObjectSendStream[FileRequest], emit: Emit
) -> None:
    async with requests_out:
        for request in requests:
            emit(FilesWanted(1, 0))
            await requests_out.send(request)


class Tally:
    """Counts outcomes and prints each: JSON on stdout, or what failed on stderr."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self.counts: Counter[str] = Counter()
        self._received = 0
        self._failures: list[dict[str, object]] = []

    def take(self, outcome: Outcome) -> None:
        """Count one outcome and print it."""
        if outcome.fetched is not None:
            state = "skipped" if outcome.fetched.already_there else "downloaded"
            self._received += outcome.fetched.received_bytes
            line: dict[str, object] = {
                "file": str(outcome.fetched.path),
                "state": state,
                "size_bytes": outcome.fetched.size_bytes,
                "proof": outcome.fetched.proof,
            }
        else:
            state = "failed"
            line = {
                "file": outcome.request.key,
                "state": state,
                "reason": getattr(outcome.error, "reason", "error"),
                "detail": redact(str(outcome.error)),
                "remedy": getattr(outcome.error, "remedy", "Run the same command again."),
            }
            self._failures.append(line)
        self.counts[state] += 1
        if self._as_json:
            click.echo(orjson.dumps({"event": "file", "url": outcome.request.key} | line))
        elif outcome.fetched is None:
            click.echo(f"failed: {line['detail']}", err=True)

    def close(self, directory: Path, *, status: str = "") -> None:
        """Print the sum of it all."""
        total = sum(self.counts.values())
        status = status or ("incomplete" if self._failures else "complete")
        if self._as_json:
            files = {"total": total} | {
                state: self.counts[state]
                for state in ("downloaded", "skipped", "failed", "unresolved")
            }
            summary = {
                "event": "summary",
                "status": status,
                "files": files,
                "bytes": {"downloaded": self._received},
                "failures": self._failures,
            }
            click.echo(orjson.dumps(summary))
        elif not self._quiet:
            states = ", ".join(f"{n:,} {state}" for state, n in self.counts.items())
            where = f"received {size(self._received)} into {directory}"
            click.echo(
                f"{status.capitalize()}: {count(total, 'file')}: {states or 'none'}; {where}"
            )
