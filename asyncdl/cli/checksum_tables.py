"""Checksum files, such as SHA256SUMS, from paths and URLs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import anyio

from asyncdl.errors import ConfigError
from asyncdl.lists.checksums import ALLOWED, ChecksumTable, path_in, read_checksums
from asyncdl.lists.line_reader import lines_of
from asyncdl.outside import TooMuch, read_at_most
from asyncdl.redact import redact
from asyncdl.transfer import Digest, Downloader, FileRequest, Form, Limits
from asyncdl.transfer.request_headers import Headers

MOST_TABLE_BYTES = 64 << 20
"""Maximum size of a checksum file."""


class Tables:
    """All checksum files of one command.

    Args:
        tables: Each lists expected checksums; all have to agree.
    """

    def __init__(self, tables: tuple[ChecksumTable, ...] = ()) -> None:
        self._tables = tables

    def digests_of(self, urls: tuple[str, ...], name: str | None) -> tuple[Digest, ...]:
        """Return the expected digests of a file.

        Raises: ConfigError, if there are tables and none lists the file: it must not be
            fetched unverified. A table need not list itself.
        """
        if not self._tables:
            return ()
        paths = [name] if name else [path_in(url) for url in urls]
        found = tuple(
            dict.fromkeys(d for t in self._tables for path in paths for d in t.digests_of(path))
        )
        if found or all(map(self._is_table, paths)):
            return found
        shown = name or redact(urls[0])
        sources = ", ".join(table.source for table in self._tables)
        raise ConfigError(
            f"{shown}: not listed in {sources}",
            allowed="a file that is listed there; -o and out= set the name of a file",
        )

    def _is_table(self, path: str) -> bool:
        last = path.rpartition("/")[2]
        return any(last == table.source.rpartition("/")[2] for table in self._tables)


async def load_tables(sources: tuple[str, ...], downloads: Downloader, headers: Headers) -> Tables:
    """Read every table, from a file or a URL.

    Args:
        sources: Paths and URLs.
        downloads: Not entered yet; with the limits of :func:`bounded`.
        headers: Request headers for URLs.
    Raises: ConfigError, for a file that cannot be read or is not a checksum file; TransferError
        or NetworkError, for a URL that cannot be fetched.
    """
    # Files first: their errors are reported before anything is fetched.
    ordered = sorted(sources, key=_is_url)
    return Tables(tuple([await _load(source, downloads, headers) for source in ordered]))


def _is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


async def _load(source: str, downloads: Downloader, headers: Headers) -> ChecksumTable:
    if _is_url(source):
        from tempfile import TemporaryDirectory  # Most commands have no table to fetch.

        with TemporaryDirectory(prefix="asyncdl-") as folder:
            path = await _fetch(source, Path(folder), downloads, headers)
            data = await anyio.Path(path).read_bytes()
            return _read(redact(source).partition("?")[0], data)
    return _read(source, await anyio.to_thread.run_sync(_content_of, source))


def _content_of(source: str) -> bytes:
    try:
        with Path(source).expanduser().open("rb") as file:
            return read_at_most(file, MOST_TABLE_BYTES)
    except OSError as error:
        raise ConfigError(f"{source}: {error.strerror}", allowed="a file or URL") from error
    except TooMuch as error:
        raise ConfigError(f"{source}: {error}", allowed=ALLOWED) from error


def _read(source: str, data: bytes) -> ChecksumTable:
    try:
        return read_checksums(source, lines_of(data, source))
    except TooMuch as error:
        raise ConfigError(f"{source}: {error}", allowed=ALLOWED) from error


def bounded(limits: Limits) -> Limits:
    """Return the limits of a command for checksum files, which are small."""
    return replace(limits, max_size_bytes=MOST_TABLE_BYTES, max_rate_bytes_s=None)


async def _fetch(url: str, folder: Path, downloads: Downloader, headers: Headers) -> Path:
    async with downloads as downloader:
        request = FileRequest(url, folder, "checksums", form=Form.TEXT, headers=headers)
        return (await downloader.fetch(request)).path
