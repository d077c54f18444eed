"""Options, requests and the download queue."""

from __future__ import annotations

import pytest

from asyncdl.sandbox import Faults
from asyncdl.sandbox.endpoints.download_request import MAX_LABEL
from tests.sandbox.m2m_caller import (
    ANCHORAGE_SCENES,
    BAND_FILES,
    BUNDLE,
    FOLDER,
    GROUPED,
    OT,
    PLAIN,
    PRODUCT,
    RED,
    RED_FILE,
    SCENE,
    Caller,
    Json,
    open_caller,
)


async def options(call: Caller, with_groups: bool = False) -> Json:
    """Return the options of one scene."""
    return await call(
        "download-options",
        datasetName=OT,
        entityIds=SCENE,
        includeSecondaryFileGroups=with_groups,
    )


# --- options -----------------------------------------------------------------------


async def test_one_scene_has_the_four_rows_of_the_notebook() -> None:
    async with open_caller() as call:
        rows = await options(call)
        assert [(r["productCode"], r["downloadSystem"], r["available"]) for r in rows] == [
            ("D694", "ls_zip", True),
            ("D693", "folder", True),
            ("D691", "folder", True),
            ("D806", "dds_ms", False),
        ]
        assert [r["filesize"] == 0 for r in rows] == [False, True, True, False]


async def test_every_row_repeats_the_same_22_files() -> None:
    async with open_caller() as call:
        lists = [row["secondaryDownloads"] for row in await options(call)]
        assert len(lists[0]) == 22
        assert lists[0] == lists[1] == lists[2] == lists[3]


async def test_file_groups_change_the_product_of_the_files() -> None:
    async with open_caller() as call:
        plain = (await options(call))[0]["secondaryDownloads"]
        grouped = (await options(call, with_groups=True))[0]["secondaryDownloads"]
        assert {(f["id"], f["downloadName"], f["fileGroups"]) for f in plain} == {
            (PLAIN, None, None)
        }
        assert {f["id"] for f in grouped} == {GROUPED}
        in_group = [f for f in grouped if "ls_c2l2_sr_band" in f["fileGroups"]]
        assert (len(in_group), grouped[0]["downloadName"]) == (13, "ANG.txt")


async def test_file_sizes_are_exact_and_bundle_sizes_are_not() -> None:
    async with open_caller() as call:
        bundle = (await options(call))[0]
        for file in bundle["secondaryDownloads"]:
            assert file["filesize"] == len(call.service.file_bytes(file["displayId"]))
        assert bundle["filesize"] % 512 != 0
        assert bundle["filesize"] < len(call.service.bundle_bytes(PRODUCT))


async def test_options_may_be_null_and_so_may_secondaries() -> None:
    async with open_caller() as call:
        assert await call("download-options", datasetName=OT, entityIds="x,y") is None
        etm = "LE70680172002196EDC00"
        rows = await call("download-options", datasetName="landsat_etm_c2_l2", entityIds=[etm])
        assert [row["secondaryDownloads"] is None for row in rows] == [True, False, False, True]


async def test_options_include_digests_on_request() -> None:
    async with open_caller(Faults(checksums=True)) as call:
        digests = (await options(call))[0]["secondaryDownloads"][0]["checksum"]
        assert [d["id"] for d in digests] == ["cksum", "sha256sum"]


async def test_bundle_of_the_older_host_is_available_instead() -> None:
    async with open_caller(Faults(dds=f"{PRODUCT}.tar")) as call:
        rows = {row["productCode"]: row for row in await options(call)}
        assert (rows["D694"]["available"], rows["D806"]["available"]) == (False, True)
        assert "/download/" in await call.url(SCENE, rows["D806"]["id"])


# --- request -----------------------------------------------------------------------


async def test_ready_items_come_with_signed_urls_and_new_records() -> None:
    async with open_caller() as call:
        reply = await call.request((RED, PLAIN), (SCENE, BUNDLE))
        first, second = reply["availableDownloads"]
        assert first["entityId"] == RED
        assert f"/2020/068/017/{PRODUCT}/{RED_FILE}?requestSignature=ey" in first["url"]
        assert f"/gen-bundle?landsat_product_id={PRODUCT}&requestSignature=ey" in second["url"]
        assert reply["newRecords"] == {str(d["downloadId"]): "job" for d in (first, second)}
        assert (reply["duplicateProducts"], reply["preparingDownloads"]) == ([], [])


async def test_same_label_again_gives_the_old_ids() -> None:
    async with open_caller() as call:
        first = await call.request((RED, PLAIN))
        again = await call.request((RED, PLAIN))
        assert again["newRecords"] == first["newRecords"]
        assert len(again["availableDownloads"]) == 1


async def test_service_makes_a_label_of_its_own() -> None:
    async with open_caller() as call:
        downloads = [{"entityId": RED, "productId": PLAIN}]
        reply = await call("download-request", downloads=downloads)
        assert next(iter(reply["newRecords"].values())).startswith("m2m_")


@pytest.mark.violates
async def test_long_label_is_refused_and_noted() -> None:
    async with open_caller() as call:
        downloads = [{"entityId": RED, "productId": PLAIN}]
        label = "x" * (MAX_LABEL + 1)
        error = await call.error("download-request", downloads=downloads, label=label)
        assert error == "INPUT_INVALID"
        assert call.service.violations == ["label of 51 characters"]


@pytest.mark.parametrize(
    ("entity", "product", "complaint"),
    [
        (SCENE, PLAIN, f"scene {SCENE} requested with product {PLAIN} of its files"),
        (RED, BUNDLE, f"file {RED} requested with product {BUNDLE} of something else"),
        (SCENE, FOLDER, f"folder D693 of {SCENE} requested"),
    ],
)
@pytest.mark.violates
async def test_wrong_pairs_are_counted_but_not_named(
    entity: str, product: str, complaint: str
) -> None:
    async with open_caller() as call:
        reply = await call.request((entity, product), (RED, PLAIN))
        assert reply["numInvalidScenes"] == 1
        assert len(reply["availableDownloads"]) == 1
        assert call.service.violations == [complaint]


@pytest.mark.violates
async def test_repeated_pair_is_noted_and_served_once() -> None:
    async with open_caller() as call:
        reply = await call.request((RED, PLAIN), (RED, PLAIN))
        assert len(reply["availableDownloads"]) == 1
        assert call.service.violations == [f"{RED_FILE} appears twice in one request"]


async def test_data_group_takes_the_group_out_of_a_list() -> None:
    async with open_caller() as call:
        files = (await options(call, with_groups=True))[0]["secondaryDownloads"]
        entities = [file["entityId"] for file in files]
        await call("scene-list-add", listId="s", datasetName=BAND_FILES, entityIds=entities)
        group = {"datasetName": BAND_FILES, "listId": "s", "fileGroups": ["ls_c2l2_sr_band"]}
        reply = await call("download-request", dataGroups=[group], label="job")
        assert len(reply["availableDownloads"]) == 13


async def test_disabled_items_fail_at_first_and_work_later() -> None:
    async with open_caller(Faults(disabled="*", strikes=1)) as call:
        reply = await call.request((RED, PLAIN))
        assert reply["availableDownloads"] == []
        assert reply["failed"][0]["entityId"] == RED
        assert "temporarily disabled" in reply["failed"][0]["errorMessage"]
        assert len((await call.request((RED, PLAIN)))["availableDownloads"]) == 1


async def test_quota_refuses_the_whole_request_until_its_window_moves() -> None:
    async with open_caller(Faults(recent_limit=1)) as call:
        reply = await call.request((RED, PLAIN))
        assert reply["remainingLimits"][0]["recentDownloadCount"] == 0
        more = [{"entityId": SCENE, "productId": BUNDLE}]
        assert await call.error("download-request", downloads=more) == "RATE_LIMIT_USER_DL"
        call.service.faults.quota_window_s = 0.0
        assert len((await call.request((SCENE, BUNDLE)))["availableDownloads"]) == 1


async def test_remaining_limits_are_those_from_before_the_request() -> None:
    """As recorded: the recent ones are lowered already, those in the queue are not yet."""
    async with open_caller() as call:
        first, second = [await call.request(pair) for pair in ((RED, PLAIN), (SCENE, BUNDLE))]
        given = [
            (reply["remainingLimits"][0]["recentDownloadCount"],
             reply["remainingLimits"][0]["unattemptedDownloadCount"])
            for reply in (first, second)
        ]  # fmt: skip
        assert given == [(14_999, 20_000), (14_998, 19_999)]


async def test_fetching_makes_room_among_the_unattempted() -> None:
    async with open_caller() as call:
        url = await call.url()
        before = (await call("rate-limit-summary"))["remainingLimits"][0]
        await call.get(url)
        after = (await call("rate-limit-summary"))["remainingLimits"][0]
        counts = [c["unattemptedDownloadCount"] for c in (before, after)]
        assert counts == [19_999, 20_000]


# --- retrieve ------------------------------------------------------------------------


async def test_preparing_item_is_ready_after_so_many_polls() -> None:
    """First it is only counted, as documented; then it is available, then handed out."""
    async with open_caller(Faults(preparing=1.0, polls=2)) as call:
        reply = await call.request((RED, PLAIN))
        assert "/download-staging/" in reply["preparingDownloads"][0]["url"]
        first, second, third = [await call("download-retrieve", label="job") for _ in range(3)]
        assert (first["available"], first["queueSize"]) == ([], 1)
        assert first["requested"] == []
        assert (second["available"][0]["statusCode"], second["queueSize"]) == ("A", 0)
        assert (third["available"], third["requested"][0]["statusCode"]) == ([], "D")
        status, _, body = await call.get(third["requested"][0]["url"])
        assert (status, body) == (200, call.service.file_bytes(RED_FILE))


async def test_items_in_preparation_may_stand_among_the_requested() -> None:
    async with open_caller(Faults(preparing=1.0, preparing_listed=True)) as call:
        await call.request((RED, PLAIN))
        reply = await call("download-retrieve", label="job")
        assert (reply["available"], reply["queueSize"]) == ([], 1)
        [entry] = reply["requested"]
        assert entry["statusText"] == "Queued" and "/download-staging/" in entry["url"]


async def test_item_is_available_until_it_is_handed_out_or_opened() -> None:
    """A URL in the reply to the request does not count; ``D`` means once, not now."""
    async with open_caller() as call:
        reply = await call.request((RED, PLAIN), (SCENE, BUNDLE))
        await call.get(reply["availableDownloads"][1]["url"])
        first, second = [await call("download-retrieve", label="job") for _ in range(2)]
        assert [e["statusCode"] for e in first["available"]] == ["A"]
        assert [e["displayId"] for e in first["requested"]] == [PRODUCT]
        assert second["available"] == []
        assert [e["statusCode"] for e in second["requested"]] == ["D", "D"]
        assert (await call.get(second["requested"][0]["url"]))[0] == 200


async def test_item_that_never_gets_ready_stays_in_the_queue() -> None:
    async with open_caller(Faults(never="*_SR_B4.TIF", polls=1)) as call:
        await call.request((RED, PLAIN), (SCENE, BUNDLE))
        for _ in range(3):
            reply = await call("download-retrieve", label="job")
        assert reply["queueSize"] == 1
        assert [e["displayId"] for e in reply["requested"]] == [PRODUCT]


@pytest.mark.parametrize("fault", ["fails", "vanishes"])
async def test_failed_and_vanished_items_are_listed_by_search_or_not_at_all(fault: str) -> None:
    async with open_caller(Faults.parse([f"{fault}=1"])) as call:
        reply = await call.request((RED, PLAIN))
        assert len(reply["preparingDownloads"]) == 1
        polled = await call("download-retrieve", label="job")
        assert (polled["available"], polled["requested"], polled["queueSize"]) == ([], [], 0)
        texts = [e["statusText"] for e in await call("download-search", label="job")]
        assert texts == (["Failed"] if fault == "fails" else [])
        assert await call("download-search", label="job", activeOnly=True) == []


async def test_search_has_no_urls() -> None:
    async with open_caller() as call:
        await call.url()
        entry = (await call("download-search", label="job"))[0]
        assert "url" not in entry
        assert entry["filesize"] == len(call.service.file_bytes(RED_FILE))


async def test_labels_count_and_are_removed_as_a_whole() -> None:
    async with open_caller() as call:
        url = await call.url()
        await call.get(url)
        label = (await call("download-labels"))[0]
        assert (label["label"], label["downloadCount"], label["totalComplete"]) == ("job", 0, 1)
        assert await call("download-order-remove", label="job") == 1
        assert len(call.service.queue) == 0
        assert await call("download-order-remove", label="job") == 0


async def test_one_download_is_removed_by_its_number_only() -> None:
    async with open_caller() as call:
        number = (await call.request((RED, PLAIN)))["availableDownloads"][0]["downloadId"]
        assert await call.error("download-remove", downloadId=[number]) == "INPUT_PARAMETER_INVALID"
        assert await call("download-remove", downloadId=number) is True
        assert await call("download-remove", downloadId=number) is True
        assert (await call("download-retrieve"))["requested"] == []


async def test_summary_needs_its_application_and_proxied_downloads_are_believed() -> None:
    async with open_caller() as call:
        number = (await call.request((RED, PLAIN)))["availableDownloads"][0]["downloadId"]
        assert await call.error("download-summary", label="job") == "INPUT_PARAMETER_REQUIRED"
        summary = await call("download-summary", label="job", downloadApplication="M2M")
        assert summary["downloadCount"] == 1
        given = [{"downloadId": number, "downloadedSize": 1}, {"downloadId": 1}]
        reply = await call("download-complete-proxied", proxiedDownloads=given)
        assert reply == {"failed": [{"downloadId": 1}], "updatedDownloadsCount": 1}


async def test_generated_scenes_are_downloaded_like_real_ones() -> None:
    async with open_caller(generated=1000) as call:
        page = await call("scene-search", datasetName=OT, startingNumber=900, maxResults=1)
        entity = page["results"][0]["entityId"]
        assert entity not in ANCHORAGE_SCENES
        rows = await call("download-options", datasetName=OT, entityIds=[entity])
        file = rows[0]["secondaryDownloads"][-1]
        _, _, body = await call.get(await call.url(file["entityId"], file["id"]))
        assert body == call.service.file_bytes(file["displayId"])


async def test_scene_that_is_not_bulk_is_found_but_cannot_be_requested() -> None:
    async with open_caller() as call:
        wanted = {"acquisitionFilter": {"start": "2020-03-26", "end": "2020-03-26"}}
        page = await call("scene-search", datasetName=OT, sceneFilter=wanted)
        bulk = {scene["entityId"]: scene["options"]["bulk"] for scene in page["results"]}
        assert bulk == {"LC80680172020086LGN00": True, "LC80680182020086LGN00": False}
        rows = await call("download-options", datasetName=OT, entityIds="LC80680182020086LGN00")
        assert not any(row["available"] or row["bulkAvailable"] for row in rows)
        assert (await call.request(("LC80680182020086LGN00", BUNDLE)))["numInvalidScenes"] == 1


async def test_band_files_have_options_of_their_own() -> None:
    async with open_caller() as call:
        rows = await call("download-options", datasetName=BAND_FILES, entityIds=[RED, RED, "x"])
        assert [(row["entityId"], row["id"]) for row in rows] == [(RED, PLAIN)]


@pytest.mark.parametrize(
    ("endpoint", "payload"),
    [
        ("download-options", {"datasetName": OT}),
        ("download-request", {"label": "job"}),
        ("scene-list-add", {"listId": "a", "datasetName": OT}),
        ("scene-search", {}),
        ("notifications", {}),
    ],
)
async def test_missing_parameters_are_refused(endpoint: str, payload: Json) -> None:
    async with open_caller() as call:
        assert await call.error(endpoint, **payload) == "INPUT_PARAMETER_REQUIRED"


async def test_two_sandboxes_share_nothing() -> None:
    async with open_caller() as one, open_caller(seed=1) as other:
        url = await one.url()
        foreign = url.replace(one.service.origin, other.service.origin)
        assert (await other.get(foreign))[0] == 403
        assert (len(one.service.queue), len(other.service.queue)) == (1, 0)
        assert one.service.file_bytes(RED_FILE) != other.service.file_bytes(RED_FILE)
