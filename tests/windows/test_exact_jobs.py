"""Jobs for windows that end where the area does: ``exact = true``, by GDAL. ``make extras``."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import asyncdl.sandbox
from asyncdl.job.places.placer import FolderPlacer
from asyncdl.job.verifying import verify_files
from asyncdl.journal import FileStatus, open_state
from tests.job.bench import Bench
from tests.job.full_size import LAKE, Truth
from tests.windows.handmade import read_tiff

rasterio: Any = pytest.importorskip("rasterio", reason="rasterio is not installed: make extras")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.allow_blocking,  # rasterio reads on the loop
    pytest.mark.filterwarnings("ignore:Use `@` matmul instead:PendingDeprecationWarning"),
]

SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"
ONE = {"scenes": [SCENE]}
NAME = "box_-150_61.1_-149.9_61.15"
TILES = {"kind": "bands", "bands": ["SR_B4", "MTL.txt"], "window": LAKE}
EXACT = {**TILES, "exact": True}


@pytest.fixture
async def wide(tmp_path: Path) -> AsyncIterator[Bench]:
    async with asyncdl.sandbox.serve(full_size=True) as service:
        yield Bench(service, tmp_path / "data")


async def test_a_job_cuts_to_pixels_and_knows_it_from_then_on(wide: Bench) -> None:
    """Beside the window of tiles, which is another file, and has the same pixels."""
    for product in (TILES, EXACT):
        summary = await wide.run(product, search=ONE, stac=True)
        assert summary.status == "complete", summary.failures
    requests = len(wide.service.file_log)
    again = await wide.run(EXACT, search=ONE, stac=True)
    assert (again.files["skipped"], len(wide.service.file_log)) == (2, requests)
    tiles, exact = (raster_of(wide, name) for name in (NAME, f"{NAME}_exact"))
    with rasterio.open(tiles) as large, rasterio.open(exact) as small:
        assert small.width < 220 < 512 <= large.width
        assert (small.read() == large.read(window=large.window(*small.bounds))).all()
        shape = [small.height, small.width]
    (item,) = (p for p in wide.directory.glob("stac/*/LC08*.json") if "_exact" in p.name)
    assert json.loads(item.read_bytes())["properties"]["proj:shape"] == shape
    async with open_state(wide.directory, "sandbox") as journal:
        known = {file.path: file for file in await journal.files.finished([FileStatus.VERIFIED])}
        checked = await verify_files(FolderPlacer(wide.directory), journal, wide.events.append)
    assert known[exact.relative_to(wide.directory).as_posix()].proof.endswith("+exact+tiff")
    assert (checked.total, checked.damaged) == (4, [])
    Truth().check_windows([tiles])


async def test_a_changed_one_is_found_and_made_again(wide: Bench) -> None:
    await wide.run(EXACT, search=ONE)
    path = raster_of(wide, f"{NAME}_exact")
    was = path.read_bytes()
    offset, size = read_tiff(was)[0].places[0]
    path.write_bytes(was[: offset + size // 2] + b"\xff" + was[offset + size // 2 + 1 :])
    async with open_state(wide.directory, "sandbox") as journal:
        checked = await verify_files(FolderPlacer(wide.directory), journal, wide.events.append)
    assert [Path(found.file).name for found in checked.damaged] == [path.name]
    summary = await wide.run(EXACT, search=ONE, only=(FileStatus.DAMAGED,))
    assert summary.files["downloaded"] == 1 and path.read_bytes() == was


def raster_of(bench: Bench, window: str) -> Path:
    return bench.directory / "bands" / SCENE / window / f"{SCENE}_SR_B4.TIF"
