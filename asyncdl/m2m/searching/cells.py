"""A grid over a part of the map: which cells lines touch, and the outline of those cells. Pure.

Working on whole cells keeps the result simple: an outline of cells never crosses or
touches itself, whatever the rings inside it do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from asyncdl.m2m.searching.rings import Position, Ring, bounds, signed_area

Bounds: TypeAlias = tuple[float, float, float, float]
"""West, south, east, north; degrees."""

SCENE_DEG = 2.0
"""Approximate width of a scene: a search of a smaller box finds as much as one of this size."""
FINEST = 64
"""Columns and rows of the finest grid under an outline."""
COARSEST = 8
_CELLS_PER_EDGE = 8
"""Maximum average number of cells per edge; longer edges get a coarser grid."""
_NEAR = 1e-9
"""Fraction of a cell: a line this close to another cell counts as touching it."""
_FREE, _LINE, _OUTSIDE = 0, 1, 2
_LARGEST_CELL_SHARE = 1e-12


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid over a box, with as many columns as rows."""

    box: Bounds
    size: int
    """Number of columns and of rows."""

    @property
    def width(self) -> float:
        """Of a cell, in degrees; never 0."""
        return _share(self.box[2] - self.box[0], self.size)

    @property
    def height(self) -> float:
        """Of a cell, in degrees; never 0."""
        return _share(self.box[3] - self.box[1], self.size)

    def column(self, longitude: float) -> int:
        """Return the column of a longitude, or the nearest column."""
        return min(max(int((longitude - self.box[0]) / self.width), 0), self.size - 1)

    def row(self, latitude: float) -> int:
        """Return the row of a latitude, or the nearest row; row 0 is in the south."""
        return min(max(int((latitude - self.box[1]) / self.height), 0), self.size - 1)

    def places(self, ring: Ring) -> Iterator[tuple[int, int]]:
        """Yield row and column of each corner of a ring."""
        west, south = self.box[:2]
        width, height, last = self.width, self.height, self.size - 1
        for x, y in ring:
            column, row = int((x - west) / width), int((y - south) / height)
            yield row if row < last else last, column if column < last else last

    def corner(self, column: int, row: int) -> Position:
        """Return the lower left corner of a cell; beyond the last cells, the box's own corners."""
        west, south, east, north = self.box
        x = east if column == self.size else west + column * self.width
        return x, north if row == self.size else south + row * self.height

    def runs(self, a: Position, b: Position) -> Iterator[tuple[int, int, int]]:
        """Yield row, first and last column of the cells that a line within the box touches."""
        width, height, last = self.width, self.height, self.size - 1
        u1, v1 = (a[0] - self.box[0]) / width, (a[1] - self.box[1]) / height
        u2, v2 = (b[0] - self.box[0]) / width, (b[1] - self.box[1]) / height
        if v1 > v2:
            u1, v1, u2, v2 = u2, v2, u1, v1
        lowest = min(max(int(v1), 0), last)
        highest = min(max(int(v2 + _NEAR), 0), last)
        slope = (u2 - u1) / (v2 - v1) if v2 > v1 else 0.0
        for row in range(lowest, highest + 1):
            low = u1 if row == lowest else u1 + (row - v1) * slope
            high = u2 if row == highest else u1 + (row + 1 - v1) * slope
            if low > high:
                low, high = high, low
            first = min(max(int(low - _NEAR), 0), last)
            yield row, first, min(max(int(high + _NEAR), 0), last)


def _share(extent: float, size: int) -> float:
    return extent / size or _LARGEST_CELL_SHARE


def size_for(edges: int, length: float, finest: int, coarsest: int = 1) -> int:
    """Return the size of a grid in which all edges together do not touch too many cells.

    Args:
        edges: Number of edges.
        length: Total length, in widths or heights of the grid.
        finest, coarsest: Bounds of the result.
    """
    most = int(_CELLS_PER_EDGE * max(edges, 1) / max(length, 1e-9))
    return max(coarsest, min(finest, most))


def lengths_within(rings: Iterable[Ring], box: Bounds) -> tuple[int, float]:
    """Return number and length of the edges of rings, in widths and heights of the box."""
    width, height = _share(box[2] - box[0], 1), _share(box[3] - box[1], 1)
    edges, length = 0, 0.0
    for ring in rings:
        edges += len(ring) - 1
        length += sum(
            abs(x2 - x1) / width + abs(y2 - y1) / height for (x1, y1), (x2, y2) in pairwise(ring)
        )
    return edges, length


@dataclass(frozen=True, slots=True)
class Surround:
    """Simple rings around other rings, which do not touch each other."""

    rings: list[Ring]
    """Closed, counter-clockwise."""
    reach_deg: float
    """Maximum distance from the rings inside, along either axis."""


def surround(
    rings: Sequence[Ring], box: Bounds, *, most_rings: int, most_corners: int
) -> Surround | None:
    """Return a limited number of rings around others, and around what these enclose.

    Args:
        rings: Closed, or single positions; otherwise arbitrary.
        box: Box around all of them.
        most_rings: Maximum number of rings, 1 or more.
        most_corners: Maximum number of corners per ring.
    Returns: The rings from the grid that finds the fewest scenes; ``None`` if only a very
        coarse grid has so few rings.
    """
    candidates = list(_surrounds(rings, box, most_rings, most_corners))
    return min(candidates, key=_found_in, default=None)


def _found_in(candidate: Surround) -> float:
    """Return the approximate area in which scenes touch the rings; square degrees."""
    return sum(map(area_searched, candidate.rings))


def area_searched(ring: Ring) -> float:
    """Return the approximate area in which scenes touch a ring; square degrees.

    Estimated as for a box, which grows by one scene in both directions.
    """
    west, south, east, north = bounds(ring)
    around = SCENE_DEG * (east - west + north - south + SCENE_DEG)
    return abs(signed_area(ring)) + around


def _surrounds(
    rings: Sequence[Ring], box: Bounds, most_rings: int, most_corners: int
) -> Iterator[Surround]:
    size = FINEST
    finest = size_for(*lengths_within(rings, box), FINEST, COARSEST)
    while size > finest:
        size //= 2
    cells = set(cells_of(rings, Grid(box, size)))
    while size >= COARSEST:
        grid = Grid(box, size)
        found = _trace(cells, grid, most_rings)
        if found and max(map(len, found)) <= most_corners + 1:
            yield Surround(found, max(grid.width, grid.height))
        cells = {(row // 2, column // 2) for row, column in cells}
        size //= 2


def cells_of(rings: Iterable[Ring], grid: Grid) -> Iterator[tuple[int, int]]:
    """Yield row and column of the cells that rings touch; cells may repeat."""
    for ring in rings:
        before = None
        for (row, column), (a, b) in zip(
            grid.places(ring), pairwise([ring[0], *ring]), strict=True
        ):
            if (row, column) == before:
                continue
            before = row, column
            yield before
            if a != b:
                for line, first, last in grid.runs(a, b):
                    yield from ((line, at) for at in range(first, last + 1))


def _trace(cells: set[tuple[int, int]], grid: Grid, most: int) -> list[Ring] | None:
    """Return the rings around cells and what they enclose; ``None`` if there are more."""
    marks, width = _enclosed(cells, grid.size)
    while gaps := list(_gaps(marks, width)):
        # Cells that only meet at a corner are joined, so that no ring touches itself or others.
        cells = cells | {(at // width - 1, at % width - 1) for at in gaps}
        marks, width = _enclosed(cells, grid.size)
    steps = dict(_border(marks, width))
    rings: list[Ring] = []
    while steps and len(rings) < most:
        way = [*steps.popitem()]
        while way[-1] != way[0]:
            way.append(steps.pop(way[-1]))
        rings.append([grid.corner(*turn) for turn in _turns(way)])
    return None if steps else sorted(rings)


def _gaps(marks: bytearray, width: int) -> Iterator[int]:
    """Yield a cell next to each corner where two cells meet without a common side."""
    for at in range(width, width * (width - 1) - 1):
        here, right = marks[at] == _OUTSIDE, marks[at + 1] == _OUTSIDE
        above, across = marks[at + width] == _OUTSIDE, marks[at + width + 1] == _OUTSIDE
        if here == across and right == above and here != right:
            yield at if here else at + 1


def _border(marks: bytearray, width: int) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the outer sides of cells, directed with the cell on the left."""
    for at, mark in enumerate(marks):
        if mark == _OUTSIDE:
            continue
        row, column = at // width - 1, at % width - 1
        if marks[at - width] == _OUTSIDE:
            yield (column, row), (column + 1, row)
        if marks[at + 1] == _OUTSIDE:
            yield (column + 1, row), (column + 1, row + 1)
        if marks[at + width] == _OUTSIDE:
            yield (column + 1, row + 1), (column, row + 1)
        if marks[at - 1] == _OUTSIDE:
            yield (column, row + 1), (column, row)


def _enclosed(cells: Iterable[tuple[int, int]], size: int) -> tuple[bytearray, int]:
    """Mark everything reachable from the border without crossing touched cells as outside.

    Only across sides: the rest has no gap where cells meet at a corner.
    """
    width = size + 2
    marks = bytearray(width * width)
    for row, column in cells:
        marks[(row + 1) * width + column + 1] = _LINE
    marks[0] = _OUTSIDE
    waiting = [0]
    while waiting:
        at = waiting.pop()
        column = at % width
        for beside, is_there in (
            (at - 1, column > 0),
            (at + 1, column < width - 1),
            (at - width, at >= width),
            (at + width, at < width * (width - 1)),
        ):
            if is_there and marks[beside] == _FREE:
                marks[beside] = _OUTSIDE
                waiting.append(beside)
    return marks, width


def _turns(way: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the corners of a closed path on a grid, the first one again at the end."""
    way = way[:-1]
    corners = [
        here
        for before, here, after in zip([way[-1], *way[:-1]], way, [*way[1:], way[0]], strict=True)
        if (here[0] - before[0], here[1] - before[1]) != (after[0] - here[0], after[1] - here[1])
    ]
    yield from (*corners, corners[0])


def box_around(boxes: Iterable[Bounds]) -> Bounds:
    """Return the box around one or more boxes."""
    west, south, east, north = math.inf, math.inf, -math.inf, -math.inf
    for left, low, right, high in boxes:
        west, south = min(west, left), min(south, low)
        east, north = max(east, right), max(north, high)
    return west, south, east, north
