"""What the sandbox says of datasets and products, field by field against the record."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from asyncdl.m2m.naming import ARD_DATASET
from asyncdl.sandbox import Faults
from asyncdl.sandbox.fields import COLLECTION_1
from tests.sandbox.m2m_caller import Caller, Json, open_caller

DATA = Path(__file__).parents[1] / "data"
L1 = "landsat_ot_c2_l1"
L1_PRODUCT = "LC08_L1TP_226077_20250919_20250929_02_T1"


def recorded(name: str) -> Json:
    body = json.loads((DATA / f"recorded_{name}.json").read_text(encoding="utf-8"))
    return body["data"] if isinstance(body, dict) and "data" in body else body


def agrees(ours: Json, theirs: Json) -> bool:
    """Tell whether all that is on record is there: of objects, and of value lists, in part."""
    if isinstance(theirs, Mapping):
        return isinstance(ours, Mapping) and all(
            key in ours and agrees(ours[key], value) for key, value in theirs.items()
        )
    return bool(ours == theirs and type(ours) is type(theirs))


# --- filters ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        (L1, "dataset-filters_landsat_ot_c2_l1_2025-10"),
        ("landsat_ot_c2_l2", "dataset-filters_landsat_ot_c2_l2_2024"),
        (ARD_DATASET, "dataset-filters_landsat_ard_tile_c2_2024"),
        (COLLECTION_1, "dataset-filters"),
    ],
)
async def test_filters_are_those_on_record_in_their_order(alias: str, name: str) -> None:
    async with open_caller() as call:
        ours = await call("dataset-filters", datasetName=alias)
    for mine, theirs in zip(ours, recorded(name), strict=True):
        assert agrees(mine, theirs), (mine, theirs)


async def test_filters_that_were_recorded_whole_are_the_same_to_the_last_field() -> None:
    ours: dict[str, Json] = {}
    async with open_caller() as call:
        for alias in (L1, "landsat_ot_c2_l2", "landsat_tm_c2_l1", ARD_DATASET, COLLECTION_1):
            fields = await call("dataset-filters", datasetName=alias)
            ours |= {field["id"]: field for field in fields}
    whole = [*recorded("dataset-filter-entries_2024"), *recorded("dataset-filters")]
    for theirs in whole:
        mine = ours[theirs["id"]]
        assert mine == theirs
        assert list(mine.get("valueList", ())) == list(theirs.get("valueList", ()))


async def test_filters_of_today_have_no_cloud_cover() -> None:
    async with open_caller() as call:
        for alias in (L1, "landsat_ot_c2_l2", "landsat_etm_c2_l1", "landsat_mss_c2_l1"):
            fields = await call("dataset-filters", datasetName=alias)
            assert fields
            assert not any("Cloud" in field["fieldLabel"] for field in fields)


# --- datasets --------------------------------------------------------------------------


LATER = {"abstractText", "dateUpdated", "keywords", "sceneCount"}
"""What is another one in each recording, or left out of it."""


async def test_dataset_is_the_one_on_record() -> None:
    theirs = recorded("dataset_landsat_ot_c2_l1_2023-11")
    async with open_caller() as call:
        ours = await call("dataset", datasetName=L1)
    assert list(ours) == [*theirs, "allowInKmz"]
    assert {k: v for k, v in ours.items() if k not in LATER | {"allowInKmz"}} == {
        k: v for k, v in theirs.items() if k not in LATER
    }


NEWER = {
    "landsat_ot_c2_l1": {"catalogs", "collectionName", "collectionLongName", "doiNumber",
                         "spatialBounds", "temporalCoverage"},
    "landsat_ot_c2_l2": {"catalogs", "collectionName", "collectionLongName", "doiNumber",
                         "spatialBounds", "temporalCoverage"},
    "landsat_band_files_c2_l1": {"ingestFrequency", "temporalCoverage"},
    "landsat_band_files_c2_l2": {"ingestFrequency", "temporalCoverage"},
}  # fmt: skip
"""What has changed since the search of 2021 was recorded."""


RECORDED_DATASETS = recorded("dataset-search_trimmed")


@pytest.mark.parametrize("theirs", RECORDED_DATASETS, ids=lambda d: d["datasetAlias"])
async def test_every_recorded_dataset_exists(theirs: Json) -> None:
    alias = theirs["datasetAlias"]
    changed = LATER | NEWER.get(alias, set())
    if theirs["dataOwner"] == "LSAA":
        changed |= {"supportDeletionSearch"}
    async with open_caller() as call:
        [ours] = [
            found
            for found in await call("dataset-search", datasetName=alias)
            if found["datasetAlias"] == alias
        ]
    assert {k: ours[k] for k in theirs if k not in changed} == {
        k: v for k, v in theirs.items() if k not in changed
    }


# --- products --------------------------------------------------------------------------


async def test_level_1_rows_are_those_of_october_2025() -> None:
    """Ten days after it was taken the scene was with the older host."""
    theirs = recorded("download-options_landsat_ot_c2_l1_2025-10")
    async with open_caller(Faults(dds=f"{L1_PRODUCT}.tar"), scenes=[L1_PRODUCT]) as call:
        ours = await call("download-options", datasetName=L1, entityIds=["LC82260772025262LGN00"])
    for mine, row in zip(ours, theirs, strict=True):
        assert list(mine) == list(row)
        skipped = {"secondaryDownloads"} | (
            {"filesize"} if row["filesize"] == 1200673331 else set()
        )
        assert {k: v for k, v in mine.items() if k not in skipped} == {
            k: v for k, v in row.items() if k not in skipped
        }
    assert {row["id"] for row in ours[0]["secondaryDownloads"]} == {"5e8207607217ef3e"}


async def test_air_photos_have_the_rows_on_record() -> None:
    theirs = recorded("download-options_naip_trimmed")
    wanted = [row["entityId"] for row in theirs]
    async with open_caller() as call:
        ours = await call("download-options", datasetName="naip", entityIds=wanted)
    for mine, row in zip(ours, theirs, strict=True):
        assert {k: mine[k] for k in row if k != "filesize"} == {
            k: v for k, v in row.items() if k != "filesize"
        }


async def browse_rows(call: Caller) -> list[Json]:
    rows = await call("download-options", datasetName=L1, entityIds=["LC80680172020070LGN00"])
    return [row for row in rows if row["downloadSystem"] == "ls_frb"]


async def test_browse_images_are_delivered_by_the_urls_on_record() -> None:
    ours: dict[str, str] = {}
    names: dict[str, str] = {}
    async with open_caller() as call:
        for row in await browse_rows(call):
            url = await call.url(row["entityId"], row["id"])
            status, headers, body = await call.get(url)
            assert status == 200
            name = headers["Content-Disposition"].partition('"')[2].rstrip('"')
            assert body == call.service.file_bytes(name)
            assert row["filesize"] != len(body)
            ours[row["productCode"]] = url.partition("/gen-browse")[2].partition("&product_id")[0]
            names[row["productCode"]] = name
        assert len({call.service.file_bytes(name) for name in names.values()}) == 6
    theirs = recorded("download-request_frb_2025-05")["availableDownloads"][1:7]
    assert list(ours.values()) == [
        entry["url"].partition("/gen-browse")[2].partition("&product_id")[0] for entry in theirs
    ]
    stem = "LC08_L1TP_068017_20200310_20200822_02_T1"
    assert (names["D734"], names["D731"]) == (f"{stem}_refl.tif", f"{stem}.jpg")
    assert names["D732"] == f"{stem}_TIR.jpg"


# --- metadata --------------------------------------------------------------------------


RECORDED_SCENE = "LC09_L1TP_011059_20230328_20230329_02_T1"


async def metadata_of(kind: str) -> list[Json]:
    async with open_caller(scenes=[RECORDED_SCENE]) as call:
        found = await call(
            "scene-search",
            datasetName=L1,
            metadataType=kind,
            sceneFilter={"acquisitionFilter": {"start": "2023-03-28", "end": "2023-03-28"}},
        )
    [scene] = found["results"]
    return list(scene["metadata"])


async def test_summary_is_the_one_on_record() -> None:
    theirs = recorded("scene-search_summary_2023-11")["results"][0]["metadata"]
    assert await metadata_of("summary") == theirs


ONLY_THEN = {
    "TIRS SSM Model", "RLUT File Name", "Calibration Parameter File",
    "Ground Control Points Model", "Ground Control Points Version",
}  # fmt: skip
"""What the sandbox has no value for, beside file names and sizes."""


async def test_full_metadata_have_the_names_order_and_forms_of_the_record() -> None:
    theirs = [
        field
        for field in recorded("scene-metadata")["metadata"]
        if field["fieldName"] not in ONLY_THEN
        and not field["fieldName"].startswith(("Bias ", "Grid Cell "))
        and not field["fieldName"].endswith((" Lines", " Samples"))
    ]
    ours = await metadata_of("full")
    assert [f["fieldName"] for f in ours] == [f["fieldName"] for f in theirs]
    for mine, field in zip(ours, theirs, strict=True):
        assert list(mine) == list(field)
        assert type(mine["value"]) is type(field["value"]), mine
        assert shape(mine["value"]) == shape(field["value"]), (mine, field)


def shape(value: Json) -> str:
    """Return what a value looks like: digits as 0, letters as A, lengths of numbers left out."""
    text = re.sub(r"[A-Z]+", "A", str(value))
    return re.sub(r"-?0+", "0", re.sub(r"[0-9]", "0", text))
