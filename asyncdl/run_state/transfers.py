"""Which files are on their way, and how many bytes have come."""

from __future__ import annotations

from msgspec import Struct

from asyncdl.events import (
    FileFinished,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
)
from asyncdl.run_state.files import key_of

MOST_RELEASED = 1024
"""Far more than a job has at once; plain downloads have no endings besides the engine's."""
INTERRUPTED = "interrupted"
"""Reason of a transfer that was stopped; a later run continues it."""


class ActiveFile(Struct):
    """A file that is on its way."""

    name: str
    total_bytes: int | None
    """``None`` while the host has not announced it."""
    done_bytes: int
    """On disk."""
    received_bytes: int
    """Over the network in this run."""
    started_s: float
    """When its first bytes were on their way."""
    retry: TransferRetry | None = None
    """Why nothing moves at the moment, if nothing does."""


class ReleasedFile(Struct, frozen=True):
    """A file that the engine is done with and that has no ending yet: it is unpacked or copied."""

    done_bytes: int
    """On disk; 0 where it failed."""
    received_bytes: int
    started_s: float | None
    """As of :class:`ActiveFile`; ``None`` where no byte came."""
    is_interrupted: bool


class Transfers:
    """The files that the engine is transferring, and those that it is done with."""

    def __init__(self) -> None:
        self.active: dict[str, ActiveFile] = {}
        """By key, in the order in which they started."""
        self.released: dict[str, ReleasedFile] = {}
        """The last :data:`MOST_RELEASED`, by key."""
        self.received_bytes = 0
        """Over the network, also for files that failed."""
        self._older_bytes = 0
        """On disk, of files that left :attr:`released` without an ending."""

    def begin(self, event: TransferStarted, now_s: float) -> None:
        """Note that a file is on its way."""
        self.released.pop(event.key, None)
        known = self.active.get(event.key)
        self.active[event.key] = ActiveFile(
            event.name,
            event.size_bytes,
            event.resumed_bytes,
            known.received_bytes if known else 0,
            now_s,
        )

    def progress(self, event: TransferProgress, now_s: float) -> None:
        """Note how much of a file has come."""
        file = self.active.get(event.key)
        if file is None:
            self.begin(TransferStarted(event.key, event.key, None, 0), now_s)
            file = self.active[event.key]
        if event.received_bytes > file.received_bytes:
            self.received_bytes += event.received_bytes - file.received_bytes
            file.received_bytes = event.received_bytes
        file.done_bytes, file.retry = event.done_bytes, None
        if event.total_bytes is not None:
            file.total_bytes = event.total_bytes

    def retry(self, event: TransferRetry, now_s: float) -> None:
        """Note why a file does not move."""
        if event.key in self.active:
            self.active[event.key].retry = event

    def release(self, event: TransferEnded, now_s: float) -> None:
        """Note that the engine is done with a file; its bytes are there, unless it failed."""
        file = self.active.pop(event.key, None)
        received_bytes = file.received_bytes if file else 0
        self._receive_rest(received_bytes, event.received_bytes)
        is_kept = event.reason in ("", INTERRUPTED)
        self.released.pop(event.key, None)
        self.released[event.key] = ReleasedFile(
            file.done_bytes if file and is_kept else 0,
            max(received_bytes, event.received_bytes),
            file.started_s if file else None,
            event.reason == INTERRUPTED,
        )
        if len(self.released) > MOST_RELEASED:
            self._older_bytes += self.released.pop(next(iter(self.released))).done_bytes

    def finish(self, event: FileFinished) -> None:
        """Forget a file that has its ending."""
        key = key_of(event)
        file = self.active.pop(key, None) or self.released.pop(key, None)
        self._receive_rest(file.received_bytes if file else 0, event.received_bytes)

    def _receive_rest(self, known_bytes: int, received_bytes: int) -> None:
        """Count what came for a file since its last progress."""
        self.received_bytes += max(0, received_bytes - known_bytes)

    def started_s(self, event: FileFinished) -> float | None:
        """Return when the transfer of a file started that ends now; ``None`` if none did."""
        key = key_of(event)
        file = self.active.get(key) or self.released.get(key)
        return file.started_s if file else None

    @property
    def done_bytes(self) -> int:
        """On disk, of files without an ending."""
        active = sum(file.done_bytes for file in self.active.values())
        return active + sum(file.done_bytes for file in self.released.values()) + self._older_bytes

    @property
    def interrupted(self) -> int:
        """Files that the engine was stopped at, and that have no ending."""
        return sum(file.is_interrupted for file in self.released.values())
