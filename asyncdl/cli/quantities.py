"""Numbers for people."""

from __future__ import annotations

from asyncdl.job.telling.amounts import count as count
from asyncdl.job.telling.amounts import size as size


def duration(seconds: float) -> str:
    """Write seconds as a clock does: ``0:07``, ``12:30``, ``2:05:00``; days in front."""
    whole = round(seconds)
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    clock = f"{hours}:{minutes:02}:{left:02}" if hours or days else f"{minutes}:{left:02}"
    return f"{days} d {clock}" if days else clock
