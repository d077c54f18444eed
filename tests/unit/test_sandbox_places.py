"""Geometry, the WRS grid, and the scenes on it."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.sandbox import geometry, landsat_scenes, tiles, wrs
from asyncdl.sandbox.geometry import Area, Ring, rectangle

WORLD = Area(rectangle(-180, -90, 180, 90))
numbers = st.integers(-20, 20).map(float)
boxes = st.tuples(numbers, numbers, numbers, numbers).map(
    lambda n: rectangle(min(n[0], n[2]), min(n[1], n[3]), max(n[0], n[2]) + 1, max(n[1], n[3]) + 1)
)


@given(boxes, boxes)
def test_boxes_intersect_as_their_sides_tell(a: Ring, b: Ring) -> None:
    (w, s, e, n), (w2, s2, e2, n2) = geometry.bounds(a), geometry.bounds(b)
    touching = w <= e2 and w2 <= e and s <= n2 and s2 <= n
    assert geometry.intersects(a, Area(b)) == touching == geometry.intersects(b, Area(a))


def test_ring_inside_a_hole_does_not_intersect() -> None:
    ring = Area(rectangle(0, 0, 10, 10), (rectangle(2, 2, 8, 8),))
    assert not geometry.intersects(rectangle(4, 4, 6, 6), ring)
    assert geometry.intersects(rectangle(4, 4, 9, 6), ring)
    assert geometry.intersects(rectangle(0.5, 0.5, 1, 1), ring)
    assert geometry.intersects(rectangle(-5, -5, 15, 15), ring)


def test_footprint_over_the_antimeridian_is_found_on_both_sides() -> None:
    footprint = rectangle(179, 10, 181, 12)
    assert geometry.intersects(footprint, Area(rectangle(178, 11, 179.5, 12)))
    assert geometry.intersects(footprint, Area(rectangle(-179.5, 11, -178, 12)))
    assert not geometry.intersects(footprint, Area(rectangle(-170, 11, -160, 12)))


@pytest.mark.parametrize(
    ("point", "zone", "east", "north"),
    [
        ((-149.0, 61.47), 6, 393_442.03, 6_816_774.10),
        ((3.0, 0.0), 31, 500_000.0, 0.0),
        ((151.2, -33.86), 56, 333_491.23, -3_748_090.79),
    ],
)
def test_utm_agrees_with_proj(point: geometry.Point, zone: int, east: float, north: float) -> None:
    """The southern one is negative: Landsat counts from the equator."""
    assert geometry.utm_zone(point[0]) == zone
    assert geometry.to_utm(point, zone) == pytest.approx((east, north), abs=0.05)


@pytest.mark.parametrize(
    ("tile", "lower_left"),
    [
        ("LC09_CU_003004_20230909_20230914_02", (-122.58542, 43.39616)),
        ("LC08_AK_007008_20200310_20210503_02", (-150.42483, 60.05987)),
        ("LC09_HI_002001_20230105_20230111_02", (-158.37358, 19.89265)),
    ],
)
def test_tiles_lie_where_proj_puts_them(tile: str, lower_left: geometry.Point) -> None:
    """To a fifth of a degree, which is less than a tile is wide."""
    corners = tiles.fixed_tile(0, tile).footprint
    assert corners[0] == pytest.approx(lower_left, abs=0.2)
    assert geometry.encloses(corners, (corners[0][0] + 0.7, corners[0][1] + 0.7))


def test_grid_puts_anchorage_where_it_is() -> None:
    west, south, east, north = geometry.bounds(wrs.footprint(68, 17))
    assert (west, south) == pytest.approx((-150.79515, 60.35665), abs=0.3)
    assert (east, north) == pytest.approx((-146.1, 62.57931), abs=0.3)


@given(st.integers(1, wrs.PATHS), st.integers(1, 120))
def test_footprint_encloses_its_centre(path: int, row: int) -> None:
    assert geometry.encloses(wrs.footprint(path, row), wrs.centre(path, row))


def test_paths_are_flown_on_their_day_of_the_cycle() -> None:
    assert wrs.first_pass(68, after=date(2020, 3, 1)) == date(2020, 3, 10)
    assert wrs.first_pass(67, after=date(2020, 3, 1)) == date(2020, 3, 3)


def test_no_generated_scene_lies_near_anchorage() -> None:
    """So the notebook's search finds what it found, however many scenes there are."""
    area = Area(rectangle(-160, 58, -140, 66))
    assert not any(geometry.intersects(wrs.footprint(*p), area) for p in wrs.land_places())


@given(st.integers(0, 999_999))
def test_generated_scene_is_found_by_both_its_ids(index: int) -> None:
    made = landsat_scenes.GeneratedScenes(20, 1_000_000)
    scene = made.scene(index)
    assert made.find(scene.entity_id) == made.find(scene.display_id) == scene
    assert scene.number == 20 + index


@given(st.integers(0, 9_999))
def test_ids_beyond_the_count_or_slightly_off_are_unknown(index: int) -> None:
    scene = landsat_scenes.GeneratedScenes(0, 20_000).scene(index + 10_000)
    assert landsat_scenes.GeneratedScenes(0, 10_000).find(scene.entity_id) is None
    assert landsat_scenes.GeneratedScenes(0, 20_000).find(scene.entity_id[:-1] + "7") is None


def test_fixed_scenes_have_their_real_ids() -> None:
    first = landsat_scenes.fixed_scenes()[0]
    assert first.entity_id == "LC80680172020070LGN00"
    assert first.display_id == "LC08_L2SP_068017_20200310_20200822_02_T1"
    assert first.footprint[0] == (-150.79515, 60.91032)


def test_extra_scenes_need_a_product_id() -> None:
    added = landsat_scenes.fixed_scenes(("LC09_L2SP_001001_20230101_20230102_02_T1",))[-1]
    assert added.dataset == "landsat_ot_c2_l2"
    with pytest.raises(ValueError, match="not a Landsat product id"):
        landsat_scenes.fixed_scenes(("LC09",))
