"""Datasets, scenes and scene lists."""

from __future__ import annotations

from datetime import date

import pytest

from asyncdl.sandbox import Faults
from tests.sandbox.m2m_caller import (
    ANCHORAGE,
    ANCHORAGE_SCENES,
    BAND_FILES,
    OT,
    PRODUCT,
    RED,
    SCENE,
    open_caller,
)

L2_PATH = "5e83d14fb9436d88"


async def test_anchorage_search_finds_its_three_scenes() -> None:
    """The notebook's search has the notebook's result, however many scenes there are besides."""
    async with open_caller(generated=5000) as call:
        page = await call("scene-search", datasetName=OT, sceneFilter=ANCHORAGE)
        assert [scene["entityId"] for scene in page["results"]] == ANCHORAGE_SCENES
        assert [scene["cloudCover"] for scene in page["results"]] == [9, 5, "54"]
        assert page["results"][0]["spatialBounds"]["coordinates"][0][0] == [-150.79515, 60.35665]


@pytest.mark.parametrize(
    ("start", "size", "returned", "next_record"),
    [(1, None, 100, 101), (101, 100, 100, 201), (201, 100, 50, 250), (250, 100, 1, 250)],
)
async def test_pages_end_as_those_of_the_service_do(
    start: int, size: int | None, returned: int, next_record: int
) -> None:
    """A hundred by default; after the last page ``nextRecord`` is the total."""
    async with open_caller(generated=249) as call:
        wanted = {"acquisitionFilter": {"start": "2022-01-01"}}
        page = await call(
            "scene-search",
            datasetName=OT,
            sceneFilter=wanted,
            startingNumber=start,
            maxResults=size,
        )
        assert (page["recordsReturned"], page["nextRecord"]) == (returned, next_record)
        assert (len(page["results"]), page["totalHits"]) == (returned, 250)


async def test_one_hit_has_next_record_one() -> None:
    async with open_caller() as call:
        page = await call("scene-search", datasetName="landsat_mss_c2_l1", maxResults=1)
        assert (page["totalHits"], page["nextRecord"]) == (2, 2)
        wanted = {"cloudCoverFilter": {"min": 50, "max": 100}}
        page = await call("scene-search", datasetName="landsat_mss_c2_l1", sceneFilter=wanted)
        assert (page["totalHits"], page["nextRecord"]) == (1, 1)


async def test_pages_reach_no_further_than_fifty_thousand() -> None:
    async with open_caller(generated=60_000) as call:
        page = await call("scene-search", datasetName=OT, startingNumber=49_999, maxResults=50_000)
        assert (page["recordsReturned"], page["totalHits"] > 60_000) == (2, True)


async def test_metadata_filter_by_path_and_its_values_in_full_results() -> None:
    async with open_caller(generated=6000) as call:
        path = {
            "filterType": "between",
            "filterId": L2_PATH,
            "firstValue": 33,
            "secondValue": 34,
        }
        page = await call(
            "scene-search",
            datasetName=OT,
            sceneFilter={"metadataFilter": path},
            metadataType="full",
        )
        values = {
            field["value"]
            for scene in page["results"]
            for field in scene["metadata"]
            if field["fieldName"] == "WRS Path"
        }
        assert values == {" 033", " 034"}


async def test_wrong_filters_are_refused() -> None:
    async with open_caller() as call:
        swapped = {
            "filterType": "mbr",
            "lowerLeft": ANCHORAGE["spatialFilter"]["upperRight"],
            "upperRight": ANCHORAGE["spatialFilter"]["lowerLeft"],
        }
        error = await call.error(
            "scene-search", datasetName=OT, sceneFilter={"spatialFilter": swapped}
        )
        assert error == "INPUT_PARAMETER_INVALID"
        assert await call.error("scene-search", datasetName="landsat_99") == "DATASET_INVALID"
        assert await call.error("scene-search", datasetName=BAND_FILES) == "DATASET_ERROR"


async def test_dataset_by_id_and_by_part_of_its_name() -> None:
    async with open_caller() as call:
        assert (await call("dataset", datasetId="5f85f041c828327a"))["datasetAlias"] == BAND_FILES
        found = await call("dataset-search", datasetName="etm")
        assert [d["datasetAlias"] for d in found] == ["landsat_etm_c2_l1", "landsat_etm_c2_l2"]
        assert await call.error("dataset", datasetName="nothing") == "DATASET_INVALID"


async def test_file_groups_hold_thirteen_and_fourteen_files() -> None:
    async with open_caller() as call:
        groups = (await call("dataset-file-groups", datasetName=OT))["secondary"][
            "5f85f041c828327a"
        ]
        sizes = {name: len(group["files"]) for name, group in groups.items()}
        assert sizes == {"ls_c2l2_sr_band": 13, "ls_c2l2_st_band": 14}


async def test_filters_have_the_published_ids() -> None:
    async with open_caller() as call:
        fields = {f["fieldLabel"]: f for f in await call("dataset-filters", datasetName=OT)}
        assert fields["WRS Path"]["id"] == L2_PATH
        assert fields["Collection Category"]["valueList"]["T1"] == "Tier 1"
        # PHP writes an empty map as a list.
        assert fields["WRS Path"]["fieldConfig"]["options"] == []


async def test_scene_metadata_and_grid() -> None:
    async with open_caller() as call:
        scene = await call("scene-metadata", datasetName=OT, entityId=SCENE)
        assert {f["fieldName"]: f["value"] for f in scene["metadata"]}["WRS Row"] == " 017"
        assert await call.error("scene-metadata", datasetName=OT, entityId="x") == "NOT_FOUND"
        point = (await call("grid2ll", gridType="WRS2", path=68, row=17))["coordinates"][0]
        assert abs(point["latitude"] - 61.4) < 0.5


async def test_scene_list_appends_and_counts_only_what_is_new_and_known() -> None:
    async with open_caller() as call:
        two = [SCENE, ANCHORAGE_SCENES[1]]
        assert await call("scene-list-add", listId="a", datasetName=OT, entityIds=two) == 2
        three = [*two, ANCHORAGE_SCENES[2], "LC80010012020001LGN00"]
        assert await call("scene-list-add", listId="a", datasetName=OT, entityIds=three) == 1
        items = await call("scene-list-get", listId="a")
        assert [item["entityId"] for item in items] == ANCHORAGE_SCENES


async def test_scene_list_takes_display_ids_and_secondary_entities() -> None:
    async with open_caller() as call:
        added = await call(
            "scene-list-add", listId="a", datasetName=OT, idField="displayId", entityId=PRODUCT
        )
        assert added == 1
        added = await call("scene-list-add", listId="a", datasetName=BAND_FILES, entityIds=[RED])
        assert added == 1
        summary = await call("scene-list-summary", listId="a")
        assert summary["summary"]["sceneCount"] == "2"
        assert await call("scene-list-get", listId="a", datasetName=OT) == [
            {"entityId": SCENE, "datasetName": OT}
        ]


async def test_scene_list_is_removed_in_parts_or_whole() -> None:
    async with open_caller() as call:
        await call("scene-list-add", listId="a", datasetName=OT, entityIds=ANCHORAGE_SCENES)
        await call("scene-list-remove", listId="a", datasetName=OT, entityIds=[SCENE])
        assert len(await call("scene-list-get", listId="a")) == 2
        await call("scene-list-remove", listId="a")
        assert call.service.scene_lists.names == []


@pytest.mark.violates
async def test_missing_scene_list_is_noted() -> None:
    async with open_caller() as call:
        assert await call("scene-list-get", listId="gone") == []
        assert await call("download-options", listId="gone", datasetName=OT) is None
        assert call.service.violations == ["scene list 'gone' does not exist"] * 2


async def test_hundred_thousand_scenes_are_searched_and_looked_up() -> None:
    """The pages of one search are cut from one result."""
    async with open_caller(generated=100_000) as call:
        wanted = {"cloudCoverFilter": {"min": 0, "max": 20}, "seasonalFilter": [6, 7]}
        page = await call("scene-search", datasetName=OT, sceneFilter=wanted, startingNumber=901)
        ids = [scene["entityId"] for scene in page["results"]]
        assert len(set(ids)) == 100
        assert await call("scene-list-add", listId="a", datasetName=OT, entityIds=ids) == 100


async def test_band_file_datasets_have_neither_filters_nor_groups() -> None:
    async with open_caller() as call:
        assert await call("dataset-filters", datasetName=BAND_FILES) == []
        groups = await call("dataset-file-groups", datasetName=BAND_FILES)
        assert groups == {"primary": [], "secondary": []}


async def test_products_notices_and_list_names_are_returned() -> None:
    async with open_caller() as call:
        codes = [p["productCode"] for p in await call("dataset-download-options", datasetName=OT)]
        assert codes == ["D694", "D693", "D691", "D806"]
        assert (await call("notifications", systemId="M2M"))[0]["severityCode"] == "I"
        await call("scene-list-add", listId="a", datasetName=OT, entityId=SCENE)
        assert (await call("scene-list-types"))[0]["list"] == "a"


async def test_scenes_come_and_go() -> None:
    """A new product of a scene has the scene's id; deletions have their day."""
    anew = "LC08_L2SP_068017_20200310_20260301_02_T1"
    async with open_caller() as call:
        call.service.publish(anew)
        wanted = {"ingestFilter": {"start": "2026-01-01"}}
        page = await call("scene-search", datasetName=OT, sceneFilter=wanted)
        assert [scene["displayId"] for scene in page["results"]] == [anew]
        known = await call("scene-metadata", datasetName=OT, entityId=SCENE)
        assert known["displayId"] == anew

        call.service.withdraw(PRODUCT, date(2026, 3, 2))
        found = await call("scene-search", datasetName=OT, sceneFilter=ANCHORAGE)
        assert {scene["displayId"] for scene in found["results"]} >= {anew}
        assert PRODUCT not in {scene["displayId"] for scene in found["results"]}
        gone = await call("scene-search-delete", datasetName=OT)
        assert (gone["totalHits"], gone["results"][0]["displayId"]) == (1, PRODUCT)
        later = {"start": "2026-03-03"}
        gone = await call("scene-search-delete", datasetName=OT, temporalFilter=later)
        assert gone["results"] == []
        error = await call.error("scene-search-delete", datasetName=OT, temporalFilter=3)
        assert error == "INPUT_PARAMETER_INVALID"
    with pytest.raises(KeyError):
        call.service.withdraw(PRODUCT)


async def test_an_endpoint_may_be_removed() -> None:
    async with open_caller(Faults(removed_endpoint="grid2ll")) as call:
        assert await call.error("grid2ll", gridType="WRS2", path=1) == "NOT_FOUND"
