"""One bandwidth limit over all streams."""

from __future__ import annotations

import sys

import anyio

GRAIN_S = 0.1
"""Bytes are let through in portions of this time, so that the rate is even."""


class RateLimit:
    """Spreads bytes evenly over time, whichever stream they belong to.

    There is no burst to begin with, so the limit holds from the first second.

    Args:
        bytes_per_s: The limit; ``None`` lets everything pass at once.
    """

    def __init__(self, bytes_per_s: float | None) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at_s = 0.0
        self.grain_bytes = sys.maxsize if bytes_per_s is None else int(bytes_per_s * GRAIN_S) + 1
        """No more should be received at once."""

    async def take(self, count: int) -> None:
        """Wait until ``count`` bytes more fit under the limit."""
        if self._bytes_per_s is None:
            return
        now_s = anyio.current_time()
        self._free_at_s = max(self._free_at_s, now_s) + count / self._bytes_per_s
        await anyio.sleep(self._free_at_s - now_s)
