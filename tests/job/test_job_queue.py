"""What the service prepares, loses, refuses and rations; every file ends all the same."""

from __future__ import annotations

import pytest

from asyncdl.events import FileFinished, FilesPreparing, QuotaWait
from asyncdl.m2m import ClientOptions, Credentials, DownloadItem, M2MClient
from asyncdl.m2m.downloads.selection import BandsWanted, select_files
from asyncdl.sandbox import Faults
from tests.job.bench import BANDS, BUNDLE, QUICK, RED, Bench

STRUCK = "*_QA_PIXEL.TIF"


async def test_others_are_fetched_while_half_the_ids_are_prepared(bench: Bench) -> None:
    bench.service.faults = Faults(preparing=0.5, polls=4)
    await bench.complete(BANDS, BUNDLE)
    kinds = [type(e) for e in bench.events if isinstance(e, FileFinished | FilesPreparing)]
    assert kinds.index(FileFinished) < len(kinds) - 1 - kinds[::-1].index(FilesPreparing)
    assert bench.service.calls["download-retrieve"] >= 4


async def test_everything_may_have_to_be_prepared(bench: Bench) -> None:
    bench.service.faults = Faults(preparing=1.0, polls=3)
    await bench.complete()


async def test_what_is_never_ready_ends_at_the_deadline_and_nothing_else_does(
    bench: Bench,
) -> None:
    bench.service.faults = Faults(never=STRUCK, preparing_listed=True)
    summary = await bench.run(BANDS, deadline=0.1)
    assert summary.status == "incomplete"
    assert (summary.files["downloaded"], summary.files["unresolved"]) == (9, 3)
    assert {f.reason for f in summary.failures} == {"deadline"}
    assert all("QA_PIXEL" in f.file and "Queued" in f.detail for f in summary.failures)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("fails", "service-failed"), ("vanishes", "vanished"), ("disabled", "refused")],
)
async def test_what_the_service_will_not_give_fails_with_the_right_word(
    bench: Bench, fault: str, reason: str
) -> None:
    bench.service.faults = Faults(strikes=0)
    setattr(bench.service.faults, fault, STRUCK)
    summary = await bench.run(BANDS)
    assert (summary.files["downloaded"], summary.files["failed"]) == (9, 3)
    assert {f.reason for f in summary.failures} == {reason}
    assert set(bench.endings.values()) == {1}


async def test_what_was_refused_for_a_while_comes_in_a_later_run(bench: Bench) -> None:
    bench.service.faults = Faults(disabled=STRUCK, strikes=1)
    assert (await bench.run(BANDS)).files["failed"] == 3
    assert (await bench.complete(BANDS)).files["downloaded"] == 3


@pytest.mark.parametrize("preparing", [0.0, 1.0])
async def test_what_was_asked_for_under_another_label_comes_through_that_label(
    bench: Bench, preparing: float
) -> None:
    bench.service.faults.preparing = preparing
    await ask_under_another_label(bench)
    summary = await bench.complete(BANDS)
    assert summary.files["downloaded"] == 12
    labels = {
        call.payload.get("label")
        for call in bench.service.call_log
        if call.endpoint == "download-retrieve"
    }
    assert "yesterday" in labels


async def ask_under_another_label(bench: Bench) -> None:
    """Request the red band and its quality, as another program did before."""
    service = bench.service
    account = Credentials(service.username, service.token)
    options = ClientOptions(backoff=QUICK, busy_backoff=QUICK)
    async with M2MClient(account, url=service.url, options=options) as client:
        page = await client.scene_search("landsat_ot_c2_l2", None, max_results=3)
        ids = [scene.entity_id for scene in page.results or ()]
        rows = await client.download_options("landsat_ot_c2_l2", entity_ids=ids)
        wanted = select_files(rows, [BandsWanted(("SR_B4", "QA_PIXEL"))]).files
        items = [DownloadItem(file.entity_id, file.product_id) for file in wanted]
        await client.download_request(items, label="yesterday")


async def test_a_small_quota_is_waited_for(bench: Bench) -> None:
    bench.service.faults = Faults(recent_limit=5, quota_window_s=0.05)
    summary = await bench.complete(BANDS)
    assert bench.count(QuotaWait) >= 1 and summary.api_calls["rate-limit-summary"] >= 1


async def test_a_quota_on_what_is_prepared_moves_on_with_the_poller(bench: Bench) -> None:
    bench.service.faults = Faults(preparing=1.0, polls=2, pending_limit=4)
    await bench.complete(BANDS)
    assert bench.count(QuotaWait) >= 1


async def test_a_quota_on_what_was_not_fetched_moves_on_with_the_workers(bench: Bench) -> None:
    bench.service.faults = Faults(unattempted_limit=4)
    await bench.complete(BANDS)


async def test_a_quota_that_never_has_room_again_ends_with_its_reason(bench: Bench) -> None:
    """What fills the queue is never ready, so the rest could wait for ever."""
    bench.service.faults = Faults(never=1.0, pending_limit=4)
    summary = await bench.run(BANDS, deadline=0.1)
    assert summary.files["unresolved"] == 12
    assert {f.reason for f in summary.failures} == {"deadline", "quota"}


async def test_a_request_goes_on_where_the_quota_stopped_an_earlier_run(bench: Bench) -> None:
    bench.service.faults = Faults(recent_limit=2, quota_window_s=60.0)
    assert (await bench.run(RED, deadline=0.02)).files["unresolved"] == 1
    bench.service.faults = Faults()
    assert (await bench.complete(RED)).files["downloaded"] == 1
