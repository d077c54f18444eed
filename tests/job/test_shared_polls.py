"""Looks at the queue are never closer than the interval, whoever looks (``download-retrieve``)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from asyncdl.events import Event, FilesPreparing
from asyncdl.job import job
from asyncdl.m2m.downloads.retrieval import FIRST_POLL_S, DownloadQueue, SharedPolls
from asyncdl.sandbox import Faults, Service
from tests.job.bench import BANDS, RED, Bench

pytestmark = pytest.mark.slow

INTERVAL_S = 0.1
SLOW_S = 0.05
"""What a call takes."""


def gaps(service: Service, label: str | None = None) -> list[float]:
    """Return the seconds from the end of each look at a label to the begin of the next."""
    polls: dict[str, list[tuple[float, float]]] = {}
    for call in service.call_log:
        if call.endpoint == "download-retrieve":
            polls.setdefault(call.payload["label"], []).append((call.began_s, call.ended_s))
    assert polls
    return [
        following[0] - earlier[1]
        for name, times in polls.items()
        if label in (None, name)
        for earlier, following in pairwise(times)
    ]


async def test_the_poller_waits_from_the_end_of_a_slow_poll(bench: Bench) -> None:
    bench.service.faults = Faults(preparing=1.0, polls=4, api_latency_s=SLOW_S)
    await bench.complete(RED, interval=INTERVAL_S)
    found = gaps(bench.service)
    assert len(found) == 3 and min(found) >= INTERVAL_S


async def test_renewals_and_the_poller_keep_the_interval_together(bench: Bench) -> None:
    """All URLs of what is ready are refused at once while the rest is in preparation."""
    service = bench.service
    service.faults = Faults(
        preparing="*_QA_PIXEL.TIF", polls=6, api_latency_s=SLOW_S, refuse="*_B4.TIF", strikes=2
    )
    await bench.complete(BANDS, interval=INTERVAL_S, workers=4)
    found = gaps(service)
    assert len(found) >= 4 and min(found) >= INTERVAL_S
    assert sum(entry.status == 403 for entry in service.file_log) >= 3


async def test_a_run_that_goes_on_keeps_the_interval_under_every_label(
    service: Service, tmp_path: Path
) -> None:
    """It leans on an order of its own and on that of another job."""
    other, bench = Bench(service, tmp_path / "other"), Bench(service, tmp_path / "data")
    service.faults = Faults(preparing=1.0, polls=8, api_latency_s=SLOW_S)
    for cut_one, products in ((other, [RED]), (bench, [BANDS])):
        with anyio.CancelScope() as scope:

            def watch(event: Event, scope: anyio.CancelScope = scope) -> None:
                if isinstance(event, FilesPreparing):
                    scope.cancel()

            await cut_one.job(*products, interval=INTERVAL_S).run(watch)
    service.call_log.clear()
    await bench.complete(BANDS, interval=INTERVAL_S)
    labels = {c.payload["label"] for c in service.call_log if c.endpoint == "download-retrieve"}
    assert len(labels) == 2
    for label in labels:
        assert min(gaps(service, label)) >= INTERVAL_S


async def test_the_first_poll_after_a_request_comes_early(bench: Bench) -> None:
    """The interval is between two looks; a small file is ready long before it is over."""
    bench.service.faults = Faults(preparing=1.0, polls=1)
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            bench.events.append(event)
            if isinstance(event, FilesPreparing):
                scope.cancel()

        await bench.job(RED, interval=30).run(watch)
    [event] = [event for event in bench.events if isinstance(event, FilesPreparing)]
    assert 0 < event.next_look_s <= FIRST_POLL_S


async def test_a_renewal_that_ends_leaves_no_poll_due(bench: Bench) -> None:
    """Calls that no file needs wait while a poll is due, and must not do so for ever."""
    bench.service.faults = Faults(refuse="*_B4.TIF", strikes=2, preparing="*_B4.TIF", polls=2)
    made: list[SharedPolls] = []

    class Kept(SharedPolls):
        def __init__(self, client: DownloadQueue, interval_s: float) -> None:
            super().__init__(client, interval_s)
            made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "SharedPolls", Kept)
        await bench.complete(RED, interval=INTERVAL_S)
    [polls] = made
    assert not polls.is_due(1e9)
