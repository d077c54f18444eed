"""Parts of what a notebook shows of outcomes: tables of counts, and short lists. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from asyncdl.markup import Markup, element, table
from asyncdl.units import count

SHOWN = 5
"""Failures and notices; any more are counted."""


def counts_table(by_kind: Mapping[str, Mapping[str, int]], states: Sequence[str]) -> Markup | None:
    """Return a row of numbers for each product kind; ``None`` if there are none."""
    rows = [
        [kind, *(f"{counts.get(state, 0):,}" for state in states)]
        for kind, counts in by_kind.items()
    ]
    return table(["product", *states], rows, numbers=range(1, len(states) + 1)) if rows else None


def failures_table(failures: Sequence[tuple[str, str, str]]) -> Markup | None:
    """Return the first failures and the number of the others; ``None`` if there are none.

    Args:
        failures: File, reason and remedy of each.
    """
    if not failures:
        return None
    shown = table(["missing", "why", "what may help"], failures[:SHOWN])
    return element("div", shown, _others(len(failures), "failure"))


def notices_list(notices: Sequence[str]) -> Iterable[Markup | None]:
    """Return the first notices as paragraphs, and the number of the others."""
    yield from (element("p", notice) for notice in notices[:SHOWN])
    yield _others(len(notices), "notice")


def _others(number: int, what: str) -> Markup | None:
    hidden = number - SHOWN
    return element("p", f"… and {count(hidden, f'further {what}')}") if hidden > 0 else None
