"""What the service tells about its datasets: records, file groups, filter fields.

Source: recorded ``dataset-search`` and ``dataset-filters`` replies; API notes, sections 4.2,
4.4, 5.2 and 9.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, TypeAlias

from asyncdl.sandbox.metadata import sensor_name
from asyncdl.sandbox.products import BAND_DATASETS, BandDataset, hashed_id
from asyncdl.sandbox.scenes import Scene

Json: TypeAlias = Any
"""Plain JSON, as it goes over the wire."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset."""

    alias: str
    id: str
    name: str
    long_name: str
    category: str | None
    start: str
    end: str | None = None
    """``None`` while the mission goes on."""
    has_scenes: bool = True
    """Whether scenes can be searched for here; band files are only found through theirs."""

    def record(self, scene_count: int) -> Json:
        """Return the dataset as ``dataset`` and ``dataset-search`` print it."""
        return {
            "abstractText": f"{self.long_name}, as the asyncdl sandbox imagines it.",
            "acquisitionStart": self.start,
            "acquisitionEnd": self.end,
            "catalogs": ["EE"],
            "collectionName": self.name,
            "collectionLongName": self.long_name,
            "datasetId": self.id,
            "datasetAlias": self.alias,
            "datasetCategoryName": self.category,
            "dataOwner": "LSAA",
            "dateUpdated": "2024-10-13 03:26:37.019489-05",
            "doiNumber": None,
            "ingestFrequency": "P1D" if self.has_scenes else "PT1H",
            "keywords": None,
            "legacyId": None,
            "sceneCount": scene_count,
            "spatialBounds": _WORLD if self.has_scenes else None,
            # A text that holds a list: the service's habit.
            "temporalCoverage": f'["{self.start} 00:00:00-06","{self.end or "2026-01-01"}"]',
            "supportCloudCover": self.has_scenes,
            "supportDeletionSearch": not self.has_scenes,
        }


_WORLD = {"north": 84.44, "east": 180, "south": -84.57, "west": -180}


def _landsat(word: str, dataset_id: str, name: str, long_name: str, start: str) -> Dataset:
    level = f"Level-{word[-1]}"
    return Dataset(
        f"landsat_{word}",
        dataset_id,
        f"{name} C2 L{word[-1]}",
        f"{long_name} Collection 2 {level}",
        f"Landsat Collection 2 {level}",
        start,
    )


def _band_files(level: str, band: BandDataset) -> Dataset:
    return Dataset(
        band.alias,
        band.id,
        f"Landsat C2 L{level} Band Files",
        f"Landsat Collection 2 Level {level} Band Files",
        None,
        "2020-03-30",
        has_scenes=False,
    )


_OLI = "Landsat 8-9 Operational Land Imager and Thermal Infrared Sensor"
_ETM = "Landsat 7 Enhanced Thematic Mapper Plus"
_TM = "Landsat 4-5 Thematic Mapper"
_MSS = "Landsat 1-5 Multi-Spectral Scanner"

DATASETS: Mapping[str, Dataset] = {
    dataset.alias: dataset
    for dataset in (
        _landsat("ot_c2_l1", "5e81f14f59432a27", "Landsat 8-9 OLI/TIRS", _OLI, "2013-04-11"),
        _landsat("ot_c2_l2", "5e83d14f2fc39685", "Landsat 8-9 OLI/TIRS", _OLI, "2013-04-11"),
        _landsat("etm_c2_l1", "5e83d0d02b146ae0", "Landsat 7 ETM+", _ETM, "1999-07-23"),
        _landsat("etm_c2_l2", "5e83d12add5d4aa1", "Landsat 7 ETM+", _ETM, "1999-07-23"),
        _landsat("tm_c2_l1", "5e83d0a05ee25348", "Landsat 4-5 TM", _TM, "1982-12-19"),
        _landsat("tm_c2_l2", "5e83d1193824e4fc", "Landsat 4-5 TM", _TM, "1982-12-19"),
        _landsat("mss_c2_l1", "5e83d0e09a752cff", "Landsat 1-5 MSS", _MSS, "1972-07-25"),
        *(_band_files(level, band) for level, band in BAND_DATASETS.items()),
    )
}
"""All datasets by alias."""


def dataset_by_id(dataset_id: str) -> Dataset | None:
    """Return the dataset of a sixteen-digit id."""
    return next((d for d in DATASETS.values() if d.id == dataset_id), None)


def datasets_named(pattern: str) -> list[Dataset]:
    """Return the datasets whose alias or name holds ``pattern``; it may hold ``*``."""
    wanted = f"*{pattern.lower()}*"
    return [
        d
        for d in DATASETS.values()
        if fnmatchcase(d.alias, wanted) or fnmatchcase(d.name.lower(), wanted)
    ]


# --- file groups ---------------------------------------------------------------------

_GROUP_LABELS = {
    "ls_c2l1_all": "All Level-1 Files",
    "ls_c2l2_sr_band": "Level-2 Surface Reflectance Bands",
    "ls_c2l2_st_band": "Level-2 Surface Temperature Bands",
}


def file_groups(dataset: str, files: Mapping[str, tuple[str, ...]]) -> Json:
    """Return a dataset's file groups as ``dataset-file-groups`` prints them.

    Args:
        dataset: Alias of a scene dataset.
        files: The groups of each file suffix that scenes of the dataset have.
    """
    band = BAND_DATASETS[dataset[-1]]
    ids = sorted({group for groups in files.values() for group in groups})
    return {
        "primary": [],
        "secondary": {band.id: {group: _group(group, band, files) for group in ids}},
    }


def _group(group: str, band: BandDataset, files: Mapping[str, tuple[str, ...]]) -> Json:
    members = [suffix for suffix, groups in files.items() if group in groups]
    return {
        "id": group,
        "color": None,
        "description": f"Landsat Collection-2 {_GROUP_LABELS[group]}",
        "displayOrder": 1,
        "icon": None,
        "label": _GROUP_LABELS[group],
        "files": [
            {
                "name": suffix,
                "productIds": {band.grouped_product: "ls_s3", band.plain_product: "dds"},
                "productName": band.product_name,
                "displayOrder": order,
            }
            for order, suffix in enumerate(members)
        ],
    }


# --- filter fields -------------------------------------------------------------------

Value: TypeAlias = str | int | None


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One metadata field that a search may filter on. Equal only to itself."""

    label: str
    kind: str
    """``Text``, ``Range`` or ``Select``."""
    sql: str
    read: Callable[[Scene], Value]
    """Takes the field's value out of a scene."""
    values: Mapping[str, str] | None = None
    """What a select field offers."""
    is_ceiling: bool = False
    """Whether a scene matches from the value downwards."""

    def id_in(self, dataset: str) -> str:
        """Return the field's id, which is another one in each dataset."""
        return _KNOWN_IDS.get((dataset, self.label)) or hashed_id(dataset, self.label)

    def record(self, dataset: str) -> Json:
        """Return the field as ``dataset-filters`` prints it."""
        record = {
            "id": self.id_in(dataset),
            "legacyFieldId": None,
            "dictionaryLink": None,
            "fieldConfig": {
                "type": self.kind,
                "filters": [],
                "options": {"size": "4"} if self.values else [],
                "validators": [],
                "numElements": 1,
                "displayListId": None,
            },
            "fieldLabel": self.label,
            "searchSql": self.sql,
        }
        return record | ({"valueList": {"": "All", **self.values}} if self.values else {})


_CLOUDS = {str(n): f"Less than {n}%" for n in range(10, 101, 10)}
_TIERS = {"T1": "Tier 1", "T2": "Tier 2", "RT": "Real-Time"}
_LEVELS = {
    "1": {"L1TP": "Level 1TP", "L1GT": "Level 1GT", "L1GS": "Level 1GS"},
    "2": {"L2SP": "Level 2SP", "L2SR": "Level 2SR"},
}
_SENSORS = {name: name for name in ("OLI_TIRS", "OLI", "TIRS", "ETM", "TM", "MSS")}

_KNOWN_IDS = {
    ("landsat_ot_c2_l1", "Data Type Level-1"): "5e81f14fcf660794",
    ("landsat_ot_c2_l1", "Collection Category"): "5e81f14fff5055a3",
    ("landsat_ot_c2_l1", "Day/Night Indicator"): "5e81f14f61bda7c4",
    ("landsat_ot_c2_l1", "Land Cloud Cover"): "5f6aa1a4e0985d4c",
    ("landsat_ot_c2_l1", "WRS Path"): "5e81f14f8faf8048",
    ("landsat_ot_c2_l1", "WRS Row"): "5e81f14f8d2a7c24",
    ("landsat_ot_c2_l1", "Sensor Identifier"): "5e81f14f85d499dc",
    ("landsat_ot_c2_l2", "WRS Path"): "5e83d14fb9436d88",
    ("landsat_ot_c2_l2", "WRS Row"): "5e83d14ff1eda1b8",
}
"""Ids that published programs use."""


@lru_cache(maxsize=32)
def fields_of(dataset: str) -> tuple[Field, ...]:
    """Return the fields that a search of a scene dataset may filter on."""
    level = dataset[-1]
    return (
        Field(
            f"Landsat Product Identifier L{level}",
            "Text",
            "DISPLAY_ID like ?",
            lambda s: s.display_id,
        ),
        Field("Landsat Scene Identifier", "Text", "ENTITY_ID like ?", lambda s: s.entity_id),
        Field("WRS Path", "Range", "WRS_PATH between ?", lambda s: s.product.path),
        Field("WRS Row", "Range", "WRS_ROW between ?", lambda s: s.product.row),
        Field(
            "Land Cloud Cover",
            "Select",
            "CLOUD_COVER_LAND <= ?",
            lambda s: s.cloud,
            _CLOUDS,
            is_ceiling=True,
        ),
        Field(
            f"Scene Cloud Cover L{level}",
            "Select",
            "CLOUD_COVER <= ?",
            lambda s: s.cloud,
            _CLOUDS,
            is_ceiling=True,
        ),
        Field(
            "Collection Category",
            "Select",
            "COLLECTION_CATEGORY = ?",
            lambda s: s.product.tier,
            _TIERS,
        ),
        Field(
            f"Data Type Level-{level}",
            "Select",
            f"DATA_TYPE_L{level} = ?",
            lambda s: s.product.level,
            _LEVELS[level],
        ),
        Field("Satellite", "Range", "SATELLITE between ?", lambda s: s.product.satellite),
        Field("Sensor Identifier", "Select", "SENSOR_ID = ?", sensor_name, _SENSORS),
        Field(
            "Day/Night Indicator",
            "Select",
            "DAY_NIGHT = ?",
            lambda _: "DAY",
            {"DAY": "Day", "NIGHT": "Night"},
        ),
    )
