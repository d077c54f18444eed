"""One scene as ``scene-search`` and ``scene-metadata`` return it.

Numbers are strings where the service sends them so, paths and rows are padded, dates have
slashes. Names, order and links are those recorded for Landsat scenes; Collection 2 has
other ids, of which those of the summary are known.

Source: recorded ``scene-metadata`` (2021) and ``scene-search`` with a summary (2023); API
notes, section 12a.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import Any, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from asyncdl.sandbox.geometry import bounds, bounds_polygon, polygon, utm_zone
from asyncdl.sandbox.landsat_scenes import LandsatScene, SandboxScene
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
from asyncdl.sandbox.scene_files import hashed_id
from asyncdl.sandbox.tiles import ArdTile

Json: TypeAlias = Any


class Detail(Enum):
    """How much metadata a reply contains."""

    NONE = auto()
    SUMMARY = auto()
    FULL = auto()


def result_of(scene: SandboxScene, detail: Detail, *, with_null: bool = False) -> Json:
    """Return a scene as JSON.

    Args:
        scene: The scene.
        detail: How much metadata.
        with_null: Whether to include fields without a value.
    """
    return {
        "browse": list(_browse(scene)),
        "cloudCover": _cloud(scene),
        "entityId": scene.entity_id,
        "displayId": scene.display_id,
        "orderingId": None,
        "metadata": _metadata(scene, detail, with_null=with_null),
        "hasCustomizedMetadata": None,
        "options": {
            "bulk": scene.is_bulk,
            "download": scene.is_bulk,
            "order": scene.has_order,
            "secondary": False,
        },
        "selected": {"bulk": False, "compare": False, "order": False},
        "spatialBounds": bounds_polygon(scene.footprint),
        "spatialCoverage": polygon(scene.footprint),
        "temporalCoverage": {"endDate": scene.taken, "startDate": scene.taken},
        "publishDate": scene.published,
    }


def _cloud(scene: SandboxScene) -> str | int | None:
    # Numbers and strings are both on record.
    return str(scene.cloud) if scene.cloud is not None and scene.number % 3 == 2 else scene.cloud


# --- previews --------------------------------------------------------------------------

_BROWSE_KINDS = (
    # Id, name, type of the picture, layer of the tiles.
    ("5e81f7d39594374", "Reflective Browse", "refl", "natural_color"),
    ("5e82332d4223a26c", "Thermal Browse", "tir", "thermal"),
    ("5e9e85952b93b918", "Quality Browse", "qb", "qa"),
)
_LANDSATLOOK = "https://landsatlook.usgs.gov"


def _browse(scene: SandboxScene) -> Iterator[Json]:
    if not isinstance(scene, LandsatScene):
        # Previews of other datasets are not on record.
        return
    # Level 2 has another id for its first preview.
    is_level_2 = scene.product.level.startswith("L2")
    for number, (id_, name, kind, layer) in enumerate(_BROWSE_KINDS):
        picture = f"{_LANDSATLOOK}/gen-browse?size={{}}&type={kind}&product_id={scene.display_id}"
        tiles = (
            f"{_LANDSATLOOK}/dynamic-tiler/scenes/{scene.display_id}/tiles/{{z}}/{{x}}/{{y}}.png"
        )
        yield {
            "id": "5fb4ba12d7ec307f" if is_level_2 and number == 0 else id_,
            "browseRotationEnabled": None,
            "browseName": name,
            "browsePath": picture.format("rrb"),
            "overlayPath": f"{tiles}?layer={layer}",
            "overlayType": "ls_chs",
            "thumbnailPath": picture.format("thumb"),
        }


# --- metadata --------------------------------------------------------------------------


def _metadata(scene: SandboxScene, detail: Detail, *, with_null: bool) -> list[Json]:
    if detail is Detail.FULL:
        return full_metadata(scene, with_null=with_null)
    return summary_metadata(scene) if detail is Detail.SUMMARY else []


def export_of(scene: SandboxScene) -> str:
    """Return all metadata of a scene as XML."""
    fields = "".join(
        f"<metadataField name={quoteattr(entry['fieldName'])}>"
        f"<metadataValue>{escape(str(entry['value']))}</metadataValue></metadataField>"
        for entry in full_metadata(scene)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><scene>'
        f"<entityId>{scene.entity_id}</entityId><displayId>{scene.display_id}</displayId>"
        f"<metadataFields>{fields}</metadataFields></scene>"
    )


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
    """Return all metadata fields of a scene.

    Args:
        scene: The scene.
        with_null: Whether to include fields without a value.
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
    """Yield the fields in the recorded order."""
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
    """Return degrees, minutes and seconds as the service sends them, with an HTML entity."""
    value = _turned(degrees) if directions == "EW" else degrees
    hundredths = round(abs(value) * 360_000)
    minutes, seconds = divmod(hundredths, 6000)
    direction = directions[value < 0]
    return f"{minutes // 60:02}&deg;{minutes % 60:02}'{seconds / 100:05.2f}\"{direction}"


def _percent(cloud: int | None) -> str | None:
    return None if cloud is None else f"{cloud:.2f}"
