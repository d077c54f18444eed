"""A job whose files are received in one place and placed in another."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.config import Config
from asyncdl.job import job, plan
from asyncdl.job.places import space
from asyncdl.job.places.placer import FolderPlacer, PlacedFile
from tests.job.bench import ANCHORAGE, RED, Bench

pytestmark = pytest.mark.slow

GROUP_OF_ALL = {"kind": "band_group", "file_groups": ["ls_c2l2_sr_band"]}


class SpoolPlacer(FolderPlacer):
    """Receives files in a spool, and has them in a folder once they are placed."""

    def __init__(self, directory: Path, spool: Path) -> None:
        super().__init__(directory)
        self._final = FolderPlacer(directory)
        self._spool = spool

    def work_path(self, path: str) -> Path:
        return self._spool.joinpath(*path.split("/"))

    def place(self, source: Path, path: str) -> PlacedFile:
        return self._final.place(source, path)


@pytest.fixture
def spool(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All jobs of the test receive their files here."""
    folder = tmp_path / "spool"

    def placer_of(config: Config) -> SpoolPlacer:
        return SpoolPlacer(config.directory, folder)

    for module in (job, plan, space):
        monkeypatch.setattr(module, "placer_of", placer_of)
    return folder


async def test_files_are_received_in_the_spool_and_placed_for_all_products(
    bench: Bench, spool: Path
) -> None:
    summary = await bench.complete(RED, GROUP_OF_ALL, search=ANCHORAGE | {"limit": 1})
    placed = {path.relative_to(bench.directory) for path in bench.files}
    received = {path.relative_to(spool) for path in spool.rglob("*.TIF")}
    assert received < placed, "what two products want is received once and placed twice"
    assert len(placed) == summary.files["downloaded"]


async def test_files_that_were_placed_are_not_fetched_again(bench: Bench, spool: Path) -> None:
    await bench.complete(RED)
    for path in spool.rglob("*.TIF"):
        path.unlink()
    calls = bench.service.calls["download-request"]
    summary = await bench.complete(RED)
    assert summary.files["downloaded"] == 0
    assert bench.service.calls["download-request"] == calls
