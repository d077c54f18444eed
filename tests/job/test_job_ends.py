"""However a run ends, it leaves nothing open, and another one continues it."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import anyio
import orjson
import pytest
from anyio.lowlevel import checkpoint

import asyncdl.sandbox
from asyncdl.errors import AuthError, ConfigError, DirectoryBusyError, DiskError
from asyncdl.events import Event, FileFinished, JobFinished, Notice
from asyncdl.job.reporting.event_stream import EventQueue
from asyncdl.job.reporting.report import Summary
from asyncdl.journal import open_state
from asyncdl.sandbox import Faults
from asyncdl.transfer import Downloader, Fetched, FileRequest
from asyncdl.transfer.slots import Slot
from tests.job.bench import BANDS, BUNDLE, RED, Bench

pytestmark = pytest.mark.slow

ROOMS = ("asyncdl.job", "asyncdl.m2m", "asyncdl.transfer")


def check_nothing_is_left(bench: Bench) -> None:
    """No task of ours runs, no file is open, and no scene list is left at the service."""
    tasks = [task.name or "" for task in anyio.get_running_tasks()]
    assert [name for name in tasks if name.startswith(ROOMS)] == []
    assert open_files(bench.directory) == []
    assert len(bench.service.scene_lists) == 0
    assert bench.service.calls["logout"] == bench.service.calls["login-token"]


def open_files(directory: Path) -> list[str]:
    links = []
    for descriptor in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            links.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:
            continue  # it was the listing's own
    return [link for link in links if link.startswith(str(directory))]


def report_of(bench: Bench) -> dict[str, object]:
    report: dict[str, object] = orjson.loads((bench.directory / "asyncdl-report.json").read_bytes())
    return report


# --- ends in order ------------------------------------------------------------------


async def test_after_success_nothing_is_left(bench: Bench) -> None:
    await bench.complete(BANDS)
    check_nothing_is_left(bench)


async def test_after_an_error_nothing_is_left(bench: Bench) -> None:
    with pytest.raises(ConfigError):
        await bench.run({"kind": "bands", "bands": ["NO_SUCH"]})
    check_nothing_is_left(bench)


async def test_a_second_job_is_told_that_the_directory_is_busy(bench: Bench) -> None:
    async with open_state(bench.directory, "sandbox"):
        with pytest.raises(DirectoryBusyError, match=f"process {os.getpid()}"):
            await bench.run()
    assert not (bench.directory / "asyncdl-report.json").exists(), "that is the other one's"


@pytest.mark.allow_blocking
async def test_a_service_that_goes_away_stops_the_run_and_leaves_a_report(tmp_path: Path) -> None:
    faults = Faults(preparing=0.5, polls=10**6)
    async with AsyncExitStack() as stack, anyio.create_task_group() as tasks:
        service = await stack.enter_async_context(asyncdl.sandbox.serve(faults=faults))
        bench, has_begun = Bench(service, tmp_path / "data"), anyio.Event()
        summaries: list[Summary] = []

        def watch(event: Event) -> None:
            if isinstance(event, FileFinished):
                has_begun.set()

        async def run() -> None:
            summaries.append(await bench.job(BANDS).run(watch))

        tasks.start_soon(run)
        await has_begun.wait()
        await stack.aclose()
    assert summaries[0].status == "stopped" and summaries[0].error
    assert report_of(bench)["status"] == "stopped"
    assert open_files(bench.directory) == []


async def test_a_full_disk_stops_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch, fetched = Downloader.fetch, 0

    async def fill_up(self: Downloader, request: FileRequest, slot: Slot) -> Fetched:
        nonlocal fetched
        fetched += 1
        if fetched > 4:
            raise DiskError(request.directory, OSError(errno.ENOSPC, "No space left on device"))
        return await fetch(self, request, slot)

    with monkeypatch.context() as patch:
        patch.setattr(Downloader, "fetch", fill_up)
        summary = await bench.run(BANDS, workers=2)
    assert (summary.status, summary.files["failed"]) == ("stopped", 0)
    assert "No space left" in summary.error and report_of(bench)["status"] == "stopped"
    check_nothing_is_left(bench)
    await bench.complete(BANDS)


async def test_a_report_that_cannot_be_written_hides_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_space(directory: Path, summary: Summary, *, durable: bool) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("asyncdl.job.job.write_report", no_space)
    await bench.complete(RED)
    told = [event.text for event in bench.events if isinstance(event, Notice)]
    assert told[-1] == "The report of this run could not be written: No space left on device"


async def test_a_disk_that_refuses_one_place_fails_that_place_only(bench: Bench) -> None:
    """A file is in the way of the group's folder; the band's own place is filled all the same."""
    bench.directory.mkdir()
    (bench.directory / "band_group").write_text("in the way")
    group = {"kind": "band_group", "file_groups": ["ls_c2l2_sr_band"]}
    summary = await bench.run(RED, group)
    assert summary.by_kind["bands"]["downloaded"] == 3
    assert summary.by_kind["band_group"]["failed"] == 39
    assert {f.reason for f in summary.failures} == {"disk"}
    assert set(bench.endings.values()) == {1}


async def test_a_disk_that_is_full_for_the_copy_stops_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("asyncdl.job.places.placer.write_file", no_space)
    group = {"kind": "band_group", "file_groups": ["ls_c2l2_sr_band"]}
    assert (await bench.run(RED, group)).status == "stopped"


# --- cancellation -------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 3, 7, 12, 18, 25, 35, 45, 60])
async def test_cancelled_at_any_point_it_leaves_nothing_and_can_be_continued(
    bench: Bench, after: int
) -> None:
    bench.service.faults = Faults(preparing=0.3, polls=2, short_body=0.3)
    job = bench.job(BANDS, BUNDLE)
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            bench.events.append(event)
            if len(bench.events) == after:
                scope.cancel()

        await job.run(watch)
    assert scope.cancelled_caught and job.summary is not None
    assert job.summary.status == "interrupted" == report_of(bench)["status"]
    check_nothing_is_left(bench)
    await bench.complete(BANDS, BUNDLE)


# --- embedded -----------------------------------------------------------------------


async def test_events_can_be_read_as_they_happen(bench: Bench) -> None:
    async with bench.job(BANDS) as job:
        events = [event async for event in job]
    assert sum(isinstance(event, FileFinished) for event in events) == 12
    assert events[-1] == JobFinished("complete")
    assert job.summary is not None and job.summary.is_complete


async def test_who_leaves_early_cancels_the_run(bench: Bench) -> None:
    async with bench.job(BANDS) as job:
        async for event in job:
            if isinstance(event, FileFinished):
                break
    assert job.summary is not None and job.summary.status == "interrupted"
    check_nothing_is_left(bench)
    await bench.complete(BANDS)


async def test_events_are_read_inside_the_block_alone(bench: Bench) -> None:
    """Outside it nothing runs, so a reader would wait for ever."""
    job = bench.job(BANDS)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="inside its `async with` block only"):
            async for _ in job:
                pass
        async with job:
            pass


async def test_a_reader_who_stays_longer_than_the_block_comes_to_an_end(bench: Bench) -> None:
    async with bench.job(BANDS) as job:
        events = job.__aiter__()
        await anext(events)
    with anyio.fail_after(60):
        assert all([event async for event in events])


async def test_the_reader_sees_the_error_itself_and_no_group(bench: Bench) -> None:
    with pytest.raises(AuthError):
        async with bench.job(token="wrong") as job:
            async for _ in job:
                pass


async def test_an_error_of_the_readers_own_comes_out_as_it_is(bench: Bench) -> None:
    with pytest.raises(ZeroDivisionError):
        async with bench.job(BANDS) as job:
            async for _ in job:
                raise ZeroDivisionError
    check_nothing_is_left(bench)


async def test_a_slow_reader_holds_up_the_run_and_misses_no_file(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncdl.job.job.EventQueue", partial(EventQueue, 10))
    job, most, finished = bench.job(workers=2), 0, 0
    async with job:
        async for event in slowly(job.__aiter__()):
            most = max(most, len(job._events._events))
            finished += isinstance(event, FileFinished)
    assert finished == 54
    assert most < 100, "of several hundred"


async def slowly(events: AsyncIterator[Event]) -> AsyncIterator[Event]:
    async for event in events:
        for _ in range(20):
            await checkpoint()
        yield event


async def test_while_nobody_reads_the_workers_pause(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncdl.job.job.EventQueue", partial(EventQueue, 1))
    async with bench.job(workers=1) as job:
        for _ in range(2000):
            await checkpoint()
        assert sum(bench.service.file_requests.values()) < 5
        finished = [event async for event in job if isinstance(event, FileFinished)]
    assert len(finished) == 54
