"""The events of a run, for a reader that may be slow."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

import anyio

from asyncdl.events import ConnectionsInUse, Event, TransferProgress

MAX_WAITING = 1024
"""Events that may wait for the reader before the workers pause between files."""


class EventQueue:
    """Events in order, from code that may not wait to code that may be slow.

    :meth:`put` never blocks. So that a slow reader does not fill the memory, progress is
    dropped when many events are waiting (it is cumulative, so nothing is lost), and the
    producers of other events wait in :meth:`room` between two pieces of work.
    """

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._events: deque[Event] = deque()
        self._changed = anyio.Event()
        self._is_closed = False

    def put(self, event: Event) -> None:
        """Add an event."""
        if isinstance(event, TransferProgress | ConnectionsInUse) and not self._has_room:
            return
        self._events.append(event)
        self._wake()

    def close(self) -> None:
        """End the stream: no more events come."""
        self._is_closed = True
        self._wake()

    async def room(self) -> None:
        """Wait until the reader has caught up."""
        while not self._has_room:
            await self._change()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            while self._events:
                event = self._events.popleft()
                self._wake()
                yield event
            if self._is_closed:
                return
            await self._change()

    @property
    def _has_room(self) -> bool:
        return len(self._events) < self._max_waiting

    def _wake(self) -> None:
        self._changed.set()

    async def _change(self) -> None:
        if self._changed.is_set():
            self._changed = anyio.Event()
        await self._changed.wait()
