"""What rows bear: whose they are, and which run wrote them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Stamp:
    """The stamp of one opened journal; all its parts use the same one."""

    service: str
    """Name of the service that the rows are of."""
    run: int = 0
    """Number of the run that goes on; 0 before it begins, and for who only looks."""
