"""The ``metadata`` of a scene as searches and metadata calls print it.

Numbers are texts where the service prints them so, paths and rows are padded, days have
slashes. Names, order and links are those on record of Landsat scenes; Collection 2 has
other ids, of which the summary's are known.

Source: recorded ``scene-metadata`` (2021) and ``scene-search`` with a summary (2023); API
notes, section 12a.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from asyncdl.sandbox.geometry import bounds, utm_zone
from asyncdl.sandbox.products import hashed_id
from asyncdl.sandbox.scene_facts import (
    geometric_rmse,
    image_quality,
    level_1_type,
    padded,
    sensor_name,
    sensor_of,
    slashed,
    start_time,
    stop_time,
    sun_azimuth,
    sun_elevation,
)
from asyncdl.sandbox.scenes import LandsatScene, SandboxScene
from asyncdl.sandbox.tiles import ArdTile

Json: TypeAlias = Any
Row: TypeAlias = tuple[str, str | None, str | int | None]
"""Name of a field, the anchor of its explanation, and its value."""

_IDS = {
    ("landsat_ot_c2_l1", "ID"): "5e81f1503645de13",
    ("landsat_ot_c2_l1", "Date Acquired"): "5e81f15034744a9a",
    ("landsat_ot_c2_l1", "Path"): "5e81f150b36f50f7",
    ("landsat_ot_c2_l1", "Row"): "5e81f150f1cd23a",
    ("landsat_ot_c2_l2", "ID"): "5e83d1508031a4a3",
}
_EROS = "https://www.usgs.gov/centers/eros/science/"
_C2 = f"{_EROS}landsat-collection-2-data-dictionary#"
_TILE = f"{_EROS}ard-landsat-tiles-data-dictionary#"


def summary_metadata(scene: SandboxScene) -> list[Json]:
    """Return the few fields of a summary: ``id``, ``fieldName``, ``dictionaryLink``, ``value``."""
    return _entries(scene, _summary(scene), "")


def full_metadata(scene: SandboxScene, *, with_null: bool = False) -> list[Json]:
    """Return all fields of a scene.

    Args:
        scene: Whose.
        with_null: Whether fields without a value are among them.
    """
    if isinstance(scene, LandsatScene):
        entries = _entries(scene, _of_landsat(scene), _C2)
    elif isinstance(scene, ArdTile):
        entries = _entries(scene, _of_tile(scene), _TILE)
    else:
        entries = _entries(scene, _of_other(scene), "")
    return [entry for entry in entries if with_null or entry["value"] is not None]


def _entries(scene: SandboxScene, rows: Iterable[Row], dictionary: str) -> list[Json]:
    return [
        {
            "id": _IDS.get((scene.dataset, name)) or hashed_id(scene.dataset, "metadata", name),
            "fieldName": name,
            "dictionaryLink": f"{dictionary}{anchor}" if anchor and dictionary else None,
            "value": value,
        }
        for name, anchor, value in rows
    ]


def _summary(scene: SandboxScene) -> Iterator[Row]:
    if isinstance(scene, LandsatScene):
        yield "ID", None, scene.display_id
        yield "Date Acquired", None, slashed(scene.acquired)
        yield "Path", None, padded(scene.product.path)
        yield "Row", None, padded(scene.product.row)
        return
    yield "Entity ID", None, scene.entity_id
    yield "Acquisition Date", None, slashed(scene.acquired)


def _of_other(scene: SandboxScene) -> Iterator[Row]:
    yield from _summary(scene)
    yield "Display ID", None, scene.display_id
    if scene.cloud is not None:
        yield "Cloud Cover", None, str(scene.cloud)
    yield from _corners(scene)


def _of_tile(scene: ArdTile) -> Iterator[Row]:
    tile = scene.tile
    yield "Tile Identifier", "tile_id", scene.display_id
    yield "Acquisition Date", "acquisition_date", slashed(scene.acquired)
    yield "Tile Grid Region", "tile_grid_region", tile.region
    yield "Tile Grid Horizontal", "tile_grid_horizontal", padded(tile.horizontal)
    yield "Tile Grid Vertical", "tile_grid_vertical", padded(tile.vertical)
    yield "Tile Production Date", "tile_production_date", slashed(scene.processed)
    yield "Spacecraft Identifier", "spacecraft_id", f"LANDSAT_{tile.satellite}"
    yield "Sensor Identifier", "sensor_id", sensor_of(tile.sensor, tile.satellite)
    yield "Cloud Cover", "cloud_cover", _percent(scene.cloud)
    yield from _corners(scene)


def _of_landsat(scene: LandsatScene) -> Iterator[Row]:
    """Yield the fields in the order of the record."""
    yield from _identity(scene)
    yield from _quality(scene)
    yield from _grid(scene)
    yield from _corners(scene)


def _identity(scene: LandsatScene) -> Iterator[Row]:
    product = scene.product
    yield "Landsat Product Identifier", "landsat_product_id", scene.display_id
    yield "Landsat Scene Identifier", "landsat_scene_id", scene.entity_id
    yield "Acquisition Date", "acquisition_date", slashed(scene.acquired)
    yield "Collection Category", "collection_category", product.tier
    yield "Collection Number", "collection_number", product.collection
    for word in ("", "Target "):
        anchor = word.lower().replace(" ", "_")
        yield f"{word}WRS Path", f"{anchor}wrs_path", padded(product.path)
        yield f"{word}WRS Row", f"{anchor}wrs_row", padded(product.row)
    yield "Nadir/Off Nadir", "nadir_offnadir", "NADIR"
    yield "Roll Angle", "roll_angle", "0.000"
    level = product.level[1]
    yield f"Date L-{level} Generated", f"date_l{level}_generated", slashed(scene.processed)
    yield "Start Time", "start_time", start_time(scene)
    yield "Stop Time", "stop_time", stop_time(scene)
    yield "Station Identifier", "distribution_site", scene.station
    yield "Day/Night Indicator", "day_or_night", "DAY"


def _quality(scene: LandsatScene) -> Iterator[Row]:
    yield "Land Cloud Cover", "cloud_cover_land", _percent(scene.cloud)
    yield "Scene Cloud Cover", "cloud_cover", _percent(scene.cloud)
    rmse = geometric_rmse(scene)
    # Both directions have the same share.
    for word, value in (("Model (meters)", rmse), ("Model X", rmse), ("Model Y", rmse)):
        share = value if value is None or "meters" in word else value / 2**0.5
        anchor = f"geometric_rmse_{word.partition(' (')[0].lower().replace(' ', '_')}"
        yield f"Geometric RMSE {word}", anchor, None if share is None else f"{share:.3f}"
    yield "Image Quality", "image_quality", image_quality(scene)
    yield "Processing Software Version", "processing_software_version", "LPGS_16.3.0"
    yield "Sun Elevation L1", "sun_elevation", f"{sun_elevation(scene):.8f}"
    yield "Sun Azimuth L1", "sun_azimuth", f"{sun_azimuth(scene):.8f}"
    sensor = sensor_name(scene)
    yield "Data Type Level-1", "data_type_l1", f"{sensor}_{level_1_type(scene)}"
    yield "Sensor Identifier", "sensor_id", sensor


def _grid(scene: LandsatScene) -> Iterator[Row]:
    west, _, east, _ = bounds(scene.footprint)
    yield "Map Projection Level-1", "map_projection_l1", "UTM"
    yield "UTM Zone", "utm_zone", utm_zone((west + east) / 2)
    yield "Datum", "datum", "WGS84"
    yield "Ellipsoid", "ellipsoid", "WGS84"


def _corners(scene: SandboxScene) -> Iterator[Row]:
    west, south, east, north = bounds(scene.footprint)
    places = [("Center", ((west + east) / 2, (south + north) / 2))]
    lower_left, lower_right, upper_right, upper_left = scene.footprint
    places += [("UL Corner", upper_left), ("UR Corner", upper_right)]
    places += [("LL Corner", lower_left), ("LR Corner", lower_right)]
    for name, (longitude, latitude) in places:
        yield _named(name, "Lat"), "coordinates_degrees", _dms(latitude, "NS")
        yield _named(name, "Long"), "coordinates_degrees", _dms(longitude, "EW")
    for name, (longitude, latitude) in places:
        yield f"{_named(name, 'Lat')} dec", "coordinates_decimal", f"{latitude:.5f}"
        yield f"{_named(name, 'Long')} dec", "coordinates_decimal", f"{_turned(longitude):.5f}"


_WHOLE = {"Lat": "Latitude", "Long": "Longitude"}


def _named(place: str, axis: str) -> str:
    return f"{place} {_WHOLE[axis]}" if place == "Center" else f"{place} {axis}"


def _turned(longitude: float) -> float:
    return (longitude + 180) % 360 - 180


def _dms(degrees: float, directions: str) -> str:
    """Return degrees, minutes and seconds as the service prints them, with an HTML entity."""
    value = _turned(degrees) if directions == "EW" else degrees
    hundredths = round(abs(value) * 360_000)
    minutes, seconds = divmod(hundredths, 6000)
    direction = directions[value < 0]
    return f"{minutes // 60:02}&deg;{minutes % 60:02}'{seconds / 100:05.2f}\"{direction}"


def _percent(cloud: int | None) -> str | None:
    return None if cloud is None else f"{cloud:.2f}"
