"""Rings: winding is made right, and a cut at the antimeridian loses no ground."""

import math
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import ConfigError
from asyncdl.m2m.searching.rings import (
    Polygon,
    Ring,
    bounds,
    cut_at_antimeridian,
    normalize_polygon,
    signed_area,
)


def box(west: float, south: float, east: float, north: float) -> Ring:
    return [(west, south), (east, south), (east, north), (west, north), (west, south)]


def covered(polygons: list[Polygon]) -> float:
    """Outer rings count up, holes down."""
    return sum(signed_area(ring) for polygon in polygons for ring in polygon)


def on_the_globe(ring: Ring) -> Ring:
    """As people write it: every longitude within [-180, 180]."""
    return [((x + 180) % 360 - 180, y) for x, y in ring]


class Star(NamedTuple):
    """A simple ring around a centre on the equator, mostly not convex."""

    centre: float
    ring: Ring

    def shrunk(self, scale: float) -> Ring:
        return [(self.centre + (x - self.centre) * scale, y * scale) for x, y in self.ring]


@st.composite
def stars(draw: st.DrawFn) -> Star:
    centre = draw(st.floats(-180, 180))
    radii = draw(st.lists(st.floats(1, 40), min_size=3, max_size=12))
    step = 2 * math.pi / len(radii)
    corners = [
        (centre + radius * math.cos(i * step), radius * math.sin(i * step))
        for i, radius in enumerate(radii)
    ]
    return Star(centre, [*corners, corners[0]])


@given(stars(), st.booleans())
def test_a_cut_keeps_the_area(star: Star, reverse: bool) -> None:
    ring = star.ring[::-1] if reverse else star.ring
    assert covered(cut_at_antimeridian([ring])) == pytest.approx(signed_area(star.ring))


@given(stars())
def test_a_ring_written_on_the_globe_means_the_same(star: Star) -> None:
    parts = cut_at_antimeridian([on_the_globe(star.ring)])
    assert covered(parts) == pytest.approx(signed_area(star.ring))


@given(stars(), st.floats(0.05, 0.95))
def test_a_cut_keeps_the_area_of_a_hole(star: Star, scale: float) -> None:
    parts = cut_at_antimeridian([star.ring, star.shrunk(scale)])
    assert covered(parts) == pytest.approx(signed_area(star.ring) * (1 - scale**2))


@given(stars(), st.floats(0.05, 0.95))
def test_parts_lie_on_the_globe_closed_and_wound(star: Star, scale: float) -> None:
    for polygon in cut_at_antimeridian([star.ring, star.shrunk(scale)]):
        for position, ring in enumerate(polygon):
            west, south, east, north = bounds(ring)
            assert -180 <= west < east <= 180
            assert -90 <= south < north <= 90
            assert ring[0] == ring[-1]
            assert (signed_area(ring) > 0) == (position == 0)


def test_a_ring_within_the_globe_comes_back_wound_counter_clockwise() -> None:
    ring = box(10, 10, 20, 20)
    assert cut_at_antimeridian([ring]) == [[ring]]
    assert cut_at_antimeridian([ring[::-1]]) == [[ring]]


def test_a_hole_is_wound_clockwise() -> None:
    hole = box(12, 12, 14, 14)
    assert cut_at_antimeridian([box(10, 10, 20, 20), hole]) == [
        [box(10, 10, 20, 20), hole[::-1]],
    ]


@pytest.mark.parametrize(
    "ring",
    [box(170, -20, -170, -10), box(170, -20, 190, -10), box(-190, -20, -170, -10)],
)
def test_a_box_over_the_antimeridian_becomes_two(ring: Ring) -> None:
    parts = cut_at_antimeridian([ring])
    assert sorted(bounds(part[0]) for part in parts) == [
        (-180.0, -20, -170.0, -10),
        (170.0, -20, 180.0, -10),
    ]


def test_a_u_over_the_antimeridian_becomes_three() -> None:
    """Its two arms are separate on the far side, not joined along the cut."""
    u = [(175, 0), (185, 0), (185, 2), (177, 2), (177, 4), (185, 4), (185, 6), (175, 6), (175, 0)]
    parts = cut_at_antimeridian([[(float(x), float(y)) for x, y in u]])
    assert sorted(signed_area(part[0]) for part in parts) == [10.0, 10.0, 24.0]


def test_a_hole_that_is_cut_becomes_a_bay_in_both_parts() -> None:
    parts = cut_at_antimeridian([box(170, 0, 190, 10), box(179, 4, 181, 6)])
    assert [len(part) for part in parts] == [1, 1]
    assert [signed_area(part[0]) for part in parts] == [98.0, 98.0]


def test_a_hole_goes_to_the_part_around_it() -> None:
    outer = [(175, 0), (185, 0), (185, 2), (177, 2), (177, 4), (185, 4), (185, 6), (175, 6)]
    ring = [(float(x), float(y)) for x, y in [*outer, outer[0]]]
    hole = box(-178, 4.5, -177, 5.5)
    parts = cut_at_antimeridian([ring, hole])
    (with_hole,) = [part for part in parts if len(part) == 2]
    assert bounds(with_hole[0]) == (-180.0, 4.0, -175.0, 6.0)


def test_a_hole_outside_cuts_nothing_out() -> None:
    parts = cut_at_antimeridian([box(170, 0, 190, 10), box(-179, 20, -178, 21)])
    assert [len(part) for part in parts] == [1, 1]


def test_a_ring_that_only_touches_the_antimeridian_stays_whole() -> None:
    assert cut_at_antimeridian([box(170, 0, 180, 10)]) == [[box(170, 0, 180, 10)]]
    assert [bounds(part[0]) for part in cut_at_antimeridian([box(180, 0, 190, 10)])] == [
        (-180.0, 0, -170.0, 10)
    ]


def test_the_rim_of_the_world_map_is_no_crossing() -> None:
    world = box(-180, -90, 180, 90)
    assert cut_at_antimeridian([world]) == [[world]]


NOISE = -179.99999999999994


@pytest.mark.parametrize(
    ("ring", "parts"),
    [
        # Both ways to write the edge, in one ring.
        ([(170, 0), (180, 0), (-180, 5), (170, 5)], [(170, 0, 180, 5)]),
        ([(170, 0), (180, 0), (NOISE, 5), (170, 5)], [(170, 0, 180, 5)]),
        (
            [(170, 0), (180, 0), (-180, 0), (-170, 0), (-170, 5), (-180, 5), (180, 5), (170, 5)],
            [(-180, 0, -170, 5), (170, 0, 180, 5)],
        ),
        # Antarctica, as most atlases have it, but with noise.
        (
            [(-180, -84), (NOISE, -90), (180, -90), (180, -84), (60, -65), (-60, -70)],
            [(-180, -90, 180, -65)],
        ),
        # The same cut off in the south, where no pole says that the step is a rim.
        (
            [(-180, -84), (-180, -85), (180, -85), (180, -84), (60, -65), (-60, -70)],
            [(-180, -85, 180, -65)],
        ),
        # And without any seam: the pole is inside.
        ([(-120, -70), (0, -65), (120, -70)], [(-180, -90, 180, -65)]),
        ([(120, 70), (0, 65), (-120, 70)], [(-180, 65, 180, 90)]),
        ([(-170, 5), (0, -5), (170, 5)], [(-180, -5, 180, 90)]),
        ([(170, 5), (0, -5), (-170, 5)], [(-180, -90, 180, 5)]),
    ],
)
def test_seams_and_poles_are_read_as_they_are_meant(
    ring: Ring, parts: list[tuple[float, ...]]
) -> None:
    for turned in (ring, ring[2:] + ring[:2], ring[1:] + ring[:1]):
        found = cut_at_antimeridian([[*turned, turned[0]]])
        assert sorted(bounds(part[0]) for part in found) == [pytest.approx(box) for box in parts]


USA = box(-179.15, 18.9, 179.77, 71.4)


@pytest.mark.parametrize(
    ("ring", "is_across"),
    [
        (USA, False),
        (USA[::-1], False),
        (USA[1:] + USA[1:2], False),
        (box(-180, 18.9, NOISE + 359.5, 71.4), False),
        (box(-180, -50, 180, 70)[::-1], False),
        (box(170, -20, -170, -10), True),
    ],
)
def test_a_wide_rectangle_is_one_and_its_reading_is_said(ring: Ring, is_across: bool) -> None:
    read = normalize_polygon([ring])
    width = sum(bounds(part[0])[2] - bounds(part[0])[0] for part in read.pieces)
    assert (width < 180) == is_across
    west, _, east, _ = bounds(ring)
    assert ("the antimeridian" in read.reading) == (east - west < 360)


@pytest.mark.parametrize(
    ("ring", "problem"),
    [
        ([(0, 60), (120, 60), (-120, 60), (0, 70), (120, 70), (-120, 70), (0, 60)], "than once"),
        ([(-250, 0), (-80, 0), (90, 0), (250, 0), (90, 9), (-80, 9), (-250, 0)], "wider"),
        ([(0, 0), (1, 1), (2, 2), (0, 0)], "no area"),
    ],
)
def test_a_ring_that_bounds_nothing_on_the_map_is_refused(ring: Ring, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        cut_at_antimeridian([ring])
