"""A job whose files are received in one place and placed in another."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

import pytest

from asyncdl.config import Config
from asyncdl.errors import DiskError, StoreError
from asyncdl.job import job, plan
from asyncdl.job.choosing.scope import FAILED
from asyncdl.job.places import space
from asyncdl.job.places.placer import FolderPlacer, PlacedFile
from asyncdl.job.places.provenance import Provenance
from asyncdl.journal import FinishedFile
from asyncdl.journal.file_rows import Files
from asyncdl.transfer.verification.checks import Expected, Verification
from tests.job.bench import ANCHORAGE, RED, Bench

pytestmark = pytest.mark.slow

GROUP_OF_ALL = {"kind": "band_group", "file_groups": ["ls_c2l2_sr_band"]}


class SpoolPlacer(FolderPlacer):
    """Receives files in a spool, and has them in a folder once they are placed."""

    at_once = 2
    spool_bytes = 10**9

    def __init__(self, directory: Path, spool: Path) -> None:
        super().__init__(directory)
        self._final = FolderPlacer(directory)
        self._spool = spool

    @property
    def work_directory(self) -> Path:
        return self._spool

    def work_path(self, path: str) -> Path:
        return self._spool.joinpath(*path.split("/"))

    def place(
        self,
        source: Path,
        path: str,
        provenance: Provenance = Provenance(),  # noqa: B008
    ) -> PlacedFile:
        return self._final.place(source, path, provenance)

    def verify(self, path: str, expected: Expected) -> tuple[PlacedFile, Verification]:
        return self._final.verify(path, expected)

    def copy_at(self, path: str, known: FinishedFile) -> PlacedFile | None:
        return self._final.copy_at(path, known)

    def received(self, path: str) -> Path | None:
        found = self.work_path(path)
        return found if found.is_file() else None

    def release(self, paths: Iterable[Path]) -> None:
        for path in paths:
            path.unlink(missing_ok=True)


@pytest.fixture
def spool(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All jobs of the test receive their files here."""
    folder = tmp_path / "spool"
    folder.mkdir()

    def placer_of(config: Config, on_wait: object = None) -> SpoolPlacer:
        return SpoolPlacer(config.directory, folder)

    for module in (job, plan, space):
        monkeypatch.setattr(module, "placer_of", placer_of)
    return folder


async def test_files_are_received_in_the_spool_and_placed_for_all_products(
    bench: Bench, spool: Path
) -> None:
    summary = await bench.complete(RED, GROUP_OF_ALL, search=ANCHORAGE | {"limit": 1})
    placed = {path.relative_to(bench.directory) for path in bench.files}
    assert len(placed) == summary.files["downloaded"]
    assert sum(bench.service.file_requests.values()) < len(placed), "one is placed twice"
    assert [path for path in spool.rglob("*") if path.is_file()] == []


async def test_files_that_were_placed_are_not_fetched_again(bench: Bench, spool: Path) -> None:
    await bench.complete(RED)
    calls = bench.service.calls["download-request"]
    summary = await bench.complete(RED)
    assert summary.files["downloaded"] == 0
    assert bench.service.calls["download-request"] == calls


async def test_a_file_that_could_not_be_placed_is_placed_by_the_next_run(
    bench: Bench, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is neither requested nor fetched again."""

    def fail(self: SpoolPlacer, source: Path, path: str, provenance: Provenance) -> PlacedFile:
        raise StoreError(path, "not now")

    with monkeypatch.context() as patch:
        patch.setattr(SpoolPlacer, "place", fail)
        failed = await bench.run(RED)
        assert failed.files["failed"] == failed.files["total"] > 0
        assert {failure.reason for failure in failed.failures} == {"store"}
    before = dict(bench.service.file_requests), bench.service.calls["download-request"]
    summary = await bench.complete(RED)
    assert summary.files["downloaded"] == failed.files["total"] == len(bench.files)
    assert (dict(bench.service.file_requests), bench.service.calls["download-request"]) == before


async def test_a_store_that_takes_nothing_stops_the_run(
    bench: Bench, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: SpoolPlacer, source: Path, path: str, provenance: Provenance) -> PlacedFile:
        raise StoreError("s3://b/p", "access was denied", reason="store-denied")

    monkeypatch.setattr(SpoolPlacer, "place", fail)
    summary = await bench.run(RED)
    assert summary.status == "stopped"
    assert (
        "s3://b/p: access was denied" in summary.error and "list, read and write" in summary.error
    )


@pytest.mark.parametrize("settings", [{"extract": True}, {"extract": True, "keep_tar": True}])
async def test_what_is_unpacked_is_placed_file_by_file(
    bench: Bench, spool: Path, settings: dict[str, bool]
) -> None:
    summary = await bench.complete({"kind": "bundle", **settings}, search=ANCHORAGE | {"limit": 1})
    names = {path.name for path in bench.files}
    assert len(names) > 15 and any(n.endswith(".tar") for n in names) == ("keep_tar" in settings)
    assert [path for path in spool.rglob("*") if path.is_file()] == []
    again = await bench.complete({"kind": "bundle", **settings}, search=ANCHORAGE | {"limit": 1})
    assert again.files["downloaded"] == 0 and again.files["total"] == summary.files["total"]


UNPACKED = {"kind": "bundle", "extract": True}
KINDS = pytest.mark.parametrize(
    "product",
    [RED, GROUP_OF_ALL, UNPACKED, UNPACKED | {"keep_tar": True}],
    ids=["bands", "group", "unpacked", "unpacked and kept"],
)
"""How many files of what names come of one download differs among these."""


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@KINDS
async def test_what_was_noted_and_not_removed_is_gone_after_the_next_run(
    bench: Bench, spool: Path, monkeypatch: pytest.MonkeyPatch, product: dict[str, object]
) -> None:
    """As of a run that was killed between its note in the journal and its last act."""
    with monkeypatch.context() as patch:
        patch.setattr(SpoolPlacer, "release", lambda self, paths: None)
        await bench.complete(product, search=ANCHORAGE | {"limit": 1})
    assert files_in(spool), "the test would see nothing"
    before = dict(bench.service.file_requests)
    await bench.complete(product, search=ANCHORAGE | {"limit": 1})
    assert files_in(spool) == [] and dict(bench.service.file_requests) == before


@KINDS
async def test_what_was_placed_and_not_noted_is_gone_after_the_next_run(
    bench: Bench, spool: Path, monkeypatch: pytest.MonkeyPatch, product: dict[str, object]
) -> None:
    """As of a run that was killed between an upload and its note in the journal."""

    async def fail(self: Files, files: Iterable[FinishedFile]) -> None:
        if any(True for _ in files):
            raise DiskError(spool, OSError(errno.ENOSPC, "full"))

    with monkeypatch.context() as patch:
        patch.setattr(Files, "record", fail)
        summary = await bench.run(product, search=ANCHORAGE | {"limit": 1})
    assert summary.status == "stopped" and files_in(spool) and bench.files
    await bench.complete(product, search=ANCHORAGE | {"limit": 1})
    assert files_in(spool) == []


async def test_a_run_for_what_failed_leaves_no_placed_file_either(
    bench: Bench, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(SpoolPlacer, "release", lambda self, paths: None)
        await bench.complete(RED)
    assert len(files_in(spool)) == 3
    await bench.complete(RED, only=FAILED)
    assert files_in(spool) == []


async def test_what_waits_for_another_run_stays_in_the_spool(bench: Bench, spool: Path) -> None:
    """Parts of a file that another config for the same place has begun, and what nobody knows."""
    others = ["bundle/S.tar.part", "bundle/S.tar.part.state", "bundle/whole.tar", "notes.txt"]
    for name in others:
        path = spool / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"begun")
    await bench.complete(RED)
    assert sorted(path.relative_to(spool).as_posix() for path in files_in(spool)) == others
