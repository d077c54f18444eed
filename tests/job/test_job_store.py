"""A job whose verified files go to a store: here a folder that the job itself never looks into."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from asyncdl.config import Config
from asyncdl.job import job, plan
from asyncdl.job.places import space
from asyncdl.job.places.placer import FolderPlacer, PlacedFile, Placer
from asyncdl.journal import FinishedFile
from tests.job.bench import BANDS, BUNDLE, RED, Bench


class Store:
    """Has what is placed; the files are received and unpacked in a folder elsewhere."""

    def __init__(self, top: Path, work: Path) -> None:
        self.top = top
        self._work, self._placed = FolderPlacer(work), FolderPlacer(top)

    def work_path(self, path: str) -> Path:
        """Return the path in the folder."""
        return self._work.work_path(path)

    def place(self, source: Path, path: str) -> PlacedFile:
        """Copy into the store."""
        return self._placed.place(source, path)

    def unchanged(self, files: Iterable[FinishedFile]) -> frozenset[str]:
        """Compare with what the store has."""
        return self._placed.unchanged(files)

    def remove(self, files: Iterable[FinishedFile]) -> list[FinishedFile]:
        """Remove from the store."""
        return self._placed.remove(files)

    def free_bytes(self) -> int | None:
        """Return no limit: a store has none."""
        return None


@pytest.fixture
def store(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store(tmp_path / "store", bench.directory)

    def placer_of(config: Config) -> Placer:
        return store

    for module in (job, plan, space):
        monkeypatch.setattr(module, "placer_of", placer_of)
    return store


async def test_all_that_is_wanted_is_in_the_store(bench: Bench, store: Store) -> None:
    """One file for two places, too: what was received is placed twice."""
    summary = await bench.complete(RED, BANDS, BUNDLE)
    placed = [path for path in store.top.rglob("*") if path.is_file()]
    assert len(placed) == summary.files["total"] > 12
    for path in placed:
        assert path.read_bytes() == bench.truth(path.name), path


async def test_what_the_store_has_is_not_requested_again(bench: Bench, store: Store) -> None:
    """The copies that were received may be gone."""
    await bench.complete(RED)
    for path in bench.files:
        path.unlink()
    requests = dict(bench.service.file_requests)
    summary = await bench.complete(RED)
    assert summary.files["skipped"] == 3 and bench.service.file_requests == requests
