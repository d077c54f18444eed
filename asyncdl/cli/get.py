"""``asyncdl get``: download URLs with the same engine, without M2M."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import anyio
import click
from anyio.lowlevel import checkpoint
from anyio.streams.memory import MemoryObjectSendStream
from msgspec import Struct

from asyncdl.cli.checksum_tables import Tables, bounded, load_tables
from asyncdl.cli.display import open_display
from asyncdl.cli.get_options import (
    HEADER_TIMEOUT_S,
    MAX_REDIRECTS,
    ChecksumOption,
    GetOptions,
    Header,
    Jobs,
    OutputPath,
    RateOption,
    Size,
    Target,
    Timeout,
    destination_of,
)
from asyncdl.cli.get_summary import GetSummary
from asyncdl.cli.loop import run_async
from asyncdl.cli.main import INCOMPLETE, INTERRUPTED, OK
from asyncdl.cli.options import command, json_option, max_wait_option, tls_options, verbose_option
from asyncdl.cli.printing import echo
from asyncdl.cli.url_lists import MAX_PROBLEMS, UrlList
from asyncdl.errors import AsyncdlError, ConfigError, DiskError, StoreError, TransferError
from asyncdl.events import Emit, Event, FilesWanted, Notice
from asyncdl.job.reporting.event_log import log_event
from asyncdl.lists.entries import Entry, Problem, allowed_url, shown
from asyncdl.lists.entry_options import with_header
from asyncdl.net.tls import Tls, checked_tls
from asyncdl.redact import MASK, redact_url
from asyncdl.system.memory import keep_little
from asyncdl.transfer import Downloader, FileRequest, Limits, Netrc, Outcome, Recheck
from asyncdl.transfer.dispatch import fetch_each, send_promptly
from asyncdl.transfer.hash_set import HashSet
from asyncdl.transfer.limits import Workers, files_at_once
from asyncdl.transfer.name_registry import url_hash
from asyncdl.transfer.request_headers import Headers
from asyncdl.transfer.wire_url import read_target
from asyncdl.units import count

QUEUED_PER_WORKER = 2
"""Requests queued per worker. For a list of any length no more is in memory, except a number
per URL and the names of the latest files."""
CHECKED_AT_ONCE = 1000
"""Entries of a list that can be checked in some ten milliseconds."""
SHOWN_PROBLEMS = 20
"""Maximum number of invalid lines to print; a file that is not a list has many."""


@command(
    examples=[
        "asyncdl get https://example.org/scene.bin -o today.bin",
        "asyncdl get -i urls.txt -d data -j 4 --limit-rate 5M",
    ],
)
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option(
    "-i", "--input", "listed", type=click.File("rb"),
    help="File with one URL per line, mirrors after TABs, aria2 options below; - is stdin.",
)  # fmt: skip
@click.option(
    "-o", "--output", metavar="NAME",
    help="Output file; a folder if it exists as one, ends in / or there are several URLs.",
)  # fmt: skip
@click.option(
    "-d", "--directory", type=Target(),
    help="Folder for the files; created if missing. Or an object store: s3://bucket/prefix.",
)  # fmt: skip
@click.option(
    "-j", "--jobs", type=Jobs(), metavar="N", default="auto", show_default=True,
    help="Parallel downloads: a number, or auto, where all files share 16 connections.",
)  # fmt: skip
@click.option(
    "-x", "--connections", type=click.IntRange(1, 64), metavar="N",
    help="Maximum connections per large file.  [default: all that are free; with -j 4]",
)  # fmt: skip
@click.option(
    "-H", "--header", "headers", type=Header(), multiple=True,
    help="Request header 'Name: value'; 'Name:' removes it.",
)  # fmt: skip
@click.option(
    "-n", "--netrc", is_flag=True,
    help="Read passwords from ~/.netrc (or $NETRC), like curl; also after redirects.",
)  # fmt: skip
@click.option(
    "--netrc-file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Read passwords from this file; only you may have access to it.",
)  # fmt: skip
@click.option("--sha256", metavar="HEX", help="Expected SHA-256 of the file.")
@click.option(
    "--checksum", type=ChecksumOption(), multiple=True,
    help="Expected digest of any type, such as sha-512=HEX or md5=HEX.",
)  # fmt: skip
@click.option(
    "--checksums", multiple=True, metavar="FILE|URL",
    help="SHA256SUMS, MD5SUMS …: every file has to be listed there and to match.",
)  # fmt: skip
@click.option("--limit-rate", type=RateOption(), help="Total rate, such as 5M or '5 MB/s'.")
@click.option("--max-size", type=Size(), help="Maximum size of a file, such as '20 GB'.")
@click.option(
    "--attempts", type=click.IntRange(1, 1000), default=5, show_default=True,
    help="Maximum attempts per file.",
)  # fmt: skip
@max_wait_option("none; only --attempts counts")
@click.option(
    "--max-redirects", type=click.IntRange(0, 1000), default=MAX_REDIRECTS, show_default=True,
    help="Maximum number of redirects.",
)  # fmt: skip
@click.option("--connect-timeout", type=Timeout(), help="Time to connect; by default 30s.")
@click.option(
    "--header-timeout", type=Timeout(),
    help=f"Time until the first byte of a response; by default {HEADER_TIMEOUT_S / 60:.0f}m.",
)  # fmt: skip
@click.option("--stall-timeout", type=Timeout(), help="Time without any byte; by default 60s.")
@click.option("--overwrite", is_flag=True, help="Fetch existing files again.")
@click.option(
    "-N", "--if-modified", is_flag=True,
    help="Keep existing files only if the host confirms them; sets times like -R.",
)  # fmt: skip
@click.option(
    "-R", "--remote-time", is_flag=True, help="Set file times from the host's Last-Modified."
)
@click.option("--accept-html", is_flag=True, help="Accept HTML pages as files.")
@click.option("-q", "--quiet", is_flag=True, help="Print only errors.")
@click.option("--no-progress", is_flag=True, help="Disable the live display.")
@json_option
@tls_options
@verbose_option
def get(**given: Any) -> int:
    """Fetch each URL into a file; run it again to continue where it stopped.

    The host names the file, otherwise its URL. If two URLs have the same name, the later
    one fails; use different folders or names. An existing file is fetched again if its
    length, digest or version on the host differs.
    """
    options = GetOptions(**given)
    if not options.urls and options.listed is None:
        raise click.UsageError("give a URL, or a file of URLs with -i")
    destination, limits = destination_of(options), options.limits()
    if destination.store is not None:
        keep_little()  # before there are threads; uploads take and free much memory
    requests = RequestMaker(options, destination)
    tls = checked_tls(options.tls)  # also the files in environment variables
    netrc = options.passwords()
    summary = GetSummary(as_json=options.as_json, quiet=options.quiet)

    async def work() -> list[Problem]:
        quiet = options.quiet or options.as_json
        with open_display(as_json=False, quiet=quiet, live=not options.no_progress) as emit:

            def watch(event: Event) -> None:
                log_event(event)
                summary.take(event)
                emit(event)

            def take(outcome: Outcome) -> None:
                emit(summary.add(outcome))

            urls = WantedUrls(options, watch)
            await urls.check(requests)
            if options.checksums:
                requests.tables = await load_tables(
                    options.checksums,
                    Downloader(bounded(limits), tls=tls, netrc=netrc),
                    requests.headers,
                )
                await urls.check(requests)
            feed = Feed(urls.entries(), requests.of, urls.problems.append, watch)
            downloads = _downloader_for(destination, limits, watch, tls, netrc)
            await _fetch_all(feed, downloads, options.jobs, take)
            return urls.problems

    try:
        problems = run_async(work)
    except ConfigError:
        raise
    except AsyncdlError:
        summary.close(destination.shown, status="stopped")
        raise
    status = "interrupted" if problems is None else "incomplete" if problems else ""
    summary.close(destination.shown, status=status)
    if problems is None:
        return INTERRUPTED
    _refuse(problems, "the rest was fetched")
    return INCOMPLETE if summary.has_failures else OK


def _downloader_for(
    destination: OutputPath, limits: Limits, emit: Emit, tls: Tls | None, netrc: Netrc | None
) -> Downloader:
    if destination.store is None:
        return Downloader(limits, emit=emit, tls=tls, netrc=netrc)
    # Most calls need no store.
    from asyncdl.library.store_downloader import StoreDownloader

    return StoreDownloader(str(destination.store), limits=limits, emit=emit, tls=tls, netrc=netrc)


def _refuse(problems: list[Problem], else_: str) -> None:
    """Print the problems. Raises: ConfigError, if there are any."""
    if not problems:
        return
    for problem in problems[:SHOWN_PROBLEMS]:
        echo(str(problem), err=True)
    more = f", {SHOWN_PROBLEMS} of them named above" if len(problems) > SHOWN_PROBLEMS else ""
    least = "at least " if len(problems) >= MAX_PROBLEMS else ""
    entries = least + count(len(problems), "entry is", "entries are")
    raise ConfigError(f"{entries} wrong{more}; {else_}")


class RequestMaker:
    """Turns entries into requests."""

    def __init__(self, options: GetOptions, destination: OutputPath) -> None:
        self._options = options
        self._destination = destination
        self._digests = options.digests()
        self.tables = Tables()
        headers: dict[str, str | None] = {}
        for name, value in options.headers:
            with_header(headers, name, value)
        self.headers: Headers = headers
        self._masked: Counter[str] = Counter()

    def _key_of(self, url: str) -> str:
        """Return a URL for display; numbered, if masking makes two of them equal."""
        key = redact_url(url)
        if MASK not in key:
            return key
        self._masked[key] += 1
        return key if self._masked[key] == 1 else f"{key} ({self._masked[key]})"

    def check(self, entry: Entry) -> None:
        """Check that the checksum files list an entry. Raises: ConfigError."""
        self.tables.digests_of(entry.urls, entry.name or self._destination.name)

    def _folder_of(self, entry: Entry) -> Path:
        folder = entry.directory or self._destination.directory
        return folder / entry.subfolder if entry.subfolder.parts else folder

    def of(self, entry: Entry) -> FileRequest:
        """Return the request for one entry. Raises: ConfigError, if no table lists it."""
        options = self._options
        name = entry.name or self._destination.name
        if_modified = _first(entry.if_modified, options.if_modified)
        headers = _joined(self.headers, entry.headers)
        url, *mirrors = entry.urls
        return FileRequest(
            url=url,
            mirrors=tuple(mirrors),
            directory=self._folder_of(entry),
            name=name,
            key=self._key_of(url),
            digests=(*self._digests, *entry.digests, *self.tables.digests_of(entry.urls, name)),
            headers=headers,
            overwrite=_first(entry.overwrite, options.overwrite),
            connections=entry.connections,
            recheck=Recheck.CONFIRMED if if_modified else Recheck.CHANGED,
            remote_time=if_modified or _first(entry.remote_time, options.remote_time),
            accept_html=options.accept_html or _accepts_html(headers),
        )


def _first(own: bool | None, usual: bool) -> bool:
    return usual if own is None else own


def _accepts_html(headers: Headers) -> bool:
    return any(
        name.lower() == "accept" and "html" in (value or "") for name, value in headers.items()
    )


def _joined(usual: Headers, own: Headers) -> Headers:
    """Return the headers of an entry, which override those of the command."""
    names = {name.lower() for name in own}
    return {name: value for name, value in usual.items() if name.lower() not in names} | dict(own)


class WantedUrls:
    """The URLs of the command line and the list."""

    def __init__(self, options: GetOptions, emit: Emit) -> None:
        self._urls = options.urls
        self._emit = emit
        listed = options.listed
        self._list = UrlList(listed, self._note_unknown) if listed is not None else None
        self.problems: list[Problem] = self._list.problems if self._list is not None else []
        self._noted: set[str] = set()

    async def check(self, requests: RequestMaker) -> None:
        """Check all entries that can be read already, before anything is fetched.

        Raises: ConfigError, if an entry is invalid.
        """
        for number, entry in enumerate(self._checkable(), 1):
            if number % CHECKED_AT_ONCE == 0:
                await checkpoint()  # an interrupt does not wait for the end of a long list
            try:
                requests.check(entry)
            except ConfigError as error:
                self.problems.append(Problem(entry.place, error.problem, error.allowed))
                if len(self.problems) >= MAX_PROBLEMS:
                    break
        _refuse(self.problems, "nothing was fetched")

    def _checkable(self) -> Iterable[Entry]:
        for url in self._urls:
            try:
                read_target(url)
            except TransferError as error:
                problem = Problem("command line", shown(url), allowed_url(error))
                self.problems.append(problem)
            else:
                yield Entry((url,), "command line")
        if self._list is not None and self._list.is_rereadable:
            yield from self._list.check()

    async def entries(self) -> AsyncIterator[Entry]:
        """Yield the entries, no faster than they are consumed."""
        for url in self._urls:
            yield Entry((url,), "command line")
        if self._list is not None:
            async for entry in self._list.entries():
                yield entry

    def _note_unknown(self, place: str, name: str) -> None:
        if name in self._noted:
            return
        self._noted.add(name)
        text = f"{place}: the option {name!r} has no effect here, nor on later lines"
        self._emit(Notice(text, "warning"))


class Feed(Struct, frozen=True):
    """Turns entries into requests, no faster than they are consumed."""

    entries: AsyncIterator[Entry]
    request_of: Callable[[Entry], FileRequest]
    on_problem: Callable[[Problem], None]
    emit: Emit

    async def run(self, requests_out: MemoryObjectSendStream[FileRequest]) -> None:
        """Send one request for each distinct entry, and close the stream."""
        seen = HashSet()
        async with requests_out:
            async for entry in self.entries:
                request = self._request(entry)
                if request is None:
                    continue
                mark = hash((url_hash(request.url), request.directory, request.name))
                if not seen.add(mark):
                    continue
                self.emit(FilesWanted(1, 0))
                await send_promptly(requests_out, request)

    def _request(self, entry: Entry) -> FileRequest | None:
        try:
            return self.request_of(entry)
        except ConfigError as error:
            self.on_problem(Problem(entry.place, error.problem, error.allowed))
            return None


async def _fetch_all(
    feed: Feed, downloads: Downloader, jobs: Workers, take: Callable[[Outcome], None]
) -> None:
    """Fetch everything, and pass each outcome to ``take``; one failure does not stop others.

    Raises: DiskError, if the disk is full.
    """
    at_once = files_at_once(jobs, downloads.limits.connections)
    requests_out, requests_in = anyio.create_memory_object_stream[FileRequest](
        at_once * QUEUED_PER_WORKER
    )

    async def finish(outcome: Outcome) -> None:
        take(outcome)
        if isinstance(outcome.error, DiskError) and outcome.error.is_full:
            raise outcome.error
        if isinstance(outcome.error, StoreError) and outcome.error.stops_run:
            raise outcome.error

    async with downloads as downloader, anyio.create_task_group() as tasks:
        tasks.start_soon(feed.run, requests_out)
        tasks.start_soon(fetch_each, downloader, requests_in, finish, jobs)
