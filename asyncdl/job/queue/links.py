"""The links of a run that wait for their turn, and those who wait for there to be fewer."""

from __future__ import annotations

from collections.abc import Iterable

import anyio

from asyncdl.job.queue.pacing import LinkPace
from asyncdl.m2m.downloads.selection import WantedFile

LINK_WAIT_S = 1200.0
"""Links are seen to live for hours, but nobody has promised it."""


class Links:
    """Keeps the books of :class:`LinkPace` and lets requests wait for room.

    Args:
        link_wait_s: No link should wait longer than this.
        workers: Files at once.
    """

    def __init__(self, link_wait_s: float = LINK_WAIT_S, workers: int = 1) -> None:
        self._pace = LinkPace(link_wait_s, workers)
        self._settled = anyio.Event()

    def give(self, files: Iterable[WantedFile]) -> None:
        """Note that files have got links."""
        for wanted in files:
            self._pace.give(wanted.estimate_bytes, anyio.current_time())

    def settle(self, wanted: WantedFile, *, is_fetched: bool) -> None:
        """Note that a file with a link has got its ending."""
        now_s = anyio.current_time()
        self._pace.settle(wanted.estimate_bytes, now_s, is_fetched=is_fetched)
        self._settled.set()
        self._settled = anyio.Event()

    def note_waiting(self, wanted: WantedFile, *, waits: bool) -> None:
        """Note that a file with a link waits for its host, or no longer does.

        While it does it takes no room from the links of others.
        """
        now_s = anyio.current_time()
        if waits:
            self._pace.settle(wanted.estimate_bytes, now_s, is_fetched=False)
            self._settled.set()
            self._settled = anyio.Event()
        else:
            self._pace.give(wanted.estimate_bytes, now_s)

    def has_room_for(self, files: int, size_bytes: float) -> bool:
        """Tell whether so much more may be asked for."""
        is_taken_at_once = files <= self._pace.idle
        return is_taken_at_once or size_bytes <= self._pace.room_bytes(anyio.current_time())

    async def room(self) -> None:
        """Wait until a call is worth while; at once if a worker is idle."""
        while not self._pace.is_calm(anyio.current_time()):
            await self._settled.wait()
