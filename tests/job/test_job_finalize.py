"""What the service wants of a client, and the states that are nobody's defect."""

from __future__ import annotations

import anyio
import pytest

from asyncdl.errors import AuthError
from asyncdl.events import Event, FileFinished, Notice
from asyncdl.job.queue import proxied_downloads
from asyncdl.sandbox import Faults
from asyncdl.sandbox.admin_api import CleanupReport
from tests.job.bench import BANDS, BUNDLE, RED, Bench

pytestmark = pytest.mark.slow


async def test_a_complete_run_leaves_nothing_behind(bench: Bench) -> None:
    bench.service.faults = Faults(proxied=0.5, preparing=0.3)
    await bench.complete(BANDS, BUNDLE)
    assert bench.service.cleanup_report == CleanupReport()


async def test_a_run_that_fetches_nothing_asks_nothing_of_the_queue(bench: Bench) -> None:
    await bench.complete(RED)
    before = dict(bench.service.calls)
    await bench.complete(RED)
    for endpoint in ("download-search", "download-order-remove", "download-request"):
        assert bench.service.calls[endpoint] == before.get(endpoint, 0)


async def test_an_interrupted_run_reports_what_came_and_keeps_the_rest(bench: Bench) -> None:
    bench.service.faults = Faults(proxied=1.0, never="*_ANG.txt")
    job = bench.job(BANDS)
    came: set[str] = set()
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            if isinstance(event, FileFinished):
                came.add(event.file.rpartition("/")[2])
            if len(came) == 6:
                scope.cancel()

        await job.run(watch)
    left = bench.service.cleanup_report
    # What was sent and cut short before it was proven has not come: a later run tells it.
    assert came.isdisjoint(left.unreported)
    assert left.scene_lists == () and left.open_keys == 0
    assert sum(left.entries.values()) == 12


async def test_a_very_large_job_does_not_ask_for_the_list_of_all_it_requested(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxied_downloads, "MAX_LISTED", 2)
    bench.service.faults = Faults(proxied=1.0)
    await bench.complete(RED)
    assert bench.service.calls["download-search"] == 0
    assert bench.service.calls["download-complete-proxied"] == 0
    assert bench.service.cleanup_report.entries == {}


# --- licence agreements -------------------------------------------------------------


async def test_files_under_an_agreement_are_refused_and_the_agreement_is_shown(
    bench: Bench,
) -> None:
    bench.service.faults = Faults(eula=1.0)
    summary = await bench.run(RED)
    assert {f.reason for f in summary.failures} == {"eula"} and len(summary.failures) == 3
    assert 'add "HDDS" to service.accept_eulas' in summary.failures[0].remedy
    told = [e.text for e in bench.events if isinstance(e, Notice) and "HDDS" in e.text]
    assert len(told) == 1 and "for a trial" in told[0]
    assert bench.files == []


async def test_files_under_an_accepted_agreement_are_fetched(bench: Bench) -> None:
    bench.service.faults = Faults(eula=1.0, preparing=0.5)
    await bench.complete(RED, accept_eulas=["HDDS"])


# --- what cannot be had -------------------------------------------------------------


async def test_a_withdrawn_dataset_is_refused_in_its_own_words(bench: Bench) -> None:
    bench.service.faults = Faults(withdrawn_dataset="landsat_ot_c2_l2")
    with pytest.raises(AuthError, match="closed to this account, or was withdrawn"):
        await bench.run(RED)


async def test_of_several_datasets_only_the_withdrawn_one_fails(bench: Bench) -> None:
    bench.service.faults = Faults(withdrawn_dataset="landsat_etm_c2_l2")
    here = "LC08_L2SP_068017_20200310_20200822_02_T1"
    gone = "LE07_L2SP_068017_20200310_20200822_02_T1"
    summary = await bench.run(RED, search={"scenes": [here, gone]})
    assert (summary.files["downloaded"], summary.files["failed"]) == (1, 1)
    assert summary.failures[0].reason == "dataset-closed"
    assert "unavailable to this user" in summary.failures[0].detail


async def test_items_that_the_service_only_counts_are_named(bench: Bench) -> None:
    """``numInvalidScenes`` is a number; which files it means follows by difference."""
    bench.service.faults = Faults(invalid_scenes="*_20200303_*_B4.TIF")
    summary = await bench.run(BANDS)
    assert [(f.reason, "_20200303_" in f.file) for f in summary.failures] == [
        ("not-accepted", True)
    ]
    assert "did not say why" in summary.failures[0].detail
    assert "reason above" not in summary.failures[0].remedy


async def test_a_band_that_the_service_does_not_list_is_missing(bench: Bench) -> None:
    """As it is there by nature, and may be listed tomorrow."""
    bench.service.faults = Faults(not_offered="*_20200303_*_SR_B4.TIF")
    summary = await bench.run(BANDS)
    (failure,) = summary.failures
    assert (failure.reason, "_20200303_" in failure.file) == ("not-offered", True)
    assert (summary.status, summary.files["downloaded"]) == ("incomplete", 11)
    bench.service.faults = Faults()
    assert (await bench.complete(BANDS)).files["downloaded"] == 1


async def test_a_product_that_is_not_offered_is_named(bench: Bench) -> None:
    bench.service.faults = Faults(not_offered="*_20200303_*.tar")
    summary = await bench.run(BUNDLE)
    assert [f.reason for f in summary.failures] == ["not-offered"]
    assert summary.files["downloaded"] == 2
