"""Jobs in areas that the service cannot search as they are: the right scenes, few calls."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import asyncdl.sandbox
from asyncdl.config import Config
from asyncdl.events import FoundScene, Notice
from asyncdl.job.choosing.scenes import found_scenes
from asyncdl.job.choosing.search_plan import search_plan_of
from asyncdl.job.plan import Plan, make_plan
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.m2m.searching.cover import MAX_FILTERS
from asyncdl.sandbox.geometry import Area, intersects
from tests.job.bench import RED, Bench

DATASET = "landsat_ot_c2_l2"
DAYS = {"dataset": DATASET, "cloud_cover": [0, 100]}


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench whose sandbox has 1,000 small scenes all over the world."""
    async with asyncdl.sandbox.serve(generated=1000, raster_pixels=8) as service:
        yield Bench(service, tmp_path / "data")
        assert service.violations == []


def square(west: float, south: float, size: float = 0.5) -> list[list[list[float]]]:
    east, north = west + size, south + size
    return [[[west, south], [east, south], [east, north], [west, north], [west, south]]]


SQUARES = [
    *(square(-122 + 1.5 * i, 31 + 0.8 * i) for i in range(14)),
    *(square(-101 + 1.5 * i, 42 - 0.8 * i) for i in range(14)),
]
"""More than are searched one by one, in two rows that meet in the north."""


def parcels(*squares: list[list[list[float]]]) -> str:
    return json.dumps({"type": "MultiPolygon", "coordinates": squares})


def config_of(bench: Bench, **search: Any) -> Config:
    return bench.config(RED, search=DAYS | search)


async def scenes_in(bench: Bench, **search: Any) -> list[FoundScene]:
    config = config_of(bench, **search)
    account = Credentials(bench.service.username, bench.service.token)
    async with M2MClient(account, url=bench.service.url) as client:
        return await found_scenes(client, search_plan_of(config), config, bench.events.append)


async def found_in(bench: Bench, **search: Any) -> set[str]:
    return {scene.product_id for scene in await scenes_in(bench, **search)}


async def plan_of(bench: Bench, **search: Any) -> Plan:
    config = config_of(bench, **search)
    account = Credentials(bench.service.username, bench.service.token)
    async with M2MClient(account, url=bench.service.url) as client:
        return await make_plan(
            client, config, search_plan_of(config), "sandbox", bench.events.append
        )


def notices(bench: Bench) -> str:
    return "\n".join(event.text for event in bench.events if isinstance(event, Notice))


async def test_many_parts_find_what_a_search_for_each_of_them_finds(bench: Bench) -> None:
    everything = {"bbox": [-130, 20, -70, 55]}
    expected = {
        scene.product_id
        for scene in await scenes_in(bench, **everything)
        for outline in scene.footprint
        if any(
            intersects(outline, Area(tuple((x, y) for x, y in ring[:-1]))) for (ring,) in SQUARES
        )
    }
    assert notices(bench) == ""
    before = bench.service.calls["scene-search"]
    found = await found_in(bench, aoi=parcels(*SQUARES))
    assert found == expected and len(found) > 10
    assert bench.service.calls["scene-search"] - before <= MAX_FILTERS + 1
    assert "The area has 28 parts and 140 corners, which the service cannot" in notices(bench)
    outside = re.search(r"only what was searched around the area: ([0-9,]+)", notices(bench))
    assert outside and int(outside[1].replace(",", "")) > 0


async def test_an_outline_of_many_corners_finds_what_its_box_finds(bench: Bench) -> None:
    west, south, east, north = box = (-151.5, 60.0, -147.0, 62.0)
    steps = [i / 1000 for i in range(1000)]
    # A hair outside of the box here and there, so that it is none.
    ring = [
        *([west + (east - west) * i, south - 1e-6 * (k % 2)] for k, i in enumerate(steps)),
        *([east, south + (north - south) * i] for i in steps),
        [east, north], [west, north], [west, south],
    ]  # fmt: skip
    outline = json.dumps({"type": "Polygon", "coordinates": [ring]})
    assert await found_in(bench, aoi=outline) == await found_in(bench, bbox=list(box))
    assert "1 part and 2,003 corners" in notices(bench)


async def test_a_run_takes_what_a_plan_counts_and_says_the_same(bench: Bench) -> None:
    few = {"aoi": parcels(*SQUARES), "limit": 3}
    made = await plan_of(bench, **few)
    said = notices(bench)
    bench.events.clear()
    job = bench.job(RED, search=DAYS | few)
    summary = await job.run(bench.events.append)
    assert summary.scenes == made.scenes > 0
    # A plan also shows the notices of the service, which a short run leaves out.
    own = {line for line in said.splitlines() if not line.startswith("USGS: ")}
    assert set(notices(bench).splitlines()) - set(said.splitlines()) == set()
    assert own <= set(notices(bench).splitlines())
    told = made.as_json()
    assert told["area"]["searches"] <= MAX_FILTERS and told["area"]["parts"] == 28
    assert (told["area"]["is_exact"], told["notices"]) == (False, said.splitlines())


async def test_the_box_of_the_usa_finds_what_its_bounds_find(bench: Bench) -> None:
    box = "POLYGON((-179.15 18.9, 179.77 18.9, 179.77 71.4, -179.15 71.4, -179.15 18.9))"
    found = await found_in(bench, aoi=box)
    assert found == await found_in(bench, bbox=[-179.15, 18.9, 179.77, 71.4])
    assert len(found) > 100
    assert "write 179.77 to 180.85" in notices(bench)
