"""The filters of a search, as clients send them."""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.sandbox import geometry
from asyncdl.sandbox.fields import fields_of
from asyncdl.sandbox.geometry import Area, Ring, Shape, Track, rectangle
from asyncdl.sandbox.refusal import Refusal
from asyncdl.sandbox.scene_catalog import Catalog
from asyncdl.sandbox.scene_filter import read_scene_filter
from asyncdl.sandbox.spatial_filter import read_area
from tests.sandbox.m2m_caller import ANCHORAGE, OT, PRODUCT

Json: TypeAlias = Any

CATALOG = Catalog(generated=2000)
L1_PATH = "5e81f14f8faf8048"
HERE, NEARBY, ELSEWHERE = [-149.9, 61.2], [-149.8, 61.3], [20.0, -30.0]
SQUARE = [[-150, 61], [-149, 61], [-149, 62], [-150, 62], [-150, 61]]
FAR = [[20, -30], [21, -30], [21, -29], [20, -29], [20, -30]]
HOLE = [[-149.9, 61.1], [-149.1, 61.1], [-149.1, 61.9], [-149.9, 61.9], [-149.9, 61.1]]


def found(**scene_filter: Json) -> list[str]:
    numbers = CATALOG.search(read_scene_filter(OT, scene_filter))
    return [CATALOG.scene(number).display_id for number in numbers]


def in_area(geometry: Json) -> bool:
    """Return whether the first scene of Anchorage lies there."""
    wanted = {"filterType": "geojson", "geoJson": geometry}
    days = {"start": "2020-03-10", "end": "2020-03-10"}
    return PRODUCT in found(spatialFilter=wanted, acquisitionFilter=days)


def of(kind: str, coordinates: Json) -> Json:
    return {"type": kind, "coordinates": coordinates}


# --- areas ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("geometry", "is_there"),
    [
        (of("Point", HERE), True),
        (of("Point", [*HERE, 30.0]), True),
        (of("Point", {"longitude": HERE[0], "latitude": HERE[1]}), True),
        (of("Point", ELSEWHERE), False),
        (of("MultiPoint", [ELSEWHERE, HERE]), True),
        (of("MultiPoint", [ELSEWHERE]), False),
        (of("LineString", [HERE, NEARBY]), True),
        (of("LineString", [[-170, 61.2], [-140, 61.2]]), True),
        (of("LineString", [ELSEWHERE, [21, -30]]), False),
        (of("MultiLineString", [[ELSEWHERE, [21, -30]], [HERE, NEARBY]]), True),
        (of("Polygon", [SQUARE]), True),
        (of("polygon", [SQUARE]), True),
        (of("Polygon", SQUARE), True),
        (of("Polygon", [FAR]), False),
        (of("MultiPolygon", [[FAR], [SQUARE, HOLE]]), True),
        (of("MultiPolygon", [[FAR]]), False),
        ({"type": "GeometryCollection", "geometries": [of("Point", HERE)]}, True),
        ({"type": "GeometryCollection", "geometries": []}, False),
        ({"type": "Feature", "properties": None, "geometry": of("Point", HERE)}, True),
        ({"type": "Feature", "properties": None, "geometry": None}, False),
        (
            {
                "type": "FeatureCollection",
                "features": [{"type": "Feature", "geometry": of("Polygon", [SQUARE])}],
            },
            True,
        ),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else None,
)
def test_area_is_any_geometry_that_clients_send(geometry: Json, is_there: bool) -> None:
    assert in_area(geometry) is is_there


@pytest.mark.parametrize(
    "wrong",
    [
        3,
        "Polygon",
        {"type": "Circle", "coordinates": HERE},
        {"type": "Polygon"},
        of("Polygon", []),
        of("Polygon", [[]]),
        of("Polygon", [SQUARE[:3]]),
        of("Polygon", [[HERE, NEARBY, HERE]]),
        of("MultiPolygon", [SQUARE[0][0]]),
        of("Point", [200, 10]),
        of("Point", [float("nan"), 10]),
        of("Point", [1]),
        of("Point", ["x", "y"]),
        of("Point", {"longitude": 1}),
        of("LineString", [HERE]),
        {"type": "Feature"} | {"geometry": 3},
        {"type": "GeometryCollection", "geometries": 3},
    ],
    ids=repr,
)
def test_area_that_is_none_is_refused(wrong: Json) -> None:
    with pytest.raises(Refusal):
        read_area({"filterType": "geojson", "geoJson": wrong})


def test_box_without_width_is_a_point() -> None:
    """So does one client send a location."""
    corner = {"longitude": HERE[0], "latitude": HERE[1]}
    box = {"filterType": "MBR", "lowerLeft": corner, "upperRight": corner}
    assert PRODUCT in found(spatialFilter=box)


numbers = st.integers(-9, 9).map(float)
points = st.tuples(numbers, numbers)
boxes = st.tuples(points, points).map(
    lambda p: rectangle(
        min(p[0][0], p[1][0]),
        min(p[0][1], p[1][1]),
        max(p[0][0], p[1][0]) + 1,
        max(p[0][1], p[1][1]) + 1,
    )
)


@given(boxes, points)
def test_point_is_in_a_box_as_its_sides_say(box: Ring, point: geometry.Point) -> None:
    west, south, east, north = geometry.bounds(box)
    is_in = west <= point[0] <= east and south <= point[1] <= north
    assert geometry.intersects(box, Track((point,))) is is_in


@given(boxes, points, points)
def test_line_meets_a_box_as_a_thin_area_does(
    box: Ring, one: geometry.Point, other: geometry.Point
) -> None:
    line: Shape = Track((one, other))
    thin: Shape = Area((one, other, one))
    assert geometry.intersects(box, line) == geometry.intersects(box, thin)


# --- metadata ---------------------------------------------------------------------------


def field(label: str) -> str:
    return next(f.id_in(OT) for f in fields_of(OT) if f.label == label)


def value(label: str, wanted: Json, operand: str | None = None) -> Json:
    given = {"filterType": "value", "filterId": field(label), "value": wanted}
    return given | ({"operand": operand} if operand else {})


def rows(metadata_filter: Json) -> set[int]:
    names = found(metadataFilter=metadata_filter, acquisitionFilter={"end": "2020-12-31"})
    return {int(name.split("_")[2][3:]) for name in names}


@pytest.mark.parametrize("operand", [None, "=", "like", "LIKE"])
@pytest.mark.parametrize("wanted", [17, "17", "017", " 017", 17.0])
def test_value_on_a_range_is_equality(operand: str | None, wanted: Json) -> None:
    assert rows(value("WRS Row", wanted, operand)) == {17}


def test_text_is_like_a_pattern_or_anywhere() -> None:
    name = "Landsat Scene Identifier"
    for pattern in ("%068017%", "LC8068017202007_LGN%", "lc8068017%"):
        assert rows(value(name, pattern, "like")) == {17}, pattern
    assert rows(value(name, "068017", "like")) == {17}
    assert rows(value(name, "068017", "=")) == set()
    assert rows(value(name, "lc80680172020070lgn00", "=")) == {17}


def test_limits_are_included_and_trees_are_any_depth() -> None:
    between = {
        "filterType": "between",
        "filterId": field("WRS Row"),
        "firstValue": "17",
        "secondValue": 18,
    }
    assert rows(between) == {17, 18}
    both = {"filterType": "AND", "childFilters": [between, value("WRS Path", 67)]}
    assert rows(both) == {18}
    either = {"filterType": "or", "childFilters": [both, value("WRS Row", 27)]}
    assert rows(either) == {18, 27}
    nothing: Json = {"filterType": "or", "childFilters": []}
    assert rows(nothing) == set()


def test_filter_of_another_dataset_finds_nothing() -> None:
    """Recorded: an ordinary, empty result."""
    foreign = {"filterType": "value", "filterId": L1_PATH, "value": "68"}
    assert found(metadataFilter=foreign) == []
    either = {"filterType": "or", "childFilters": [foreign, value("WRS Row", 17)]}
    assert rows(either) == {17}


def test_filter_that_is_not_listed_any_more_still_counts() -> None:
    """A program of today sends it with every search of level 1, beside six others."""
    dataset = "landsat_ot_c2_l1"
    cloud = {"filterType": "between", "filterId": "5f6aa1a4e0985d4c", "firstValue": 0}
    path = {"filterType": "between", "filterId": L1_PATH, "firstValue": "068", "secondValue": "068"}
    for highest, number in ((6, 1), (60, 2)):
        tree = {"filterType": "and", "childFilters": [{**cloud, "secondValue": highest}, path]}
        hits = CATALOG.search(read_scene_filter(dataset, {"metadataFilter": tree}))
        assert len(hits) == number


def test_empty_filters_are_none() -> None:
    """Some programs send every key, most of them null."""
    every = dict.fromkeys(
        ("spatialFilter", "acquisitionFilter", "ingestFilter", "cloudCoverFilter"), None
    )
    assert len(found(**every, seasonalFilter=[], metadataFilter={})) == len(found())
    assert len(found(**ANCHORAGE, metadataFilter=None, datasetName=OT)) == 3
    tier = value("Collection Category", "")
    assert len(found(metadataFilter=tier)) == len(found())


@pytest.mark.parametrize(
    "wrong",
    [
        {"filterType": "value", "filterId": L1_PATH},
        {"filterType": "value", "filterId": L1_PATH, "value": {"a": 1}},
        {"filterType": "value", "filterId": L1_PATH, "value": 1, "operand": ">"},
        {"filterType": "between", "filterId": L1_PATH, "firstValue": 1},
        {"filterType": "and", "childFilters": 3},
        {"filterType": "and", "childFilters": [None]},
        {"childFilters": []},
    ],
    ids=repr,
)
def test_malformed_metadata_filter_is_refused(wrong: Json) -> None:
    with pytest.raises(Refusal):
        read_scene_filter(OT, {"metadataFilter": wrong})
