"""``asyncdl get``: plain downloads, with the same engine and without M2M."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

import anyio
import click
from anyio.streams.memory import MemoryObjectSendStream
from msgspec import Struct

from asyncdl.cli.command import command
from asyncdl.cli.display import open_display
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INCOMPLETE, INTERRUPTED, OK
from asyncdl.cli.options import json_option, verbose_option
from asyncdl.cli.tally import Tally, ending_of
from asyncdl.errors import AsyncdlError, DiskError
from asyncdl.events import Emit, Event, FilesWanted
from asyncdl.job.telling.chronicle import log_event
from asyncdl.redact import redact
from asyncdl.retry import Backoff
from asyncdl.transfer import Digest, Downloader, FileRequest, Limits, Outcome, serve_queue
from asyncdl.transfer.claims import mark_of

if TYPE_CHECKING:
    from asyncdl.config import ByteCount

BYTE_ORDER_MARK = "\ufeff"
"""Editors on Windows begin a list with one; it is no part of a URL."""
PIPE_BYTES = 65_536
"""Read from standard input at once."""
QUEUED_PER_WORKER = 2
"""Requests made ahead for each worker. Of a list of any length no more is in memory, but for
a number for each URL and the names of the latest files."""


class Size(click.ParamType["ByteCount"]):
    """Bytes, such as ``20 GB``."""

    name = "size"
    kind = "ByteCount"
    example = "20 GB"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> ByteCount:
        """Read the amount, or fail with what is allowed."""
        from asyncdl import config  # Who sets no amount needs no config at all.

        try:
            read: ByteCount = getattr(config, self.kind).read(value)
        except ValueError as error:
            allowed = f"bytes, or text such as {self.example!r}"
            self.fail(f"{value!r} {error}; allowed: {allowed}", param, ctx)
        return read


class Rate(Size):
    """Bytes per second, such as ``5 MB/s``."""

    name = "rate"
    kind = "ByteRate"
    example = "5 MB/s"


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


@command(
    examples=[
        "asyncdl get https://example.org/scene.bin -o data",
        "asyncdl get -i urls.txt -o data -j 4 --limit-rate '5 MB/s'",
    ],
)
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option(
    "-i", "--input", "listed", type=click.File("r", encoding="utf-8", errors="replace"),
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
@click.option("--max-size", type=Size(), help="No file may be larger; such as '20 GB'.")
@click.option("--attempts", type=click.IntRange(1, 1000), default=5, show_default=True)
@click.option("--overwrite", is_flag=True, help="Fetch files that are there already, too.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
@click.option("--no-progress", is_flag=True, help="No live display.")
@json_option
@verbose_option
def get(
    urls: tuple[str, ...],
    listed: IO[str] | None,
    directory: Path,
    jobs: int,
    connections: int,
    headers: tuple[tuple[str, str], ...],
    sha256: str | None,
    limit_rate: ByteCount | None,
    max_size: ByteCount | None,
    attempts: int,
    overwrite: bool,
    quiet: bool,
    no_progress: bool,
    as_json: bool,
) -> int:
    """Fetch each URL into a file; run again, it continues where it stopped.

    A file is named by its host, else by its URL. Of two URLs that lead to one name the
    later fails; so fetch them into different folders.
    """
    digests = _digests(sha256, urls, listed)
    if not urls and listed is None:
        raise click.UsageError("give a URL, or a file of URLs with -i")

    def request(url: str) -> FileRequest:
        return FileRequest(
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
        max_size_bytes=max_size,
    )
    tally = Tally(as_json=as_json, quiet=quiet)

    async def work() -> bool:
        with open_display(as_json=False, quiet=quiet or as_json, live=not no_progress) as emit:

            def watch(event: Event) -> None:
                log_event(event)
                tally.watch(event)
                emit(event)

            def take(outcome: Outcome) -> None:
                tally.take(outcome)
                emit(ending_of(outcome))

            feed = Feed(_all_urls(urls, listed), request, watch)
            await _fetch_all(feed, limits, jobs, take, watch)
        return True

    try:
        finished = run_async(work)
    except AsyncdlError:
        tally.close(directory, status="stopped")
        raise
    tally.close(directory, status="interrupted" if finished is None else "")
    if finished is None:
        return INTERRUPTED
    return INCOMPLETE if tally.counts["failed"] else OK


def _digests(sha256: str | None, urls: Sequence[str], listed: IO[str] | None) -> tuple[Digest, ...]:
    if sha256 is None:
        return ()
    if len(urls) != 1 or listed is not None:
        raise click.UsageError("--sha256 goes with exactly one URL")
    value = sha256.strip().lower()
    if len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise click.UsageError("--sha256 takes 64 hexadecimal digits")
    return (Digest("sha256", value),)


async def _all_urls(urls: Iterable[str], listed: IO[str] | None) -> AsyncIterator[str]:
    for url in urls:
        yield url
    if listed is None:
        return
    async for line in _lines_of(listed):
        url = line.lstrip(BYTE_ORDER_MARK).strip()
        if url and not url.startswith("#"):
            yield url


async def _lines_of(listed: IO[str]) -> AsyncIterator[str]:
    if listed.seekable():
        for line in listed:
            yield line
        return
    # The other end of a pipe takes its time: neither transfers nor an interrupt wait for it.
    rest = b""
    while chunk := await _read_pipe(listed.fileno()):
        *lines, rest = (rest + chunk).split(b"\n")
        for whole in lines:
            yield whole.decode(errors="replace")
    yield rest.decode(errors="replace")


async def _read_pipe(fd: int) -> bytes:
    await anyio.wait_readable(fd)
    return os.read(fd, PIPE_BYTES)


class Feed(Struct, frozen=True):
    """Turns URLs into requests, no faster than they are taken."""

    urls: AsyncIterator[str]
    request: Callable[[str], FileRequest]
    emit: Emit

    async def run(self, requests_out: MemoryObjectSendStream[FileRequest]) -> None:
        """Send a request for each URL, once however often it comes, and close the stream."""
        seen: set[int] = set()
        async with requests_out:
            async for url in self.urls:
                mark = mark_of(url)
                if mark in seen:
                    continue
                seen.add(mark)
                self.emit(FilesWanted(1, 0))
                await requests_out.send(self.request(url))


async def _fetch_all(
    feed: Feed, limits: Limits, jobs: int, take: Callable[[Outcome], None], emit: Emit
) -> None:
    """Fetch everything, and hand each outcome to ``take``; one bad file stops no other.

    Raises: DiskError, when the disk is full: there is no use in going on.
    """
    requests_out, requests_in = anyio.create_memory_object_stream[FileRequest](
        jobs * QUEUED_PER_WORKER
    )
    outcomes_out, outcomes_in = anyio.create_memory_object_stream[Outcome](jobs)
    async with (
        Downloader(limits, emit=emit) as downloader,
        outcomes_in,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(feed.run, requests_out)
        tasks.start_soon(serve_queue, downloader, requests_in, outcomes_out, jobs)
        async for outcome in outcomes_in:
            take(outcome)
            if isinstance(outcome.error, DiskError) and outcome.error.is_full:
                raise outcome.error
