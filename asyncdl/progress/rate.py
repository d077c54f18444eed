"""How fast something goes, over the last seconds. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 10.0
"""Long enough to be calm, short enough to be true."""


@dataclass
class MeasuredRate:
    """Takes readings of a count that never falls, and says how fast it grows.

    Args:
        samples: The first reading: when, and how many.
    """

    samples: deque[tuple[float, int]] = field(default_factory=deque)

    @staticmethod
    def since(now_s: float) -> MeasuredRate:
        """Return a rate of what begins now, at nothing."""
        return MeasuredRate(deque([(now_s, 0)]))

    def read(self, now_s: float, total: int) -> None:
        """Take a reading, and forget those before the window."""
        self.samples.append((now_s, total))
        while len(self.samples) > 2 and now_s - self.samples[1][0] >= WINDOW_S:
            self.samples.popleft()

    @property
    def per_s(self) -> float:
        """Growth per second; 0 before there are two readings."""
        if len(self.samples) < 2:
            return 0.0
        (start_s, before), (now_s, after) = self.samples[0], self.samples[-1]
        return (after - before) / (now_s - start_s) if now_s > start_s else 0.0
