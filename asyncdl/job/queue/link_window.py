"""How many links may be requested ahead of the transfers.

No lifetime of links is guaranteed, so no more are requested than the run uses up in a
while. Bytes are the sizes that the service lists, for links and for fetched files alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import anyio

from asyncdl.m2m.downloads.selection import WantedFile

GUESS_BYTES_S = 2e6
"""The rate assumed before anything was fetched: a slow one, as links that expire cost more
than one more call at the beginning."""
GUESS_WEIGHT_S = 30.0
"""The guess weighs as much as this many seconds of fetching."""
DECAY_S = 600.0
"""After this time a measurement counts a third."""


@dataclass(slots=True)
class LinkBudget:
    """The links that are not used yet, and the rate at which they are used up. Pure.

    A link waits from the moment the service gives it until its file has an outcome.
    A new link is used after all those before it, so it waits for their bytes divided
    by the rate. ``now_s`` is in seconds on a monotonic clock.
    """

    link_wait_s: float
    """No new link should wait longer."""
    workers: int = 1
    """Files at once: this many links do not wait at all."""
    files: int = 0
    """Links that wait or are in use."""
    waiting_bytes: float = 0.0
    """Size of their files."""
    _fetched: float = GUESS_BYTES_S * GUESS_WEIGHT_S
    _spent_s: float = GUESS_WEIGHT_S
    """Both fade with time; their quotient is the rate."""
    _at_s: float = 0.0

    def add(self, size_bytes: float, now_s: float) -> None:
        """Add a link."""
        self._advance(now_s)
        self.files += 1
        self.waiting_bytes += size_bytes

    def remove(self, size_bytes: float, now_s: float, *, is_fetched: bool) -> None:
        """Remove the link of a file that has its outcome; only fetched files count for the rate."""
        self._advance(now_s)
        self.files -= 1
        self.waiting_bytes -= size_bytes
        if is_fetched:
            self._fetched += size_bytes

    def rate_bytes_s(self, now_s: float) -> float:
        """Return the rate of the last minutes; time without any links does not count."""
        self._advance(now_s)
        return self._fetched / self._spent_s

    def room_bytes(self, now_s: float) -> float:
        """Return how much more may be requested; may be negative."""
        return self.rate_bytes_s(now_s) * self.link_wait_s - self.waiting_bytes

    def is_request_due(self, now_s: float) -> bool:
        """Return whether to make the next call: half of the window is free, or a worker is idle.

        Calls for whatever just became free would be many and small.
        """
        allowed = self.rate_bytes_s(now_s) * self.link_wait_s
        return self.idle > 0 or self.waiting_bytes <= allowed / 2

    @property
    def idle(self) -> int:
        """Workers without a file: this many files may be requested, whatever their size."""
        return max(0, self.workers - self.files)

    def _advance(self, now_s: float) -> None:
        """Account for elapsed time; it counts as spent on fetching only while links wait."""
        if self.files:
            elapsed_s = max(0.0, now_s - self._at_s)
            decay = math.exp(-elapsed_s / DECAY_S)
            self._fetched *= decay
            self._spent_s = self._spent_s * decay + elapsed_s
        self._at_s = now_s


LINK_WAIT_S = 1200.0
"""Links have been seen to live for hours, but the service does not guarantee it."""


class LinkWindow:
    """Lets requests wait until a :class:`LinkBudget` has room.

    Args:
        link_wait_s: The longest that a link should wait.
        workers: Files at once.
    """

    def __init__(self, link_wait_s: float = LINK_WAIT_S, workers: int = 1) -> None:
        self._budget = LinkBudget(link_wait_s, workers)
        self._changed = anyio.Event()

    def add(self, files: Iterable[WantedFile]) -> None:
        """Add files that the service gave links for."""
        for wanted in files:
            self._budget.add(wanted.estimate_bytes, anyio.current_time())

    def remove(self, wanted: WantedFile, *, is_fetched: bool) -> None:
        """Remove a file that has its outcome."""
        now_s = anyio.current_time()
        self._budget.remove(wanted.estimate_bytes, now_s, is_fetched=is_fetched)
        self._changed.set()
        self._changed = anyio.Event()

    def set_waiting(self, wanted: WantedFile, *, waits: bool) -> None:
        """Note that a file with a link waits for its host, or no longer does.

        While it waits it takes no room from other links.
        """
        now_s = anyio.current_time()
        if waits:
            self._budget.remove(wanted.estimate_bytes, now_s, is_fetched=False)
            self._changed.set()
            self._changed = anyio.Event()
        else:
            self._budget.add(wanted.estimate_bytes, now_s)

    def has_room_for(self, files: int, size_bytes: float) -> bool:
        """Return whether this much more may be requested."""
        is_taken_at_once = files <= self._budget.idle
        return is_taken_at_once or size_bytes <= self._budget.room_bytes(anyio.current_time())

    @property
    def files(self) -> int:
        """Number of links that wait or are in use."""
        return self._budget.files

    @property
    def waiting_bytes(self) -> float:
        """Size of their files."""
        return self._budget.waiting_bytes

    async def wait_for_room(self) -> None:
        """Wait until the next call is due; returns at once if a worker is idle."""
        while not self._budget.is_request_due(anyio.current_time()):
            await self._changed.wait()
