"""Whatever an area is made of, its filters cover it, and footprints are compared rightly."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asyncdl.m2m.searching.area import area_from_geojson, polygons_of
from asyncdl.m2m.searching.cells import Grid, surround
from asyncdl.m2m.searching.cover import MAX_CORNERS, MAX_FILTERS, is_simple
from asyncdl.m2m.searching.footprints import Ground, encloses, lines_meet
from asyncdl.m2m.searching.geojson import parts_of
from asyncdl.m2m.searching.rings import Polygon, Position, Ring, bounds, signed_area

NEAR_DEG = 1e-9


@st.composite
def blobs(draw: st.DrawFn) -> Ring:
    """A ring that may cross itself, within a few degrees of somewhere."""
    x, y = draw(st.floats(-160, 160)), draw(st.floats(-75, 75))
    near = st.tuples(st.integers(-40, 40), st.integers(-40, 40))
    corners = draw(st.lists(near, min_size=3, max_size=9))
    scale = draw(st.sampled_from([0.01, 0.1, 0.3]))
    ring = [(x + dx * scale, y + dy * scale) for dx, dy in corners]
    return [*ring, ring[0]]


def multi(rings: list[Ring]) -> dict[str, object]:
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}


def covers(rings: list[Ring], place: Position) -> bool:
    """Whether a place is inside of a ring, or a hair away from it."""
    return any(
        encloses(ring, place) or any(_distance(place, *edge) < NEAR_DEG for edge in pairwise(ring))
        for ring in rings
    )


def _distance(place: Position, a: Position, b: Position) -> float:
    (x, y), (x1, y1), (dx, dy) = place, a, (b[0] - a[0], b[1] - a[1])
    along = ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy)
    along = min(max(along, 0), 1)
    return math.hypot(x - x1 - along * dx, y - y1 - along * dy)


@pytest.mark.slow
@settings(max_examples=40)
@given(st.lists(blobs(), min_size=1, max_size=40))
def test_filters_cover_every_part_and_are_what_the_service_takes(rings: list[Ring]) -> None:
    flat = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 1], [0, 0]]]}
    found = area_from_geojson({"type": "GeometryCollection", "geometries": [multi(rings), flat]})
    polygons = [[(x, y) for x, y in _ring_of(part)] for part in found.filters]
    assert len(polygons) <= MAX_FILTERS
    for ring in polygons:
        west, south, east, north = bounds(ring)
        assert -180 <= west < east <= 180 and -90 <= south < north <= 90
        assert len(ring) <= MAX_CORNERS + 1 and is_simple([ring])
    for part in parts_of(multi(rings)).parts if found.ground else ():
        assert all(covers(polygons, corner) for corner in part[0])


def _ring_of(spatial: dict[str, object]) -> Ring:
    match spatial:
        case {"geoJson": {"coordinates": [ring, *_]}}:
            return [(x, y) for x, y in ring]
        case {
            "lowerLeft": {"longitude": w, "latitude": s},
            "upperRight": {"longitude": e, "latitude": n},
        }:
            return [(w, s), (e, s), (e, n), (w, n), (w, s)]
    raise AssertionError(spatial)


@pytest.mark.slow
@given(st.lists(blobs(), min_size=1, max_size=8), blobs())
@example([[(-0.01, 0.004), (0.0, 0.004), (0.01, -0.006), (-0.01, 0.004)]], [(0.0, 0.0)] * 4)
def test_footprints_are_compared_as_edge_by_edge(rings: list[Ring], footprint: Ring) -> None:
    """An index finds what is found by looking at everything."""
    # Clockwise ones would be holes.
    rings = [ring if signed_area(ring) >= 0 else ring[::-1] for ring in rings]
    parts: list[Polygon] = [[ring] for ring in rings]
    assert Ground(parts).touches(footprint[:-1]) == any(
        touches_slowly(ring, footprint) for ring in rings
    )


def touches_slowly(ring: Ring, footprint: Ring) -> bool:
    edges = list(pairwise(ring))
    sides = list(pairwise(footprint))
    return (
        any(lines_meet(*edge, *side) for edge in edges for side in sides)
        or encloses(footprint, ring[0])
        or winding(ring, footprint[0]) != 0
    )


def winding(ring: Ring, point: Position) -> int:
    x, y = point
    turns = 0
    for (x1, y1), (x2, y2) in pairwise(ring):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            turns += 1 if y2 > y1 else -1
    return turns


def square(west: float, south: float, size: float) -> Ring:
    east, north = west + size, south + size
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


@pytest.mark.parametrize(
    ("footprint", "is_touched"),
    [
        (square(3, 3, 1), False),  # in the hole
        (square(1.5, 1.5, 3), True),  # over the rim of the hole
        (square(0.5, 0.5, 0.2), True),  # inside
        (square(-5, -5, 20), True),  # around all of it
        (square(-1, -1, 1), True),  # a corner at a corner
        (square(-1.01, -1.01, 1), False),
        (square(20, 20, 0.5), False),
        (square(29.5, 29.5, 1), True),  # around the point
    ],
)
def test_holes_points_and_corners_count(footprint: Ring, is_touched: bool) -> None:
    lake = square(2, 2, 5)[::-1]
    ground = Ground([[square(0, 0, 10), lake], [[(30.0, 30.0)]]])
    assert ground.touches(footprint[:-1]) == is_touched


def test_what_lies_within_a_hole_of_another_part_is_ground() -> None:
    lake = square(2, 2, 5)[::-1]
    ground = Ground([[square(0, 0, 10), lake], [square(3, 3, 2)]])
    assert ground.touches(square(3.5, 3.5, 0.1)[:-1])
    assert not ground.touches(square(5.5, 5.5, 0.1)[:-1])


def test_many_long_edges_make_a_coarse_grid_not_a_large_one() -> None:
    """A zigzag over the whole width touches every cell of a column with each edge."""
    ring = [(float(i % 2 * 10), i / 1000) for i in range(10_000)]
    entries = sum(map(len, Ground([[[*ring, ring[0]]]])._by_cell.values()))
    assert entries < 20 * len(ring)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(blobs(), min_size=1, max_size=5), st.integers(1, 4))
def test_what_goes_around_rings_is_simple_and_apart(rings: list[Ring], most: int) -> None:
    xs = [x for ring in rings for x, _ in ring]
    ys = [y for ring in rings for _, y in ring]
    box = (min(xs), min(ys), max(xs), max(ys))
    if not (box[0] < box[2] and box[1] < box[3]):
        return
    found = surround(rings, box, most_rings=most, most_corners=200)
    if found is None:
        return
    assert 1 <= len(found.rings) <= most and max(map(len, found.rings)) <= 201
    assert is_simple(found.rings)
    assert all(covers(found.rings, corner) for ring in rings for corner in ring)


def test_a_grid_ends_where_its_box_does() -> None:
    grid = Grid((-180.0, -90.0, 180.0, 90.0), 7)
    assert (grid.corner(0, 0), grid.corner(7, 7)) == ((-180.0, -90.0), (180.0, 90.0))
    assert (grid.row(90.0), grid.column(180.0), grid.row(-90.0)) == (6, 6, 0)


@pytest.mark.parametrize(
    ("ring", "simple"),
    [
        (square(0, 0, 1), True),
        ([(0, 0), (2, 2), (2, 0), (0, 2), (0, 0)], False),
        ([(0, 0), (4, 0), (4, 4), (2, 0), (0, 4), (0, 0)], False),  # touches its own side
    ],
)
def test_a_simple_ring_meets_itself_nowhere(ring: Ring, simple: bool) -> None:
    assert is_simple([ring]) == simple


def test_the_ground_is_drawn_unless_it_is_endless() -> None:
    circle = [[math.cos(i / 1000), math.sin(i / 1000)] for i in range(6283)]
    found = area_from_geojson({"type": "Polygon", "coordinates": [circle]})
    assert len(polygons_of(found)[0][0]) == 6284
