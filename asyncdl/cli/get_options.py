"""The options of ``asyncdl get``, and the paths of its files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click
from msgspec import Struct

from asyncdl.cli.options import Duration
from asyncdl.cli.spelling import with_get_options
from asyncdl.lists.entry_options import read_digest, read_header
from asyncdl.net.retry import Backoff
from asyncdl.stores.address import FORM as STORE_FORM
from asyncdl.stores.address import StoreAddress, is_store
from asyncdl.transfer import Digest, Limits, read_netrc
from asyncdl.transfer.limits import Workers
from asyncdl.transfer.names import FALLBACK_NAME, PART_ENDINGS, safe_name

if TYPE_CHECKING:
    from asyncdl.config import ByteCount, Seconds
    from asyncdl.net.tls import TlsSettings
    from asyncdl.transfer import Netrc

HEADER_TIMEOUT_S = 300.0
"""Default: hosts that read from tape take minutes. curl has no limit, wget 900 s."""
MAX_JOBS = 256
"""Files at once, at most."""
CONNECTIONS_PER_FILE = 4
"""Default for large files, if the number of files at once is given."""
MAX_REDIRECTS = 50
"""Default, as in curl."""


class Size(click.ParamType["ByteCount"]):
    """Bytes, such as ``20 GB``."""

    name = "size"
    kind = "ByteCount"
    example = "20 GB"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> ByteCount:
        """Parse the amount, or fail with what is allowed."""
        from asyncdl import config  # Imported only if an amount is given.

        try:
            read: ByteCount = getattr(config, self.kind).read(value)
        except ValueError as error:
            allowed = f"bytes, or text such as {self.example!r} or '1M' (of 1024)"
            self.fail(f"{value!r} {error}; allowed: {allowed}", param, ctx)
        return read


class RateOption(Size):
    """Bytes per second, such as ``5 MB/s``."""

    name = "rate"
    kind = "ByteRate"
    example = "5 MB/s"


class Timeout(Duration):
    """A duration above zero."""

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Seconds:
        """Parse the duration, or fail with what is allowed."""
        read = super().convert(value, param, ctx)
        if read <= 0:
            self.fail(f"{value!r} is not above 0; allowed: seconds above 0, or '5m'", param, ctx)
        return read


class Jobs(click.ParamType["Workers"]):
    """A number of files at once, or ``auto``."""

    name = "auto|number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Workers:
        """Parse the number, or fail with what is allowed."""
        if value == "auto":
            return "auto"
        text = str(value)
        if text.isdecimal() and 1 <= int(text) <= MAX_JOBS:
            return int(text)
        self.fail(f"{text!r}; allowed: auto, or 1 to {MAX_JOBS}", param, ctx)


class Header(click.ParamType[tuple[str, "str | None"]]):
    """A request header, ``Name: value``."""

    name = "header"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str | None]:
        """Split the header, or fail; the value may be a secret, so it is not repeated."""
        try:
            return read_header(value)
        except ValueError as error:
            problem = with_get_options(str(error))
            self.fail(f"allowed: {problem}" if problem[:1] == "'" else problem, param, ctx)


class ChecksumOption(click.ParamType[Digest]):
    """A digest, ``sha-256=HEX``."""

    name = "type=hex"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Digest:
        """Parse the digest, or fail with what is allowed."""
        try:
            return read_digest(value)
        except ValueError as error:
            self.fail(f"{value!r}; allowed: {error}", param, ctx)


class Target(click.ParamType["Path | StoreAddress"]):
    """A folder, or the address of an object store."""

    name = "directory"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | StoreAddress:
        """Read the address, or check the folder; fail with what is allowed."""
        text = str(value)
        if is_store(text):
            try:
                return StoreAddress.parse(text)
            except ValueError as error:
                self.fail(f"{text!r} {error}; allowed: a folder, or {STORE_FORM}", param, ctx)
        folder = click.Path(path_type=Path, file_okay=False).convert(text, param, ctx)
        return Path(folder)


class GetOptions(Struct, frozen=True, kw_only=True):
    """The options of ``get``, as parsed by click."""

    urls: tuple[str, ...]
    listed: BinaryIO | None
    output: str | None
    directory: Path | StoreAddress | None
    jobs: Workers
    connections: int | None
    headers: tuple[tuple[str, str | None], ...]
    sha256: str | None
    checksum: tuple[Digest, ...]
    checksums: tuple[str, ...]
    limit_rate: ByteCount | None
    max_size: ByteCount | None
    attempts: int
    max_wait: Seconds | None
    max_redirects: int
    connect_timeout: Seconds | None
    header_timeout: Seconds | None
    stall_timeout: Seconds | None
    overwrite: bool
    if_modified: bool
    remote_time: bool
    accept_html: bool
    quiet: bool
    no_progress: bool
    as_json: bool
    tls: TlsSettings
    netrc: bool = False
    netrc_file: Path | None = None

    def passwords(self) -> Netrc | None:
        """Read the netrc, if requested. Raises: ConfigError."""
        if self.netrc_file is None and not self.netrc:
            return None
        return read_netrc(self.netrc_file)

    @property
    def is_single(self) -> bool:
        """Whether there is exactly one URL, so that options for one file apply to it."""
        return len(self.urls) == 1 and self.listed is None

    def digests(self) -> tuple[Digest, ...]:
        """Return the expected digests of the one file. Raises: UsageError."""
        if self.sha256 is None and not self.checksum:
            return ()
        name = "--checksum" if self.sha256 is None else "--sha256"
        if not self.is_single:
            raise click.UsageError(f"{name} needs exactly one URL; use --checksums for several")
        if self.sha256 is None:
            return self.checksum
        try:
            return (Digest("sha256", self.sha256.strip().lower()), *self.checksum)
        except ValueError:
            raise click.UsageError("--sha256 takes 64 hexadecimal digits") from None

    def limits(self) -> Limits:
        """Return the limits of the engine."""
        usual = Limits()
        if self.jobs == "auto":
            # One budget for files and segments, but no less than one file may have.
            per_file = self.connections or usual.connections
            connections = max(usual.connections, per_file)
        else:
            per_file = self.connections or CONNECTIONS_PER_FILE
            connections = self.jobs * per_file
        return Limits(
            connections=connections,
            per_host=connections,
            connections_per_file=per_file,
            backoff=Backoff(attempts=self.attempts),
            max_rate_bytes_s=self.limit_rate,
            max_size_bytes=self.max_size,
            max_wait_s=self.max_wait or 0.0,
            max_redirects=self.max_redirects,
            connect_timeout_s=self.connect_timeout or usual.connect_timeout_s,
            header_timeout_s=self.header_timeout or HEADER_TIMEOUT_S,
            stall_timeout_s=self.stall_timeout or usual.stall_timeout_s,
        )


class OutputPath(Struct, frozen=True):
    """Folder, and name of a single file."""

    directory: Path
    name: str | None = None
    """Name of the one file; ``None`` for that of the host or the URL."""
    store: StoreAddress | None = None
    """The object store that the folder is in, if it is in one."""

    @property
    def shown(self) -> Path | str:
        """The path in messages."""
        if self.store is not None:
            return str(self.store) if self.name is None else self.store.url_of(self.name)
        return self.directory if self.name is None else self.directory / self.name


def destination_of(options: GetOptions) -> OutputPath:
    """Return the paths of the files: ``-o`` is the file of a single URL, otherwise a folder.

    Raises: UsageError.
    """
    output, directory = options.output, options.directory
    if isinstance(directory, StoreAddress):
        return _in_store(directory, output)
    if output is None:
        return OutputPath(directory or Path())
    if output in ("", "-"):
        raise click.UsageError("-o takes the name of a file; nothing is written to stdout")
    path = directory / output if directory is not None else Path(output)
    if not options.is_single:
        if directory is not None:
            raise click.UsageError("-o together with -d needs exactly one URL; or use -d alone")
        return OutputPath(_as_folder(path))
    if output.endswith(("/", os.sep)) or path.is_dir():
        return OutputPath(_as_folder(path))
    return OutputPath(path.parent, _as_name(path.name))


def _in_store(store: StoreAddress, name: str | None) -> OutputPath:
    if name is None:
        return OutputPath(Path(), store=store)
    if "/" in name or name in ("", "-"):
        raise click.UsageError("-o takes the name of a file; put its folder into the address of -d")
    return OutputPath(Path(), _as_name(name), store)


def _as_folder(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise click.UsageError(f"-o {path} is a file; several URLs need a folder")
    return path


def _as_name(name: str) -> str:
    fitting = safe_name(name, PART_ENDINGS) or FALLBACK_NAME
    if fitting != name:
        problem = "is not valid on all systems, or is the name of an unfinished file"
        raise click.UsageError(f"-o: {name!r} {problem}; allowed: such as {fitting!r}")
    return name
