"""How many files are worth having at once, by how much the thread of the event loop computes.

More files help while something else is the slower side: the line, the host, the disk. Where it is
this process (its host is in the same machine or rack, or TLS is much for the processor), more of
them bring nothing, and bytes that wait in the kernel cost it more. Small files hardly have any. See
docs/decisions/020-files-and-the-processor.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from asyncdl.transfer import clock

FEW_FILES = 4
"""So many are under way however busy this process is: while one ends, others bring bytes."""
BUSY_SHARE = 0.9
"""A thread that computes this share of the time has none left for another file."""
IDLE_SHARE = 0.5
"""A thread that computes less than this has time for any number."""
SMALL_FILES_S = 200.0
"""Where so many files end in a second they are small, and the number at once costs nothing."""
FIRST_LOOK_S = 0.005
"""By then the first requests have been sent, and nothing more comes from a far host yet."""
LONGEST_LOOK_S = 0.08
"""Longer than the work on one response for each connection."""


def files_worthwhile(share: float, files_s: float, under_way: int) -> int:
    """Return how many files may be under way.

    Args:
        share: Of the latest time, in which the thread computed; about 0 to 1.
        files_s: How many files ended in a second of it.
        under_way: How many are.
    """
    if share < IDLE_SHARE or files_s >= SMALL_FILES_S:
        return sys.maxsize
    return max(FEW_FILES, under_way + 1) if share < BUSY_SHARE else FEW_FILES


class LoopLoad:
    """Watches how much the thread computes in which it is asked.

    Each look is at the time since the last. These times double: at first a far host waits for
    requests, later a burst of responses is no reason to hold any back.

    Args:
        now: Returns the time in seconds.
        computed: Returns for how many seconds the thread has computed.
    """

    def __init__(
        self,
        now: Callable[[], float] = clock.now_s,
        computed: Callable[[], float] = time.thread_time,
    ) -> None:
        self._now = now
        self._computed = computed
        self._looked_at_s: float | None = None
        """``None`` until it is asked for the first time."""
        self._computed_s = 0.0
        self._ended = 0
        """Files since the last look."""
        self.interval_s = FIRST_LOOK_S
        """After this time since the last look, the number of files may change."""
        self._files = FEW_FILES

    def note_end(self) -> None:
        """Record that a file has ended."""
        self._ended += 1

    def files(self, under_way: int) -> int:
        """Return how many files may be under way now; ``under_way`` are."""
        now_s = self._now()
        if self._looked_at_s is None:
            self._begin_look(now_s)
        elif now_s >= self._looked_at_s + self.interval_s:
            passed_s, computed_s = now_s - self._looked_at_s, self._computed() - self._computed_s
            self._files = files_worthwhile(computed_s / passed_s, self._ended / passed_s, under_way)
            self.interval_s = min(2 * self.interval_s, LONGEST_LOOK_S)
            self._begin_look(now_s)
        return self._files

    def _begin_look(self, now_s: float) -> None:
        self._looked_at_s, self._computed_s, self._ended = now_s, self._computed(), 0
