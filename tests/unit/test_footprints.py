"""Footprints become bare outlines, whatever the service sends."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.m2m.searching.footprints import MAX_CORNERS, MAX_OUTLINES, outlines_of

SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))

json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=30,
)


def test_a_feature_counts_as_its_geometry() -> None:
    geometry = {"type": "Polygon", "coordinates": [SQUARE]}
    assert outlines_of({"type": "Feature", "geometry": geometry}) == (CORNERS,)
    odd: object
    for odd in (None, [], "Polygon", {"type": "Feature", "geometry": geometry}):
        assert outlines_of({"type": "Feature", "geometry": odd}) == ()


def test_a_polygon_gives_its_outer_ring_and_a_multipolygon_one_for_each_part() -> None:
    assert outlines_of({"type": "Polygon", "coordinates": [SQUARE, SQUARE]}) == (CORNERS,)
    two = {"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE]]}
    assert outlines_of(two) == (CORNERS, CORNERS)


@given(st.sampled_from(["Polygon", "MultiPolygon", "Point"]), json_values)
def test_whatever_comes_what_leaves_is_small_and_well_formed(kind: str, value: Any) -> None:
    for outline in outlines_of({"type": kind, "coordinates": value}):
        assert 3 <= len(outline) <= MAX_CORNERS
        assert all(math.isfinite(x) and abs(y) <= 90 for x, y in outline)


@pytest.mark.parametrize("value", [None, "POLYGON", [], {}, {"type": ["Polygon"]}])
def test_what_is_no_polygon_gives_nothing(value: object) -> None:
    assert outlines_of(value) == ()


def test_fine_outlines_are_thinned_out_and_parts_are_cut() -> None:
    ring = [[math.cos(n / 500), math.sin(n / 500)] for n in range(3000)]
    [outline] = outlines_of({"type": "Polygon", "coordinates": [ring]})
    assert MAX_CORNERS / 2 < len(outline) <= MAX_CORNERS
    many = {"type": "MultiPolygon", "coordinates": [[SQUARE]] * 1000}
    assert len(outlines_of(many)) == MAX_OUTLINES
