"""What one file tells its watchers."""

from __future__ import annotations

from asyncdl.errors import AsyncdlError, TransferError, reason_of
from asyncdl.events import (
    Emit,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
)
from asyncdl.transfer import clock

INTERVAL_S = 0.1
"""Progress is reported no more often, but for the end of a body."""


class FileProgress:
    """Counts the bytes of one file and emits its events.

    Args:
        key: The caller's name for the file.
        emit: Takes the events.
    """

    def __init__(self, key: str, emit: Emit) -> None:
        self.key = key
        self.received_bytes = 0
        self._emit = emit
        self._is_started = False
        self._told_at_s = 0.0

    def start(self, name: str, size_bytes: int | None, resumed_bytes: int) -> None:
        """Tell that bytes are on their way; only the first call does."""
        if not self._is_started:
            self._is_started = True
            self._emit(TransferStarted(self.key, name, size_bytes, resumed_bytes))

    def tell(self, done_bytes: int, *, is_end: bool = False) -> None:
        """Tell how many bytes are on disk, unless that was told a moment ago."""
        now_s = clock.now_s()
        if is_end or now_s - self._told_at_s >= INTERVAL_S:
            self._told_at_s = now_s
            self._emit(TransferProgress(self.key, done_bytes, self.received_bytes))

    def retry(self, error: AsyncdlError, wait_s: float, attempt: int) -> None:
        """Tell that a try failed and another follows."""
        detail = error.detail if isinstance(error, TransferError) else str(error)
        self._emit(TransferRetry(self.key, reason_of(error), detail, wait_s, attempt))

    def end(self, elapsed_s: float, error: BaseException | None = None) -> None:
        """Tell that the engine has let go of the file, after ``elapsed_s`` and because of what."""
        reason = reason_of(error) if error else ""
        self._emit(TransferEnded(self.key, reason, self.received_bytes, elapsed_s))
