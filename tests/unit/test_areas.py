"""The area of interest of a config, in whatever form it is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.config import SearchConfig, parse_config
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.areas import area_of
from asyncdl.m2m.area import Area, area_from_bbox

WKT = "POLYGON ((-151 61, -149 61, -149 62, -151 62, -151 61))"
GEOJSON = (
    '{"type": "Polygon", "coordinates": [[[-151, 61], [-149, 61], [-149, 62], [-151, 62],'
    " [-151, 61]]]}"
)
BOX = area_from_bbox(-151, 61, -149, 62)


def search_of(aoi: object, folder: Path | None = None) -> SearchConfig:
    search = {"dataset": "landsat_ot_c2_l2", "aoi": aoi}
    return parse_config({"search": search, "products": [{"kind": "bundle"}]}, base=folder).search


def area(aoi: object, folder: Path | None = None) -> Area:
    return area_of(search_of(aoi, folder))


@pytest.mark.parametrize("text", [WKT, f"SRID=4326;{WKT}", f"\n {WKT.lower()}", GEOJSON])
def test_text_is_an_area_by_itself(text: str) -> None:
    assert area(text) == BOX


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lake.wkt", WKT),
        ("lake.txt", f"\ufeff{WKT}\n"),
        ("lake.geojson", GEOJSON),
        ("lake", f"\n{GEOJSON}"),
        ("POLYGON of the lake", WKT),
    ],
)
def test_a_file_is_read_as_what_it_holds(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert area(name, tmp_path) == BOX


def test_what_is_wrong_in_a_text_is_told_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"^search\.aoi: .* line 1, column 13"):
        area("POLYGON ((0 x))")


def test_what_is_wrong_in_a_file_is_told_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "lake.wkt").write_text("POLYGON ((0 0\n")
    with pytest.raises(ConfigError, match=r"lake\.wkt: .* line 2, column 1"):
        area("lake.wkt", tmp_path)


def test_a_file_that_is_not_there_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"search\.aoi = 'lake\.wkt': no such file"):
        search_of("lake.wkt", tmp_path)


@pytest.mark.parametrize("value", ["", " ", 5])
def test_what_is_no_text_is_no_area(value: object) -> None:
    with pytest.raises(ConfigError, match=r"search\.aoi = .*no area of interest.*allowed: a Geo"):
        search_of(value)
