"""Areas of interest become spatial filters that cover the same ground, or a clear error."""

import json
from math import cos, sin
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asyncdl.errors import ConfigError
from asyncdl.m2m.searching.area import (
    SearchArea,
    area_from_bbox,
    area_from_geojson,
    area_from_point,
    area_from_wkt,
    polygons_of,
)
from asyncdl.m2m.searching.cover import MAX_CORNERS, MAX_FILTERS, POINT_MARGIN_DEG, is_simple
from asyncdl.m2m.searching.rings import bounds

TRIANGLE = [[[-150.0, 61.0], [-149.0, 61.0], [-149.0, 62.0], [-150.0, 61.0]]]
BOX = [[[-150.9, 61.0], [-148.9, 61.0], [-148.9, 61.4], [-150.9, 61.4], [-150.9, 61.0]]]


def polygon(coordinates: object) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": coordinates}


def mbr(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    return {
        "filterType": "mbr",
        "lowerLeft": {"latitude": south, "longitude": west},
        "upperRight": {"latitude": north, "longitude": east},
    }


def geojson(coordinates: object) -> dict[str, Any]:
    return {"filterType": "geojson", "geoJson": polygon(coordinates)}


def box_at(west: float, south: float, size: float) -> list[Any]:
    east, north = west + size, south + size
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


def test_a_polygon_becomes_a_geojson_filter() -> None:
    assert area_from_geojson(polygon(TRIANGLE)).filters == (geojson(TRIANGLE),)


def test_a_rectangle_becomes_a_box_as_in_the_notebook() -> None:
    assert area_from_geojson(polygon(BOX)).filters == (mbr(-150.9, 61.0, -148.9, 61.4),)


def test_a_rectangle_with_corners_on_its_sides_is_still_a_box() -> None:
    ring = [[0, 0], [1, 0], [2, 0], [2, 1], [0, 1], [0, 0]]
    assert area_from_geojson(polygon([ring])).filters == (mbr(0, 0, 2, 1),)


def test_a_rectangle_with_a_hole_is_no_box() -> None:
    hole = [[-150, 61.1], [-150, 61.2], [-149, 61.2], [-150, 61.1]]
    (found,) = area_from_geojson(polygon([*BOX, hole])).filters
    assert found["filterType"] == "geojson"
    assert len(found["geoJson"]["coordinates"]) == 2


def test_winding_closing_and_heights_do_not_matter() -> None:
    ring = [[x, y, 12.5] for x, y in TRIANGLE[0]]
    assert area_from_geojson(polygon([ring[::-1]])).filters == (geojson([TRIANGLE[0]]),)
    assert area_from_geojson(polygon([ring[:-1]])).filters == (geojson([TRIANGLE[0]]),)


def test_every_polygon_of_a_collection_is_searched_in_order() -> None:
    collection = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": polygon(TRIANGLE)},
            {"type": "Feature", "properties": {}, "geometry": None},
            {
                "type": "Feature",
                "properties": {},
                "geometry": {
                    "type": "GeometryCollection",
                    "geometries": [
                        {"type": "MultiPolygon", "coordinates": [BOX, TRIANGLE]},
                        {"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]},
                    ],
                },
            },
        ],
    }
    kinds = [found["filterType"] for found in area_from_geojson(collection).filters]
    assert kinds == ["geojson", "mbr", "geojson", "mbr", "mbr"]


def test_a_polygon_over_the_antimeridian_is_searched_on_both_sides() -> None:
    ring = [[170, -20], [-170, -20], [-170, -10], [170, -10], [170, -20]]
    assert area_from_geojson(polygon([ring])).filters == (
        mbr(170, -20, 180, -10),
        mbr(-180, -20, -170, -10),
    )


def test_text_bytes_and_geo_interface_are_read_alike() -> None:
    shape = SimpleNamespace(__geo_interface__=polygon(tuple(map(tuple, TRIANGLE))))
    text = json.dumps(polygon(TRIANGLE))
    expected = area_from_geojson(polygon(TRIANGLE))
    for data in (text, text.encode(), b"\xef\xbb\xbf" + text.encode(), "\ufeff" + text, shape):
        assert area_from_geojson(data) == expected


@pytest.mark.parametrize(
    "name", ["urn:ogc:def:crs:OGC:1.3:CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326"]
)
def test_the_old_name_of_wgs_84_is_accepted(name: str) -> None:
    crs = {"type": "name", "properties": {"name": name}}
    assert area_from_geojson({**polygon(TRIANGLE), "crs": crs}).filters == (geojson(TRIANGLE),)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{", "not JSON"),
        ([1, 2], "not a GeoJSON object"),
        ({"type": "FeatureCollection", "features": []}, "is empty"),
        (polygon([]), "is empty"),
        (polygon(None), "is empty"),
        ({"type": "Topology"}, "is not valid TopoJSON"),
        ({"type": "Sphere"}, "'Sphere' is not a GeoJSON type"),
        ({"type": "my password"}, "a text of 11 characters is not a GeoJSON type"),
        ({}, "not a GeoJSON type"),
        ({"type": "LineString", "coordinates": [[0, 0], [1, 1]]}, "has no area"),
        (polygon([[[0, 0], [1, 1], [0, 0]]]), "has an area: the polygon, at 0, 0: .*fewer than 3"),
        (polygon([[0, 0], [1, 1], [1, 0], [0, 0]]), "expected a list"),
        (polygon([[[0, 0], [1], [1, 0], [0, 0]]]), "expected a longitude"),
        (polygon([[[0, 0], [True, 1], [1, 0], [0, 0]]]), "expected a longitude"),
        (polygon("0 0"), "expected a list"),
        (polygon([[[61, -150], [62, -150], [62, -149]]]), "swapped"),
        (polygon([[[340000, 6e6], [350000, 6e6], [340000, 7e6]]]), "reproject"),
        ({**polygon(TRIANGLE), "crs": {"properties": {"name": "EPSG:32606"}}}, "EPSG:32606"),
        ({**polygon(TRIANGLE), "crs": "EPSG:3857"}, "EPSG:3857"),
    ],
)
def test_anything_else_is_a_clear_error_with_the_file(data: object, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        area_from_geojson(data, source=Path("aoi.geojson"))
    assert str(caught.value).startswith("aoi.geojson: ")


def test_a_deeply_nested_collection_is_no_trap() -> None:
    deep: dict[str, Any] = polygon(TRIANGLE)
    for _ in range(5000):
        deep = {"type": "GeometryCollection", "geometries": [deep]}
    assert area_from_geojson(deep).filters == (geojson(TRIANGLE),)


def test_many_parts_that_lie_together_are_one_search_and_are_compared_here() -> None:
    squares = [box_at(x, y, 0.5) for x in range(10) for y in range(10)]
    found = area_from_geojson({"type": "MultiPolygon", "coordinates": squares})
    assert found.filters == (mbr(0, 0, 9.5, 9.5),)
    assert (len(found.ground), found.corners) == (100, 500)
    assert 0 < found.reach_deg < 2


def test_few_of_many_parts_that_lie_apart_are_searched_together() -> None:
    """The two that are nearest to each other share a search; all others are exact."""
    places = [[-150 + 12 * x, -60 + 25 * (x % 5)] for x in range(MAX_FILTERS)]
    near = [places[7][0] + 0.5, places[7][1]]
    found = area_from_geojson({"type": "MultiPoint", "coordinates": [*places, near]})
    widths = sorted(
        part["upperRight"]["longitude"] - part["lowerLeft"]["longitude"] for part in found.filters
    )
    assert len(found.filters) == MAX_FILTERS
    assert widths[:-1] == pytest.approx([2 * POINT_MARGIN_DEG] * (MAX_FILTERS - 1))
    assert widths[-1] == pytest.approx(0.5, abs=0.01)


def test_the_same_point_again_and_again_is_searched_exactly() -> None:
    points = {"type": "MultiPoint", "coordinates": [[1, 2]] * 30}
    assert area_from_geojson(points) == area_from_point(1, 2)


def test_an_outline_of_many_corners_is_searched_by_one_of_few() -> None:
    ring = [[cos(i / 500) * (1 + i % 2 / 50), sin(i / 500)] for i in range(3141)]
    found = area_from_geojson(polygon([ring]))
    ((outer,),) = polygons_of(SearchArea(found.filters))
    assert len(outer) <= MAX_CORNERS + 1 and found.corners == 3142
    assert found.reach_deg < 0.1


CROSSED = [[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]


def test_a_ring_that_crosses_itself_is_searched_by_what_goes_around_it() -> None:
    found = area_from_geojson(polygon([CROSSED]))
    ((outer,),) = polygons_of(SearchArea(found.filters))
    assert is_simple([outer]) and found.ground
    assert bounds(outer) == (0, 0, 2, 2)


@pytest.mark.parametrize(
    "spoilt",
    [
        [[0, 0], [1, 1], [0, 0]],
        [[0, 0], [0, 0], [0, 0], [0, 0]],
        [[0, 0], [1, 1], [2, 2], [0, 0]],
        [[0, 0], [3, 0], [1, 0], [2, 0], [0, 0]],
        [[5, 5]],
    ],
)
def test_a_ring_without_ground_is_left_out_by_name(spoilt: object) -> None:
    features = [
        {"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": [each, TRIANGLE]}}
        for each in (TRIANGLE, [spoilt])
    ]
    found = area_from_geojson({"type": "FeatureCollection", "features": features})
    assert found.filters == (geojson(TRIANGLE),) * 3
    (note,) = found.notes
    assert "because it has no area: feature 2, polygon 1, at " in note


def test_lines_beside_polygons_are_left_out_by_name() -> None:
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    both = {"type": "GeometryCollection", "geometries": [line, polygon(TRIANGLE)]}
    found = area_from_geojson(both)
    assert found.filters == (geojson(TRIANGLE),)
    assert found.notes == ("Left out of the area because a line has no area: a LineString.",)


def test_spikes_and_holes_without_ground_change_nothing() -> None:
    (west, south), east, north, _ = TRIANGLE[0]
    ring = [[west, south], [west - 1, south], [west, south], east, east, north, [west, south]]
    hole = [[-149.2, 61.1], [-149.1, 61.1], [-149.2, 61.1]]
    assert area_from_geojson(polygon([ring])).filters == (geojson(TRIANGLE),)
    assert area_from_geojson(polygon([*TRIANGLE, hole])).filters == (geojson(TRIANGLE),)


def test_noise_at_the_edges_of_the_map_is_none() -> None:
    ring = [[170, 60], [180.00000000000003, 60], [-179.99999999999994, 90.00000000000001]]
    assert area_from_geojson(polygon([[*ring, [170, 90]]])).filters == (mbr(170, 60, 180, 90),)


def test_the_box_of_the_usa_is_one_and_its_other_reading_is_said() -> None:
    usa = "POLYGON((-179.15 18.9, 179.77 18.9, 179.77 71.4, -179.15 71.4, -179.15 18.9))"
    found = area_from_wkt(usa)
    assert found.filters == (mbr(-179.15, 18.9, 179.77, 71.4),)
    assert "write 179.77 to 180.85" in found.notes[0]


def test_a_point_becomes_a_small_box() -> None:
    (found,) = area_from_point(-149.9, 61.2).filters
    assert found["upperRight"]["longitude"] - found["lowerLeft"]["longitude"] == pytest.approx(
        2 * POINT_MARGIN_DEG
    )
    assert area_from_geojson({"type": "Point", "coordinates": [-149.9, 61.2]}).filters == (found,)


def test_the_box_of_a_point_at_the_edge_stays_on_the_globe() -> None:
    assert area_from_point(180, 90).filters == (
        mbr(180 - POINT_MARGIN_DEG, 90 - POINT_MARGIN_DEG, 180, 90),
    )


@pytest.mark.parametrize(
    ("box", "filters"),
    [
        ((-150.9, 61, -148.9, 61.4), [(-150.9, 61, -148.9, 61.4)]),
        ((170, -20, -170, -10), [(170, -20, 180, -10), (-180, -20, -170, -10)]),
        ((170, -20, 190, -10), [(170, -20, 180, -10), (-180, -20, -170, -10)]),
        ((-190, -20, -170, -10), [(170, -20, 180, -10), (-180, -20, -170, -10)]),
        ((180, -20, -170, -10), [(-180, -20, -170, -10)]),
        ((170, -20, -180, -10), [(170, -20, 180, -10)]),
        ((-180, -90, 180, 90), [(-180, -90, 180, 90)]),
    ],
)
def test_a_box_is_searched_within_the_globe(
    box: tuple[float, float, float, float], filters: list[tuple[float, float, float, float]]
) -> None:
    assert area_from_bbox(*box).filters == tuple(mbr(*part) for part in filters)


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ((10, 20, 30, 20), "empty"),
        ((10, 20, 10, 30), "empty"),
        ((10, 30, 20, 20), "empty"),
        ((61, -150, 62, -149), "swapped"),
        ((3e5, 6e6, 4e5, 7e6), "reproject"),
        ((float("nan"), 0, 1, 1), "not longitude"),
    ],
)
def test_a_box_that_is_none_names_its_key(
    box: tuple[float, float, float, float], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        area_from_bbox(*box)
    assert caught.value.key == "search.bbox"


def test_a_point_off_the_globe_names_its_key() -> None:
    with pytest.raises(ConfigError, match="swapped") as caught:
        area_from_point(61.2, -149.9)
    assert caught.value.key == "search.point"
