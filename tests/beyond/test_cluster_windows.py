"""Windows of rasters by real workers, into a shared folder and into a store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio.to_thread
import pytest

pytest.importorskip("distributed", reason="distributed is not installed: make beyond")

import asyncdl.sandbox
from asyncdl.sandbox import Service
from tests.beyond.dask_processes import Processes
from tests.beyond.store_jobs import StoreJobs, check_complete
from tests.job.full_size import LAKE, Truth

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SEARCH = f"""
dataset = "landsat_ot_c2_l2"
bbox = {LAKE}
start = 2020-03-01
end = 2020-03-15
"""
PRODUCTS = """
[[products]]
kind = "bands"
bands = ["SR_B4", "QA_PIXEL", "ANG"]
window = "aoi"
[[products]]
kind = "band_group"
file_groups = ["ls_c2l2_sr_band"]
window = "aoi"
"""
LAYOUT = 'layout = "{window}/{kind}/{product_id}/{file}"\nstac = true'
NAME = "box_-150_61.1_-149.9_61.15"


@pytest.fixture
async def full() -> AsyncIterator[Service]:
    """A sandbox whose rasters are of real size, in tiles."""
    async with asyncdl.sandbox.serve(full_size=True) as service:
        yield service


def check_windows(folder: Path) -> None:
    """Compare every tile of every window with the tile at its place, and the texts as a whole."""
    truth = Truth()
    rasters = list(folder.rglob("*.TIF"))
    assert {path.relative_to(folder).parts[:2] for path in rasters} == {
        (NAME, "bands"), (NAME, "band_group"),
    }  # fmt: skip
    assert truth.check_windows(rasters) >= len(rasters) >= 10
    for path in folder.rglob("*_ANG.txt"):
        raster = truth.raster(path.name)
        assert path.read_bytes() == raster.read(0, raster.size)


async def test_windows_come_into_a_shared_folder(
    processes: Processes, full: Service, tmp_path: Path
) -> None:
    _, address = await processes.scheduler()
    for name in ("one", "two"):
        await processes.worker(address, name)
    config = tmp_path / "job.toml"
    config.write_text(
        f'[service]\nurl = "{full.url}"\nstac_url = "{full.stac_url}"\n[search]\n{SEARCH}'
        f'{PRODUCTS}[download]\ndirectory = "data"\n{LAYOUT}\n[poll]\ninterval = 0.05\n'
    )
    run = await processes.run(full, config, address=address)
    assert await run.ended() == 0, run.output
    check_complete(run)
    await anyio.to_thread.run_sync(check_windows, tmp_path / "data")
    left = [path for path in (tmp_path / "data").rglob("*") if ".part" in path.name]
    assert not left
    full.calls.clear()
    again = await processes.run(full, config, address=address)
    assert await again.ended() == 0
    assert "download-request" not in full.calls


@pytest.mark.beyond
async def test_windows_come_into_a_store(
    store_jobs: StoreJobs, full: Service, tmp_path: Path
) -> None:
    jobs = replace(store_jobs, service=full)
    _, address, _ = await jobs.two_workers()
    config = jobs.config(SEARCH, PRODUCTS, download=LAYOUT)
    run = await jobs.run(config, address=address)
    assert await run.ended() == 0, run.output
    summary = check_complete(run)
    assert summary["windows"]["files"] >= 8
    await anyio.to_thread.run_sync(jobs.copy_all, tmp_path / "copies")
    await anyio.to_thread.run_sync(check_windows, tmp_path / "copies")
    items = jobs.items()
    assert all(NAME in item["assets"]["red"]["href"] for item in items) and len(items) >= 2
    assert not jobs.received("one") + jobs.received("two")
    full.calls.clear()
    again = await jobs.run(config, address=address)
    assert await again.ended() == 0
    assert "download-request" not in full.calls
