"""One bandwidth limit over all streams."""

from __future__ import annotations

import anyio


class RateLimit:
    """Spreads bytes evenly over time, whichever stream they belong to.

    There is no burst to begin with, so the limit holds from the first second.

    Args:
        bytes_per_s: The limit; ``None`` lets everything pass at once.
    """

    def __init__(self, bytes_per_s: float | None) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at_s = 0.0

    async def take(self, count: int) -> None:
        """Wait until ``count`` bytes more fit under the limit."""
        if self._bytes_per_s is None:
            return
        now_s = anyio.current_time()
        self._free_at_s = max(self._free_at_s, now_s) + count / self._bytes_per_s
        await anyio.sleep(self._free_at_s - now_s)
