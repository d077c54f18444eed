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
from asyncdl.transfer.range_requests import HostRangeSupport

GRAIN_S = 0.1
"""Bytes are let through in portions of this time, so that the rate is even."""


class RateLimit:
    """Spreads bytes evenly over time, whichever stream they belong to.

    There is no burst to begin with, so the limit holds from the first second.

    Args:
        bytes_per_s: The limit; ``None`` lets everything pass at once.
    """

    def __init__(self, bytes_per_s: float | None) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at_s = 0.0
        self.grain_bytes = sys.maxsize if bytes_per_s is None else int(bytes_per_s * GRAIN_S) + 1
        """No more should be received at once."""

    async def take(self, count: int) -> None:
        """Wait until ``count`` bytes more fit under the limit."""
        if self._bytes_per_s is None:
            return
        now_s = anyio.current_time()
        self._free_at_s = max(self._free_at_s, now_s) + count / self._bytes_per_s
        await anyio.sleep(self._free_at_s - now_s)


T = TypeVar("T")

READ_BRIEFLY_BYTES = 128 * KIB
"""A file up to this size is read, hashed and parsed in less time than a thread takes."""


class Engine(Struct, frozen=True):
    """The client, the budgets, and the paths that are being written."""

    client: Client
    limits: Limits
    emit: Emit
    host_limiter: HostLimiter
    rate: RateLimit
    disk: Disk
    proving: Disk
    """Reads files and hashes them, and unpacks on the way; its threads are apart, so that
    they hold up no write of a partial file."""
    claims: NameRegistry
    habits: HostRangeSupport
    """Which hosts refuse ranges."""
    logins: LoginBook
    """Who is sent which password."""

    async def verify(self, path: Path, size_bytes: int, call: Callable[[], T]) -> T:
        """Run a ``call`` that reads the whole file at ``path``.

        Raises: DiskError; what ``call`` raises, but for an OSError.
        """
        if size_bytes <= READ_BRIEFLY_BYTES:
            return await self.proving.run_brief(path, call)
        return await self.proving.run(path, call)


def build_engine(client: Client, limits: Limits, emit: Emit, netrc: Netrc | None = None) -> Engine:
    """Put an engine together on a client."""
    return Engine(
        client=client,
        limits=limits,
        emit=emit,
        host_limiter=HostLimiter(limits, emit),
        rate=RateLimit(limits.max_rate_bytes_s),
        disk=Disk(limits.disk_threads),
        proving=Disk(2),
        claims=NameRegistry(),
        habits=HostRangeSupport(),
        logins=LoginBook(netrc),
    )
