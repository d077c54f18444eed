"""No more calls than the batch sizes require, and no more in flight than there is room for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from math import ceil
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

import asyncdl.sandbox
from asyncdl.events import Notice, ScenesFound
from asyncdl.job.choosing.scenes import scene_batches
from asyncdl.job.choosing.search_plan import search_plan_of
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.transfer import Downloader, Fetched, FileRequest
from asyncdl.transfer.slots import Slot
from tests.job.bench import RED, Bench

pytestmark = pytest.mark.slow

DATASET = "landsat_ot_c2_l2"
EVERYTHING: dict[str, Any] = {"dataset": DATASET, "cloud_cover": [0, 100]}


@pytest.fixture
async def crowd(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench whose sandbox has 2,500 small scenes, and one that is not open to bulk download."""
    async with asyncdl.sandbox.serve(raster_pixels=8) as few:
        known = few.catalog.count(DATASET)
    async with asyncdl.sandbox.serve(generated=2501 - known, raster_pixels=8) as service:
        yield Bench(service, tmp_path / "data")
        assert service.violations == []


async def test_a_search_of_2500_scenes_pages_to_the_end(crowd: Bench) -> None:
    config = crowd.config(RED, search=EVERYTHING)
    account = Credentials(crowd.service.username, crowd.service.token)
    scenes: list[str] = []
    async with (
        M2MClient(account, url=crowd.service.url) as client,
        aclosing(
            scene_batches(client, search_plan_of(config), config, crowd.events.append)
        ) as batches,
    ):
        async for batch in batches:
            assert len(batch.ids) <= config.service.scenes_per_call
            scenes += batch.ids
    assert len(scenes) == len(set(scenes)) == 2500
    assert crowd.service.calls["scene-search"] == 3
    pages = [event for event in crowd.events if isinstance(event, ScenesFound)]
    assert (pages[-1].found, pages[-1].total_hits) == (2500, 2501)
    assert [scene.entity_id for page in pages for scene in page.scenes] == scenes
    assert crowd.events[-1] == Notice("Scenes left out, as they cannot be downloaded in bulk: 1.")


@pytest.mark.parametrize("scenes", [1, 40, 95])
async def test_a_job_makes_as_many_calls_as_its_batches_require(crowd: Bench, scenes: int) -> None:
    sizes = {"scenes_per_page": 100, "scenes_per_call": 20, "files_per_request": 30}
    summary = await crowd.complete(RED, search=EVERYTHING | {"limit": scenes}, **sizes)
    calls = summary.api_calls
    assert summary.files["downloaded"] == scenes
    assert calls["scene-search"] == ceil(scenes / 100)
    assert calls["download-options"] == ceil(scenes / 20)
    assert "scene-list-add" not in calls, "found scenes are named in the call itself"
    assert calls["download-request"] == ceil(scenes / 30)
    assert calls["login-token"] == calls["logout"] == 1


async def test_a_run_that_is_slow_for_its_links_asks_for_fewer_at_a_time(crowd: Bench) -> None:
    search = EVERYTHING | {"limit": 40}
    summary = await crowd.complete(RED, search=search, workers=2, link_wait=0.0001)
    assert 10 <= summary.api_calls["download-request"] <= 40


async def test_while_the_workers_are_held_up_no_more_urls_are_asked_for(
    crowd: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Backpressure: what is asked for is what fits the workers, the queue and one call."""
    fetch, may_go_on = Downloader.fetch, anyio.Event()

    async def hold_up(self: Downloader, request: FileRequest, slot: Slot) -> Fetched:
        await may_go_on.wait()
        return await fetch(self, request, slot)

    monkeypatch.setattr(Downloader, "fetch", hold_up)
    sizes = {"scenes_per_page": 10, "scenes_per_call": 10, "files_per_request": 3, "workers": 2}
    search = EVERYTHING | {"limit": 60}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: crowd.complete(RED, search=search, **sizes))
        while crowd.service.calls["download-request"] < 3:
            await checkpoint()
        for _ in range(2000):
            await checkpoint()
        # 2 with the workers, 4 on the queue, and at most one call's worth on its way there.
        assert crowd.service.calls["download-request"] <= 3
        assert crowd.service.calls["scene-search"] < 6
        may_go_on.set()
    assert crowd.service.calls["download-request"] == 20
