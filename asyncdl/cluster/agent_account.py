"""What has come over one agent, and what is on its way there: a fold of its events. Pure."""

from __future__ import annotations

from asyncdl.cluster.messages import EngineEvent
from asyncdl.errors import INTERRUPTED
from asyncdl.events import TransferEnded, TransferProgress, TransferStarted, WorkerActivity

ACTIVITY_S = 0.5
"""What a worker does is reported no more often than this."""


class AgentAccount:
    """Bytes and open transfers of one agent."""

    def __init__(self) -> None:
        self.received_bytes = 0
        """Over the network, so far."""
        self.has_bytes = False
        """Whether any have come, or are on their way."""
        self._open: dict[str, int] = {}
        """Bytes received for each file on its way."""
        self._last: WorkerActivity | None = None
        self._reported_at_s = 0.0

    def take(self, event: EngineEvent) -> None:
        """Take one event of the agent."""
        match event:
            case TransferStarted():
                self._open.setdefault(event.key, 0)
                self.has_bytes = True
            case TransferProgress():
                self._receive(event.key, event.received_bytes)
            case TransferEnded():
                self._receive(event.key, event.received_bytes)
                self._open.pop(event.key, None)
            case _:
                pass

    def _receive(self, key: str, received_bytes: int) -> None:
        known = self._open.get(key, 0)
        self._open[key] = max(known, received_bytes)
        self.received_bytes += self._open[key] - known

    def close(self) -> list[TransferEnded]:
        """Return the ends of the transfers that the agent can no longer report."""
        ends = [TransferEnded(key, INTERRUPTED, count) for key, count in self._open.items()]
        self._open.clear()
        return ends

    def is_due(self, activity: WorkerActivity, now_s: float) -> bool:
        """Return whether an activity is to be reported; if so, it counts as reported."""
        if activity == self._last or now_s - self._reported_at_s < ACTIVITY_S:
            return False
        self._last, self._reported_at_s = activity, now_s
        return True
