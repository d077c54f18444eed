"""Areas of interest in the formats of GDAL: any reference system, any layer. ``make extras``."""

from __future__ import annotations

import importlib
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from asyncdl.errors import ConfigError
from asyncdl.items.projections import from_utm
from asyncdl.m2m.searching.area import SearchArea, polygons_of
from asyncdl.m2m.searching.rings import bounds
from tests.unit.test_areas import POLYGON, WKT, area

UTM = "POLYGON ((340000 6800000, 380000 6800000, 380000 6850000, 340000 6850000, 340000 6800000))"
"""In zone 6."""
RING = [[340e3, 6.80e6], [340e3, 6.85e6], [380e3, 6.85e6], [380e3, 6.80e6], [340e3, 6.80e6]]
CORNERS = [from_utm(x, y, 6) for x in (340e3, 380e3) for y in (6.80e6, 6.85e6)]
UTM_BOUNDS = pytest.approx(bounds(CORNERS), abs=1e-6)


@pytest.fixture
def pyogrio() -> ModuleType:
    pytest.importorskip("pyogrio", reason="pyogrio is not installed: make extras")
    return importlib.import_module("pyogrio")


@pytest.fixture
def write(pyogrio: ModuleType, tmp_path: Path) -> Callable[..., None]:
    """Write geometries in WKT into a layer of a file."""
    shapely = pytest.importorskip("shapely", reason="shapely is not installed: make extras")

    def write(name: str, *texts: str, crs: str | None = "EPSG:32606", **options: Any) -> None:
        geometries = shapely.to_wkb(shapely.from_wkt(list(texts or [UTM])))
        options = {"crs": crs, "geometry_type": "Unknown", **options}
        pyogrio.raw.write(tmp_path / name, geometries, field_data=[], fields=[], **options)

    return write


def bounds_of(found: SearchArea) -> tuple[float, ...]:
    (polygon,) = polygons_of(found)
    return bounds(polygon[0])


@pytest.mark.parametrize("name", ["a.gpkg", "a.fgb", "a.geojsonl"])
def test_a_file_is_reprojected(tmp_path: Path, write: Callable[..., None], name: str) -> None:
    write(name)
    assert bounds_of(area(name, tmp_path)) == UTM_BOUNDS


def test_geojson_in_metres_is_reprojected(tmp_path: Path, write: Callable[..., None]) -> None:
    write("a.geojson")
    assert "32606" in (tmp_path / "a.geojson").read_text()
    assert bounds_of(area("a.geojson", tmp_path)) == UTM_BOUNDS


def test_a_shapefile_is_read_alone_or_zipped(tmp_path: Path, write: Callable[..., None]) -> None:
    write("a.shp", geometry_type="Polygon")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for part in tmp_path.glob("a.*"):
            archive.write(part, part.name)
    assert bounds_of(area("a.shp", tmp_path)) == UTM_BOUNDS
    assert bounds_of(area("b.zip", tmp_path)) == UTM_BOUNDS
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for part in tmp_path.glob("a.*"):
            archive.write(part, f"parcels/{part.name}")
    assert bounds_of(area("c.zip", tmp_path)) == UTM_BOUNDS


def test_a_folder_may_be_a_file_of_gdal(tmp_path: Path, write: Callable[..., None]) -> None:
    write("a.gdb", driver="OpenFileGDB", geometry_type="MultiPolygon", promote_to_multi=True)
    assert (tmp_path / "a.gdb").is_dir()
    assert bounds_of(area("a.gdb", tmp_path)) == UTM_BOUNDS


def test_latitude_comes_second_whatever_the_file_says(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    write("a.kml", WKT, crs="EPSG:4326", driver="KML")
    write("a.gpkg", WKT, crs="EPSG:4326")
    assert area("a.kml", tmp_path) == area("a.gpkg", tmp_path) == area(POLYGON)


def test_a_layer_is_chosen_by_name_or_number(tmp_path: Path, write: Callable[..., None]) -> None:
    write("a.gpkg", layer="fields")
    write("a.gpkg", "POINT (340000 6800000)", layer="wells", append=True)
    for chosen in ("layername=fields", "layerid=0"):
        assert bounds_of(area(f"a.gpkg|{chosen}", tmp_path)) == UTM_BOUNDS
    for wrong in ("a.gpkg", "a.gpkg|layername=roads", "a.gpkg|layerid=2"):
        with pytest.raises(ConfigError, match=r"a\.gpkg: .*[Ll]ayer"):
            area(wrong, tmp_path)
    with pytest.raises(ConfigError, match=r"allowed: a\.gpkg\|layername=fields, a\.gpkg\|layern"):
        area("a.gpkg", tmp_path)


@pytest.mark.parametrize(
    "text", [WKT, "POLYGON Z ((-151 61 5, -149 61 5, -149 62 5, -151 62 5, -151 61 5))"]
)
def test_heights_mean_nothing(tmp_path: Path, write: Callable[..., None], text: str) -> None:
    write("a.gpkg", text, crs="EPSG:4326")
    assert area("a.gpkg", tmp_path) == area(POLYGON)


def test_what_runs_over_the_antimeridian_becomes_two(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    text = "POLYGON ((700000 0, 1100000 0, 1100000 99000, 700000 99000, 700000 0))"
    write("a.gpkg", text, crs="EPSG:32660")
    found = [bounds(polygon[0]) for polygon in polygons_of(area("a.gpkg", tmp_path))]
    assert sorted(round(west) for west, *_ in found) == [-180, 179]


def test_a_file_without_a_reference_system_is_told(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    write("a.shp", geometry_type="Polygon")
    (tmp_path / "a.prj").unlink()
    with pytest.raises(ConfigError, match=r"a\.shp: does not say in which reference system"):
        area("a.shp", tmp_path)


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        (["LINESTRING (340000 6800000, 380000 6800000)"], "a LineString has no area"),
        (["POLYGON EMPTY"], "is empty"),
    ],
)
def test_what_is_no_area_is_told_as_of_geojson(
    tmp_path: Path, write: Callable[..., None], texts: list[str], problem: str
) -> None:
    write("a.gpkg", *texts)
    with pytest.raises(ConfigError, match=problem):
        area("a.gpkg", tmp_path)


def test_many_features_are_an_area_all_the_same(tmp_path: Path, write: Callable[..., None]) -> None:
    write("a.gpkg", *[UTM] * 30)
    found = area("a.gpkg", tmp_path)
    assert len(found.filters) == 1 and len(found.ground) == 30


@pytest.mark.parametrize(
    "text",
    [f"SRID=32606;{UTM}", json.dumps({"rings": [RING], "spatialReference": {"wkid": 32606}})],
)
def test_other_texts_in_metres_are_reprojected(
    pyogrio: ModuleType, tmp_path: Path, text: str
) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert bounds_of(area(text)) == bounds_of(area("a.txt", tmp_path)) == UTM_BOUNDS
    with pytest.raises(ConfigError, match=r"b\.wkt: "):
        (tmp_path / "b.wkt").write_text(f"SRID=999999;{UTM}")
        area("b.wkt", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.gpkg", b"no such thing", "GDAL cannot read this"),
        ("a.txt", b"\0\1\2", "GDAL cannot read this"),
        ("a.csv", b"id,name\n1,lake\n", "GDAL cannot read this"),
    ],
)
def test_what_gdal_cannot_read_is_told_with_its_name(
    pyogrio: ModuleType, tmp_path: Path, name: str, content: bytes, problem: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        area(name, tmp_path)
    assert caught.value.file == tmp_path / name


def test_geopandas_is_reprojected(pyogrio: ModuleType) -> None:
    geopandas = pytest.importorskip("geopandas", reason="geopandas is not installed: make extras")
    shapes = geopandas.GeoSeries.from_wkt([UTM], crs="EPSG:32606")
    frame = geopandas.GeoDataFrame({"name": ["lake"]}, geometry=shapes)
    assert area(shapes) == area(frame)
    assert bounds_of(area(shapes)) == UTM_BOUNDS
    assert area(geopandas.GeoSeries.from_wkt([WKT])) == area(POLYGON)


def test_without_gdal_the_error_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    (tmp_path / "a.gpkg").write_bytes(b"SQLite format 3\0")
    with pytest.raises(ConfigError, match=r'pip install ".\[geo\]"'):
        area("a.gpkg", tmp_path)


@pytest.mark.parametrize("rest", ["fields", "layer=fields", "layername=a|subset=b", "layerid=x"])
def test_what_follows_a_file_is_a_layer_and_nothing_else(rest: str) -> None:
    with pytest.raises(ConfigError, match=r"search\.aoi = .*\|layername=… or \|layerid=…"):
        area(f"a.gpkg|{rest}")
