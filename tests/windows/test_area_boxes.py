"""Which pixels an area touches, in the raster's coordinates or by longitude and latitude."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.items.projections import Albers, Crs, Point, Polar, from_albers, from_polar, from_utm
from asyncdl.items.raster_head import Georeference
from asyncdl.windows import PixelBox, box_of_bounds, boxes_of_area
from asyncdl.windows.area_boxes import ring_of_bbox
from asyncdl.windows.projecting import projector_of, to_albers, to_polar, to_utm
from asyncdl.windows.window_errors import AreaOutside, EmptyArea, UnknownProjection

CONUS = Albers(29.5, 45.5, 23.0, -96.0)
HAWAII = Albers(8.0, 18.0, 3.0, -157.0)
SOUTH, NORTH = Polar(-71.0, 0.0), Polar(70.0, -45.0)


def georeference(crs: Crs, left: float, top: float, size: int = 7800) -> Georeference:
    return Georeference(crs, (30.0, 0.0, left, 0.0, -30.0, top), (size, size))


SCENE = georeference(Crs(32606), 300_000, 6_900_000)
"""From 150.6 to 146.4 west, 60.1 to 62.2 north, or so."""


# --- the way there is the way back ------------------------------------------------------------


@given(st.floats(-40, 40), st.floats(-84, 84), st.booleans())
def test_utm_and_back(longitude: float, latitude: float, is_south: bool) -> None:
    x, y = to_utm(longitude, latitude, is_south=is_south)
    meridian = -147.0
    assert_same_place(from_utm(x, y, 6, is_south), (meridian + longitude, latitude), 2e-7)


@given(st.floats(-179, 179), st.floats(0.001, 80), st.sampled_from([SOUTH, NORTH]))
def test_polar_and_back(longitude: float, distance: float, polar: Polar) -> None:
    latitude = math.copysign(90 - distance, polar.true_scale)
    x, y = to_polar(longitude, latitude, polar)
    assert_same_place(from_polar(x, y, polar), (polar.meridian + longitude, latitude), 1e-9)


@given(st.floats(-100, 100), st.floats(-20, 85), st.sampled_from([CONUS, HAWAII]))
def test_albers_and_back(longitude: float, latitude: float, albers: Albers) -> None:
    x, y = to_albers(longitude, latitude, albers)
    assert_same_place(from_albers(x, y, albers), (albers.meridian + longitude, latitude), 1e-9)


def assert_same_place(found: Point, right: Point, degrees: float) -> None:
    east = (found[0] - right[0] + 180) % 360 - 180
    scale = math.cos(math.radians(right[1]))
    assert abs(east) * scale < degrees and abs(found[1] - right[1]) < degrees


# --- in the raster's own coordinates ----------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "box"),
    [
        ((300_000, 6_899_970, 300_030, 6_900_000), (0, 0, 1, 1)),
        ((300_001, 6_899_971, 300_029, 6_899_999), (0, 0, 1, 1)),
        ((300_015, 6_899_900, 300_095, 6_899_985), (0, 0, 4, 4)),
        ((300_045, 6_899_955, 300_045, 6_899_955), (1, 1, 2, 2)),
        ((300_030, 6_899_970, 300_030, 6_899_970), (1, 1, 2, 2)),
        ((0, 0, 9_000_000, 9_000_000), (0, 0, 7800, 7800)),
        ((299_000, 6_899_000, 300_030.000001, 6_901_000), (0, 0, 1, 34)),
    ],
    ids=["a pixel", "less than a pixel", "parts of pixels", "a point", "a corner", "all", "over"],
)
def test_bounds_become_the_pixels_that_they_touch(
    bounds: tuple[float, ...], box: tuple[int, ...]
) -> None:
    assert box_of_bounds(SCENE, bounds) == PixelBox(*box)


@pytest.mark.parametrize(
    "bounds",
    [
        (0, 0, 300_000, 9e6),
        (534_000, 6_700_000, 600_000, 6_800_000),
        (310_000, 6_900_000, 320_000, 6_999_000),
        (310_000, 0, 320_000, 6_666_000),
        (534_000, 6_700_000, 534_000, 6_700_000),
    ],
    ids=["left", "right", "above", "below", "a point on the border"],
)
def test_what_only_meets_the_border_is_outside(bounds: tuple[float, ...]) -> None:
    with pytest.raises(AreaOutside):
        box_of_bounds(SCENE, bounds)


@pytest.mark.parametrize("bounds", [(2.0, 0, 1, 1), (0.0, 2, 1, 1), (0.0, 0, math.nan, 1)])
def test_bounds_that_are_none_are_refused(bounds: tuple[float, ...]) -> None:
    with pytest.raises(EmptyArea, match="are no bounds"):
        box_of_bounds(SCENE, bounds)


@given(st.tuples(*[st.floats(-40, 140)] * 4), st.floats(0, 6.3), st.floats(1, 50), st.floats(1, 50))
def test_a_turned_raster_is_touched_in_every_pixel_of_the_box(
    sides: tuple[float, float, float, float], turn: float, dx: float, dy: float
) -> None:
    """The box holds the corners that lie in the raster, whichever way that is turned."""
    a, b, d, e = dx * math.cos(turn), -dy * math.sin(turn), dx * math.sin(turn), dy * math.cos(turn)
    turned = Georeference(Crs(32606), (a, b, 1000.0, d, e, 2000.0), (100, 100))
    corners = turned.at([(sides[0], sides[1]), (sides[2], sides[3])])
    x, y = zip(*corners, strict=True)
    bounds = (min(x), min(y), max(x), max(y))
    inside = [p for p in ((sides[0], sides[1]), (sides[2], sides[3])) if max(p) < 99 and min(p) > 1]
    try:
        box = box_of_bounds(turned, bounds)
    except AreaOutside:
        assert not inside
        return
    for column, row in inside:
        assert box.left - 1e-3 <= column <= box.right + 1e-3
        assert box.top - 1e-3 <= row <= box.bottom + 1e-3


# --- by longitude and latitude ----------------------------------------------------------------

CASES: dict[str, tuple[Georeference, Callable[[float, float], Point]]] = {
    "utm": (SCENE, lambda x, y: from_utm(x, y, 6)),
    "antarctica": (
        georeference(Crs(3031), 200_000, -1_100_000),
        lambda x, y: from_polar(x, y, SOUTH),
    ),
    "ard": (
        georeference(Crs(None, CONUS), -1_665_585, 2_264_805, 5000),
        lambda x, y: from_albers(x, y, CONUS),
    ),
}


@pytest.mark.parametrize("name", CASES)
@given(
    st.tuples(st.floats(0.05, 0.95), st.floats(0.05, 0.95)),
    st.floats(0, 0.04),
    st.sampled_from([-360.0, 0.0, 360.0]),
)
def test_a_box_around_pixels_becomes_these(
    name: str, middle: tuple[float, float], reach: float, turn: float
) -> None:
    """A ring through known pixels; in whichever turn around the world it is given."""
    raster, to_degrees = CASES[name]
    size = raster.shape[0]
    column, row = (int(part * size) for part in middle)
    far = int(reach * size)
    box = PixelBox(column - far, row - far, column + far + 1, row + far + 1)
    inner = [(box.left + 0.2, box.top + 0.2), (box.right - 0.2, box.top + 0.2),
             (box.right - 0.2, box.bottom - 0.2), (box.left + 0.2, box.bottom - 0.2)]  # fmt: skip
    ring = [to_degrees(*point) for point in raster.at(inner)]
    if name == "antarctica" and max(x for x, _ in ring) - min(x for x, _ in ring) > 180:
        return
    turned = [(longitude + turn, latitude) for longitude, latitude in ring]
    (found,) = boxes_of_area(raster, [[point for point in turned if abs(point[0]) <= 540]])
    # Edges that are straight on the map bow in the raster; the corners are exact.
    bow = 2 + far**2 // 5000
    assert abs(found.left - box.left) <= bow and abs(found.right - box.right) <= bow
    assert abs(found.top - box.top) <= bow and abs(found.bottom - box.bottom) <= bow


def test_an_edge_along_a_parallel_is_followed_and_not_cut_short() -> None:
    """In UTM a parallel lies furthest south where it meets the middle of the zone."""
    ring = ring_of_bbox(-149.5, 60.6, -144.5, 61.0)
    (found,) = boxes_of_area(SCENE, [ring])
    low = max(row_of(-149.5 + n * 5 / 999, 60.6) for n in range(1000))
    assert found.bottom == math.ceil(low)
    assert low - max(row_of(-149.5, 60.6), row_of(-144.5, 60.6)) > 50


def row_of(longitude: float, latitude: float) -> float:
    return (6_900_000 - to_utm(longitude + 147, latitude)[1]) / 30


def test_an_area_less_than_a_pixel_is_a_pixel_and_a_point_is_one() -> None:
    place = from_utm(300_000 + 30 * 100.5, 6_900_000 - 30 * 200.5, 6)
    (found,) = boxes_of_area(SCENE, [[place]])
    assert found == PixelBox(100, 200, 101, 201)
    tiny = ring_of_bbox(place[0] - 1e-6, place[1] - 1e-6, place[0] + 1e-6, place[1] + 1e-6)
    assert boxes_of_area(SCENE, [tiny]) == (found,)


@pytest.mark.parametrize(
    "world", [(-180, -90, 180, 90), (0, -90, 360, 90), (-180, -85, 180, 85)], ids=str
)
@pytest.mark.parametrize("name", CASES)
def test_the_world_is_the_whole_raster(name: str, world: tuple[float, ...]) -> None:
    raster, _ = CASES[name]
    rows, columns = raster.shape
    assert boxes_of_area(raster, [ring_of_bbox(*world)]) == (PixelBox(0, 0, columns, rows),)


def test_only_what_lies_in_the_raster_counts() -> None:
    """A long diagonal area touches a corner of the scene, whatever the box around it has."""
    corner = from_utm(300_000 + 30 * 7700, 6_900_000 - 30 * 100, 6)
    far = from_utm(300_000 + 30 * 12_000, 6_900_000 - 30 * 5000, 6)
    above = from_utm(300_000 + 30 * 7700, 6_900_000 + 30 * 3000, 6)
    (found,) = boxes_of_area(SCENE, [[corner, far, above]])
    assert abs(found.left - 7700) <= 1 and found.top == 0 and found.right == 7800
    assert found.bottom < 250


def test_the_box_holds_all_parts() -> None:
    rings = [ring_of_bbox(-149.9, 61.5, -149.8, 61.6), ring_of_bbox(-148.2, 60.9, -148.1, 61)]
    boxes = [boxes_of_area(SCENE, [ring])[0] for ring in rings]
    (found,) = boxes_of_area(SCENE, [*rings, ring_of_bbox(10, 10, 11, 11)])
    assert found == PixelBox(
        *(min(box.left for box in boxes), min(box.top for box in boxes)),
        *(max(box.right for box in boxes), max(box.bottom for box in boxes)),
    )


FIJI = georeference(Crs(32760), 700_000, 8_200_000)
"""Runs over the antimeridian, at 819 km east or so."""


def test_over_the_antimeridian_a_projected_raster_has_one_window() -> None:
    west, east = ring_of_bbox(179.5, -17.2, 180, -17), ring_of_bbox(-180, -17.2, -179.6, -17)
    (found,) = boxes_of_area(FIJI, [west, east])
    assert boxes_of_area(FIJI, [ring_of_bbox(179.5, -17.2, -179.6, -17)]) == (found,)
    assert boxes_of_area(FIJI, [ring_of_bbox(179.5, -17.2, 180.4, -17)]) == (found,)
    assert boxes_of_area(FIJI, [ring_of_bbox(-180.5, -17.2, -179.6, -17)]) == (found,)
    assert found.left < boxes_of_area(FIJI, [east])[0].left
    assert found.right > boxes_of_area(FIJI, [west])[0].right


def test_over_the_antimeridian_a_raster_that_ends_there_has_two() -> None:
    world = Georeference(Crs(4326), (0.1, 0.0, -180.0, 0.0, -0.1, 90.0), (1800, 3600))
    area = [ring_of_bbox(179.5, -17.2, -179.6, -17)]
    two = (PixelBox(0, 1070, 4, 1072), PixelBox(3595, 1070, 3600, 1072))
    assert boxes_of_area(world, area) == two
    parts = [ring_of_bbox(179.5, -17.2, 180, -17), ring_of_bbox(-180, -17.2, -179.6, -17)]
    assert boxes_of_area(world, parts) == two
    all_round = [ring_of_bbox(-180, -17.2, 180, -17)]
    assert boxes_of_area(world, all_round) == (PixelBox(0, 1070, 3600, 1072),)
    from_greenwich = Georeference(Crs(4326), (0.1, 0.0, 0.0, 0.0, -0.1, 90.0), (1800, 3600))
    assert boxes_of_area(from_greenwich, area) == (PixelBox(1795, 1070, 1804, 1072),)


def test_an_area_around_the_pole_holds_it() -> None:
    raster = georeference(Crs(3031), -117_000, 117_000)
    ring = [(float(longitude), -89.9) for longitude in range(-180, 180, 10)]
    (found,) = boxes_of_area(raster, [ring])
    assert found.left < 3900 < found.right and found.top < 3900 < found.bottom
    assert 700 < found.width < 760 and 700 < found.height < 760
    assert boxes_of_area(raster, [ring_of_bbox(-180, -90, 180, -89.9)])[0].width == found.width


@pytest.mark.parametrize(
    ("code", "like"),
    [(26906, Crs(32606)), (25832, Crs(32632)), (5070, Crs(None, CONUS)), (4269, Crs(4326))],
)
def test_datums_that_drift_are_taken_as_wgs_84_with_slack(code: int, like: Crs) -> None:
    """NAIP is on NAD 83: its pixels of a metre are widened by three, those of Landsat by one."""
    projector = projector_of(like)
    x, y = projector.project(1.0, 40.0)
    unit = 1.0 if projector.domain.reach < 180 else 1 / 40_000
    place = (projector.domain.meridian + 1.0, 40.0)
    for size, margin in ((unit, 3), (30 * unit, 1)):
        left, top = x - 500.5 * size, y + 400.5 * size
        raster = Georeference(Crs(code), (size, 0.0, left, 0.0, -size, top), (1000, 1000))
        (found,) = boxes_of_area(raster, [[place]])
        assert found.left <= 500 < found.right and found.top <= 400 < found.bottom
        assert 1 <= found.width <= 1 + 2 * margin and 1 <= found.height <= 1 + 2 * margin
        if size == unit:
            assert found == PixelBox(497, 397, 504, 404)


# --- refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rings", [[], [[]], [[], []]])
def test_an_area_without_points_is_empty(rings: list[list[Point]]) -> None:
    with pytest.raises(EmptyArea, match="no points"):
        boxes_of_area(SCENE, rings)


@pytest.mark.parametrize(
    "point", [(math.nan, 0.0), (0.0, 91.0), (541.0, 0.0), (math.inf, 0.0), (0.0, -math.inf)]
)
def test_a_point_that_is_none_is_refused(point: Point) -> None:
    with pytest.raises(EmptyArea, match="no longitude and latitude"):
        boxes_of_area(SCENE, [[(-150.0, 61.0), point]])


@pytest.mark.parametrize(
    "bbox", [(10, 10, 11, 11), (-150, -62, -149, -61), (33, 61, 34, 62), (-146, 61, -140, 62)]
)
def test_an_area_elsewhere_is_outside(bbox: tuple[float, ...]) -> None:
    with pytest.raises(AreaOutside):
        boxes_of_area(SCENE, [ring_of_bbox(*bbox)])


@pytest.mark.parametrize("crs", [Crs(), Crs(26924), Crs(2154)])
def test_an_unknown_coordinate_system_is_refused_with_those_that_are_known(crs: Crs) -> None:
    with pytest.raises(UnknownProjection, match="none of those that are known here: UTM"):
        projector_of(crs)
    assert box_of_bounds(georeference(crs, 0, 0), (0, -30, 30, 0)) == PixelBox(0, 0, 1, 1)
