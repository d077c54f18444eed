"""How many links may wait for their turn, and who waits for there to be fewer.

The present is always an argument, in seconds on a clock that never jumps. Bytes
are estimated ones, as the service lists them, on both sides: what is asked for
is measured with the same measure as what has come.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import anyio

from asyncdl.m2m.downloads.selection import WantedFile

GUESS_BYTES_S = 2e6
"""The rate that a run is taken to have before anything has come: a slow one, as links that
grow old cost more than one call more at the beginning."""
GUESS_WEIGHT_S = 30.0
"""The guess counts as much as so many seconds of fetching."""
DECAY_S = 600.0
"""What came so long ago counts a third."""


@dataclass(slots=True)
class LinkBudget:
    """The links that wait, and the rate at which they are used up.

    Links wait from the moment they are given until their files have an ending.
    A link that is given now is used when all of those before it have been, so
    its wait is what they hold, over the rate.
    """

    link_wait_s: float
    """No new link should wait longer."""
    workers: int = 1
    """Files at once: so many links do not wait at all."""
    files: int = 0
    """Links that wait or are in use."""
    waiting_bytes: float = 0.0
    """What they lead to."""
    _fetched: float = GUESS_BYTES_S * GUESS_WEIGHT_S
    _spent_s: float = GUESS_WEIGHT_S
    """Both fade with time; their quotient is the rate."""
    _at_s: float = 0.0

    def add(self, size_bytes: float, now_s: float) -> None:
        """Note a link."""
        self._advance(now_s)
        self.files += 1
        self.waiting_bytes += size_bytes

    def remove(self, size_bytes: float, now_s: float, *, is_fetched: bool) -> None:
        """Note that the file of a link has its ending; only one that came tells of the rate."""
        self._advance(now_s)
        self.files -= 1
        self.waiting_bytes -= size_bytes
        if is_fetched:
            self._fetched += size_bytes

    def rate_bytes_s(self, now_s: float) -> float:
        """Return the rate of the last minutes, without the time in which nothing was wanted."""
        self._advance(now_s)
        return self._fetched / self._spent_s

    def room_bytes(self, now_s: float) -> float:
        """Return how much more may be asked for; may be negative."""
        return self.rate_bytes_s(now_s) * self.link_wait_s - self.waiting_bytes

    def is_request_due(self, now_s: float) -> bool:
        """Tell whether a call is worth while: half of all that may wait is free.

        Calls of what just became free would be many and small. Idle workers are
        a good reason, too.
        """
        allowed = self.rate_bytes_s(now_s) * self.link_wait_s
        return self.idle > 0 or self.waiting_bytes <= allowed / 2

    @property
    def idle(self) -> int:
        """Workers without a file: so many may be asked for, however large they are."""
        return max(0, self.workers - self.files)

    def _advance(self, now_s: float) -> None:
        """Let time pass; it counts as spent on fetching only while links wait."""
        if self.files:
            elapsed_s = max(0.0, now_s - self._at_s)
            fading = math.exp(-elapsed_s / DECAY_S)
            self._fetched *= fading
            self._spent_s = self._spent_s * fading + elapsed_s
        self._at_s = now_s


LINK_WAIT_S = 1200.0
"""Links are seen to live for hours, but nobody has promised it."""


class LinkWindow:
    """Keeps the books of :class:`LinkBudget` and lets requests wait for room.

    Args:
        link_wait_s: No link should wait longer than this.
        workers: Files at once.
    """

    def __init__(self, link_wait_s: float = LINK_WAIT_S, workers: int = 1) -> None:
        self._budget = LinkBudget(link_wait_s, workers)
        self._changed = anyio.Event()

    def add(self, files: Iterable[WantedFile]) -> None:
        """Note that files have got links."""
        for wanted in files:
            self._budget.add(wanted.estimate_bytes, anyio.current_time())

    def remove(self, wanted: WantedFile, *, is_fetched: bool) -> None:
        """Note that a file with a link has got its ending."""
        now_s = anyio.current_time()
        self._budget.remove(wanted.estimate_bytes, now_s, is_fetched=is_fetched)
        self._changed.set()
        self._changed = anyio.Event()

    def set_waiting(self, wanted: WantedFile, *, waits: bool) -> None:
        """Note that a file with a link waits for its host, or no longer does.

        While it does it takes no room from the links of others.
        """
        now_s = anyio.current_time()
        if waits:
            self._budget.remove(wanted.estimate_bytes, now_s, is_fetched=False)
            self._changed.set()
            self._changed = anyio.Event()
        else:
            self._budget.add(wanted.estimate_bytes, now_s)

    def has_room_for(self, files: int, size_bytes: float) -> bool:
        """Tell whether so much more may be asked for."""
        is_taken_at_once = files <= self._budget.idle
        return is_taken_at_once or size_bytes <= self._budget.room_bytes(anyio.current_time())

    async def wait_for_room(self) -> None:
        """Wait until a call is worth while; at once if a worker is idle."""
        while not self._budget.is_request_due(anyio.current_time()):
            await self._changed.wait()
