"""Waiting for a worker, or for the scheduler, and saying so."""

from __future__ import annotations

import anyio

from asyncdl.cluster.links import ClusterError
from asyncdl.events import Emit, ServiceBack, ServiceWait

INTERVAL_S = 1.0
"""Between two looks."""
REPORT_S = 10.0
"""The wait is reported at its beginning, and this often."""


class MissingWorkers:
    """The time in which there is no worker.

    Args:
        cluster: Its name.
        patience_s: How long to wait.
        emit: Receives reports.
    """

    def __init__(self, cluster: str, patience_s: float, emit: Emit) -> None:
        self._cluster = cluster
        self._patience_s = patience_s
        self._emit = emit
        self._since_s: float | None = None
        self._reported_at_s = 0.0

    async def wait(self, reason: str) -> None:
        """Wait a moment. Raises: ClusterError, when it has taken too long."""
        now_s = anyio.current_time()
        if self._since_s is None:
            self._since_s, self._reported_at_s = now_s, now_s - REPORT_S
        missing_s = now_s - self._since_s
        if missing_s >= self._patience_s:
            raise ClusterError(
                f"{self._cluster} has had no usable worker for {missing_s:.0f} s: {reason}",
                "Start workers there, then run the same command again: it continues.",
            )
        if now_s - self._reported_at_s >= REPORT_S:
            self._reported_at_s = now_s
            self._emit(ServiceWait(self._cluster, reason, missing_s, INTERVAL_S))
        await anyio.sleep(min(INTERVAL_S, self._patience_s - missing_s))

    def end(self) -> None:
        """Note that there is a worker."""
        if self._since_s is not None:
            self._emit(ServiceBack(self._cluster, anyio.current_time() - self._since_s))
            self._since_s = None
