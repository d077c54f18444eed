"""How the bounds of a run are divided over its agents. Pure.

The bounds hold for all agents together at every moment: a new agent gets no connection that another
one still uses, and an agent that fell silent keeps its share until its lease has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from msgspec import Struct


class Bounds(Struct, frozen=True):
    """What all agents may use together."""

    connections: int
    files: int
    """At once."""
    rate_bytes_s: float | None = None
    """``None`` is unlimited."""


class Share(Struct, frozen=True):
    """What one agent may use."""

    connections: int = 0
    files: int = 0
    """At once."""
    rate_bytes_s: float | None = None
    """``None`` is unlimited."""


NOTHING = Share()


def divide(bounds: Bounds, uses: Mapping[str, Share], held: Share = NOTHING) -> dict[str, Share]:
    """Divide bounds evenly.

    Args:
        bounds: Of the run.
        uses: What each agent uses, or may use until it has taken a smaller share.
        held: What agents that fell silent may still use.
    Returns: A share for each agent. If each is counted with the larger of its share and what it
        uses, the sum is within the bounds, unless it is not even without new shares. So an agent
        may get less than its part, down to nothing, until others use less.
    """
    # More agents than files have nothing to do.
    names = list(uses)[: bounds.files]
    connections = _fitting(
        _evenly(max(0, bounds.connections - held.connections), names),
        {name: uses[name].connections for name in uses},
        bounds.connections - held.connections,
    )
    files = _evenly(bounds.files, [name for name in names if connections[name]])
    rates = _rates(bounds, uses, list(files), held)
    return {
        name: Share(
            connections.get(name, 0),
            min(files.get(name, 0), connections.get(name, 0)),
            rates.get(name),
        )
        for name in uses
    }


def _evenly(total: int, names: list[str]) -> dict[str, int]:
    """Divide a whole number; the first ones get what is left over."""
    if not names:
        return {}
    each, more = divmod(total, len(names))
    return {name: each + (index < more) for index, name in enumerate(names)}


N = TypeVar("N", int, float)


def _fitting(fair: dict[str, N], uses: Mapping[str, N], most: N) -> dict[str, N]:
    """Take from parts that are to grow what others still use of them."""
    parts = dict(fair)
    excess = sum(max(parts.get(name, type(most)(0)), uses[name]) for name in uses) - most
    for name in reversed(parts):
        if excess <= 0:
            break
        taken = min(excess, max(type(most)(0), parts[name] - uses[name]))
        parts[name] -= taken
        excess -= taken
    return parts


def _rates(
    bounds: Bounds, uses: Mapping[str, Share], names: list[str], held: Share
) -> dict[str, float | None]:
    """Divide the rate; nobody gets less than a thousandth of it, since no rate is no share."""
    rate = bounds.rate_bytes_s
    if rate is None or not names:
        return dict.fromkeys(names)
    left = max(0.0, rate - (held.rate_bytes_s or 0.0))
    fair = dict.fromkeys(names, left / len(names))
    fitting = _fitting(fair, {name: uses[name].rate_bytes_s or 0.0 for name in uses}, left)
    return {name: max(part, rate / 1000) for name, part in fitting.items()}


class HeldShares:
    """The shares of agents that fell silent, until their leases have ended."""

    def __init__(self) -> None:
        self._held: list[tuple[float, Share]] = []

    def add(self, share: Share, until_s: float) -> None:
        """Hold a share until a time on the caller's clock."""
        self._held.append((until_s, share))

    def at(self, now_s: float) -> Share:
        """Return all that is held."""
        self._held = [(until_s, share) for until_s, share in self._held if until_s > now_s]
        shares = [share for _, share in self._held]
        return Share(
            sum(share.connections for share in shares),
            rate_bytes_s=sum(share.rate_bytes_s or 0.0 for share in shares),
        )
