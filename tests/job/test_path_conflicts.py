"""What is in the way of a file is told before the file is asked for, and stops no other."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest
from anyio import to_thread

from asyncdl.errors import AsyncdlError, DiskError
from asyncdl.job.reporting.report import Failure, Summary
from asyncdl.job.stages import path_conflicts
from asyncdl.job.stages.path_conflicts import conflict_at, detect_fold
from asyncdl.journal import STATE_FOLDER, Place, check_writable, open_state
from asyncdl.journal.state_folder import LONGEST_JOURNAL_BYTES
from asyncdl.journal.state_location import JOURNAL_NAME
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.sandbox import Service
from tests.job.bench import RED, Bench

pytestmark = pytest.mark.slow


@pytest.fixture
async def target(bench: Bench, service: Service, tmp_path: Path) -> Path:
    """Where a file of the job will go."""
    other = Bench(service, tmp_path / "other")
    await other.complete(RED)
    return bench.directory / other.files[0].relative_to(other.directory)


async def failure(bench: Bench) -> Failure:
    """Run a job of which one file cannot come; it fails alone, and costs no request."""
    bench.service.call_log.clear()
    summary = await bench.run(RED)
    assert (summary.files["downloaded"], len(bench.requested)) == (2, 2), summary.failures
    [failed] = summary.failures
    assert (failed.reason, failed.attempts, bool(failed.remedy)) == ("disk", 0, True)
    return failed


# --- one file -------------------------------------------------------------------------


def make_folder(path: Path) -> None:
    path.mkdir(parents=True)


def make_dangling(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to("nowhere")


def make_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")


@pytest.mark.parametrize(
    ("make", "ending", "told"),
    [
        (make_folder, "", "a folder has its name"),
        (make_dangling, "", "a link to nothing"),
        (make_folder, ".part", "not a regular file"),
        (make_dangling, ".part", "not a regular file"),
        (make_folder, ".part.state", "not a regular file"),
    ],
)
async def test_what_has_the_name_of_a_file_ends_that_file_only(
    bench: Bench, target: Path, make: Callable[[Path], None], ending: str, told: str
) -> None:
    make(target.with_name(target.name + ending))
    assert told in (await failure(bench)).detail


@pytest.mark.parametrize("make", [make_file, make_dangling])
async def test_what_has_the_name_of_a_folder_ends_its_files_only(
    bench: Bench, target: Path, make: Callable[[Path], None]
) -> None:
    make(target.parent)
    assert "where a folder has to be" in (await failure(bench)).detail


async def test_a_folder_that_may_not_be_written_to_ends_its_files_only(
    bench: Bench, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target.parent.mkdir(parents=True)
    access = os.access  # root may write anywhere
    monkeypatch.setattr(os, "access", lambda at, mode: at != target.parent and access(at, mode))
    assert "cannot be written to" in (await failure(bench)).detail


@pytest.mark.posix("a volume tells how long names may be")
async def test_names_longer_than_the_volume_takes_are_told(
    bench: Bench, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longest = len(f"{target.name}.part.state.tmp") - 1
    pathconf = os.pathconf
    monkeypatch.setattr(
        os, "pathconf", lambda at, key: longest if key == "PC_NAME_MAX" else pathconf(at, key)
    )
    summary = await bench.run(RED)
    assert {f.reason for f in summary.failures} == {"disk"}
    assert f"the volume allows {longest}" in summary.failures[0].detail


@pytest.mark.posix("a volume tells how long names may be")
def test_a_volume_that_tells_no_limits_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pathconf", lambda *_: -1)
    place = Place("bands", PurePosixPath("bands", "scene", "x" * 250))
    assert conflict_at(tmp_path, place) is None


# --- names that clash -------------------------------------------------------------------


def claim(fold: path_conflicts.Fold, *names: str) -> list[str | None]:
    claims = path_conflicts.PathConflicts(fold)
    inside: dict[str, str] = {}
    return [claims._other_than(name, name.split("/")[1], inside) for name in names]


FOLDS = path_conflicts._fold_of(case=True, marks=True)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("bands/S/A.TIF", "bands/S/a.tif"),
        ("bands/S/caf\u00e9", "bands/S/cafe\u0301"),
        ("bands/S/A.TIF", "bands/s/B.TIF"),
    ],
)
def test_names_that_a_volume_takes_for_one_clash(first: str, second: str) -> None:
    assert claim(FOLDS, first, second)[1] in (first, "bands/S")
    assert claim(str, first, second) == [None, None]


def test_the_very_same_name_clashes_on_every_volume() -> None:
    assert claim(str, "bands/S/A", "bands/S/B", "bands/S/A") == [None, None, "bands/S/A"]


async def test_a_file_whose_name_another_has_is_not_asked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def folding(folder: Path) -> path_conflicts.Fold:
        return FOLDS

    drop_taken = path_conflicts.PathConflicts.drop_taken

    def with_others(
        self: path_conflicts.PathConflicts, run: object, files: tuple[WantedFile, ...]
    ) -> object:
        lower = [f.replace(file_name=f.file_name.lower(), entity_id="other") for f in files]
        return drop_taken(self, run, [*files, *lower])  # type: ignore[arg-type]

    monkeypatch.setattr("asyncdl.job.stages.discovery.detect_fold", folding)
    monkeypatch.setattr(path_conflicts.PathConflicts, "drop_taken", with_others)
    summary = await bench.run(RED)
    assert (summary.files["downloaded"], summary.files["failed"]) == (3, 3)
    assert "has the same name" in summary.failures[0].detail
    assert "other" not in {entity for entity, _ in bench.requested}


async def test_a_volume_that_tells_all_names_apart_is_known_by_a_probe(tmp_path: Path) -> None:
    fold = await detect_fold(tmp_path)
    assert fold("A") != fold("a")
    assert list(tmp_path.iterdir()) == []


async def test_a_volume_that_takes_upper_for_lower_case_is_known_by_a_probe(
    folding_volume: Path,
) -> None:
    fold = await detect_fold(folding_volume)
    assert fold("A") == fold("a")


@pytest.fixture
def folding_volume(tmp_path: Path) -> Iterator[Path]:
    """An ext4 file system with a folder that folds case, if this machine can make one."""
    image, at = tmp_path / "image", tmp_path / "volume"
    image.touch()
    os.truncate(image, 16 * 2**20)
    at.mkdir()
    make = ["mkfs.ext4", "-q", "-O", "casefold", str(image)]
    if not (succeeds(make) and succeeds(["mount", "-o", "loop", str(image), str(at)])):
        pytest.skip("no file system that folds case can be mounted here")
    try:
        (at / "folds").mkdir()
        if not succeeds(["chattr", "+F", str(at / "folds")]):
            pytest.skip("no folder that folds case can be made here")
        yield at / "folds"
    finally:
        succeeds(["umount", str(at)])


def succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


# --- all files ------------------------------------------------------------------------


async def stopped(bench: Bench) -> Summary:
    """Run a job whose directory is no good: it stops before the service is asked."""
    summary = await bench.run(RED)
    assert (summary.status, summary.files["total"]) == ("stopped", 0)
    assert bench.service.calls.total() == 0
    return summary


@pytest.mark.parametrize(
    ("make", "told"), [(make_file, "is a file"), (make_dangling, "is a link to nothing")]
)
@pytest.mark.parametrize("below", ["", "deep/below"])
async def test_a_directory_that_is_none_stops_the_run_at_once(
    service: Service, tmp_path: Path, make: Callable[[Path], None], told: str, below: str
) -> None:
    make(tmp_path / "data")
    summary = await stopped(Bench(service, tmp_path / "data" / below))
    assert summary.error.startswith(f"{tmp_path / 'data'}: {told}")


async def test_a_directory_with_a_name_too_long_stops_the_run_at_once(
    service: Service, tmp_path: Path
) -> None:
    summary = await stopped(Bench(service, tmp_path / ("d" * 256)))
    assert "too long" in summary.error


@pytest.mark.posix("Windows takes 259 characters, far fewer than SQLite")
async def test_a_directory_too_deep_for_the_journal_stops_the_run_at_once(
    service: Service, tmp_path: Path
) -> None:
    """Just below the limit of SQLite it runs, one byte more and it is told."""
    room = LONGEST_JOURNAL_BYTES - len(str(tmp_path / "d/d" / STATE_FOLDER / JOURNAL_NAME)) + 2
    just = tmp_path / ("d" * 200) / ("d" * (room - 200))
    await Bench(service, just).complete(RED)
    service.calls.clear()
    summary = await stopped(Bench(service, just.with_name(f"{just.name}d")))
    assert "too deep" in summary.error


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A volume that nobody can write to, not even root."""
    at = tmp_path / "volume"
    at.mkdir()
    if not succeeds(["mount", "-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", str(at)]):
        pytest.skip("nothing can be mounted here")
    try:
        yield at
    finally:
        succeeds(["umount", str(at)])


@pytest.mark.posix("a volume tells that it is read-only")
@pytest.mark.parametrize("below", ["", "data"])
async def test_a_read_only_volume_stops_the_run_at_once(
    service: Service, read_only: Path, below: str
) -> None:
    summary = await stopped(Bench(service, read_only / below))
    assert "Read-only file system" in summary.error
    with pytest.raises(DiskError, match="Read-only file system"):
        await to_thread.run_sync(check_writable, read_only / below)  # as a plan does


@pytest.mark.parametrize("number", [13, 30])
async def test_a_directory_that_refuses_its_lock_is_an_error_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr("asyncdl.journal.state_folder.make_folders", refuse)
    with pytest.raises(AsyncdlError) as caught:
        async with open_state(tmp_path, "usgs"):
            pass
    assert isinstance(caught.value, DiskError) and "may write there" in caught.value.remedy
