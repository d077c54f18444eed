"""The texts that areas come in: one feature a line, TopoJSON, JSON of ESRI, any Unicode."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.config import parse_config
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.areas import area_of
from asyncdl.m2m.searching.area import SearchArea, area_from_bbox, area_from_geojson
from asyncdl.m2m.searching.json_texts import decode_text
from tests.unit.test_areas import BOX, GEOJSON, WKT, area

FEATURE = f'{{"type": "Feature", "properties": {{"name": "Łódź"}}, "geometry": {GEOJSON}}}'
POINT = '{"type": "Feature", "properties": {}, "geometry": null}'
CORNERS = [[-151, 61], [-149, 61], [-149, 62], [-151, 62], [-151, 61]]
ESRI = {"rings": [CORNERS[::-1]]}
TOPOLOGY: dict[str, Any] = {
    "type": "Topology",
    "transform": {"scale": [0.5, 0.25], "translate": [-151, 61]},
    # Two halves of the box, with the border between them stored once.
    "arcs": [
        [[2, 0], [0, 4]],
        [[2, 4], [-2, 0], [0, -4], [2, 0]],
        [[2, 0], [2, 0], [0, 4], [-2, 0]],
    ],
    "objects": {
        "halves": {
            "type": "GeometryCollection",
            "geometries": [
                {"type": "Polygon", "arcs": [[0, 1]]},
                {"type": "MultiPolygon", "arcs": [[[2, -1]]]},
                {"type": None},
            ],
        }
    },
}
HALVES = (*area_from_bbox(-151, 61, -150, 62).filters, *area_from_bbox(-150, 61, -149, 62).filters)


@pytest.mark.parametrize("name", ["a.geojsonl", "a.geojsons", "a.ndjson", "a.jsonl", "a.txt"])
@pytest.mark.parametrize(
    "text", [f"{POINT}\n{FEATURE}\n", f"\x1e{FEATURE}\n\x1e{POINT}\n", f"\x1e{FEATURE}\n"]
)
def test_one_feature_a_line_is_a_collection(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert area(name, tmp_path) == area(text) == BOX


def test_a_line_that_is_no_json_is_told() -> None:
    with pytest.raises(ConfigError, match="not JSON"):
        area_from_geojson(f"{FEATURE}\n{{")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(("name", "text"), [("a.geojson", FEATURE), ("a.wkt", WKT), ("a", WKT)])
def test_any_unicode_is_read(tmp_path: Path, encoding: str, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding=encoding)
    assert area(name, tmp_path) == BOX


def test_names_in_another_encoding_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(FEATURE.replace("Łódź", "Málaga").encode("latin-1"))
    assert area("a.json", tmp_path) == BOX


@given(st.binary())
def test_any_bytes_are_a_text(data: bytes) -> None:
    assert isinstance(decode_text(data), str)


@pytest.mark.parametrize("value", ["NaN", "-Infinity"])
def test_numbers_that_are_none_may_stand_in_properties(value: str) -> None:
    assert area_from_geojson(FEATURE.replace('"Łódź"', value)) == BOX
    with pytest.raises(ConfigError, match="expected a longitude"):
        area_from_geojson(GEOJSON.replace("62", value))


def test_topojson_is_put_together() -> None:
    assert area_from_geojson(json.dumps(TOPOLOGY)).filters == HALVES
    plain = TOPOLOGY | {
        "arcs": [[[-150, 61], [-150, 62]], [[-150, 62], [-151, 62], [-151, 61], [-150, 61]]]
    }
    del plain["transform"]
    plain["objects"] = {"west": {"type": "Polygon", "arcs": [[0, 1]]}}
    assert area_from_geojson(plain).filters == HALVES[:1]


def test_an_object_of_topojson_is_named_as_a_layer(tmp_path: Path) -> None:
    two = TOPOLOGY | {"objects": {"all": TOPOLOGY["objects"]["halves"], "none": {"type": None}}}
    (tmp_path / "a.topojson").write_text(json.dumps(two))
    for chosen in ("layername=all", "layerid=0"):
        assert area(f"a.topojson|{chosen}", tmp_path).filters == HALVES
    with pytest.raises(ConfigError, match=r"several objects; name one .*\|layername=none"):
        area("a.topojson", tmp_path)
    with pytest.raises(ConfigError, match="no object 'lakes'"):
        area("a.topojson|layername=lakes", tmp_path)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"objects": {}},
        {"arcs": 5},
        {"arcs": [[[0]]]},
        {"objects": {"a": {"type": "Polygon", "arcs": [[99]]}}},
        {"objects": {"a": {"type": "Polygon"}}},
        {"objects": {"a": 5}},
    ],
)
def test_topojson_that_makes_no_sense_is_told(spoilt: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="is not valid TopoJSON"):
        area_from_geojson(TOPOLOGY | spoilt)


def test_an_arc_that_is_used_without_end_is_refused() -> None:
    arc = [[0, 0]] * 1000
    ring = [0] * 10_000
    text = {
        "type": "Topology",
        "arcs": [arc],
        "objects": {"a": {"type": "Polygon", "arcs": [ring]}},
    }
    with pytest.raises(ConfigError, match="too many corners"):
        area_from_geojson(text)


@pytest.mark.parametrize(
    "found",
    [
        ESRI,
        ESRI | {"spatialReference": {"wkid": 4326}},
        {
            "features": [{"attributes": {"a": 1}, "geometry": ESRI}],
            "geometryType": "esriGeometryPolygon",
        },
        {"features": [{"geometry": None}, {"geometry": ESRI}], "geometryType": "x"},
        {"xmin": -151, "ymin": 61, "xmax": -149, "ymax": 62, "spatialReference": {"wkid": 4269}},
    ],
)
def test_json_of_esri_is_read(found: dict[str, Any]) -> None:
    assert area_from_geojson(json.dumps(found)) == BOX


def test_holes_of_esri_go_into_the_rings_around_them() -> None:
    lake = [[-150.5, 61.2], [-150, 61.2], [-150, 61.6], [-150.5, 61.2]]
    other = [[x + 5, y] for x, y in CORNERS][::-1]
    found = area_from_geojson({"rings": [CORNERS[::-1], lake, other]})
    assert [
        len(part.get("geoJson", {"coordinates": [1]})["coordinates"]) for part in found.filters
    ] == [2, 1]
    alone = area_from_geojson({"rings": [CORNERS[::-1], lake]})
    assert alone.filters == found.filters[:1]


def test_a_pond_on_an_island_in_a_lake_is_of_the_island() -> None:
    def ring(inset: float, *, clockwise: bool) -> list[list[float]]:
        low, high = inset, 10 - inset
        square = [[low, low], [high, low], [high, high], [low, high], [low, low]]
        return square[::-1] if clockwise else square

    rings = [ring(inset, clockwise=inset in (0, 2)) for inset in (0, 1, 2, 3)]
    for order in (rings, rings[::-1]):
        found = sorted(area_from_geojson({"rings": order}).filters, key=str)
        assert [len(part["geoJson"]["coordinates"]) for part in found] == [2, 2]


def test_holes_without_end_are_refused() -> None:
    outer = [[[x, 0], [x, 1], [x + 0.001, 1], [x, 0]] for x in range(100)] * 80
    holes = [[[x, 0], [x + 0.001, 1], [x, 1], [x, 0]] for x in range(100)] * 80
    with pytest.raises(ConfigError, match="too many holes"):
        area_from_geojson({"rings": [*outer, *holes]})


def test_points_and_lines_of_esri() -> None:
    both = area_from_geojson({"points": [[1, 2], [3, 4]]})
    assert len(both.filters) == 2
    assert area_from_geojson({"x": 1, "y": 2}).filters == both.filters[:1]
    with pytest.raises(ConfigError, match="has no area"):
        area_from_geojson({"paths": [[[1, 2], [3, 4]]]})
    with pytest.raises(ConfigError, match="curves"):
        area_from_geojson({"curveRings": []})


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (ESRI | {"spatialReference": {"wkid": 102100, "latestWkid": 3857}}, "EPSG:3857"),
        (ESRI | {"spatialReference": {"wkid": 102100}}, "ESRI:102100"),
        (ESRI | {"spatialReference": {"wkt": "PROJCS[…]"}}, "another reference system"),
        ("SRID=32606;POINT (340000 6800000)", "EPSG:32606"),
    ],
)
def test_other_reference_systems_are_told_by_name(
    monkeypatch: pytest.MonkeyPatch, found: Any, name: str
) -> None:
    monkeypatch.setattr("asyncdl.job.choosing.areas.has_gdal", lambda: False)
    with pytest.raises(ConfigError, match=name):
        area(found)


@pytest.mark.parametrize("code", [4269, 4258, 7844])
def test_what_is_within_two_metres_of_wgs_84_is_taken_for_it(code: int) -> None:
    named = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{code}"}}
    assert area_from_geojson({**json.loads(GEOJSON), "crs": named}) == BOX
    with pytest.raises(ConfigError, match="EPSG::2193"):
        area_from_geojson({**json.loads(GEOJSON), "crs": f"EPSG::{2193}"})


@pytest.mark.parametrize(
    "text",
    [
        f"{WKT}\n{WKT}",
        f"{WKT};{WKT};",
        f"GEOMETRYCOLLECTION ({WKT}, LINESTRING (0 0, 1 1), POINT EMPTY, {WKT.lower()})",
        f"SRID=0;{WKT} SRID=0;{WKT}",
        "TIN (((0 0, 1 0, 1 1, 0 0)), ((1 1, 2 0, 3 0, 1 1)))",
        "multipolygon zm (((0 0 1 2, 1 0 1 2, 1 1 1 2)), ((1 1 1 2, 2 0 1 2, 3 0 1 2)))",
    ],
)
def test_several_geometries_in_wkt_are_one_area(text: str) -> None:
    assert len(area(text).filters) == 2


def test_geoparquet_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and more")
    with pytest.raises(ConfigError, match=r"a\.parquet: is GeoParquet, which is not read here"):
        area("a.parquet", tmp_path)


def test_an_area_says_nothing_when_all_is_clear() -> None:
    assert area(GEOJSON) == SearchArea(BOX.filters)


numbers = st.integers(-400, 400) | st.floats(-200, 200) | st.just(10**400)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | st.sampled_from(["", "Polygon", "a"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            [
                "type", "rings", "points", "paths", "x", "y", "features", "geometry", "objects",
                "arcs", "transform", "scale", "translate", "coordinates", "geometries",
                "spatialReference", "wkid", "crs", "properties", "name", "geometryType",
            ]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip


HUGE = 10**400


@pytest.mark.parametrize(
    "found",
    [
        {"rings": [[[0, HUGE], [0, 1], [1, 1]]]},
        {"type": "Topology", "arcs": [], "objects": {"a": {"type": "Point"}}}
        | {"transform": {"scale": [HUGE, 1], "translate": [0, 0]}},
        {"type": "Topology", "arcs": []}
        | {"objects": {"a": {"type": "Point", "coordinates": [1, HUGE]}}},
    ],
)  # fmt: skip
def test_coordinates_that_are_no_float_are_refused(found: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="out of range"):
        area_from_geojson(found)


@pytest.mark.slow
@given(
    st.fixed_dictionaries(
        {}, optional={"rings": values, "points": values, "x": values, "y": values}
    )
    | st.fixed_dictionaries({"geometryType": values, "features": values})
    | st.fixed_dictionaries(
        {"type": st.just("Topology"), "arcs": values, "objects": values},
        optional={"transform": values},
    )
    | st.fixed_dictionaries(
        {"type": st.sampled_from(["Polygon", "MultiPolygon", "Feature", "GeometryCollection"])},
        optional={"coordinates": values, "geometry": values, "geometries": values, "crs": values},
    )
)
def test_any_object_is_read_or_refused(found: dict[str, Any]) -> None:
    with suppress(ConfigError):
        area_from_geojson(found)


def test_a_box_may_reach_beyond_180() -> None:
    raw = {
        "search": {"dataset": "x", "bbox": [170, -20, 190, -10]},
        "products": [{"kind": "bundle"}],
    }
    assert area_of(parse_config(raw).search) == area_from_bbox(170, -20, -170, -10)
