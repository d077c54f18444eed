"""A Job in generators, fixtures and other tasks; and what cannot be done with one says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest
from anyio.lowlevel import checkpoint

import asyncdl
from asyncdl.errors import AsyncdlError, MisuseError
from asyncdl.events import Event, FileFinished, JobFinished
from asyncdl.sandbox import Service, serve
from tests.job.bench import BANDS, RED, Bench


async def events_of(job: asyncdl.Job) -> AsyncIterator[Event]:
    """A generator such as anybody would write."""
    async with job:
        async for event in job:
            yield event


async def first_file(events: AsyncIterator[Event]) -> Event | None:
    async for event in events:
        if isinstance(event, FileFinished):
            return event  # and nobody closes the generator
    return None


async def has_ended(job: asyncdl.Job) -> None:
    with anyio.fail_after(60):
        while job.summary is None or job._task is not None:
            await checkpoint()


def check_is_tidy(bench: Bench) -> None:
    assert bench.service.cleanup_report.open_keys == 0
    assert not bench.service.cleanup_report.scene_lists


async def test_a_generator_that_is_left_early_ends_its_run_and_cancels_nobody_else(
    bench: Bench,
) -> None:
    job = bench.job(BANDS)
    assert await first_file(events_of(job)) is not None
    await has_ended(job)
    assert job.summary is not None and job.summary.status == "interrupted"
    check_is_tidy(bench)
    await bench.complete(BANDS)


async def test_a_generator_that_is_closed_has_ended_its_run_by_then(bench: Bench) -> None:
    job = bench.job(BANDS)
    async with aclosing(events_of(job)) as events:  # type: ignore[type-var]
        await first_file(events)
    assert job.summary is not None and job.summary.status == "interrupted"
    check_is_tidy(bench)


async def test_each_event_may_be_taken_in_another_task(bench: Bench) -> None:
    events = aiter(events_of(bench.job(RED)))
    seen: list[Event] = []
    with suppress(StopAsyncIteration):
        while True:
            # As with ``wait_for``, which makes a task of what it waits for.
            seen.append(await asyncio.create_task(anext(events)))  # type: ignore[arg-type]
    assert seen[-1] == JobFinished("complete")


async def test_a_block_is_entered_in_one_task_and_left_in_another(bench: Bench) -> None:
    job = bench.job(RED)
    await asyncio.create_task(job.__aenter__())
    seen = [event async for event in job]
    await asyncio.create_task(job.__aexit__(None, None, None))
    assert seen[-1] == JobFinished("complete")
    check_is_tidy(bench)


@pytest.fixture
async def running(bench: Bench) -> AsyncIterator[asyncdl.Job]:
    async with bench.job(BANDS) as job:
        yield job
    check_is_tidy(bench)


async def test_a_fixture_may_hand_out_a_running_job(running: asyncdl.Job) -> None:
    assert await first_file(aiter(running)) is not None


async def test_a_job_that_is_read_to_its_end_comes_from_a_fixture_too(
    running: asyncdl.Job,
) -> None:
    assert [event async for event in running][-1] == JobFinished("complete")


@pytest.mark.parametrize("again", [1, 5, 40])
async def test_a_reader_who_is_cancelled_and_cancelled_again_leaves_no_session(
    bench: Bench, again: int
) -> None:
    async def read() -> None:
        async with bench.job(BANDS) as job:
            await first_file(aiter(job))
            await anyio.sleep_forever()

    for turns in (1, 30, 150, 400):
        task = asyncio.create_task(read())
        for turn in range(turns + 10 * again):
            await checkpoint()
            if turn >= turns and (turn - turns) % again == 0:
                task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        check_is_tidy(bench)


def test_a_loop_that_ends_while_a_run_is_left_over_logs_out(tmp_path: Path) -> None:
    """As in ``asyncio.run(main())`` whose ``main`` has left a generator."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serve()) as service,
    ):
        bench = Bench(service, tmp_path / "data")

        async def main() -> None:
            await first_file(events_of(bench.job(BANDS)))

        asyncio.run(main())
        check_is_tidy(bench)


async def test_an_error_that_nobody_foresaw_comes_out_where_the_events_are_read(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("asyncdl.job.job.pipeline", broken)
    with pytest.raises(ZeroDivisionError):
        async with bench.job(RED) as job:
            async for _ in job:
                pass
    job = bench.job(RED)
    with pytest.raises(ZeroDivisionError):
        async with job:  # nor is it lost where nobody reads
            while job._task is not None and not job._task.done():
                await checkpoint()
    check_is_tidy(bench)


async def in_other_tasks(manager: AbstractAsyncContextManager[Any], use: Callable[..., Any]) -> Any:
    """Enter a block in one task, use it in a second, and leave it in a third."""
    entered = await asyncio.create_task(manager.__aenter__())
    try:
        return await asyncio.create_task(use(entered))
    finally:
        await asyncio.create_task(manager.__aexit__(None, None, None))


async def test_clients_downloaders_and_sandboxes_may_change_their_tasks_too(bench: Bench) -> None:
    account = asyncdl.Credentials(bench.service.username, bench.service.token)
    client = asyncdl.M2MClient(account, url=bench.service.url)
    assert "download" in await in_other_tasks(client, lambda client: client.permissions())
    request = asyncdl.FileRequest(f"{bench.service.origin}/none", bench.directory)
    with pytest.raises(asyncdl.TransferError, match="http-404"):
        await in_other_tasks(asyncdl.Downloader(), lambda downloader: downloader.fetch(request))

    async def origin(service: Service) -> str:
        return service.origin

    assert (await in_other_tasks(serve(), origin)).startswith("http")
    check_is_tidy(bench)


# --- what cannot be done ---------------------------------------------------------------


async def test_a_block_is_not_entered_while_it_is_open(bench: Bench) -> None:
    async with bench.job(RED) as job:
        with pytest.raises(MisuseError, match="entered already"):
            async with job:
                pass
        assert [event async for event in job][-1] == JobFinished("complete")


async def test_a_block_that_is_entered_again_is_another_run(bench: Bench) -> None:
    job = bench.job(RED)
    for state in ("downloaded", "skipped"):
        async with job:
            assert [event async for event in job][-1] == JobFinished("complete")
        assert job.summary is not None and job.summary.files[state] == job.summary.files["total"]


async def test_there_is_one_reader_at_a_time(bench: Bench) -> None:
    async with bench.job(RED) as job:
        events = aiter(job)
        seen = [await anext(events)]
        with pytest.raises(MisuseError, match="one reader"):
            async for _ in job:
                pass
        seen += [event async for event in events]
        assert seen[-1] == JobFinished("complete")


async def test_who_has_stopped_reading_may_go_on(bench: Bench) -> None:
    async with bench.job(RED) as job:
        first = await first_file(aiter(job))
        rest = [event async for event in job]
    assert first not in rest and rest[-1] == JobFinished("complete")


async def test_outside_its_block_a_downloader_and_a_job_say_so(bench: Bench) -> None:
    downloader = asyncdl.Downloader()
    async with downloader:
        with pytest.raises(MisuseError, match="entered already"):
            await downloader.__aenter__()
    request = asyncdl.FileRequest("http://127.0.0.1:9/a", bench.directory)
    with pytest.raises(MisuseError, match="inside its `async with` block"):
        await downloader.fetch(request)
    async with bench.job(RED) as job:
        pass
    with pytest.raises(MisuseError, match="inside its `async with` block"):
        async for _ in job:
            pass
    assert issubclass(MisuseError, RuntimeError) and issubclass(MisuseError, AsyncdlError)


def uses(bench: Bench) -> dict[str, Callable[[], Awaitable[Any]]]:
    account = asyncdl.Credentials("me", "token")
    return {
        "Job": bench.job(RED).run,
        "Job's block": bench.job(RED).__aenter__,
        "Downloader": asyncdl.Downloader().__aenter__,
        "M2MClient": asyncdl.M2MClient(account).permissions,
        "M2MClient's block": asyncdl.M2MClient(account).__aenter__,
        "sandbox": serve().__aenter__,
        "search": partial(asyncdl.search, "landsat_ot_c2_l2", point=(0, 0)),
        "plan": partial(asyncdl.plan, "LC08_L2SP_068017_20200310_20200822_02_T1", bands="red"),
    }


def test_without_an_asyncio_loop_all_say_what_they_need(tmp_path: Path) -> None:
    """Under trio there is none, as there is none here."""
    bench = Bench.__new__(Bench)
    bench.directory = tmp_path
    bench.service = type("Elsewhere", (), dict.fromkeys(
        ("url", "stac_url", "username", "token"), "http://127.0.0.1:9/"
    ))()  # fmt: skip
    for what, use in uses(bench).items():
        step = use().__await__()
        with pytest.raises(MisuseError, match=r"asyncio event loop only.*asyncdl\.sync"):
            next(step)
        assert what
