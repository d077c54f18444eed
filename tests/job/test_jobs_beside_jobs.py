"""Jobs of one account that want the same scenes: each ends complete, whatever the others do.

They do not know each other: each has a directory, a journal and a label of its own, as
jobs on different machines have. What one leans on another one may take away.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, get_args

import anyio
import pytest

import asyncdl.sandbox
from asyncdl.events import Event
from asyncdl.job.telling.report import Summary
from asyncdl.sandbox import Faults, Service
from asyncdl.sandbox.fault_values import Repeats
from asyncdl.sandbox.leftovers import Leftovers
from tests.job.bench import BANDS, RED, Bench

pytestmark = pytest.mark.slow

FORMS = get_args(Repeats)


async def cut(bench: Bench, after: int, *products: dict[str, Any], **settings: Any) -> bool:
    """Run a job and cancel it after so many events; tell whether it was cut before its end."""
    seen = 0
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            nonlocal seen
            seen += 1
            if seen == after:
                scope.cancel()

        await bench.job(*products, **settings).run(watch)
    return scope.cancelled_caught


async def cut_when(bench: Bench, happens: Callable[[str], bool], *products: dict[str, Any]) -> None:
    """Run a job and cancel it at a moment of the sandbox."""
    with anyio.CancelScope() as scope:

        def watch(moment: str) -> None:
            if happens(moment):
                scope.cancel()

        bench.service.watch = watch
        await bench.job(*products).run()
    bench.service.watch = lambda moment: None
    assert scope.cancelled_caught
    while bench.service.running:
        await anyio.sleep(0.001)


def after_request(moment: str) -> bool:
    return moment == "download-request answered"


def after_look(moment: str) -> bool:
    return moment == "download-retrieve answered"


@pytest.mark.parametrize("repeats", FORMS)
@pytest.mark.parametrize("preparing", [0.0, 1.0])
@pytest.mark.parametrize("moment", [after_request, after_look])
async def test_an_order_that_others_leaned_on_is_removed_and_all_come_to_their_end(
    service: Service,
    tmp_path: Path,
    repeats: Repeats,
    preparing: float,
    moment: Callable[[str], bool],
) -> None:
    """b cut, c cut while it leans on b's order, b whole, d cut, then c, then d."""
    b, c, d = (Bench(service, tmp_path / name) for name in "bcd")
    service.faults = Faults(repeats=repeats, preparing=preparing, polls=2)
    await cut_when(b, after_request, BANDS)
    if moment is after_request or (repeats == "old" and not preparing):
        await cut_when(c, after_request, BANDS)
    else:
        await cut_when(c, moment, BANDS)
    await b.complete(BANDS)
    await cut_when(d, after_request, BANDS)
    for bench in (c, d):
        summary = await bench.complete(BANDS)
        assert summary.files["downloaded"] + summary.files["skipped"] == 12
    assert service.leftovers == Leftovers()


@pytest.mark.parametrize("repeats", FORMS)
async def test_urls_of_an_order_that_was_removed_are_renewed_under_the_own_label(
    service: Service, tmp_path: Path, repeats: Repeats
) -> None:
    """The older host knows nothing but the download's id: a URL dies with the order."""
    b, c = (Bench(service, tmp_path / name) for name in "bc")
    service.faults = Faults(repeats=repeats, dds=1.0)
    await cut_when(b, after_request, RED)
    looked = False

    def remove_b(moment: str) -> None:
        nonlocal looked
        if moment in ("download-retrieve answered", "download-request answered") and not looked:
            looked = True
            for item in list(service.queue):
                service.queue.remove(item)

    service.watch = remove_b
    await c.complete(RED)
    assert looked and service.leftovers == Leftovers()


async def test_an_order_that_is_taken_away_again_and_again_is_not_asked_for_for_ever(
    service: Service, tmp_path: Path
) -> None:
    """Whoever removes it is always faster: the job says so in bounded time."""
    c = Bench(service, tmp_path / "c")
    service.faults = Faults(preparing=1.0, polls=1000)

    def remove(moment: str) -> None:
        if moment == "download-retrieve called":
            for item in list(service.queue):
                service.queue.remove(item)

    service.watch = remove
    summary = await c.run(RED)
    assert {failure.reason for failure in summary.failures} == {"vanished"}
    assert "asked for" in summary.failures[0].detail
    assert summary.api_calls["download-request"] <= 25


# --- any order of things ----------------------------------------------------------------


class Schedule:
    """Jobs that are started, cut, resumed and completed in an order that a seed draws."""

    def __init__(self, service: Service, folder: Path, seed: int) -> None:
        self.draw = random.Random(f"schedule {seed}")
        self.service = service
        self.benches = [Bench(service, folder / name) for name in "abcd"]
        self.complete: set[Path] = set()

    async def run(self, steps: int) -> None:
        """Let several things happen at a time, then bring every job to its end."""
        for _ in range(steps):
            async with anyio.create_task_group() as tasks:
                for bench in self.draw.sample(self.benches, self.draw.randint(1, 3)):
                    tasks.start_soon(self.step, bench, self.draw.randint(2, 60))
        async with anyio.create_task_group() as tasks:
            for bench in self.benches:
                tasks.start_soon(self.finish, bench)

    async def step(self, bench: Bench, events: int) -> None:
        await cut(bench, events, BANDS)

    async def finish(self, bench: Bench) -> None:
        summary = await bench.complete(BANDS)
        assert summary.files["downloaded"] + summary.files["skipped"] == 12


@pytest.mark.parametrize("repeats", FORMS)
@pytest.mark.parametrize("seed", range(4))
async def test_jobs_that_are_cut_and_resumed_in_any_order_all_end_complete(
    service: Service, tmp_path: Path, repeats: Repeats, seed: int
) -> None:
    service.faults = Faults(
        seed=seed, repeats=repeats, preparing=0.4, polls=2, dds=0.2, preparing_listed=seed % 2 == 1
    )
    await Schedule(service, tmp_path, seed).run(steps=4)
    assert service.leftovers == Leftovers()
    assert service.remarks == []


# --- very many --------------------------------------------------------------------------

JOBS, AT_ONCE = 50, 8


@pytest.fixture
async def patient_service() -> AsyncIterator[Service]:
    """A sandbox that remembers all calls of very many jobs."""
    async with asyncdl.sandbox.serve(keep=100_000) as service:
        yield service


@pytest.mark.parametrize("repeats", FORMS)
async def test_fifty_jobs_eight_at_a_time_a_third_of_them_cut(
    patient_service: Service, tmp_path: Path, repeats: Repeats
) -> None:
    service, draw = patient_service, random.Random(7)
    service.faults = Faults(repeats=repeats, preparing=0.2, polls=2)
    limiter = anyio.CapacityLimiter(AT_ONCE)
    summaries: list[Summary] = []
    cuts = 0

    async def job(number: int, after: int | None) -> None:
        nonlocal cuts
        bench = Bench(service, tmp_path / f"job-{number}")
        async with limiter:
            if after is not None:
                cuts += await cut(bench, after, BANDS)
            summaries.append(await bench.complete(BANDS))

    async with anyio.create_task_group() as tasks:
        for number in range(JOBS):
            tasks.start_soon(job, number, draw.randint(5, 60) if number % 3 == 0 else None)
    assert len(summaries) == JOBS and cuts >= 10
    assert service.leftovers == Leftovers()
