"""What an agent has to report, gathered until the coordinator asks. Not thread-safe."""

from __future__ import annotations

from typing import cast

import anyio

from asyncdl.cluster.messages import AgentReport, EngineEvent
from asyncdl.cluster.outcomes import OrderOutcome
from asyncdl.events import ConnectionsInUse, Event, TransferEnded, TransferProgress

PROGRESS_S = 0.5
"""Progress alone is reported no more often than this."""
GATHERING_S = 0.01
"""After something urgent this long is waited for more of it: many small files end together."""


class Outbox:
    """Outcomes and events, in as few words as possible: of progress only the latest counts."""

    def __init__(self) -> None:
        self._report = AgentReport()
        self._progress: dict[str, TransferProgress] = {}
        self._connections: dict[str, ConnectionsInUse] = {}
        self._is_urgent = anyio.Event()
        self._has_any = anyio.Event()

    def add(self, outcome: OrderOutcome) -> None:
        """Report the end of an order."""
        self._report.outcomes.append(outcome)
        self.hurry()

    def refuse(self, number: int) -> None:
        """Report that an order's URL was refused."""
        self._report.refused.append(number)
        self.hurry()

    def note_wait(self, number: int, waits: bool) -> None:
        """Report that an order waits for its host, or no longer does."""
        self._report.waits.append((number, waits))
        self.hurry()

    def take_event(self, event: Event) -> None:
        """Report an event of the engine."""
        self._has_any.set()
        if isinstance(event, TransferProgress):
            self._progress[event.key] = event
            return
        if isinstance(event, ConnectionsInUse):
            self._connections[event.host] = event
            return
        if isinstance(event, TransferEnded):
            self._progress.pop(event.key, None)  # the end has the same number
        self._report.events.append(cast(EngineEvent, event))

    def hurry(self) -> None:
        """Have the report taken at once."""
        self._has_any.set()
        self._is_urgent.set()

    async def wait(self, most_s: float) -> None:
        """Wait until a report is worth while; with nothing to report for ``most_s``."""
        with anyio.move_on_after(most_s):
            await self._has_any.wait()
            with anyio.move_on_after(PROGRESS_S):
                await self._is_urgent.wait()
                await anyio.sleep(GATHERING_S)

    def take(self) -> AgentReport:
        """Return all that is there to report, and forget it."""
        report = self._report
        report.events += [*self._progress.values(), *self._connections.values()]
        self._report, self._progress, self._connections = AgentReport(), {}, {}
        self._is_urgent, self._has_any = anyio.Event(), anyio.Event()
        return report
