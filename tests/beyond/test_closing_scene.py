"""All of it at once: the Anchorage job, by two workers into a store, and one of them is killed."""

from __future__ import annotations

import signal
import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

pytest.importorskip("distributed", reason="distributed is not installed: make beyond")

import asyncdl.sandbox
from asyncdl.sandbox import Faults, Service
from tests.beyond.store_jobs import StoreJobs, check_complete

odc_stac = pytest.importorskip("odc.stac", reason="needs odc-stac (make beyond)")
pystac = pytest.importorskip("pystac")
rasterio = pytest.importorskip("rasterio", reason="needs rasterio (make beyond)")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.beyond,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("default"),  # of packages that are none of ours
]

EXAMPLE = Path(__file__).parents[2] / "examples" / "anchorage.toml"
FILES = 54
"""Of three scenes: single bands, bundles and band groups."""


@pytest.fixture
async def detailed() -> AsyncIterator[Service]:
    """A sandbox with rasters that take a while."""
    async with asyncdl.sandbox.serve(raster_pixels=200) as service:
        yield service


def anchorage(jobs: StoreJobs) -> Path:
    """Write the example's job, but into the store, and for the sandbox of the test."""
    text = EXAMPLE.read_text(encoding="utf-8")
    example = tomllib.loads(text)
    search = text[text.index("[search]") + len("[search]") : text.index("[[products]]")]
    products = text[text.index("[[products]]") : text.index("[download]")]
    area = EXAMPLE.with_name(example["search"]["aoi"])
    search = search.replace(f'"{area.name}"', f'"{area.as_posix()}"')
    return jobs.config(search, products, download="stac = true")


def opened(jobs: StoreJobs) -> dict[str, Any]:
    """Open all items straight from the store, with what GDAL knows of it."""
    items = [pystac.Item.from_dict(item) for item in jobs.items()]
    session = {
        "AWS_S3_ENDPOINT": jobs.weed.endpoint.removeprefix("http://"), "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE", "AWS_REGION": "us-east-1",
    }  # fmt: skip
    with rasterio.Env(**session), rasterio.open(items[0].assets["red"].href) as raster:
        loaded = odc_stac.load(
            items, bands=["red", "qa_pixel"], chunks=None, crs="EPSG:32606", resolution=300
        )
        return {
            "items": len(items),
            "driver": raster.driver,
            "red": float(loaded["red"].max()),
            "times": loaded.sizes["time"],
        }


async def test_the_anchorage_job_by_two_workers_of_which_one_is_killed(
    store_jobs: StoreJobs, detailed: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = replace(store_jobs, service=detailed)
    detailed.faults = Faults(rate=300_000)
    _, address, workers = await jobs.two_workers()
    config = anchorage(jobs)
    run = await jobs.run(config, address=address)
    await jobs.until("store", 10)  # files are there, and others are under way
    await jobs.until("one", 1)
    workers[0].send(signal.SIGKILL)
    await run.until("one is gone")
    detailed.faults = Faults()
    assert await run.ended(100) == 0, run.output
    summary = check_complete(run)
    assert summary["scenes"] == 3
    paths = await anyio.to_thread.run_sync(jobs.check_files)
    assert len(paths) == summary["files"]["total"] == FILES
    assert {path.partition("/")[0] for path in paths} == {"bands", "bundle", "band_group"}
    assert not jobs.received("two")

    for name, value in jobs.credentials.items():
        monkeypatch.setenv(name, value)
    found = await anyio.to_thread.run_sync(opened, jobs)
    assert (found["items"], found["driver"]) == (3, "GTiff")
    assert found["red"] > 0 and found["times"] >= 1

    detailed.calls.clear()
    again = await jobs.run(config, address=address)
    assert await again.ended(100) == 0, again.output
    assert check_complete(again)["files"]["skipped"] == FILES
    assert "download-request" not in detailed.calls
    verified = await jobs.run_command("verify", str(config), "--read")
    assert await verified.ended(100) == 0, verified.output
