"""Links that are refused heal by themselves, each file's alone and all with few calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

import asyncdl.sandbox
from asyncdl.events import Event, FileFinished, LinkRenewal
from asyncdl.job.job import Job
from asyncdl.job.reporting.report import Summary
from asyncdl.m2m import Credentials
from asyncdl.sandbox import Faults
from asyncdl.sandbox.served_queue import ServedState
from tests.clock import simulated
from tests.job.bench import BANDS, BUNDLE, Bench

pytestmark = pytest.mark.slow


async def run_and_once(bench: Bench, happens: Callable[[], None], **settings: Any) -> Summary:
    """Run a job; something happens when its first file is there."""

    def watch(event: Event) -> None:
        bench.events.append(event)
        if isinstance(event, FileFinished) and bench.count(FileFinished) == 1:
            happens()

    summary = await bench.job(BANDS, BUNDLE, **settings).run(watch)
    assert summary.status == "complete", summary.failures or summary.error
    bench.check_files()
    return summary


async def test_all_links_that_expire_together_are_renewed_with_few_calls(bench: Bench) -> None:
    summary = await run_and_once(bench, bench.service.expire_urls, workers=4)
    assert sum(entry.status == 403 for entry in bench.service.file_log) >= 5
    assert summary.api_calls["download-request"] == 1
    assert summary.api_calls["download-retrieve"] <= 2
    assert bench.count(LinkRenewal) >= 5


@pytest.mark.parametrize("fault", ["gone", "login_redirect", "html", "refuse"])
async def test_a_link_that_is_good_no_more_is_replaced(bench: Bench, fault: str) -> None:
    settings: dict[str, Any] = {fault: 1.0, "strikes": 2}
    bench.service.faults = replace(Faults(), **settings)
    await bench.complete(BANDS)


async def test_a_file_in_preparation_again_is_waited_for(bench: Bench) -> None:
    """The service has cleared what was staged; it stages it anew, and the run goes on."""

    def clear() -> None:
        bench.service.expire_urls()
        for item in bench.service.queue:
            if not item.is_fetched:
                item.state, item.polls = ServedState.PREPARING, 3

    await run_and_once(bench, clear, workers=4)


async def test_the_number_of_renewals_can_be_set(bench: Bench) -> None:
    bench.service.faults = Faults(gone="*_QA_PIXEL.TIF", strikes=1)
    summary = await bench.run(BANDS, url_renewals=0)
    assert {failure.reason for failure in summary.failures} == {"http-410"}
    assert summary.files["failed"] == 3


@simulated
async def test_links_that_expire_while_the_api_is_down_wait_for_it(tmp_path: Path) -> None:
    async with asyncdl.sandbox.serve() as service, anyio.create_task_group() as tasks:
        bench = Bench(service, tmp_path / "data")
        config = bench.config(BANDS, max_wait="6h", interval=30, stall_timeout=60, workers=2)
        account = Credentials(service.username, service.token)

        async def go_down() -> None:
            service.faults = Faults(api_down=True)
            await anyio.sleep(600)
            service.faults = Faults()

        def watch(event: Event) -> None:
            bench.events.append(event)
            if isinstance(event, FileFinished) and bench.count(FileFinished) == 1:
                service.expire_urls()
                tasks.start_soon(go_down)

        summary = await Job(config, credentials=account, service_name="sandbox").run(watch)
        assert summary.status == "complete", summary.failures or summary.error
        bench.check_files()
