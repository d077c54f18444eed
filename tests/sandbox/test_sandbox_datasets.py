"""Datasets beside Landsat scenes: searched, listed, requested, delivered, opened."""

from __future__ import annotations

import io
import tarfile
import zipfile

import pytest

from asyncdl.sandbox import ExpectedFiles
from asyncdl.sandbox.granules import fixed_granules
from tests.sandbox.m2m_caller import Caller, Json, open_caller

TILE = "LC09_CU_003004_20230909_20230914_02"
ARD = "landsat_ard_tile_c2"
DATASETS = [ARD, *dict.fromkeys(granule.dataset for granule in fixed_granules(0))]


async def rows_of(call: Caller, dataset: str, *entity_ids: str) -> list[Json]:
    rows = await call("download-options", datasetName=dataset, entityIds=list(entity_ids))
    return list(rows)


async def fetch(call: Caller, row: Json) -> tuple[str, bytes]:
    """Return name and bytes of what a row delivers."""
    url = await call.url(row["entityId"], row["id"])
    status, headers, body = await call.get(url)
    assert status == 200
    return headers["Content-Disposition"].partition('"')[2].rstrip('"'), body


async def fetch_product(call: Caller, dataset: str, entity: str, code: str) -> tuple[str, bytes]:
    [row] = [r for r in await rows_of(call, dataset, entity) if r["productCode"] == code]
    return await fetch(call, row)


@pytest.mark.parametrize("dataset", DATASETS)
async def test_all_that_is_found_and_offered_is_delivered(dataset: str) -> None:
    async with open_caller() as call:
        found = (await call("scene-search", datasetName=dataset))["results"]
        assert found
        rows = await rows_of(call, dataset, *(scene["entityId"] for scene in found))
        assert {row["entityId"] for row in rows} == {scene["entityId"] for scene in found}
        names: dict[tuple[str, str], bytes] = {}
        for row in rows:
            assert row["available"] == row["bulkAvailable"]
            if row["available"] and row["downloadSystem"] != "folder":
                name, body = await fetch(call, row)
                assert body == call.service.file_bytes(f"{row['entityId']}/{name}")
                assert dataset == ARD or row["filesize"] == len(body)
                names[row["entityId"], name] = body
        assert len(set(names.values())) == len(names)
        assert call.service.violations == []


async def test_tile_has_six_bundles_of_their_own_members_and_42_files() -> None:
    async with open_caller() as call:
        rows = await rows_of(call, ARD, TILE)
        assert [row["productCode"] for row in rows[:7]] == [f"D77{n}" for n in range(1, 8)]
        assert [len(row["secondaryDownloads"]) for row in rows] == [42] * 7 + [0]
        members: dict[str, list[str]] = {}
        for row in rows[1:7]:
            name, body = await fetch(call, row)
            with tarfile.open(fileobj=io.BytesIO(body)) as tar:
                members[name.removeprefix(f"{TILE}_")] = tar.getnames()
        assert list(members) == ["META.tar", "SR.tar", "ST.tar", "TOA.tar", "BT.tar", "QA.tar"]
        assert f"{TILE}_SR_B4.TIF" in members["SR.tar"]
        assert f"{TILE}_SR_B4.TIF" not in members["ST.tar"]
        every = sorted(name for names in members.values() for name in names)
        assert every == sorted(file["displayId"] for file in rows[0]["secondaryDownloads"])


async def test_single_files_of_a_tile_come_from_their_own_place() -> None:
    async with open_caller() as call:
        [file] = [
            file
            for file in (await rows_of(call, ARD, TILE))[0]["secondaryDownloads"]
            if file["displayId"] == f"{TILE}_SR_B4.TIF"
        ]
        url = await call.url(file["entityId"], file["id"])
        place = f"/tile/collection02/oli-tirs/2023/CU/003/004/{TILE}/{TILE}_SR_B4.TIF?"
        assert place in url
        _, _, body = await call.get(url)
        assert (len(body), body) == (file["filesize"], call.service.file_bytes(file["displayId"]))
        alone = await rows_of(call, "landsat_ard_tile_files_c2", file["entityId"])
        assert [row["displayId"] for row in alone] == [file["displayId"]]


async def test_elevation_comes_in_three_forms() -> None:
    async with open_caller() as call:
        rows = await rows_of(call, "srtm_v3", "SRTM1N37W119V3")
        forms = {row["productCode"]: await fetch(call, row) for row in rows}
    assert forms["D539"][0] == "n37_w119_1arc_v3.tif"
    assert forms["D539"][1].startswith(b"II*\0")
    by_form = dict(forms.values())
    dted = by_form["n37_w119_1arc_v3.dt2"]
    assert dted.startswith(b"UHL11190000W0370000N")
    assert len(dted) == 80 + 648 + 2700 + 61 * (8 + 2 * 61 + 4)
    with zipfile.ZipFile(io.BytesIO(by_form["n37_w119_1arc_v3_bil.zip"])) as bil:
        assert bil.testzip() is None
        assert len(bil.read("n37_w119_1arc_v3/n37_w119_1arc_v3.bil")) == 2 * 61 * 61


@pytest.mark.parametrize(
    ("dataset", "entity", "code"),
    [("naip", "3011997", "D441"), ("sentinel_2a", "11342094", "D557")],
)
async def test_zips_have_folders_and_members_of_both_kinds(
    dataset: str, entity: str, code: str
) -> None:
    async with open_caller() as call:
        name, body = await fetch_product(call, dataset, entity, code)
    assert name.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        infos = archive.infolist()
    assert infos[0].is_dir()
    assert all(info.filename.startswith(infos[0].filename) for info in infos)
    assert {info.compress_type for info in infos} == {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


async def test_film_comes_in_parts_or_has_to_be_ordered() -> None:
    async with open_caller() as call:
        found = (await call("scene-search", datasetName="corona2"))["results"]
        rows = await rows_of(call, "corona2", *(scene["entityId"] for scene in found))
        assert {row["available"] for row in rows} == {True, False}
        name, body = await fetch_product(call, "corona2", "DS1101-1069DF089", "D992")
        ordered = next(row for row in rows if not row["available"])
        refused = await call.request((ordered["entityId"], ordered["id"]))
    assert name == "DS1101-1069DF089.tgz"
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as tar:
        assert tar.getnames() == [f"DS1101-1069DF089_{letter}.tif" for letter in "abcd"]
    assert (refused["numInvalidScenes"], refused["availableDownloads"]) == (1, [])


async def test_two_entities_may_share_a_display_id_and_a_file_name() -> None:
    async with open_caller() as call:
        found = (await call("scene-search", datasetName="naip"))["results"]
        entities = [
            scene["entityId"]
            for scene in found
            if scene["displayId"] == "M_3109742_NW_14_060_20201206"
        ]
        assert len(entities) == 2
        files = [await fetch_product(call, "naip", one, "D441") for one in entities]
        assert files[0][0] == files[1][0]
        assert files[0][1] != files[1][1]
        assert ExpectedFiles().bytes_of(f"{entities[1]}/{files[1][0]}") == files[1][1]


async def test_ready_made_files_come_from_the_older_host_and_in_ranges() -> None:
    async with open_caller() as call:
        [row, _] = await rows_of(call, "naip", "3011997")
        url = await call.url("3011997", row["id"])
        assert "/download/" in url
        status, _, body = await call.get(url, Range="bytes=0-3")
        assert (status, body) == (206, b"PK\x03\x04")
        [entry] = (await call("download-retrieve", label="job"))["requested"] or (
            await call("download-retrieve", label="job")
        )["available"]
        assert (entry["displayId"], entry["productCode"], entry["productName"]) == (
            "M_2509703_NE_14_060_20201210",
            "D441",
            "Full Resolution",
        )
        assert (entry["filesize"], entry["collectionName"]) == (row["filesize"], "NAIP")


@pytest.mark.parametrize("dataset", DATASETS)
async def test_metadata_of_every_entry_say_which_it_is(dataset: str) -> None:
    async with open_caller() as call:
        for kind in ("summary", "full"):
            found = await call("scene-search", datasetName=dataset, metadataType=kind)
            for scene in found["results"]:
                values = [field["value"] for field in scene["metadata"]]
                assert scene["entityId"] in values
                assert len({field["id"] for field in scene["metadata"]}) == len(values)
        photo = found["results"][0]
        assert photo["options"]["order"] == (dataset == "corona2")
        corners = photo["spatialCoverage"]["coordinates"][0]
        assert corners[0] == corners[-1]


async def test_more_tiles_may_be_there_from_the_start_come_later_and_go() -> None:
    more, later = "LC08_CU_010010_20230901_20230908_02", "LC09_CU_003004_20230909_20240101_02"
    async with open_caller(scenes=[more]) as call:
        assert {row["displayId"] for row in await rows_of(call, ARD, more)} == {more}
        call.service.publish(later)
        assert {row["displayId"] for row in await rows_of(call, ARD, later)} == {later}
        call.service.withdraw(TILE)
        found = (await call("scene-search", datasetName=ARD))["results"]
        assert {scene["displayId"] for scene in found} >= {more, later}
        assert TILE not in {scene["displayId"] for scene in found}
