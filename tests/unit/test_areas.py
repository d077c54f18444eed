"""The area of interest of a config, in whatever form it is given."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pystac
import pytest

from asyncdl.config import Aoi, SearchConfig, parse_config
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.areas import area_of
from asyncdl.job.choosing.search_plan import SearchPlan, query_of
from asyncdl.job.choosing.vector_files import has_gdal
from asyncdl.job.identity import fingerprint_of
from asyncdl.m2m.searching.area import SearchArea, area_from_bbox

WKT = "POLYGON ((-151 61, -149 61, -149 62, -151 62, -151 61))"
GEOJSON = (
    '{"type": "Polygon", "coordinates": [[[-151, 61], [-149, 61], [-149, 62], [-151, 62],'
    " [-151, 61]]]}"
)
POLYGON = {
    "type": "Polygon",
    "coordinates": (((-151.0, 61.0), (-149.0, 61.0), (-149.0, 62.0), (-151.0, 62.0)),),
}
BOX = area_from_bbox(-151, 61, -149, 62)


def search_of(aoi: object, folder: Path | None = None) -> SearchConfig:
    search = {"dataset": "landsat_ot_c2_l2", "aoi": aoi}
    return parse_config({"search": search, "products": [{"kind": "bundle"}]}, base=folder).search


def area(aoi: object, folder: Path | None = None) -> SearchArea:
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


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_text_is_no_area(text: str) -> None:
    with pytest.raises(ConfigError, match=r"search\.aoi = '.?': is empty \(allowed: a Geo"):
        search_of(text)


@pytest.mark.parametrize("without_gdal", [True, False])
def test_a_folder_without_an_area_is_told_with_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_gdal: bool
) -> None:
    if without_gdal:
        monkeypatch.setattr("asyncdl.job.choosing.areas.has_gdal", lambda: False)
        monkeypatch.setitem(sys.modules, "pyogrio", None)
    with pytest.raises(ConfigError) as refused:
        area(".", tmp_path)
    assert str(refused.value).startswith(f"search.aoi = {str(tmp_path)!r}: is a folder")
    forms = "a GeoJSON or WKT file, such text" if without_gdal or not has_gdal() else "a shapefile"
    assert f"(allowed: {forms}" in str(refused.value)


@pytest.mark.parametrize("value", [5, [[1, 2]], object(), {1, 2}])
def test_what_has_no_place_is_no_area(value: object) -> None:
    with pytest.raises(ConfigError, match=r"search\.aoi.*not an area of interest.*allowed: a Geo"):
        search_of(value)


def shape(geometry: object) -> SimpleNamespace:
    return SimpleNamespace(__geo_interface__=geometry)


def feature(geometry: object) -> dict[str, Any]:
    seen = datetime(2020, 3, 10)
    return {"type": "Feature", "properties": {"seen": seen}, "geometry": geometry}


@pytest.mark.parametrize(
    "value",
    [
        POLYGON,
        shape(POLYGON),
        feature(POLYGON),
        shape(feature(shape(POLYGON))),
        {"type": "FeatureCollection", "features": [feature(None), feature(POLYGON)]},
        shape({"type": "FeatureCollection", "features": (shape(feature(POLYGON)),)}),
        pystac.Item("scene", POLYGON, [-151, 61, -149, 62], datetime(2020, 3, 10), {}),
    ],
)
def test_whatever_has_a_geo_interface_is_an_area(value: object) -> None:
    """Only its place is taken: the rest may be what no JSON holds."""
    assert area(value) == BOX


def test_an_object_is_an_area_of_the_same_job_in_each_run() -> None:
    """It is text from then on, which does not change with the object."""
    first, second = search_of(shape(POLYGON)), search_of(dict(POLYGON))
    assert first == second and isinstance(first.aoi, str)
    assert fingerprint_of(SearchPlan(query_of(first)), ()) == fingerprint_of(
        SearchPlan(query_of(second)), ()
    )


def test_an_area_may_be_made_before_the_config() -> None:
    assert area(Aoi.of(shape(POLYGON))) == area_of(search_of(Aoi.of(WKT))) == BOX
    with pytest.raises(ConfigError, match=r"search\.aoi: is not an area of interest"):
        Aoi.of(5)  # type: ignore[arg-type]  # what a checker would have told


def test_an_object_that_knows_its_reference_system_is_asked_for_degrees() -> None:
    frame = SimpleNamespace(
        __geo_interface__={"type": "Point", "coordinates": [340000.0, 6.8e6]},
        crs="EPSG:32606",
        to_crs={"EPSG:4326": shape(POLYGON)}.get,
    )
    assert area(frame) == BOX


def test_a_reference_system_that_geojson_names_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncdl.job.choosing.areas.has_gdal", lambda: False)
    crs = {"type": "name", "properties": {"name": "EPSG:32606"}}
    collection = {"type": "FeatureCollection", "features": [feature(POLYGON)], "crs": crs}
    with pytest.raises(ConfigError, match="EPSG:32606; reproject"):
        area(collection)


def test_a_file_in_metres_needs_gdal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crs = {"type": "name", "properties": {"name": "EPSG:32606"}}
    (tmp_path / "a.geojson").write_text(json.dumps({**POLYGON, "crs": crs}))
    monkeypatch.setattr("asyncdl.job.choosing.areas.has_gdal", lambda: False)
    with pytest.raises(ConfigError, match=r"EPSG:32606; reproject.*\[geo\]") as refused:
        area("a.geojson", tmp_path)
    assert refused.value.file == tmp_path / "a.geojson"


def nested(kind: str, key: str, inner: Callable[[Any], object]) -> dict[str, Any]:
    """GeoJSON within GeoJSON, deeper than Python's own stack."""
    value: dict[str, Any] = dict(POLYGON)
    for _ in range(5000):
        value = {"type": kind, key: inner(value)}
    return value


@pytest.mark.parametrize(
    "value",
    [
        {"type": "Point", "coordinates": [{1}]},
        {"type": "FeatureCollection", "features": 5},
        {"type": "FeatureCollection"},
        nested("Feature", "geometry", lambda value: value),
        nested("FeatureCollection", "features", lambda value: [value]),
        nested("GeometryCollection", "geometries", lambda value: [value]),
    ],
)
def test_an_object_that_is_no_geojson_is_told(value: object) -> None:
    with pytest.raises(ConfigError, match=r"^search\.aoi: is not GeoJSON"):
        search_of(value)
    with pytest.raises(ConfigError, match=r"^search\.aoi: is not GeoJSON"):
        Aoi.of(value)  # type: ignore[arg-type]  # what a checker would have told


def test_a_path_is_the_file_it_names(tmp_path: Path) -> None:
    (tmp_path / "lake.wkt").write_text(WKT)
    assert area(tmp_path / "lake.wkt") == area(Aoi.of(tmp_path / "lake.wkt")) == BOX
