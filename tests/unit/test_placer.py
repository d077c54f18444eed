"""Where verified files are placed: in a folder, under the paths of the layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.errors import DiskError
from asyncdl.job.places.placer import FolderPlacer, PlacedFile
from asyncdl.journal import FinishedFile
from asyncdl.transfer.parts.part_file import part_path

PATH = "bands/S/S_B4.TIF"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere.tif"
    path.write_bytes(b"right")
    return path


def record(path: str, placed: PlacedFile) -> FinishedFile:
    return FinishedFile(path, "bands", "S", placed.size_bytes, placed.mtime_ns, "length")


def test_a_file_from_elsewhere_is_copied_to_its_place(tmp_path: Path, source: Path) -> None:
    placed = FolderPlacer(tmp_path / "data").place(source, PATH)
    target = tmp_path / "data/bands/S/S_B4.TIF"
    assert source.read_bytes() == target.read_bytes() == b"right"
    assert placed == PlacedFile(5, target.stat().st_mtime_ns)


def test_a_file_that_was_received_at_its_place_stays_as_it_is(tmp_path: Path) -> None:
    placer = FolderPlacer(tmp_path)
    path = placer.work_path(PATH)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"right")
    before = path.stat()
    assert placer.place(path, PATH) == PlacedFile(5, before.st_mtime_ns)
    assert path.stat().st_ino == before.st_ino


def test_leftovers_that_cannot_be_removed_do_not_fail_a_copy(tmp_path: Path, source: Path) -> None:
    target = tmp_path / PATH
    part_path(target).mkdir(parents=True)
    FolderPlacer(tmp_path).place(source, PATH)
    assert target.read_bytes() == b"right"


def test_a_copy_that_cannot_be_made_leaves_nothing(tmp_path: Path, source: Path) -> None:
    (tmp_path / PATH).mkdir(parents=True)
    with pytest.raises(DiskError):
        FolderPlacer(tmp_path).place(source, PATH)
    assert list((tmp_path / PATH).parent.iterdir()) == [tmp_path / PATH]


def test_only_files_as_they_were_count_as_unchanged_and_are_removed(
    tmp_path: Path, source: Path
) -> None:
    placer = FolderPlacer(tmp_path / "data")
    kept, changed, gone = (
        record(path, placer.place(source, path)) for path in ("S/a.tif", "T/b.tif", "U/c.tif")
    )
    placer.work_path(changed.path).write_bytes(b"somebody's work")
    placer.work_path(gone.path).unlink()
    files = [kept, changed, gone]
    assert placer.unchanged(files) == {kept.path}
    assert placer.remove(files) == [kept, gone]
    assert [path.name for path in (tmp_path / "data").rglob("*") if path.is_file()] == ["b.tif"]
    assert not (tmp_path / "data/S").exists(), "folders that are empty go, too"
