"""What all files of one downloader share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from asyncdl.events import Emit
from asyncdl.transfer.claims import NameRegistry
from asyncdl.transfer.client import Client
from asyncdl.transfer.governor import Governor
from asyncdl.transfer.limits import KIB, Limits
from asyncdl.transfer.logins import LoginBook
from asyncdl.transfer.netrc import Netrc
from asyncdl.transfer.parts.disk import Disk
from asyncdl.transfer.range_habits import RangeHabits
from asyncdl.transfer.rate import RateLimit

T = TypeVar("T")

READ_BRIEFLY_BYTES = 128 * KIB
"""A file up to this size is read, hashed and parsed in less time than a thread takes."""


class Engine(Struct, frozen=True):
    """The client, the budgets, and the paths that are being written."""

    client: Client
    limits: Limits
    emit: Emit
    governor: Governor
    rate: RateLimit
    disk: Disk
    proving: Disk
    """Reads files and hashes them, and unpacks on the way; its threads are apart, so that
    they hold up no write of a partial file."""
    claims: NameRegistry
    habits: RangeHabits
    """Which hosts refuse ranges."""
    logins: LoginBook
    """Who is sent which password."""

    async def prove(self, path: Path, size_bytes: int, call: Callable[[], T]) -> T:
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
        governor=Governor(limits, emit),
        rate=RateLimit(limits.max_rate_bytes_s),
        disk=Disk(limits.disk_threads),
        proving=Disk(2),
        claims=NameRegistry(),
        habits=RangeHabits(),
        logins=LoginBook(netrc),
    )
