"""The records and file groups of the service's datasets.

Source: recorded ``dataset`` and ``dataset-search`` replies; API notes, sections 4.4, 5.2,
9.2 and 12a.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from asyncdl.sandbox.fields import COLLECTION_1
from asyncdl.sandbox.geometry import Bounds
from asyncdl.sandbox.scene_files import (
    BAND_DATASETS,
    TILE_FILES,
    BandDataset,
    band_dataset,
    hashed_id,
)

Json: TypeAlias = Any
"""Plain JSON, as it goes over the wire."""

_ABSENT = "(not on record)"


@dataclass(frozen=True, slots=True)
class SandboxDataset:
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
    """Whether scenes can be searched in it; band files are only found through their scenes."""
    owner: str = "DMID"
    catalogs: tuple[str, ...] = ("EE",)
    updated: str = "2024-10-13 03:26:37.019489-05"
    doi: str | None = None
    frequency: str | None = "P1D"
    legacy_id: int | None = None
    bounds: Bounds | None = None
    """West, south, east, north; degrees."""
    first: str | None = None
    last: str | None = None
    """Moments of the first and the last scene."""
    has_clouds: bool = False
    has_deletions: bool = False
    abstract: str | None = _ABSENT
    keywords: str | None = _ABSENT

    def record(self, scene_count: int) -> Json:
        """Return the dataset as in replies of ``dataset`` and ``dataset-search``."""
        return {
            "abstractText": self.abstract,
            "acquisitionStart": self.start,
            "acquisitionEnd": self.end,
            "catalogs": list(self.catalogs),
            "collectionName": self.name,
            "collectionLongName": self.long_name,
            "datasetId": self.id,
            "datasetAlias": self.alias,
            "datasetCategoryName": self.category,
            "dataOwner": self.owner,
            "dateUpdated": self.updated,
            "doiNumber": self.doi,
            "ingestFrequency": self.frequency,
            "keywords": self.keywords,
            "legacyId": self.legacy_id,
            "sceneCount": scene_count,
            "spatialBounds": _compass(self.bounds) if self.bounds else None,
            # Like the service: a string that contains a list.
            "temporalCoverage": f'["{self.first}","{self.last}"]' if self.first else None,
            "supportCloudCover": self.has_clouds,
            "supportDeletionSearch": self.has_deletions,
            "allowInKmz": self.has_scenes,
        }


def _compass(box: Bounds) -> Json:
    west, south, east, north = box
    return {"north": north, "east": east, "south": south, "west": west}


_OLI = "Landsat 8-9 Operational Land Imager and Thermal Infrared Sensor"
_ETM = "Landsat 7 Enhanced Thematic Mapper Plus"
_TM = "Landsat 4-5 Thematic Mapper"
_MSS = "Landsat 1-5 Multi-Spectral Scanner"
_DOI = "https://doi.org/10.5066/"


def _landsat(
    word: str, dataset_id: str, long_name: str, name: str, start: str, **known: Any
) -> SandboxDataset:
    level = f"Level-{word[-1]}"
    return SandboxDataset(
        f"landsat_{word}",
        dataset_id,
        f"{name} C2 L{word[-1]}",
        f"{long_name} Collection 2 {level}",
        f"Landsat Collection 2 {level}",
        start,
        owner="LSAA",
        has_clouds=True,
        has_deletions=True,
        **known,
    )


_SCENE_DATASETS = (
    _landsat(
        "ot_c2_l1", "5e81f14f59432a27", _OLI, "Landsat 8-9 OLI/TIRS", "2013-04-11",
        catalogs=("EE", "GV"), updated="2023-10-17 12:38:49.315571-05",
        doi="https://doi.org//10.5066/P975CC9B", legacy_id=9825,
        bounds=(-180.009966965, -84.571376808, 197.576528425, 84.441826835),
        first="2013-03-08 00:00:00-06", last="2023-11-13 00:00:00-06",
    ),
    _landsat(
        "ot_c2_l2", "5e83d14f2fc39685", _OLI, "Landsat 8-9 OLI/TIRS", "2013-04-11",
        catalogs=("EE", "GV"), doi="https://doi.org//10.5066/P9OGBGM6", legacy_id=9885,
        bounds=(-180.009966965, -84.517916731, 197.576528425, 84.441826835),
        first="2013-03-18 00:00:00-05", last="2025-04-23 00:00:00-05",
    ),
    _landsat(
        "etm_c2_l1", "5e83d0d02b146ae0", _ETM, "Landsat 7 ETM+", "1999-07-23",
        updated="2020-12-02 16:22:27.328551-06", doi=f"{_DOI}P9TU80IG ", legacy_id=9826,
        bounds=(-180.009015895375, -82.7224968925847, 194.178290063112, 82.8303968653213),
        first="1999-05-28 00:00:00-05", last="2021-03-09 00:00:00-06",
    ),
    _landsat(
        "etm_c2_l2", "5e83d12add5d4aa1", _ETM, "Landsat 7 ETM+", "1999-07-23",
        updated="2020-12-02 16:28:04.739609-06", doi=f"{_DOI}P9C7I13B", legacy_id=9886,
        bounds=(-180.009015895375, -82.7186971038715, 194.178290063112, 82.7691168714422),
        first="1999-05-28 00:00:00-05", last="2020-11-08 00:00:00-06",
    ),
    _landsat(
        "tm_c2_l1", "5e83d0a05ee25348", _TM, "Landsat 4-5 TM", "1982-12-19",
        updated="2020-12-02 16:32:10.367167-06", doi=f"{_DOI}P918ROHC ", legacy_id=9827,
        bounds=(-180.007538790593, -82.68668, 191.746598992165, 82.72809),
        first="1982-08-22 00:00:00-05", last="2012-05-05 00:00:00-05",
    ),
    _landsat(
        "tm_c2_l2", "5e83d1193824e4fc", _TM, "Landsat 4-5 TM", "1982-12-19",
        updated="2020-12-02 16:29:57.247095-06", doi=f"{_DOI}P9IAXOVV", legacy_id=9905,
        bounds=(-180.007538790593, -82.67207, 191.746598992165, 82.72809),
        first="1982-08-22 00:00:00-05", last="2012-05-05 00:00:00-05",
    ),
    _landsat(
        "mss_c2_l1", "5e83d0e09a752cff", _MSS, "Landsat 1-5 MSS", "1972-11-13",
        end="1985-12-18", updated="2020-12-02 16:23:44.908767-06", doi=f"{_DOI}P9AF14YV",
        frequency=None, legacy_id=9865,
        bounds=(-180.009032266809, -82.7525475397792, 192.526649998066, 82.6209492649926),
        first="1972-07-25 00:00:00-05", last="2013-01-07 00:00:00-06",
    ),
    SandboxDataset(
        "landsat_ard_tile_c2", hashed_id("landsat_ard_tile_c2"), "Landsat 4-9 C2 U.S. ARD",
        "Landsat 4-9 Collection 2 U.S. Analysis Ready Data Tiles", "Landsat Collection 2 ARD",
        "1982-11-11", owner="LSAA", has_clouds=True, has_deletions=True, doi=f"{_DOI}P960F8OC",
    ),
    SandboxDataset(
        COLLECTION_1, "5e83d0b656b77cf3", "Landsat 8 OLI/TIRS C1 Level-1",
        "Landsat 8 Operational Land Imager and Thermal Infrared Sensor Collection 1 Level-1",
        "Landsat Collection 1 Level-1", "2013-04-11", owner="LSAA", has_clouds=True,
    ),
    SandboxDataset(
        "aster_global_dem_v3", "5e839f73df6fb1d4", "ASTER Global DEM V3",
        "ASTER Global Digital Elevation Model 1 arc second Version 3", "ASTER Collections",
        "2000-03-01", "2000-03-01", owner="LPDAAC", updated="2020-03-31 14:52:19.818007-05",
        doi="https://doi.org/10.5067/ASTER/ASTGTM.003", frequency=None, legacy_id=17860,
        bounds=(-180.01, -83.0101, 180.01, 83.0101),
        first="2000-03-01 00:00:00-06", last="2000-03-01 00:00:00-06",
    ),
    SandboxDataset(
        "modis_mod09ga_v6", "5e83a624bd8d92a6", "MODIS MOD09GA V6",
        "MODIS/TERRA MOD09GA Surface Reflectance Daily L2G Global 1km and 500m Version 6",
        "MODIS Land Surface Reflectance - V6", "2000-12-31", owner="LPDAAC",
        updated="2020-03-31 15:20:52.63531-05", legacy_id=10545,
        doi="http://dx.doi.org/10.5067/MODIS/MOD09GA.006",
        bounds=(-180.01, -84.6099895483277, 180.01, 84.6099895483277),
        first="2000-02-24 00:05:00-06", last="2021-03-06 00:00:00-06",
    ),
    SandboxDataset(
        "naip", "5e83a340bf820c39", "NAIP", "National Agriculture Imagery Program",
        "Aerial Imagery", "2003-06-01", updated="2020-03-31 15:08:32.082935-05",
        doi=f"{_DOI}F7QN651G", legacy_id=15920,
        bounds=(-124.891487596185, -0.0099973, -66.9208507401202, 49.4542176579916),
        first="2003-06-01 00:00:00-05", last="2020-12-17 00:00:00-06",
    ),
    SandboxDataset(
        "corona2", "5e839febdccb64b3", "Declass 1 (1996)",
        "Declass 1 (1996) = Corona, Lanyard, & Argon Missions - KH1 thru KH6: 1960 - 1972.",
        "Declassified Data", "1960-07-31", "1972-05-31", catalogs=("EE", "CWIC"),
        updated="2020-03-31 14:54:19.655031-05", doi=f"{_DOI}F78P5XZM", frequency=None,
        legacy_id=1051,
        bounds=(-180.000000000014, -88.6989572593193, 180.000000000014, 87.1569999999996),
    ),
    SandboxDataset(
        "declassiii", "5e7c41f3ffaaf662", "Declass 3 (2013)",
        "Declass 3 (2013) = USGS Subset of Hexagon Missions - KH-9: 1971 - 1984",
        "Declassified Data", "1984-01-20", updated="2020-03-26 00:47:31.793184-05",
        doi=f"{_DOI}F7WD3Z10", legacy_id=10201,
        bounds=(-180.01, -83.9989980385239, 185.762999570727, 85.0579905120176),
        first="1971-06-16 00:00:00-05", last="1984-10-08 00:00:00-05",
    ),
    SandboxDataset(
        "eo1_hyp_pub", "5e83a1255d5fa4fd", "EO-1 Hyperion",
        "Earth Observing-1 Hyperion: 2001-Present", "EO-1", "2001-05-01", "2016-06-05",
        catalogs=("EE", "CWIC", "GV"), updated="2020-03-31 14:59:42.756235-05",
        doi=f"{_DOI}P9JXHMO2", frequency=None, legacy_id=1854, has_clouds=True,
        bounds=(-180.001, -83.601, 180.001, 83.1527216095114),
    ),
    SandboxDataset(
        "gmted2010", "5e83a1f36d8572da", "GMTED2010",
        "GMTED2010 - Global Multi-Resolution Terrain Elevation Data: Released 2010",
        "Digital Elevation", "2010-11-11", "2010-11-11",
        updated="2020-03-31 15:02:59.461766-05", doi=f"{_DOI}F7J38R2N", frequency=None,
        legacy_id=4584, bounds=(-180.001, -90.001, 180.001, 90.001),
    ),
    SandboxDataset(
        "sentinel_2a", "5e83a42ca9977c30", "Sentinel-2", "European Space Agency Sentinel 2",
        "Sentinel", "2015-07-04", catalogs=("EE", "GV"), has_clouds=True, has_deletions=True,
        updated="2020-03-31 15:12:28.865978-05", doi=f"{_DOI}F76W992G", legacy_id=10880,
        bounds=(-180.01, -97.6788797290394, 180.01, 83.7583450348868),
        first="2015-06-27 00:00:00-05", last="2021-02-17 00:00:00-06",
    ),
    SandboxDataset(
        "srtm_v3", "5e83a3ee1af480c5", "SRTM 1 Arc-Second Global",
        "Shuttle Radar Topography Mission 1 Arc-Second Digital Terrain Elevation Data - Global",
        "SRTM", "2000-02-11", catalogs=("EE", "CWIC"),
        updated="2020-03-31 15:11:27.055621-05", doi=f"{_DOI}F7PR7TFT", legacy_id=8360,
        bounds=(-180.01, -56.01, 180.01, 60.01),
        first="2000-02-11 00:00:00-06", last="2000-02-11 00:00:00-06",
    ),
)  # fmt: skip
"""As recorded in 2021, and ``landsat_ot_c2_l1`` in 2023; its second level follows the
first. For tiles only names and dates are on record. Long texts are left out."""


def _band_files(name: str, long_name: str, band: BandDataset) -> SandboxDataset:
    return SandboxDataset(
        band.alias,
        band.id,
        name,
        long_name,
        None,
        "2020-03-30",
        has_scenes=False,
        owner="LSAA",
        frequency="PT1H",
        first="1982-08-22 14:18:20-05",
        last="2025-04-23 23:54:01-05",
        has_deletions=True,
        abstract=None,
        keywords=None,
    )


_FILE_DATASETS = (
    _band_files("Landsat C2 L1 Band Files", "Landsat Collection 2 Band Files", BAND_DATASETS["1"]),
    _band_files(
        "Landsat C2 L2 Band Files", "Landsat Collection 2 Level 2 Band Files", BAND_DATASETS["2"]
    ),
    _band_files(
        "U.S. Landsat 4-9 C2 ARD Files", "U.S. Landsat 4-9 Collection 2 ARD Files", TILE_FILES
    ),
)

DATASETS: Mapping[str, SandboxDataset] = {d.alias: d for d in (*_SCENE_DATASETS, *_FILE_DATASETS)}
"""All datasets by alias. Datasets without scenes have only a record."""


def dataset_by_id(dataset_id: str) -> SandboxDataset | None:
    """Return the dataset of a sixteen-digit id."""
    return next((d for d in DATASETS.values() if d.id == dataset_id), None)


def datasets_named(pattern: str) -> list[SandboxDataset]:
    """Return the datasets whose alias or name contains ``pattern``, which may contain ``*``."""
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
    """Return a dataset's file groups as in replies of ``dataset-file-groups``.

    Args:
        dataset: Alias of a scene dataset.
        files: The groups of each file suffix that scenes of the dataset have.
    """
    band = band_dataset(dataset)
    ids = sorted({group for groups in files.values() for group in groups})
    if band is None or not ids:
        return {"primary": [], "secondary": []}
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
