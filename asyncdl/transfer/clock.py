"""The time in seconds on the event loop's clock, which is monotonic."""

from __future__ import annotations

from asyncio import get_running_loop


def now_s() -> float:
    """Return the time; ``anyio.current_time`` returns the same and takes four times as long."""
    return get_running_loop().time()
