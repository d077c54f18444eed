"""Any area: filters cover it, and footprints touch it, as shapely says. ``make areas``."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdl.m2m.searching.footprints import Ground
from asyncdl.m2m.searching.geojson import parts_of
from tests.areas.atlas import Tried
from tests.areas.measure import measure, valid

shapely = pytest.importorskip("shapely", reason="shapely is not installed: make areas")
mapping: Any = pytest.importorskip("shapely.geometry").mapping

pytestmark = pytest.mark.slow


@st.composite
def areas(draw: st.DrawFn) -> Any:
    """A valid multipolygon with islands, bays and lakes, few or many, small or large."""
    x, y = draw(st.floats(-150, 150)), draw(st.floats(-70, 70))
    scale = draw(st.sampled_from([0.01, 0.3, 2.0]))
    near = st.tuples(st.integers(-10, 10), st.integers(-9, 9))
    spots = draw(st.lists(st.tuples(near, st.integers(1, 6)), min_size=1, max_size=60))
    holes = draw(st.lists(st.tuples(near, st.integers(1, 3)), max_size=8))

    def round_at(spot: tuple[tuple[int, int], int]) -> Any:
        (dx, dy), size = spot
        return shapely.Point(x + dx * scale, y + dy * scale).buffer(size * scale / 5)

    whole = shapely.union_all([round_at(spot) for spot in spots])
    return shapely.difference(whole, shapely.union_all([round_at(spot) for spot in holes]))


@settings(max_examples=150, deadline=None)
@given(areas())
def test_filters_cover_any_area(shape: Any) -> None:
    if not shape.is_empty:
        tally = measure([Tried("area", shape)])
        assert (tally.refused, tally.wrong) == ([], [])


@settings(max_examples=150, deadline=None)
@given(areas(), st.data())
def test_footprints_touch_any_area(shape: Any, data: st.DataObject) -> None:
    if shape.is_empty:
        return
    ground, whole = Ground(parts_of(mapping(shape)).parts), valid(shape)
    west, south, east, north = shape.bounds
    width, height = east - west, north - south
    share = st.floats(-0.3, 1.3)
    for _ in range(10):
        corners = [
            (west + width * data.draw(share), south + height * data.draw(share)) for _ in range(3)
        ]
        outline = shapely.Polygon(corners)
        if outline.is_valid and outline.area > 1e-12:
            # What only touches is decided by rounding.
            expected = {whole.intersects(outline.buffer(grow)) for grow in (-1e-9, 0, 1e-9)}
            assert ground.touches(corners) in expected
