"""Which footprints can be believed. Pure.

A few of the service's own cross themselves, where a scene lies over the antimeridian: nobody
can say what they enclose.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise

from asyncdl.m2m.searching.outlines import Outline

_Point = tuple[float, float]


def believable(footprint: Sequence[Outline]) -> tuple[Outline, ...] | None:
    """Return a footprint if none of its outlines crosses itself; ``None`` if it is empty."""
    is_simple = all(not crosses_itself(outline) for outline in footprint)
    return tuple(footprint) if footprint and is_simple else None


def crosses_itself(outline: Outline) -> bool:
    """Tell whether two edges of an outline cross; steps over the antimeridian are no edges."""
    ring = _unrolled(outline)
    edges = list(pairwise([*ring, ring[0]]))
    return any(_cross(*a, *b) for a, b in combinations(edges, 2))


def _unrolled(outline: Outline) -> list[_Point]:
    first = outline[0][0]
    return [(first + (lon - first + 180) % 360 - 180, lat) for lon, lat in outline]


def _cross(p: _Point, q: _Point, r: _Point, s: _Point) -> bool:
    """Tell whether two segments cross within both; touching ends do not count."""
    return _side(p, q, r) * _side(p, q, s) < 0 and _side(r, s, p) * _side(r, s, q) < 0


def _side(a: _Point, b: _Point, c: _Point) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
