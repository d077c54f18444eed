"""Items that the service does not give, or not without conditions."""

from __future__ import annotations

import pytest

from asyncdl.sandbox import Faults
from asyncdl.sandbox.served_queue import EARLIER_LABEL
from tests.sandbox.m2m_caller import (
    BAND_FILES,
    BUNDLE,
    OT,
    PLAIN,
    RED,
    RED_FILE,
    SCENE,
    Json,
    open_caller,
)


async def test_invalid_items_are_counted_and_not_named() -> None:
    async with open_caller(Faults(invalid_scenes="*_SR_B4.TIF")) as call:
        reply = await call.request((RED, PLAIN), (SCENE, BUNDLE))
        assert reply["numInvalidScenes"] == 1
        assert [d["entityId"] for d in reply["availableDownloads"]] == [SCENE]
        assert (reply["failed"], call.service.violations) == ([], [])


async def test_file_that_is_not_offered_is_in_no_list_and_cannot_be_requested() -> None:
    async with open_caller(Faults(not_offered="*_SR_B4.TIF")) as call:
        rows = await call("download-options", datasetName=OT, entityIds=SCENE)
        assert all(len(row["secondaryDownloads"]) == 21 for row in rows)
        assert RED_FILE not in {f["displayId"] for f in rows[0]["secondaryDownloads"]}
        assert (await call.request((RED, PLAIN)))["numInvalidScenes"] == 1


async def test_bundle_that_is_not_offered_is_listed_as_not_available() -> None:
    async with open_caller(Faults(not_offered="*.tar")) as call:
        rows = await call("download-options", datasetName=OT, entityIds=SCENE)
        systems = {row["downloadSystem"]: row["available"] for row in rows}
        assert systems == {"ls_zip": False, "folder": True, "dds_ms": False}


@pytest.mark.parametrize(
    ("endpoint", "more"),
    [
        ("dataset", {}),
        ("dataset-filters", {}),
        ("dataset-file-groups", {}),
        ("dataset-download-options", {}),
        ("scene-search", {}),
        ("scene-list-add", {"listId": "a", "entityIds": [SCENE]}),
        ("download-options", {"entityIds": [SCENE]}),
    ],
)
async def test_withdrawn_dataset_is_refused_by_name_and_the_others_are_not(
    endpoint: str, more: Json
) -> None:
    async with open_caller(Faults(withdrawn_dataset=OT)) as call:
        assert await call.error(endpoint, datasetName=OT, **more) == "DATASET_AUTH"
        assert await call.error("dataset", datasetName=BAND_FILES) == "None"


async def test_duplicates_stand_under_the_label_of_an_earlier_job() -> None:
    """They cost no quota, come with that label, and once removed they are new."""
    async with open_caller(Faults(duplicates=1.0)) as call:
        reply = await call.request((RED, PLAIN))
        [(number, label)] = reply["duplicateProducts"].items()
        assert label == EARLIER_LABEL
        assert (reply["availableDownloads"], reply["newRecords"]) == ([], [])
        assert reply["remainingLimits"][0]["recentDownloadCount"] == 15_000
        # The earlier job ran at another address, whose count is its own.
        left = [limit["unattemptedDownloadCount"] for limit in reply["remainingLimits"]]
        assert left == [19_999, 20_000]
        queued = await call("download-retrieve", label=label)
        assert queued["available"][0]["downloadId"] == int(number)
        assert (await call.get(queued["available"][0]["url"]))[0] == 200
        assert await call("download-order-remove", label=label) == 1
        assert len((await call.request((RED, PLAIN)))["availableDownloads"]) == 1


async def test_agreement_is_named_in_the_download_and_described_on_request() -> None:
    async with open_caller(Faults(eula="*_SR_B4.TIF")) as call:
        reply = await call.request((RED, PLAIN), (SCENE, BUNDLE))
        codes = {d["entityId"]: d["eulaCode"] for d in reply["availableDownloads"]}
        assert codes == {RED: "HDDS", SCENE: None}
        [first, second] = (await call("download-retrieve", label="job"))["available"]
        assert (first["eulaCode"], second["eulaCode"]) == ("HDDS", None)
        one = await call("download-eula", eulaCode="HDDS")
        assert one["agreementContent"]
        assert await call("download-eula", eulaCodes=["HDDS", "none"]) == [one]
        assert await call.error("download-eula", eulaCode="none") == "NOT_FOUND"
        assert await call.error("download-eula") == "INPUT_PARAMETER_REQUIRED"


async def test_proxied_item_is_listed_by_search_until_its_end_is_reported() -> None:
    async with open_caller(Faults(proxied=1.0)) as call:
        download = (await call.request((RED, PLAIN)))["availableDownloads"][0]
        await call.get(download["url"])
        [entry] = (await call("download-retrieve", label="job"))["requested"]
        assert (entry["statusCode"], entry["url"] != "") == ("P", True)
        assert list(call.service.cleanup_report.unreported) == [RED_FILE]
        assert await status_of(call) == ("P", "Proxied")
        given = [{"downloadId": download["downloadId"], "downloadedSize": 8712}]
        await call("download-complete-proxied", proxiedDownloads=given)
        assert await status_of(call) == ("C", "Complete")
        assert not call.service.cleanup_report.unreported
        assert (await call("download-retrieve", label="job"))["requested"] == []
        assert await call("download-search", label="job", activeOnly=True) == []


async def status_of(call: Json) -> tuple[str, str]:
    """Return what the search says of the one item there is."""
    [entry] = await call("download-search", label="job", activeOnly=False)
    return entry["statusCode"], entry["statusText"]


async def test_proxied_item_is_handed_out_again_when_it_is_requested_again() -> None:
    async with open_caller(Faults(proxied=1.0)) as call:
        first = await call.request((RED, PLAIN))
        again = await call.request((RED, PLAIN))
        assert again["newRecords"] == first["newRecords"]
        assert (await call.get(again["availableDownloads"][0]["url"]))[0] == 200
