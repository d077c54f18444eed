"""Whatever goes wrong on the way, a job ends with the right bytes or says why not."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from typing import Any

import pytest

from asyncdl.errors import ApiError
from asyncdl.events import ApiRetry, Event, FileFinished, TransferRetry
from asyncdl.sandbox import Faults
from tests.job.bench import BANDS, BUNDLE, RED, Bench

pytestmark = pytest.mark.slow

FAULTS: dict[str, dict[str, Any]] = {
    "refused": {"refuse": 0.4},
    "server errors": {"error": 0.4},
    "error pages": {"html": 0.4},
    "short bodies": {"short_body": 0.4},
    "resets": {"reset": 0.4},
    "stalls": {"stall": 0.3},
    "no lengths": {"no_length": 1.0},
    "short without a length": {"no_length": 1.0, "short_body": 0.4},
    "no etag": {"etag": False, "short_body": 0.4},
    "a weak validator": {"etag": False, "last_modified": True, "short_body": 0.4},
    "no ranges": {"ranges": False, "bundle_ranges": False, "short_body": 0.4},
    "bundles with an etag": {"bundle_etag": True, "short_body": 0.4},
    "unquoted names": {"disposition": "unquoted"},
    "no names": {"disposition": "missing"},
    "the older host": {"dds": 1.0},
    "a redirect": {"dds": 1.0, "dds_redirect": True},
    "staging pages": {"preparing": 0.5, "staging_html": True},
    "a busy host": {"max_connections": 1, "retry_after_s": 0},
    "a strict host": {"max_connections": 1, "retry_after_s": 0, "busy_status": 429},
    "a busy account": {"api_rate_limit": 0.2},
    "maintenance": {"api_unavailable": 0.1},
    "digests": {"checksums": True},
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
async def test_one_fault_at_a_time_is_survived(bench: Bench, faults: dict[str, Any]) -> None:
    bench.service.faults = replace(Faults(), **faults)
    patience = {"stall_timeout": 0.2} if "stall" in faults else {}
    summary = await bench.complete(BANDS, BUNDLE, **patience)
    assert summary.files["downloaded"] == 15 and set(bench.endings.values()) == {1}


@pytest.mark.parametrize("seed", range(4))
async def test_chaos_is_survived(bench: Bench, seed: int) -> None:
    bench.service.faults = Faults.chaos(seed)
    summary = await bench.complete()
    assert summary.files["downloaded"] == 54
    assert bench.count(TransferRetry) > 0 and bench.count(ApiRetry) > 0


@pytest.mark.parametrize("bundle_etag", [False, True])
async def test_bundles_that_change_are_never_mixed(bench: Bench, bundle_etag: bool) -> None:
    bench.service.faults = Faults(bundle_changes=True, bundle_etag=bundle_etag, short_body=1.0)
    summary = await bench.run(BUNDLE)
    assert summary.status == "complete", summary.failures
    for path in bench.files:
        with tarfile.open(path) as archive:
            dates = {member.mtime for member in archive}
        assert len(dates) == 1, "every member is of one version"


async def test_a_file_that_never_comes_fails_alone(bench: Bench) -> None:
    bench.service.faults = Faults(error="*_QA_PIXEL.TIF", strikes=0)
    summary = await bench.run(BANDS)
    assert (summary.files["downloaded"], summary.files["failed"]) == (9, 3)
    assert all(f.reason.startswith("http-50") and f.attempts > 1 for f in summary.failures)


async def test_a_refused_url_that_cannot_be_renewed_fails_alone(bench: Bench) -> None:
    bench.service.faults = Faults(refuse="*_QA_PIXEL.TIF", strikes=0)
    summary = await bench.run(BANDS)
    assert {f.reason for f in summary.failures} == {"http-403"}
    assert summary.files["downloaded"] == 9


@pytest.mark.parametrize("auth_status", [200, 401, 403])
async def test_a_key_that_expires_on_the_way_is_replaced(bench: Bench, auth_status: int) -> None:
    bench.service.faults = Faults(auth_status=auth_status, preparing=0.5, polls=3)
    await run_and_after_the_first_file(bench, bench.service.expire_keys)
    assert bench.service.calls["login-token"] == 2


async def test_urls_that_grow_old_in_the_queue_are_renewed(bench: Bench) -> None:
    await run_and_after_the_first_file(bench, bench.service.expire_urls)
    assert bench.service.calls["download-request"] == 1, "a look at the queue is enough"
    assert bench.service.calls["download-retrieve"] >= 1
    assert {entry.status for entry in bench.service.file_log} == {403, 206}


async def run_and_after_the_first_file(bench: Bench, happens: Any) -> None:
    """Complete a job; once its first file is there, something happens."""
    job = bench.job(BANDS, workers=1)

    def watch(event: Event) -> None:
        bench.events.append(event)
        if isinstance(event, FileFinished) and bench.count(FileFinished) == 1:
            happens()

    summary = await job.run(watch)
    assert summary.status == "complete", summary.failures or summary.error
    bench.check_files()


async def test_no_new_url_is_the_end_of_one_file_only(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service refuses to renew a URL; the job goes on."""
    bench.service.faults = Faults(refuse="*_SR_B4.TIF", strikes=0, api_unavailable=0.0)
    monkeypatch.setattr("asyncdl.job.stages.renewal.Renewal._find", _nothing)
    summary = await bench.run(RED, BUNDLE)
    assert {f.reason for f in summary.failures} == {"no-new-url"}
    assert summary.by_kind["bundle"]["downloaded"] == 3


async def _nothing(*_: object, **__: object) -> str:
    raise ApiError("download-request", error_code="DOWNLOAD_ERROR")
