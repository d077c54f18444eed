"""Well-known text is read as what it says, or refused with the place."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import ConfigError
from asyncdl.m2m.searching.area import area_from_geojson, area_from_wkt
from asyncdl.m2m.searching.wkt import MAX_DEPTH, read_wkt

Geometry = dict[str, Any]

positions = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list)
polygons = st.lists(st.lists(positions, min_size=4, max_size=6), min_size=1, max_size=3)
COORDINATES = {
    "Point": positions,
    "MultiPoint": st.lists(positions, max_size=4),
    "Polygon": polygons,
    "MultiPolygon": st.lists(polygons, max_size=3),
}
simple: st.SearchStrategy[Geometry] = st.one_of(
    [
        st.fixed_dictionaries({"type": st.just(kind), "coordinates": coordinates})
        for kind, coordinates in COORDINATES.items()
    ]
)
geometries = st.recursive(
    simple,
    lambda inner: st.fixed_dictionaries(
        {"type": st.just("GeometryCollection"), "geometries": st.lists(inner, max_size=3)}
    ),
    max_leaves=4,
)


def written(geometry: Geometry, more: str = "") -> str:
    """Write a geometry as WKT, with ``more`` at the end of each position."""

    def nested(value: Any) -> str:
        if isinstance(value[0], float):
            return " ".join(map(repr, value)) + more
        is_row = isinstance(value[0][0], float)
        return ", ".join(nested(item) if is_row else f"({nested(item)})" for item in value)

    def content() -> str:
        if geometry["type"] == "GeometryCollection":
            return ", ".join(written(part, more) for part in geometry["geometries"])
        return nested(geometry["coordinates"]) if geometry["coordinates"] else ""

    inner = content()
    return f"{geometry['type'].upper()} " + (f"({inner})" if inner else "EMPTY")


@pytest.mark.slow
@given(geometries)
def test_what_is_written_as_wkt_is_read_as_it_was(geometry: Geometry) -> None:
    assert read_wkt(written(geometry)) == geometry


@pytest.mark.slow
@given(simple, st.sampled_from([" Z", "Z", " m"]))
def test_heights_case_and_an_srid_in_front_change_nothing(geometry: Geometry, mark: str) -> None:
    text = written(geometry, more=" 7.5")
    kind, _, rest = text.partition(" ")
    assert read_wkt(f" srid = 4326;\n{kind.title()}{mark} {rest}") == geometry


def test_the_points_of_several_need_no_brackets() -> None:
    assert read_wkt("MULTIPOINT(1 2,3 4)") == read_wkt("MULTIPOINT((1 2),(3 4))")


def test_an_area_in_wkt_is_the_same_in_geojson() -> None:
    text = "POLYGON((170 -20, 190 -20, 190 -10, 170 -10, 170 -20), (175 -15, 180 -15, 180 -12))"
    assert area_from_wkt(text) == area_from_geojson(read_wkt(text))
    assert len(area_from_wkt(text).filters) == 2


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1, column 1: expected one of POINT"),
        ("POINT (1)", "line 1, column 9: expected a latitude, found )"),
        ("POINT (1.2.3 4)", "line 1, column 8: expected a longitude"),
        ("POINT (1 nan)", "found NAN"),
        ("POINT (1 2 3 4 5)", "expected ), found 5"),
        ("POLYGON ((0 0, 1 0,\n 1 1, 0 0)", "line 2, column 11: expected , or ), found the end"),
        ("POLYGON ((0 0, 1 0, 1 1)) x", "expected the end, found X"),
        ("POLYGON (0 0, 1 0, 1 1)", "column 10: expected (, found 0"),
        ("SRID=32606;POINT (1 2)", "the coordinates are in EPSG:32606; reproject"),
        ("LINESTRING (0 0, 1 1)", "has no area"),
        ("CURVEPOLYGON ((0 0, 1 0, 1 1))", "expected one of POINT"),
        ("POLYGON EMPTY", "is empty"),
        ("POINT EMPTY", "is empty"),
        ("POINT (61 -150)", "swapped"),
        ("GEOMETRYCOLLECTION (" * (MAX_DEPTH + 2), "expected one of"),
        ("GEOMETRYCOLLECTION (" * 10_000, "expected one of"),
    ],
)
def test_anything_else_is_told_with_line_and_column(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        area_from_wkt(text)
    assert problem in str(caught.value)


@given(st.text(alphabet="POLYGN MULTICE(),;=0123456789.eE+-\n"))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ConfigError):
        read_wkt(text)
