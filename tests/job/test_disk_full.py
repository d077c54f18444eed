"""A disk that fills up stops the run; with more room the same command ends right."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from asyncdl.events import FileFinished, FileState
from asyncdl.job.reporting.report import Summary
from asyncdl.journal import database
from asyncdl.sandbox import Service
from asyncdl.system import files
from tests.job.bench import BANDS, GROUP, RED, Bench
from tests.job.test_disk_power import truth_of
from tests.job.test_plan import plan

pytestmark = pytest.mark.slow

EXTRACTED = {"kind": "bundle", "extract": True}
PRODUCTS = (BANDS, EXTRACTED, GROUP)
"""Files, copies of files, and unpacked bundles."""


async def fill_up(bench: Bench, *products: dict[str, Any]) -> Summary:
    """Run a job on a disk that is too small; it stops in order."""
    summary = await bench.job(*products, workers=2, force=True).run(bench.events.append)
    assert summary.status == "stopped", summary.failures
    assert "full" in summary.error or "No space" in summary.error
    assert summary.files["failed"] == 0, "a full disk is no fault of a file"
    return summary


async def go_on(bench: Bench, *products: dict[str, Any]) -> Summary:
    """Run the same job again, with room; what was finished is not fetched again."""
    finished = [e.file.rpartition("/")[2] for e in ended(bench)]
    before = {name: bench.service.file_requests.get(name) for name in finished}
    summary = await bench.run(*products)
    assert summary.status == "complete", summary.failures or summary.error
    assert before == {name: bench.service.file_requests.get(name) for name in finished}
    check(bench)
    return summary


def ended(bench: Bench) -> list[FileFinished]:
    """Return the endings of the files that have come."""
    endings = [event for event in bench.events if isinstance(event, FileFinished)]
    return [ending for ending in endings if ending.state is FileState.DOWNLOADED]


def check(bench: Bench) -> None:
    """Compare what is there with the truth; nothing half done is left."""
    paths = [path for path in bench.files if path.is_file()]
    assert [path for path in paths if ".part" in str(path)] == []
    for path in paths:
        assert path.read_bytes() == truth_of(str(path.relative_to(bench.directory)), bench), path


# --- a small volume -------------------------------------------------------------------


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A tmpfs whose size can be set, and set anew."""
    at = tmp_path / "volume"
    at.mkdir()
    sized: list[int] = []

    def resize(size_bytes: int) -> Path:
        how = "remount," if sized else ""
        options = f"{how}size={size_bytes // 4096 * 4096}"
        made = run_command(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)])
        if not made and not sized:
            pytest.skip("nothing can be mounted here")
        assert made
        sized.append(size_bytes)
        return at

    try:
        yield resize
    finally:
        if sized:
            run_command(["umount", "--lazy", str(at)])


def run_command(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("share", [0.3, 0.9])
async def test_a_volume_that_fills_up_stops_the_run_and_more_room_continues_it(
    service: Service, tmp_path: Path, volume: Callable[[int], Path], share: float
) -> None:
    """The journal, its log and the report are on that volume, too."""
    need = (await plan(Bench(service, tmp_path / "elsewhere"), *PRODUCTS)).needed_bytes
    bench = Bench(service, volume(int(need * share) + 300_000) / "data")
    await fill_up(bench, *PRODUCTS)
    volume(4 * need + 10_000_000)
    await go_on(bench, *PRODUCTS)


async def test_a_volume_too_small_is_refused_before_anything_is_requested(
    service: Service, tmp_path: Path, volume: Callable[[int], Path]
) -> None:
    need = (await plan(Bench(service, tmp_path / "elsewhere"), RED)).needed_bytes
    bench = Bench(service, volume(need) / "data")
    assert (await bench.run(RED)).status == "stopped"
    assert service.calls["download-request"] == 0
    volume(2 * need + 10_000_000)
    await bench.complete(RED)


# --- a disk that says so ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "number"), [(0.1, errno.ENOSPC), (0.5, errno.EDQUOT), (0.95, errno.ENOSPC)]
)
async def test_row_136_a_full_disk_stops_the_run_wherever_it_is_met(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, share: float, number: int
) -> None:
    """In a download, a copy or an unpacked bundle."""
    room = int((await plan(bench, *PRODUCTS)).needed_bytes * share)
    write = files.write_at

    def write_at(fd: int, data: Any, offset: int) -> int:
        nonlocal room
        if len(data) > room:
            raise OSError(number, os.strerror(errno.ENOSPC))
        room -= len(data)
        return write(fd, data, offset)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_at", write_at)
        await fill_up(bench, *PRODUCTS)
    await go_on(bench, *PRODUCTS)


@pytest.mark.parametrize("pages", [0, 3])
async def test_a_journal_without_room_stops_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    """SQLite itself says that it is full."""
    opened = database._open

    def small(path: Path, migrations: Sequence[str], durable: bool) -> sqlite3.Connection:
        connection = opened(path, migrations, durable)
        [now] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {now + pages}")
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(database, "_open", small)
        summary = await fill_up(bench, *PRODUCTS)
    assert "journal" in summary.error
    await go_on(bench, *PRODUCTS)


async def test_a_journal_that_is_full_hides_no_other_error(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full for a file, and then for the journal's last words as well."""

    def write_at(*_: object) -> int:
        patch.setattr(database, "_run_all", refuse)
        raise OSError(errno.ENOSPC, "No space left on device")

    def refuse(connection: sqlite3.Connection, writes: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_at", write_at)
        summary = await bench.run(RED)
    assert summary.status == "stopped" and ".sqlite" not in summary.error
    await go_on(bench, RED)
