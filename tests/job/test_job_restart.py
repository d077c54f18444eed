"""What a second run knows of the first, and does not do again."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from typing import Any

import anyio
import pytest

from asyncdl.events import (
    Event,
    FileFinished,
    FilesPreparing,
    FileState,
    FilesWanted,
    JobStarted,
    Notice,
)
from asyncdl.job.choosing.scope import FAILED
from asyncdl.job.reporting.report import Summary
from asyncdl.sandbox import Faults
from asyncdl.transfer.parts.part_file import part_path
from tests.job.bench import ANCHORAGE, BANDS, BUNDLE, GROUP, RED, Bench

pytestmark = pytest.mark.slow


async def interrupted_when(bench: Bench, is_time: type[Event], *products: dict[str, Any]) -> None:
    """Run a job until the first event of a kind."""
    job = bench.job(*products)
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            bench.events.append(event)
            if isinstance(event, is_time) and bench.service.calls["download-request"]:
                scope.cancel()

        await job.run(watch)
    assert scope.cancelled_caught


async def test_the_label_is_the_same_in_every_run(bench: Bench) -> None:
    await interrupted_when(bench, FileFinished, BANDS)
    await bench.complete(BANDS)
    labels = {event.label for event in bench.events if isinstance(event, JobStarted)}
    assert len(labels) == 1


async def test_ids_in_preparation_are_retrieved_and_not_requested_again(bench: Bench) -> None:
    bench.service.faults = Faults(preparing=1.0, polls=3)
    await interrupted_when(bench, FilesPreparing, BANDS)
    asked = bench.service.calls["download-request"]
    await bench.complete(BANDS)
    assert bench.service.calls["download-request"] == asked
    assert set(bench.requested.values()) == {1}


async def test_links_of_an_earlier_run_are_retrieved_and_not_requested_again(bench: Bench) -> None:
    await interrupted_when(bench, FileFinished, BANDS)
    await bench.complete(BANDS)
    assert set(bench.requested.values()) == {1}


async def test_without_its_journal_a_run_finds_its_requests_at_the_service(bench: Bench) -> None:
    bench.service.faults = Faults(preparing=0.5, polls=3)
    await interrupted_when(bench, FilesPreparing, BANDS)
    shutil.rmtree(bench.directory / ".asyncdl")
    await bench.complete(BANDS)
    assert set(bench.requested.values()) == {1}


async def test_what_a_run_found_at_the_service_the_next_one_knows(bench: Bench) -> None:
    bench.service.faults = Faults(preparing=0.5, polls=9)
    await interrupted_when(bench, FilesPreparing, BANDS)
    shutil.rmtree(bench.directory / ".asyncdl")
    await interrupted_when(bench, FilesPreparing, BANDS)
    await bench.complete(BANDS)
    assert set(bench.requested.values()) == {1}


async def test_a_request_whose_reply_was_lost_is_found_at_the_service(bench: Bench) -> None:
    bench.service.faults = Faults(preparing=1.0, polls=3)
    await interrupted_when(bench, FilesPreparing, BANDS)
    journal = sqlite3.connect(bench.directory / ".asyncdl" / "journal.sqlite")
    with closing(journal), journal:
        journal.execute("UPDATE download SET state = 'asked', download_id = NULL")
    await bench.complete(BANDS)
    assert set(bench.requested.values()) == {1}


async def test_without_its_journal_a_run_knows_files_by_what_they_hold(bench: Bench) -> None:
    await bench.complete()
    shutil.rmtree(bench.directory / ".asyncdl")
    before = Counter(bench.service.file_requests)
    summary = await bench.complete()
    assert summary.files["skipped"] == 54
    assert Counter(bench.service.file_requests) == before


async def test_what_the_service_lost_meanwhile_is_requested_again(bench: Bench) -> None:
    bench.service.faults = Faults(preparing=1.0, polls=3)
    await interrupted_when(bench, FilesPreparing, BANDS)
    for item in list(bench.service.queue):
        bench.service.queue.remove(item)
    await bench.complete(BANDS)


async def test_a_complete_run_leaves_nothing_in_the_queue(bench: Bench) -> None:
    await bench.complete(BANDS)
    assert len(bench.service.queue) == 0
    (bench.directory / "bands").rename(bench.directory / "moved")
    await bench.complete(BANDS)
    assert len(bench.service.queue) == 0


async def test_a_run_with_failures_keeps_its_queue(bench: Bench) -> None:
    bench.service.faults = Faults(never="*_ANG.txt")
    await bench.run(BANDS, deadline=0.1)
    assert len(bench.service.queue) == 12


@pytest.mark.parametrize("suffix", [".part", ".part.state", ".part.state.tmp"])
async def test_what_a_killed_run_left_beside_its_files_is_removed(
    bench: Bench, suffix: str
) -> None:
    """It died in the middle of a file, or after a rename that it had no time to note."""
    await bench.complete(RED)
    shutil.rmtree(bench.directory / ".asyncdl")
    there, gone, _ = bench.files
    gone.unlink()
    for path in (there, gone):
        path.with_name(path.name + suffix).write_bytes(b"left over")
    await bench.complete(RED)
    assert len(bench.files) == 3


async def test_a_copy_that_was_not_noted_any_more_is_not_made_again(bench: Bench) -> None:
    """The run was killed after the rename and before the journal heard of it."""
    await bench.complete(RED, GROUP)
    there = {path: path.stat().st_mtime_ns for path in bench.files}
    journal = sqlite3.connect(bench.directory / ".asyncdl" / "journal.sqlite")
    with closing(journal), journal:
        journal.execute("DELETE FROM file WHERE kind = 'band_group'")
    summary = await bench.complete(RED, GROUP)
    assert summary.files["skipped"] == len(there)
    assert {path: path.stat().st_mtime_ns for path in bench.files} == there


# --- another config -----------------------------------------------------------------


def notices(bench: Bench) -> list[str]:
    return [event.text for event in bench.events if isinstance(event, Notice)]


async def test_added_bands_are_fetched_and_the_rest_is_not_touched(bench: Bench) -> None:
    await bench.complete(RED)
    summary = await bench.complete(BANDS)
    assert (summary.files["skipped"], summary.files["downloaded"]) == (3, 9)


async def test_removed_bands_are_left_alone_and_told_of_once(bench: Bench) -> None:
    await bench.complete(BANDS)
    for _ in range(2):
        await bench.complete(RED)
    told = [text for text in notices(bench) if "no longer asks for" in text]
    assert told == [
        "The config no longer asks for 9 files that an earlier run fetched; left as they are."
    ]
    assert len(bench.files) == 12


async def test_failures_that_nobody_wants_any_more_are_forgotten(bench: Bench) -> None:
    bench.service.faults = Faults(never="*_ANG.txt")
    await bench.run(BANDS, deadline=0.05)
    await bench.complete(RED)
    bench.service.faults = Faults()
    assert (await retry(bench, BANDS)).files["total"] == 0


# --- only what failed ---------------------------------------------------------------


async def retry(bench: Bench, *products: dict[str, Any]) -> Summary:
    return await bench.job(*products, only=FAILED).run(bench.events.append)


async def test_retry_takes_only_what_failed(bench: Bench) -> None:
    bench.service.faults = Faults(never="*_ANG.txt", disabled="*_20200303_*_B4.TIF", strikes=0)
    first = await bench.run(BANDS, BUNDLE, deadline=0.1)
    assert (first.files["failed"], first.files["unresolved"]) == (1, 3)
    bench.service.faults = Faults()
    for item in bench.service.queue:
        item.state, item.polls = type(item.state).READY, 0
    bench.events.clear()
    summary = await retry(bench, BANDS, BUNDLE)
    assert (summary.status, summary.files["total"]) == ("complete", 4)
    states = {e.state for e in bench.events if isinstance(e, FileFinished)}
    assert states == {FileState.DOWNLOADED}
    bench.check_files()
    assert (await bench.complete(BANDS, BUNDLE)).files["skipped"] == 15


async def test_a_retry_that_is_cut_short_is_taken_up_by_the_next_one(bench: Bench) -> None:
    bench.service.faults = Faults(disabled="*_B4.TIF", strikes=0)
    assert (await bench.run(BANDS)).files["failed"] == 3
    bench.service.faults = Faults()
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            if isinstance(event, FilesWanted):
                scope.cancel()

        await bench.job(BANDS, only=FAILED).run(watch)
    assert scope.cancelled_caught
    summary = await retry(bench, BANDS)
    assert (summary.status, summary.files["downloaded"]) == ("complete", 3)
    assert (await retry(bench, BANDS)).files["total"] == 0


async def test_a_retry_of_a_job_that_never_came_to_its_end_is_not_complete(bench: Bench) -> None:
    """What no run has looked at is not among what failed."""
    assert (await retry(bench, RED)).status == "incomplete"
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            if isinstance(event, FileFinished):
                scope.cancel()

        await bench.job(RED, workers=1).run(watch)
    summary = await retry(bench, RED)
    assert (summary.status, summary.files["total"]) == ("incomplete", 0)
    assert any("A run without --retry-failed" in notice for notice in summary.notices)
    await bench.complete(RED)
    assert (await retry(bench, RED)).status == "complete"


async def test_what_a_retry_was_offered_is_no_failure_any_more(bench: Bench) -> None:
    bench.service.faults = Faults(not_offered="*_20200303_*.tar")
    assert [f.reason for f in (await bench.run(BUNDLE)).failures] == ["not-offered"]
    bench.service.faults = Faults()
    assert (await retry(bench, BUNDLE)).files["downloaded"] == 1
    assert (await retry(bench, BUNDLE)).files["total"] == 0


async def test_retry_without_failures_asks_for_nothing(bench: Bench) -> None:
    await bench.complete(RED)
    before = bench.service.calls["download-options"]
    summary = await retry(bench, RED)
    assert (summary.status, summary.files["total"]) == ("complete", 0)
    assert bench.service.calls["download-options"] == before


async def test_retry_takes_what_was_not_even_offered(bench: Bench) -> None:
    """A scene that was unknown is asked for again, by the id that the config gives."""
    gone = "LC08_L2SP_001001_20200310_20200822_02_T1"
    search = {"scenes": [gone]}
    first = await bench.run(RED, search=search)
    assert [f.reason for f in first.failures] == ["not-found"]
    again = await bench.job(RED, only=FAILED, search=search).run()
    assert [f.reason for f in again.failures] == ["not-found"]
    assert ANCHORAGE["dataset"] == "landsat_ot_c2_l2"


@pytest.mark.parametrize("is_killed", [False, True])
async def test_what_a_download_left_where_a_copy_belongs_is_tidied_up(
    bench: Bench, is_killed: bool
) -> None:
    """Another config has fetched the file for another product meanwhile."""
    await bench.complete(GROUP)
    scene = "LC08_L2SP_068017_20200310_20200822_02_T1"
    copy = bench.directory / f"bands/{scene}/{scene}_SR_B4.TIF"
    copy.parent.mkdir(parents=True)
    part_path(copy).write_bytes(b"")
    if is_killed:  # right after the copy got its name
        copy.write_bytes(bench.truth(copy.name))
    await bench.complete(RED, GROUP)
    assert copy in bench.files and not part_path(copy).exists()


async def test_a_queue_whose_journal_is_lost_is_cleared_though_all_files_are_there(
    bench: Bench,
) -> None:
    bench.service.faults = Faults(never="*068018*")
    await bench.run(RED, deadline=0.05)
    assert len(bench.service.queue) > 0
    shutil.rmtree(bench.directory / ".asyncdl")
    one = {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]}
    summary = await bench.complete(RED, search=one)
    assert summary.files["skipped"] == 1
    assert len(bench.service.queue) == 0
