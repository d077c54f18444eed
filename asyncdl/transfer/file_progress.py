"""Counts the bytes of one file and emits its events."""

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
"""Progress is reported no more often than this, except at the end of a body."""


class FileProgress:
    """Counts the bytes of one file and emits its events.

    Args:
        key: The caller's name for the file.
        emit: Receives the events.
    """

    def __init__(self, key: str, emit: Emit) -> None:
        self.key = key
        self.received_bytes = 0
        self.expected_bytes: int | None = None
        """On disk at the end, of an excerpt whose ranges are known."""
        self._emit = emit
        self._is_started = False
        self._reported_at_s = 0.0
        self._reported = (-1, -1)
        """Bytes on disk and bytes received, as of the last report."""

    def report_start(self, name: str, size_bytes: int | None, resumed_bytes: int) -> None:
        """Report that bytes are on their way; only the first call emits."""
        if not self._is_started:
            self._is_started = True
            self._emit(TransferStarted(self.key, name, size_bytes, resumed_bytes))

    def report(self, done_bytes: int, *, is_end: bool = False) -> None:
        """Report the bytes on disk, unless the last report is the same, or a moment old."""
        now = done_bytes, self.received_bytes
        if now == self._reported:
            return
        now_s = clock.now_s()
        if is_end or now_s - self._reported_at_s >= INTERVAL_S:
            self._reported_at_s, self._reported = now_s, now
            expected = self.expected_bytes
            # A host that ignores ranges brings more.
            total_bytes = None if expected is None else max(done_bytes, expected)
            self._emit(TransferProgress(self.key, *now, total_bytes))

    def report_retry(self, error: AsyncdlError, wait_s: float, attempt: int) -> None:
        """Report that an attempt failed and another follows."""
        detail = error.detail if isinstance(error, TransferError) else str(error)
        self._emit(TransferRetry(self.key, reason_of(error), detail, wait_s, attempt))

    def report_end(self, elapsed_s: float, error: BaseException | None = None) -> None:
        """Report that the file is done, or why it failed, after ``elapsed_s`` seconds."""
        reason = reason_of(error) if error else ""
        self._emit(TransferEnded(self.key, reason, self.received_bytes, elapsed_s))
