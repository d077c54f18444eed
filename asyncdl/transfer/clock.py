"""The present, in seconds on the loop's clock, which never jumps."""

from __future__ import annotations

from asyncio import get_running_loop


def now_s() -> float:
    """Return the time; ``anyio.current_time`` does too, by a way four times as long."""
    return get_running_loop().time()
