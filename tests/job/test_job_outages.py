"""A job outlasts the outages of its hosts, or says in clear words that it could not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

import asyncdl.sandbox
from asyncdl.cli.run import exit_status_of
from asyncdl.events import Event, FileFinished, ServiceBack, ServiceWait
from asyncdl.job.job import Job
from asyncdl.job.reporting.report import Summary
from asyncdl.m2m import Credentials
from asyncdl.sandbox import Faults
from asyncdl.sandbox.api import ENDPOINTS
from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload
from asyncdl.sandbox.refusal import Refusal
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.transfer.names import PART, STATE
from tests.clock import simulated
from tests.job.bench import BANDS, Bench

pytestmark = pytest.mark.slow

MINUTE = 60.0
RED_AND_ANGLES = {"kind": "bands", "bands": ["ANG", "SR_B4"]}
HOUR = 3600.0
PATIENT: dict[str, Any] = {"max_wait": "6h", "interval": 30, "deadline": "6h", "stall_timeout": 60}


@asynccontextmanager
async def a_bench(directory: Path, **faults: Any) -> AsyncIterator[Bench]:
    """A bench of the simulated loop; half of the files are in preparation for some minutes."""
    settings = {"preparing": 0.5, "polls": 10} | faults
    async with asyncdl.sandbox.serve(faults=Faults(**settings)) as service:
        yield Bench(service, directory / "data")
        assert service.violations == []


async def run_through(
    bench: Bench, *hosts: str, seconds: float, **settings: Any
) -> tuple[Summary, float]:
    """Run a job; once its first file is there, hosts are down for a while.

    Returns: How it ended, and after how many simulated seconds.
    """
    config = bench.config(BANDS, **PATIENT | settings)
    account = Credentials(bench.service.username, bench.service.token)
    job = Job(config, credentials=account, service_name="sandbox")
    has_begun, began_s = anyio.Event(), anyio.current_time()

    def watch(event: Event) -> None:
        bench.events.append(event)
        if isinstance(event, FileFinished) and not has_begun.is_set():
            switch(bench, hosts, is_down=True)
            has_begun.set()

    async def mend() -> None:
        await has_begun.wait()
        await anyio.sleep(seconds)
        switch(bench, hosts, is_down=False)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(mend)
        summary = await job.run(watch)
        tasks.cancel_scope.cancel()
    return summary, anyio.current_time() - began_s


def switch(bench: Bench, hosts: tuple[str, ...], *, is_down: bool) -> None:
    down: dict[str, Any] = dict.fromkeys(hosts, is_down)
    bench.service.faults = replace(bench.service.faults, **down)


def check(bench: Bench, summary: Summary) -> None:
    """Everything came, each file once and right, and people were told why they waited."""
    assert summary.status == "complete", summary.failures or summary.error
    bench.check_files()
    assert set(bench.endings.values()) == {1}
    assert bench.count(ServiceWait) > 0
    assert bench.count(ServiceBack) >= 1


@pytest.mark.parametrize("mode", ["503", "html", "refuse"])
@pytest.mark.parametrize("hosts", [("api_down",), ("files_down",)], ids=["API", "files"])
@simulated
async def test_a_service_down_for_ten_minutes_stops_no_run(
    tmp_path: Path, hosts: tuple[str, ...], mode: str
) -> None:
    async with a_bench(tmp_path, down_mode=mode) as bench:
        summary, took_s = await run_through(bench, *hosts, seconds=10 * MINUTE)
        check(bench, summary)
    assert 10 * MINUTE <= took_s < 30 * MINUTE


@simulated
async def test_both_hosts_down_for_an_hour_stop_no_run(tmp_path: Path) -> None:
    async with a_bench(tmp_path) as bench:
        summary, took_s = await run_through(bench, "api_down", "files_down", seconds=HOUR)
        check(bench, summary)
    assert HOUR <= took_s < 1.5 * HOUR


@simulated
async def test_a_key_that_dies_in_the_outage_is_replaced_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=asyncio.get_running_loop().time)
    monkeypatch.setattr("asyncdl.sandbox.account.time", clock)
    async with a_bench(tmp_path, key_idle_s=HOUR) as bench:
        summary, _ = await run_through(bench, "api_down", seconds=1.2 * HOUR)
        check(bench, summary)
        assert bench.service.calls["login-token"] == 2


@simulated
async def test_an_api_that_stays_away_stops_the_run_in_clear_words(tmp_path: Path) -> None:
    async with a_bench(tmp_path) as bench:
        summary, took_s = await run_through(bench, "api_down", seconds=HOUR, max_wait="10m")
    assert (summary.status, exit_status_of(summary)) == ("stopped", 1)
    assert re.search(r"down for 6\d\d s.*service\.max_wait", summary.error)
    assert took_s < 20 * MINUTE


@simulated
async def test_a_file_host_that_stays_away_fails_files_in_clear_words(tmp_path: Path) -> None:
    async with a_bench(tmp_path) as bench:
        summary, took_s = await run_through(bench, "files_down", seconds=HOUR, max_wait="10m")
    assert (summary.status, exit_status_of(summary)) == ("incomplete", 1)
    assert {failure.reason for failure in summary.failures} == {"host-down"}
    assert all("has been down for" in f.detail and f.remedy for f in summary.failures)
    assert took_s < 20 * MINUTE


@simulated
async def test_after_an_outage_that_was_too_long_another_run_continues(tmp_path: Path) -> None:
    async with a_bench(tmp_path) as bench:
        summary, _ = await run_through(bench, "api_down", "files_down", seconds=HOUR, max_wait=60)
        assert summary.status == "stopped"
        switch(bench, ("api_down", "files_down"), is_down=False)
        bench.events.clear()
        summary, _ = await run_through(bench, seconds=1)
        assert summary.status == "complete", summary.failures
        bench.check_files()


# --- what is bad alone ----------------------------------------------------------------

BAD_FILES = {
    "html": "error-page",
    "refuse": "http-403",
    "gone": "http-410",
    "error": "http-50",
    "short_body": "network",
    "reset": "network",
    "stall": "stalled",
    "login_redirect": "login-page",
}
"""Faults that two files have for ever, and how the reason begins that they end with."""


@pytest.mark.parametrize("fault", BAD_FILES)
@simulated
async def test_two_files_bad_for_ever_end_by_themselves(tmp_path: Path, fault: str) -> None:
    """Two of twelve: ten come, two fail for a reason of their own, and the run ends soon."""
    bad = {fault: "*_06[78]01[78]_*_ANG.txt", "strikes": 0, "ranges": False, "preparing": 0.0}
    async with a_bench(tmp_path, **bad) as bench:
        config = bench.config(BANDS, max_wait="6h", stall_timeout=5)
        account = Credentials(bench.service.username, bench.service.token)
        began_s = anyio.current_time()
        job = Job(config, credentials=account, service_name="sandbox")
        summary = await job.run(bench.events.append)
        took_s = anyio.current_time() - began_s
        # What came of them stays, and is gone on with.
        unfinished = {path for path in bench.files if path.name.endswith((PART, STATE))}
        for path in unfinished:
            path.unlink()
        bench.check_files()
    assert (summary.status, exit_status_of(summary)) == ("incomplete", 1)
    assert {path.name.partition(".part")[0] for path in unfinished} <= {
        failure.file.rpartition("/")[2] for failure in summary.failures
    }
    assert len(bench.files) == len(bench.endings) - len(summary.failures)
    assert 1 <= len(summary.failures) < len(bench.files)
    for failure in summary.failures:
        assert failure.reason.startswith(BAD_FILES[fault]), failure
        if fault == "html":
            assert failure.detail.endswith('"Something went wrong"')
    assert bench.count(ServiceWait) == 0
    assert took_s < 2 * MINUTE


@pytest.mark.parametrize("fault", ["html", "error", "reset", "stall"])
@simulated
async def test_row_e5_good_files_behind_bad_ones_are_found(tmp_path: Path, fault: str) -> None:
    """One worker, and the first files are bad for ever: nothing says that others would come."""
    bad = {fault: "*_ANG.txt", "strikes": 0, "ranges": False, "preparing": 0.0}
    async with a_bench(tmp_path, **bad) as bench:
        config = bench.config(RED_AND_ANGLES, max_wait="6h", stall_timeout=5, workers=1)
        account = Credentials(bench.service.username, bench.service.token)
        began_s = anyio.current_time()
        summary = await Job(config, credentials=account).run(bench.events.append)
        took_s = anyio.current_time() - began_s
    ends = [event for event in bench.events if isinstance(event, FileFinished)]
    failed = [event.state == "failed" for event in ends]
    assert 0 < sum(failed) < len(failed)
    assert summary.status == "incomplete"
    assert all(event.file.endswith("_ANG.txt") for event in ends if event.state == "failed")
    if fault != "html":
        assert failed == sorted(failed), "the good ones come first"
    assert took_s < 10 * MINUTE


@simulated
async def test_bad_files_alone_are_not_waited_for_to_the_end(tmp_path: Path) -> None:
    """As in a run that retries what failed: nothing else is there to compare with."""
    async with a_bench(tmp_path, html="*.txt", strikes=0, preparing=0.0) as bench:
        config = bench.config({"kind": "bands", "bands": ["ANG"]}, max_wait="6h")
        account = Credentials(bench.service.username, bench.service.token)
        began_s = anyio.current_time()
        summary = await Job(config, credentials=account).run(bench.events.append)
        took_s = anyio.current_time() - began_s
    assert summary.status == "incomplete"
    assert {failure.reason for failure in summary.failures} == {"error-page"}
    assert MINUTE < took_s < 3 * MINUTE


@simulated
async def test_a_batch_without_options_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its scenes fail after the tries of the call; the service is well, and the others come."""
    options, first = ENDPOINTS["download-options"], list[object]()

    def fail_for_the_first(world: SandboxState, payload: Payload) -> Json:
        first.append(payload["entityIds"])
        if payload["entityIds"] == first[0]:
            raise Refusal("UNKNOWN", "no luck with these")
        return options(world, payload)

    monkeypatch.setitem(
        cast("dict[str, Endpoint]", ENDPOINTS), "download-options", fail_for_the_first
    )
    async with a_bench(tmp_path, preparing=0.0) as bench:
        config = bench.config(BANDS, max_wait="6h", scenes_per_call=1)
        account = Credentials(bench.service.username, bench.service.token)
        began_s = anyio.current_time()
        summary = await Job(config, credentials=account).run(bench.events.append)
        took_s = anyio.current_time() - began_s
        bench.check_files()
    assert summary.status == "incomplete"
    assert [failure.reason for failure in summary.failures] == ["no-options"]
    assert "no luck with these" in summary.failures[0].detail
    assert len(bench.files) == 8
    assert took_s < 15 * MINUTE
    assert bench.count(ServiceWait) == 0
