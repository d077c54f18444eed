"""What clients leave behind, and what the next one finds."""

from __future__ import annotations

import aiohttp
import anyio
import anyio.lowlevel
import pytest

from asyncdl.sandbox import CleanupReport, Faults
from tests.sandbox.m2m_caller import (
    BUNDLE,
    OT,
    PLAIN,
    RED,
    RED_FILE,
    SCENE,
    Caller,
    open_caller,
)


async def test_good_client_leaves_nothing() -> None:
    async with open_caller() as call:
        await call("scene-list-add", listId="mine", datasetName=OT, entityIds=[SCENE])
        await call.request((RED, PLAIN), (SCENE, BUNDLE))
        assert call.service.cleanup_report == CleanupReport({"job": 2}, ("mine",), open_keys=1)
        await call("scene-list-remove", listId="mine")
        await call("download-order-remove", label="job")
        await call("logout")
        assert call.service.cleanup_report == CleanupReport()


async def test_removal_by_label_leaves_other_labels_alone() -> None:
    async with open_caller() as call:
        await call.request((RED, PLAIN), label="one")
        await call.request((SCENE, BUNDLE), label="other")
        assert await call("download-order-remove", label="one") == 1
        assert call.service.cleanup_report.entries == {"other": 1}
        assert await call.error("download-order-remove") == "INPUT_PARAMETER_REQUIRED"


async def test_search_lists_one_label_or_all() -> None:
    async with open_caller() as call:
        await call.request((RED, PLAIN), label="one")
        await call.request((SCENE, BUNDLE), label="other")
        assert [e["label"] for e in await call("download-search", label="one")] == ["one"]
        assert {e["label"] for e in await call("download-search")} == {"one", "other"}
        assert await call("download-search", label="none") == []


async def test_labels_have_their_start_and_what_is_pending() -> None:
    async with open_caller() as call:
        await call.get(await call.url())
        [before] = await call("download-labels")
        await call.request((SCENE, BUNDLE))
        [after] = await call("download-labels")
        assert after["dateEntered"] == before["dateEntered"]
        assert (before["downloadCount"], before["totalComplete"]) == (0, 1)
        assert (after["downloadCount"], after["totalComplete"]) == (1, 1)


async def test_summary_adds_up_by_dataset() -> None:
    async with open_caller() as call:
        await call.request((RED, PLAIN), (SCENE, BUNDLE))
        summary = await call("download-summary", label="job", downloadApplication="M2M")
        parts = {part["datasetName"]: part for part in summary["collections"]}
        assert set(parts) == {OT, "landsat_band_files_c2_l2"}
        sizes = [int(part["totalEstimatedSize"]) for part in parts.values()]
        assert sum(sizes) == summary["totalEstimatedSize"]
        assert (summary["downloadCount"], summary["sceneCount"]) == (2, 2)
        red = parts["landsat_band_files_c2_l2"]
        assert red["totalEstimatedSize"] == str(len(call.service.file_bytes(RED_FILE)))


async def test_order_that_was_never_staged_loads_as_null() -> None:
    async with open_caller() as call:
        assert await call("download-order-load", label="job") is None


# --- a client that is killed, and the next one -----------------------------------------


async def test_next_client_finds_queue_quota_and_lists_as_the_killed_one_left_them() -> None:
    async with open_caller() as call:
        first = await call.request((RED, PLAIN))
        await call("scene-list-add", listId="mine", datasetName=OT, entityIds=[SCENE])
        async with aiohttp.ClientSession() as session:
            heir = Caller(call.service, session)
            await heir.log_in()
            again = await heir.request((RED, PLAIN))
            assert again["newRecords"] == first["newRecords"]
            left = [reply["remainingLimits"][0]["recentDownloadCount"] for reply in (first, again)]
            assert left[0] == left[1]
            assert len(await heir("scene-list-get", listId="mine")) == 1
            await heir("logout")
        assert call.service.cleanup_report.open_keys == 1, "the old key is never logged out"
        assert await call.error("permissions") == "None", "which is good until it expires"


async def test_request_of_a_killed_client_is_carried_out_and_found_by_the_next_one() -> None:
    async with open_caller(Faults(api_latency_s=0.05)) as call:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call.request, (RED, PLAIN))
            while call.service.running != "download-request":
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        while call.service.running:
            await anyio.lowlevel.checkpoint()
        [item] = call.service.queue
        again = await call.request((RED, PLAIN))
        assert again["newRecords"] == {str(item.download_id): "job"}
        assert call.service.violations == []


async def test_url_of_a_killed_client_still_serves_the_next_one() -> None:
    async with open_caller() as call:
        url = await call.url()
        await call("logout")
        assert (await call.get(url))[0] == 200


@pytest.mark.parametrize("is_gone", [True, pytest.param(False, marks=pytest.mark.violates)])
async def test_abandoned_call_keeps_the_account_busy_and_is_no_violation(is_gone: bool) -> None:
    """The call of a killed client runs on; a client that overlaps it cannot know."""
    async with open_caller(Faults(api_latency_s=1.0)) as call, anyio.create_task_group() as tasks:
        tasks.start_soon(call.error, "permissions")
        while call.service.running != "permissions":
            await anyio.lowlevel.checkpoint()
        if is_gone:
            tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await anyio.wait_all_tasks_blocked()
            _, reply = await call.reply("permissions", key=call.key)
        assert reply["errorCode"] == "RATE_LIMIT"
        assert bool(call.service.violations) is not is_gone
