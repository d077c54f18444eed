"""What all files of one downloader share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import anyio
from msgspec import Struct

from asyncdl.events import Emit
from asyncdl.transfer.host_limiter import HostLimiter
from asyncdl.transfer.http_client import Client
from asyncdl.transfer.limits import KIB, Limits
from asyncdl.transfer.logins import LoginBook
from asyncdl.transfer.name_registry import NameRegistry
from asyncdl.transfer.netrc import Netrc
from asyncdl.transfer.parts.disk import Disk
from asyncdl.transfer.publishing import FolderPublisher, Publisher
from asyncdl.transfer.range_requests import HostRangeSupport

GRAIN_S = 0.1
"""Bytes pass in portions of this duration, so that the rate is even."""


class RateLimit:
    """Spreads bytes evenly over time, whichever stream they belong to.

    There is no initial burst, so the limit holds from the first second.

    Args:
        bytes_per_s: The limit; ``None`` lets everything pass at once.
    """

    def __init__(self, bytes_per_s: float | None) -> None:
        self._free_at_s = 0.0
        self.change(bytes_per_s)

    def change(self, bytes_per_s: float | None) -> None:
        """Use another limit from now on."""
        self._bytes_per_s = bytes_per_s
        self.grain_bytes = sys.maxsize if bytes_per_s is None else int(bytes_per_s * GRAIN_S) + 1
        """Maximum to receive at once."""

    async def take(self, count: int) -> None:
        """Wait until ``count`` more bytes fit under the limit."""
        if self._bytes_per_s is None:
            return
        now_s = anyio.current_time()
        self._free_at_s = max(self._free_at_s, now_s) + count / self._bytes_per_s
        await anyio.sleep(self._free_at_s - now_s)


T = TypeVar("T")

READ_BRIEFLY_BYTES = 128 * KIB
"""A file up to this size is read, hashed and parsed in less time than a thread costs."""


class Engine(Struct, frozen=True):
    """The HTTP client, the limits, and the names that are in use."""

    client: Client
    limits: Limits
    emit: Emit
    host_limiter: HostLimiter
    rate_limit: RateLimit
    disk: Disk
    verification_disk: Disk
    """Reads and hashes files, and unpacks archives as they arrive. Its threads are separate, so
    that they delay no write to a ``.part`` file."""
    publisher: Publisher
    """Gives verified files their final names."""
    names: NameRegistry
    range_support: HostRangeSupport
    """Which hosts refuse ranges."""
    logins: LoginBook
    """Which host gets which password."""

    async def verify(self, path: Path, size_bytes: int, call: Callable[[], T]) -> T:
        """Run a ``call`` that reads ``size_bytes`` of the file at ``path``.

        Raises: DiskError; what ``call`` raises, except an OSError.
        """
        if size_bytes <= READ_BRIEFLY_BYTES:
            return await self.verification_disk.run_brief(path, call)
        return await self.verification_disk.run(path, call)


def build_engine(client: Client, limits: Limits, emit: Emit, netrc: Netrc | None = None) -> Engine:
    """Build an engine on a client."""
    disk = Disk(limits.disk_threads)
    return Engine(
        client=client,
        limits=limits,
        emit=emit,
        host_limiter=HostLimiter(limits, emit),
        rate_limit=RateLimit(limits.max_rate_bytes_s),
        disk=disk,
        verification_disk=Disk(2),
        publisher=FolderPublisher(disk),
        names=NameRegistry(),
        range_support=HostRangeSupport(),
        logins=LoginBook(netrc),
    )
