"""When a body is too slow to be waited for. Pure."""

from __future__ import annotations

from msgspec import Struct


class StallDetector(Struct):
    """Counts what comes against the time that was spent waiting for it.

    Time in which nobody read, because our own disk or rate limit was the
    slower side, never gets here and so is held against no host.
    """

    window_s: float
    """Over so much waiting the speed is judged."""
    slowest_bytes_s: float
    """Anything slower is given up."""
    waited_s: float = 0.0
    """Within the present window."""
    count: int = 0
    """Bytes within it."""
    is_lost: bool = False
    """Whether the last full window was too slow."""

    def note(self, waited_s: float, count: int) -> None:
        """Take note of ``count`` bytes that came after ``waited_s``."""
        if self.waited_s >= self.window_s:
            self.waited_s, self.count = 0.0, 0
        self.waited_s += waited_s
        self.count += count
        if self.waited_s >= self.window_s:
            self.is_lost = self.count < self.slowest_bytes_s * self.waited_s
