"""Whatever becomes of a journal, the job ends right, or says what is wrong."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncdl.events import Event, FileFinished, FilesPreparing, JobStarted
from asyncdl.journal import database
from asyncdl.sandbox import Faults
from tests.job.bench import BANDS, RED, Bench

pytestmark = pytest.mark.slow


def journal_of(bench: Bench) -> Path:
    return bench.directory / ".asyncdl" / "journal.sqlite"


async def cut_short(
    bench: Bench,
    *products: dict[str, Any],
    when: type[Event] = FileFinished,
    then: Callable[[], Any] = lambda: None,
) -> None:
    """Run a job until the first event of a kind; do something and end the run."""
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            bench.events.append(event)
            if (
                isinstance(event, when)
                and bench.service.calls["download-request"]
                and not scope.cancel_called
            ):
                then()
                scope.cancel()

        await bench.job(*products).run(watch)
    assert scope.cancelled_caught


async def goes_on_without_a_second_request(bench: Bench) -> None:
    await bench.complete(BANDS)
    assert set(bench.requested.values()) == {1}
    assert len({event.label for event in bench.events if isinstance(event, JobStarted)}) == 1


async def test_a_journal_that_is_torn_in_the_middle(bench: Bench) -> None:
    await cut_short(bench, BANDS)
    torn = bytearray(journal_of(bench).read_bytes())
    torn[len(torn) // 3 : len(torn) // 2] = bytes(len(torn) // 2 - len(torn) // 3)
    journal_of(bench).write_bytes(torn)
    await goes_on_without_a_second_request(bench)
    assert journal_of(bench).with_suffix(".damaged").exists()


@pytest.mark.allow_blocking
async def test_a_journal_whose_log_was_deleted_after_a_kill(bench: Bench, tmp_path: Path) -> None:
    """What a kill leaves is the file and its log; without the log the file is of long ago."""
    copy = tmp_path / "copy"
    await cut_short(bench, BANDS, then=lambda: shutil.copy(journal_of(bench), copy))
    shutil.copy(copy, journal_of(bench))
    await goes_on_without_a_second_request(bench)


async def test_a_directory_that_was_moved_keeps_its_label(bench: Bench) -> None:
    bench.service.faults = Faults(preparing=1.0, polls=3)
    await cut_short(bench, BANDS, when=FilesPreparing)
    bench.directory.rename(moved := bench.directory.with_name("elsewhere"))
    await goes_on_without_a_second_request(replace(bench, directory=moved))


async def test_a_backup_that_claims_what_the_service_has_forgotten(
    bench: Bench, tmp_path: Path
) -> None:
    bench.service.faults = Faults(preparing=0.5, polls=3)
    await cut_short(bench, BANDS, when=FilesPreparing)
    backup = shutil.copy(journal_of(bench), tmp_path / "backup")
    await bench.complete(BANDS)
    assert len(bench.service.queue) == 0
    for path in bench.files[::2]:
        path.unlink()
    shutil.copy(backup, journal_of(bench))
    await bench.complete(BANDS)
    assert len(bench.files) == 12


@contextmanager
def locked(journal: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def test_a_journal_that_another_process_writes_to_is_waited_for(bench: Bench) -> None:
    await bench.complete(RED)
    with locked(journal_of(bench)) as other:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bench.complete, RED)
            await anyio.wait_all_tasks_blocked()
            other.execute("ROLLBACK")


async def test_a_journal_that_stays_locked_ends_the_run_with_its_name(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.complete(RED)
    monkeypatch.setattr(database, "LOCK_TIMEOUT_S", 0.01)
    with locked(journal_of(bench)):
        summary = await bench.run(RED)
    assert summary.status == "stopped"
    assert "journal.sqlite" in summary.error and "locked" in summary.error
    await bench.complete(RED)


async def test_a_journal_of_a_newer_version_ends_the_run_and_stays(bench: Bench) -> None:
    await bench.complete(RED)
    with closing(sqlite3.connect(journal_of(bench))) as journal:
        journal.execute("PRAGMA user_version = 99")
    before = journal_of(bench).read_bytes()
    summary = await bench.run(RED)
    assert summary.status == "stopped" and "newer asyncdl" in summary.error
    assert journal_of(bench).read_bytes() == before
