"""The calls at the end of an order: none that a run need not wait for."""

from __future__ import annotations

import pytest

from asyncdl.events import ApiCalled, FileFinished
from asyncdl.job.choosing.scope import FAILED
from asyncdl.job.queue import order_end
from asyncdl.sandbox import Faults
from asyncdl.sandbox.admin_api import CleanupReport
from tests.job.bench import BUNDLE, RED, Bench

FLOWING = Faults(rate=120_000)
"""Bundles take longer than all calls."""
ENDING = ("download-search", "download-order-remove", "logout")


def endings_of(bench: Bench) -> list[str]:
    """Return the calls that end an order, and where the last file was there."""
    order: list[str] = []
    for event in bench.events:
        if isinstance(event, ApiCalled) and event.endpoint in ENDING:
            order.append(event.endpoint)
        elif isinstance(event, FileFinished):
            order = [*(name for name in order if name != "file"), "file"]
    return order


async def test_files_of_the_service_are_not_searched_for(bench: Bench) -> None:
    bench.service.faults = FLOWING
    await bench.complete(BUNDLE)
    assert endings_of(bench) == ["file", "download-order-remove", "logout"]
    assert bench.service.cleanup_report == CleanupReport()


async def test_after_a_failure_the_order_stays_for_the_next_run(bench: Bench) -> None:
    bench.service.faults = Faults(rate=120_000, invalid_scenes="*_20200303_*.tar")
    summary = await bench.run(BUNDLE)
    assert summary.status == "incomplete"
    assert endings_of(bench) == ["file", "download-search", "logout"]
    assert sum(bench.service.cleanup_report.entries.values()) == 2


async def test_a_run_for_what_failed_leaves_the_order_of_the_whole_job(bench: Bench) -> None:
    bench.service.faults = Faults(invalid_scenes="*_20200303_*.tar")
    await bench.run(BUNDLE)
    bench.service.faults = FLOWING
    assert (await bench.job(BUNDLE, only=FAILED).run()).files["downloaded"] == 1
    assert bench.service.calls["download-order-remove"] == 0


async def test_files_of_other_sites_are_searched_for_while_they_flow_and_reported(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_end, "is_same_site", lambda one, other: False)
    bench.service.faults = Faults(rate=120_000, proxied=1.0)
    await bench.complete(BUNDLE)
    assert endings_of(bench) == ["download-search", "file", "download-order-remove", "logout"]
    assert bench.service.calls["download-complete-proxied"] == 1


async def test_what_was_searched_for_too_early_is_searched_for_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service knows who delivers a file once its link was used."""
    monkeypatch.setattr(order_end, "is_same_site", lambda one, other: False)
    bench.service.faults = Faults(proxied=1.0, api_latency_s=0.1)
    await bench.complete(RED)
    assert bench.service.calls["download-complete-proxied"] == 1
    assert bench.service.cleanup_report == CleanupReport()
