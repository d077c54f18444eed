"""What all files of one downloader share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientSession

from asyncdl.errors import TransferError
from asyncdl.events import Emit
from asyncdl.transfer.disk import Disk
from asyncdl.transfer.governor import Governor
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.rate import RateLimit
from asyncdl.transfer.sink import BUSY


@dataclass(frozen=True, slots=True)
class Engine:
    """The session, the budgets, and the paths that are being written."""

    session: ClientSession
    limits: Limits
    emit: Emit
    governor: Governor
    rate: RateLimit
    disk: Disk
    proving: Disk
    """Threads that read finished files; apart, so that they hold up no write."""
    claimed: set[Path] = field(default_factory=set)

    @contextmanager
    def claim(self, path: Path, url: str) -> Iterator[None]:
        """Keep ``path`` for one file while the block runs.

        Raises: TransferError with reason ``busy``, if another one has it.
        """
        if path in self.claimed:
            raise TransferError(url, f"{path} is being fetched already", reason=BUSY)
        self.claimed.add(path)
        try:
            yield
        finally:
            self.claimed.discard(path)


def build_engine(session: ClientSession, limits: Limits, emit: Emit) -> Engine:
    """Put an engine together on a session."""
    return Engine(
        session=session,
        limits=limits,
        emit=emit,
        governor=Governor(limits, emit),
        rate=RateLimit(limits.max_rate_bytes_s),
        disk=Disk(limits.disk_threads),
        proving=Disk(2),
    )
