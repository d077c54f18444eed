"""The metadata fields that a search can filter on, as the service has them.

Ids, order, labels, kinds and SQL are those on record; so are whole entries and value lists
where they were recorded in full. The rest is modelled on similar fields.

Source: recorded ``dataset-filters`` of five datasets; API notes, sections 4.3 and 12a.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias

from asyncdl.m2m.naming import ARD_DATASET
from asyncdl.sandbox.landsat_scenes import LandsatScene, SandboxScene
from asyncdl.sandbox.scene_facts import (
    geometric_rmse,
    image_quality,
    level_1_id,
    level_1_type,
    sensor_name,
    sensor_of,
    slashed,
    sun_elevation,
)
from asyncdl.sandbox.scene_files import hashed_id
from asyncdl.sandbox.tiles import ArdTile

Json: TypeAlias = Any
Value: TypeAlias = str | int | float | None
Values: TypeAlias = Mapping[str, str]

COLLECTION_1 = "landsat_8_c1"
"""Withdrawn at the end of 2022; its filters were recorded first, and in full."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One metadata field that a search can filter on. Equal only to itself."""

    id: str
    label: str
    kind: str
    """``Text``, ``Range`` or ``Select``."""
    sql: str
    read: Callable[[SandboxScene], Value]
    """Reads the field's value of a scene: dates as ``2023/03/28``, ``None`` for unknown."""
    link: str
    """URL of the field's description."""
    legacy_id: int | None = None
    values: Values | None = None
    """The choices of a select field, except ``All``."""
    is_ceiling: bool = False
    """Whether the value is an upper limit."""
    config: Mapping[str, Json] = field(default_factory=dict)
    """Entries of its ``fieldConfig`` that differ from the defaults of its kind."""

    def id_in(self, dataset: str) -> str:
        """Return the field's id; each dataset has its own fields."""
        return self.id

    def record(self, dataset: str) -> Json:
        """Return the field as in replies of ``dataset-filters``."""
        record = {
            "id": self.id,
            "legacyFieldId": self.legacy_id,
            "dictionaryLink": self.link,
            "fieldConfig": _config_of(self),
            "fieldLabel": self.label,
            "searchSql": self.sql,
        }
        return record | ({"valueList": {"": "All", **self.values}} if self.values else {})


_UPPER: Json = {"type": "StringToUpper", "options": []}
_LIKE: Json = {"type": "Application\\Filter\\Like", "options": []}


def _config_of(known: Field) -> Json:
    """Return the ``fieldConfig``; fields added after the old interface have less of it."""
    config: dict[str, Json] = {
        "type": known.kind,
        "filters": [_UPPER, _LIKE] if known.kind == "Text" else [],
        "options": {"size": "30"} if known.kind == "Text" else [],
        "validators": [],
    }
    if known.kind == "Select":
        config |= {"options": {}, "displayListId": _lists_id(known)}
    else:
        many = "5" if known.kind == "Text" else 1
        config |= {"numElements": many, "displayListId": None}
    config |= known.config
    return {key: config[key] for key in _CONFIG_KEYS if config.get(key, ...) is not ...}


_CONFIG_KEYS = ("type", "filters", "options", "validators", "numElements", "displayListId")
_LISTS = {
    "Collection Category": "2837",
    "Land Cloud Cover": "2830",
    "Scene Cloud Cover": "2830",
    "Data Type": "2833",
    "Sensor Identifier": "2773",
    "Day/Night Indicator": "2836",
    "Nadir/Off Nadir": "2768",
    "Tile Grid Region": "2854",
}
"""Ids of value lists, by label prefix."""


def _lists_id(known: Field) -> str:
    return next((id_ for label, id_ in _LISTS.items() if known.label.startswith(label)), "")


# --- reading -----------------------------------------------------------------------------


def _of_scene(read: Callable[[LandsatScene], Value]) -> Callable[[SandboxScene], Value]:
    """Return a reader that returns ``None`` for anything but a Landsat scene."""
    return lambda scene: read(scene) if isinstance(scene, LandsatScene) else None


def _of_tile(read: Callable[[ArdTile], Value]) -> Callable[[SandboxScene], Value]:
    return lambda scene: read(scene) if isinstance(scene, ArdTile) else None


_path = _of_scene(lambda s: s.product.path)
_row = _of_scene(lambda s: s.product.row)
_satellite = _of_scene(lambda s: s.product.satellite)
_tier = _of_scene(lambda s: s.product.tier)
_sensor = _of_scene(sensor_name)
_level_1 = _of_scene(level_1_id)
_level_1_type = _of_scene(level_1_type)
_rmse = _of_scene(geometric_rmse)
_quality = _of_scene(image_quality)


def _made(scene: SandboxScene) -> Value:
    return slashed(scene.processed)


def _day(_: SandboxScene) -> Value:
    return "DAY"


def _nadir(_: SandboxScene) -> Value:
    return "NADIR"


# --- value lists -------------------------------------------------------------------------

_TIERS = {"T1": "Tier 1", "T2": "Tier 2", "RT": "Real-Time"}
_LEVEL_1_TYPES = {"L1TP": "Level 1TP", "L1GT": "Level 1GT", "L1GS": "Level 1GS"}
_OLI_SENSORS = {"OLI": "OLI", "OLI_TIRS": "OLI_TIRS", "TIRS": "TIRS"}
_DAYS = {"DAY": "Day", "NIGHT": "Night"}
_NADIR = {"NADIR": "Nadir", "OFFNADIR": "Off Nadir"}
_CLOUDS = {str(n): f"Less than {n}%" for n in range(10, 101, 10)}
_QUALITIES = {
    "9": "Best = 9",
    **{str(n): str(n) for n in range(8, 0, -1)},
    "0": "Worst = 0",
    "-1": "Image Quality Not Assessed = -1",
}
_SATELLITES = {
    "ot": {"8": "8", "9": "9"},
    "etm": {"7": "7"},
    "tm": {"4": "4", "5": "5"},
    "mss": {str(n): str(n) for n in range(1, 6)},
}
_SENSORS = {"ot": _OLI_SENSORS, "etm": {"ETM": "ETM"}, "tm": {"TM": "TM"}, "mss": {"MSS": "MSS"}}

_EROS = "https://www.usgs.gov/centers/eros/science/"
_C2 = f"{_EROS}landsat-collection-2-data-dictionary#"
_TILE = f"{_EROS}ard-landsat-tiles-data-dictionary#"
_C1 = "https://lta.cr.usgs.gov/DD/landsat_dictionary.html#"
_SIZED = {"options": {"size": "4", "multiple": True}, "numElements": 1}
_THREE = {"filters": [_UPPER], "options": {"size": "3", "multiple": True}, "numElements": 1}


def _text(id_: str, legacy: int | None, label: str, sql: str, read: Callable[[SandboxScene], Value],
          link: str, **config: Json) -> Field:  # fmt: skip
    return Field(id_, label, "Text", sql, read, link, legacy, config=config)


def _range(id_: str, legacy: int | None, label: str, sql: str,
           read: Callable[[SandboxScene], Value], link: str, **config: Json) -> Field:  # fmt: skip
    return Field(id_, label, "Range", f"{sql} between ?", read, link, legacy, config=config)


def _select(id_: str, legacy: int | None, label: str, sql: str,
            read: Callable[[SandboxScene], Value], link: str, values: Values,
            **config: Json) -> Field:  # fmt: skip
    ceiling = sql.endswith("<= ?")
    return Field(id_, label, "Select", sql, read, link, legacy, values, ceiling, config)


# --- the datasets ------------------------------------------------------------------------

_OT_L1 = (
    _text("5e81f14fe3c40983", 27678, "Landsat Product Identifier L1",
          "LANDSAT_PRODUCT_ID_L1 like ?", _level_1, f"{_C2}landsat_product_id",
          options={"size": "45"}),
    _range("5e81f14f8faf8048", 27679, "WRS Path", "WRS_PATH", _path, f"{_C2}wrs_path"),
    _range("5e81f14f8d2a7c24", 27680, "WRS Row", "WRS_ROW", _row, f"{_C2}wrs_row"),
    _select("61af93b8fad2acf5", None, "Satellite", "satellite =?", _satellite,
            f"{_C2}spacecraft_id", _SATELLITES["ot"]),
    _select("5e81f14f85d499dc", 27685, "Sensor Identifier", "SENSOR_ID = ?", _sensor,
            f"{_C2}sensor_id", _OLI_SENSORS),
    _select("5e81f14f61bda7c4", 27686, "Day/Night Indicator", "DAY_NIGHT = ?", _day,
            f"{_C2}day_or_night", _DAYS),
    _select("5e81f150e42bc489", 27690, "Nadir/Off Nadir", "NADIR_OFFNADIR = ?", _nadir,
            f"{_C2}nadir_offnadir", _NADIR),
    _range("5e81f150c2f58f31", 27790, "Sun Elevation L0RA", "SUN_ELEVATION_L0RA",
           sun_elevation, f"{_C2}sun_elevation"),
    _select("5e81f14fcf660794", 27684, "Data Type L1", "RIGHT(DATA_TYPE_L1, 4) = ?",
            _level_1_type, f"{_C2}data_type_l1", _LEVEL_1_TYPES),
    _select("5e81f14fff5055a3", 27683, "Collection Category", "COLLECTION_CATEGORY = ?", _tier,
            f"{_C2}collection_category", _TIERS),
    _range("5e81f15023925fb4", 27688, "Date Product Generated L1 (YYYY/MM/DD)",
           "trunc(DATE_L1_GENERATED)", _made, f"{_C2}date_l1_generated"),
    _range("5e81f14f830b749b", 27689, "Geometric RMSE Model (meters)", "GEOMETRIC_RMSE_MODEL",
           _rmse, f"{_C2}geometric_rmse_model"),
    _text("5e81f14fbba2e223", 27691, "Landsat Scene Identifier", "ENTITY_ID like ?",
          lambda s: s.entity_id, f"{_C2}landsat_scene_id"),
    _select("6266f9f8dc71ab1", None, "Image Quality", "Image_Quality = ?", _quality,
            f"{_C2}image_quality", _QUALITIES),
)  # fmt: skip

_OT_L2 = (
    _text("5e83d14f567d0086", 27819, "Landsat Product Identifier L2", "EE_DISPLAY_ID like ?",
          lambda s: s.display_id, f"{_C2}landsat_product_id", options={"size": "45"}),
    _text("5e83d14f227b0d85", 27863, "Landsat Product Identifier L1",
          "LANDSAT_PRODUCT_ID_L1 like ?", _level_1, f"{_C2}landsat_product_id",
          options={"size": "45"}),
    _text("5e83d14fc84c9a78", 27836, "Landsat Scene Identifier", "ENTITY_ID like ?",
          lambda s: s.entity_id, f"{_C2}landsat_scene_id"),
    _range("5e83d14fb9436d88", 27820, "WRS Path", "WRS_PATH", _path, f"{_C2}wrs_path"),
    _range("5e83d14ff1eda1b8", 27821, "WRS Row", "WRS_ROW", _row, f"{_C2}wrs_row"),
    _select("61af9273566bb9a8", None, "Satellite", "satellite = ?", _satellite,
            f"{_C2}spacecraft_id", _SATELLITES["ot"]),
    _select("5e83d14fc6e09eb6", 27827, "Sensor Identifier", "SENSOR_ID = ?", _sensor,
            f"{_C2}sensor_id", _OLI_SENSORS),
    _select("5f6aa429b870fd7f", None, "Nadir/Off Nadir", "NADIR_OFFNADIR = ?", _nadir,
            f"{_C2}nadir_offnadir", _NADIR),
    _select("5f6a6fb2137a3c00", None, "Collection Category", "COLLECTION_CATEGORY = ?", _tier,
            f"{_C2}collection_category", _TIERS),
    _range("5f6a6f82795f1b6c", None, "Date Product Generated L2 (YYYY/MM/DD)",
           "trunc(DATE_L2_GENERATED)", _made, f"{_C2}date_l2_generated"),
    _range("5e83d14fd1d0a167", 28016, "Date Product Generated L1 (YYYY/MM/DD)",
           "trunc(DATE_L1_GENERATED)", _made, f"{_C2}date_l1_generated"),
    _text("628541043da7b4c1", None, "Image Quality", "image_quality", _quality,
          f"{_C2}image_quality"),
)  # fmt: skip

_NEW = {"options": {}, "numElements": ..., "displayListId": ""}
"""``fieldConfig`` entries of range fields of tiles, and those they lack."""

_TILES = (
    _select("60fabf689767f137", None, "Tile Grid Region", "TILE_GRID_REGION like ?",
            _of_tile(lambda t: t.tile.region), f"{_TILE}tile_grid_region",
            {"CU": "CU", "AK": "AK", "HI": "HI"}),
    _range("60fabf683e8957ca", None, "Tile Grid Horizontal", "TILE_GRID_HORIZONTAL",
           _of_tile(lambda t: t.tile.horizontal), f"{_TILE}tile_grid_horizontal", **_NEW),
    _range("60fabf68a4fb8ff9", None, "Tile Grid Vertical", "TILE_GRID_VERTICAL",
           _of_tile(lambda t: t.tile.vertical), f"{_TILE}tile_grid_vertical", **_NEW),
    _text("60fabf6880073f49", None, "Tile Identifier", "TILE_ID like ?",
          lambda s: s.display_id, f"{_TILE}tile_id"),
    _range("60fabf686abb6abf", None, "Tile Production Date (Ex. YYYY/MM/DD)",
           "trunc(DATE_Product_GENERATED)", _made, f"{_TILE}tile_production_date", **_NEW),
    _range("60fabf68c6c96869", None, "Snow Ice", "SNOW_ICE_COVER", _of_tile(lambda t: 0),
           f"{_TILE}snow_ice", **_NEW),
    _select("60fabf6852c011be", None, "Fill (No Data)", "FILL <= ?",
            _of_tile(lambda t: t.tile.horizontal * 7 % 100), f"{_TILE}fill", _CLOUDS),
    _select("60fabf68dce2badd", None, "Spacecraft Identifier", "spacecraft_id like ?",
            _of_tile(lambda t: f"LANDSAT_{t.tile.satellite}"), f"{_TILE}spacecraft_id",
            {f"LANDSAT_{n}": f"Landsat {n}" for n in (9, 8, 7, 5, 4)}),
    _select("60fabf6810783d37", None, "Sensor Identifier", "SENSOR_ID like ?",
            _of_tile(lambda t: sensor_of(t.tile.sensor, t.tile.satellite)),
            f"{_TILE}sensor_id", {"OLI_TIRS": "OLI_TIRS", "ETM": "ETM", "TM": "TM"}),
)  # fmt: skip

_FIRST = (
    _text("5e83d0b84d321b85", 20520, "Landsat Product Identifier", "EE_DISPLAY_ID like ?",
          lambda s: s.display_id, f"{_C1}landsat_product_id", options={"size": "45"}),
    _range("5e83d0b81d20cee8", 20514, "WRS Path", "WRS_PATH", _path, f"{_C1}wrs_path"),
    _range("5e83d0b849ed5ee7", 20516, "WRS Row", "WRS_ROW", _row, f"{_C1}wrs_row"),
    _select("5f3bedf0d676088b", None, "Land Cloud Cover", "CLOUD_COVER_LAND <= ?",
            lambda s: s.cloud, f"{_C1}cloud_cover_land", _CLOUDS),
    _select("5f3bf2fb77bbbeb2", None, "Scene Cloud Cover", "CLOUD_COVER <= ?",
            lambda s: s.cloud, f"{_C1}cloud_cover_automated_l1", _CLOUDS),
    _select("5e83d0b8fb079b8b", 20510, "Collection Category", "COLLECTION_CATEGORY = ?", _tier,
            f"{_C1}collection_category", _TIERS, **_SIZED),
    _select("5e83d0b86227e0aa", 20517, "Data Type Level-1", "RIGHT(DATA_TYPE_L1, 4) = ?",
            _level_1_type, f"{_C1}data_type_l1", _LEVEL_1_TYPES, **_SIZED),
    _select("5e83d0b8d5631ba", 20518, "Sensor Identifier", "SENSOR_ID = ?", _sensor,
            f"{_C1}sensor_id", _OLI_SENSORS, filters=[_UPPER], **_SIZED),
    _select("5e83d0b83a03f8ee", 20513, "Day/Night Indicator", "DAY_NIGHT = ?", _day,
            f"{_C1}day_or_night", _DAYS, **_THREE),
    _range("5e83d0b8e75dc797", 25171, "Sun Elevation", "SUN_ELEVATION_L1", sun_elevation,
           f"{_C1}sun_elevation"),
    _range("5e83d0b8fcbae1d4", 20511, "Date L-1 Generated (Ex. YYYY/MM/DD)",
           "to_char(DATE_L1_GENERATED,'YYYY/MM/DD')", _made, f"{_C1}date_l1_generated"),
    _range("5e83d0b814132720", 20521, "Geometric RMSE Model (meters)", "GEOMETRIC_RMSE_MODEL",
           _rmse, f"{_C1}geometric_rmse_model"),
    _select("5e83d0b897ea00c7", 20519, "Nadir/Off Nadir", "NADIR_OFFNADIR = ?", _nadir,
            f"{_C1}nadir_offnadir", _NADIR, **_THREE),
    _text("5e83d0b87936ca20", 20512, "Landsat Scene Identifier (Legacy)", "ENTITY_ID like ?",
          lambda s: s.entity_id, f"{_C1}landsat_scene_id"),
)  # fmt: skip

_RECORDED = {
    "landsat_ot_c2_l1": _OT_L1,
    "landsat_ot_c2_l2": _OT_L2,
    ARD_DATASET: _TILES,
    COLLECTION_1: _FIRST,
}
_KNOWN_IDS: Mapping[tuple[str, str], tuple[str, int]] = {
    ("landsat_tm_c2_l1", "WRS Row"): ("5e83d0a0f068314e", 27721),
    ("landsat_tm_c2_l1", "Geometric RMSE Model (meters)"): ("5e83d0a0fe02620e", 27733),
}
"""Recorded ids of fields of datasets whose field list is not on record."""


@lru_cache(maxsize=32)
def fields_of(dataset: str) -> tuple[Field, ...]:
    """Return the fields that a search of a dataset can filter on; for many none are known."""
    if dataset in _RECORDED:
        return _RECORDED[dataset]
    word = dataset.removeprefix("landsat_").partition("_")[0]
    if word not in _SENSORS or not dataset.endswith(("_c2_l1", "_c2_l2")):
        return ()
    models = _OT_L1 if dataset.endswith("_l1") else _OT_L2
    return tuple(_derived(dataset, word, known) for known in models)


def _derived(dataset: str, word: str, known: Field) -> Field:
    """Return the field of a dataset, modelled on that of Landsat 8 and 9."""
    id_, legacy_id = _KNOWN_IDS.get((dataset, known.label), (hashed_id(dataset, known.label), None))
    values = {"Satellite": _SATELLITES[word], "Sensor Identifier": _SENSORS[word]}
    return replace(known, id=id_, legacy_id=legacy_id, values=values.get(known.label, known.values))
