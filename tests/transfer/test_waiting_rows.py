"""One host's trouble is that host's: a file that waits holds up no other."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import anyio
import pytest

from asyncdl.errors import NetworkError, TransferError
from asyncdl.events import ConnectionsInUse, Event, HostWait
from asyncdl.net.hosts import host_of
from asyncdl.net.retry import Backoff
from asyncdl.transfer import Downloader, FileRequest, Limits, Outcome, serve_queue
from asyncdl.transfer.dispatch import MAX_WAITING_PER_HOST, Dispatch
from asyncdl.transfer.limits import Workers, files_at_once
from asyncdl.transfer.slots import Slot
from benchmarks.servers import dropped
from tests.clock import simulated
from tests.transfer.fault_server import (
    End,
    FaultServer,
    HostedFile,
    Received,
    Reply,
    Responder,
    downloading,
    fixed,
    serving,
    silent,
    status,
)

pytestmark = pytest.mark.slow

BY_WIRE = pytest.mark.parametrize("client", ["wire"], indirect=True)
"""For what does not differ by client."""

BODY = bytes(range(256)) * 4
FILE = HostedFile(BODY)
WORKERS = 5
LIMITS = Limits(
    connections=20,
    per_host=20,
    connect_timeout_s=10.0,
    header_timeout_s=10.0,
    stall_timeout_s=10.0,
    flush_interval_s=0.0,
)
PATIENT = replace(LIMITS, max_wait_s=120.0)


# --- lists, and what becomes of them ------------------------------------------------


async def fetch_list(
    downloader: Downloader,
    urls: list[str],
    folder: Path,
    *,
    workers: Workers = WORKERS,
    refresh: Callable[[], Awaitable[str]] | None = None,
) -> list[Outcome]:
    """Fetch a list as ``get`` does; the outcomes in their order."""
    at_once = files_at_once(workers, downloader.limits.connections)
    requests_in, requests_out = anyio.create_memory_object_stream[FileRequest](2 * at_once)
    outcomes_in, outcomes_out = anyio.create_memory_object_stream[Outcome](at_once)
    outcomes: list[Outcome] = []

    async def feed() -> None:
        async with requests_in:
            for number, url in enumerate(urls):
                request = FileRequest(url, folder, f"{number}.bin", refresh=refresh)
                await requests_in.send(request)

    async with outcomes_out, anyio.create_task_group() as tasks:
        tasks.start_soon(feed)
        tasks.start_soon(serve_queue, downloader, requests_out, outcomes_in, workers)
        outcomes += [outcome async for outcome in outcomes_out]
    assert len(outcomes) == len(urls), "one outcome for each"
    return outcomes


def check(outcomes: list[Outcome], dead: int, good: int) -> set[str]:
    """Look whether the good ones came first; return why the others did not come."""
    assert all(outcome.fetched is not None for outcome in outcomes[:good])
    failed = [outcome.error for outcome in outcomes[good:]]
    assert len(failed) == dead
    assert all(isinstance(error, (NetworkError, TransferError)) for error in failed)
    return {getattr(error, "reason", "unreachable") for error in failed}


def urls_of(origin: str, count: int) -> list[str]:
    return [f"{origin}/{number}.bin" for number in range(count)]


# --- hosts that are dead, each in its way ---------------------------------------------

Dead: TypeAlias = Callable[[], AbstractAsyncContextManager[str]]


@asynccontextmanager
async def refusing() -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def unnamed() -> AsyncIterator[str]:
    yield "http://dead.invalid"


@asynccontextmanager
async def blackholed() -> AsyncIterator[str]:
    with dropped() as origin:
        yield origin


def answering(responder: Responder) -> Dead:
    @asynccontextmanager
    async def host() -> AsyncIterator[str]:
        async with serving(responder) as server:
            yield server.url

    return host


DEAD: dict[str, Dead] = {
    "refused": refusing,
    "no name": unnamed,
    "blackholed": blackholed,
    "silent": answering(silent(End.HANG)),
    "503": answering(status(503)),
}


@pytest.mark.parametrize("kind", DEAD)
@simulated
async def test_row_e5_five_dead_files_hold_up_none_of_five_good_ones(
    tmp_path: Path, kind: str
) -> None:
    async with (
        serving(FILE) as good,
        DEAD[kind]() as dead,
        downloading(LIMITS) as downloader,
    ):
        began_s = anyio.current_time()
        outcomes = await fetch_list(downloader, urls_of(dead, 5) + urls_of(good.url, 5), tmp_path)
        took_s = anyio.current_time() - began_s
    assert check(outcomes, 5, 5) <= {"host-down", "unreachable", "stalled", "http-503"}
    assert took_s < 240, "the wait of one host"


@BY_WIRE
@pytest.mark.parametrize("kind", DEAD)
@simulated
async def test_row_e5_a_dead_file_for_each_connection_holds_up_no_good_one(
    tmp_path: Path, kind: str
) -> None:
    async with serving(FILE) as good, DEAD[kind]() as dead, downloading(PATIENT) as downloader:
        urls = urls_of(dead, 2 * LIMITS.connections) + urls_of(good.url, 2 * LIMITS.connections)
        outcomes = await fetch_list(downloader, urls, tmp_path, workers="auto")
    check(outcomes, 2 * LIMITS.connections, 2 * LIMITS.connections)


@BY_WIRE
@pytest.mark.parametrize(
    ("kind", "count"),
    [("refused", 500), ("503", 500), ("no name", 100), ("blackholed", 100), ("silent", 100)],
)
@simulated
async def test_row_e5_hundreds_of_dead_files_hold_up_none_of_as_many_good_ones(
    tmp_path: Path, kind: str, count: int
) -> None:
    events: list[Event] = []
    async with (
        serving(FILE) as good,
        DEAD[kind]() as dead,
        downloading(PATIENT, events.append) as downloader,
    ):
        began_s = anyio.current_time()
        outcomes = await fetch_list(
            downloader, urls_of(dead, count) + urls_of(good.url, count), tmp_path
        )
        took_s = anyio.current_time() - began_s
    reasons = check(outcomes, count, count)
    assert "host-down" in reasons
    assert took_s < 240, "the wait of one host"
    assert len(good.requests) == count
    asked = [e for e in events if isinstance(e, ConnectionsInUse) and e.host in dead]
    assert len(asked) // 2 <= 80, "attempts are those of one host, not of each file"


@BY_WIRE
@simulated
async def test_row_e5_a_file_with_a_mirror_does_not_wait_for_the_host_that_is_dead(
    tmp_path: Path,
) -> None:
    async with serving(FILE) as good, refusing() as dead, downloading(PATIENT) as downloader:
        requests_in, requests_out = anyio.create_memory_object_stream[FileRequest](100)
        outcomes_in, outcomes_out = anyio.create_memory_object_stream[Outcome](100)
        async with requests_in:
            for number, url in enumerate(urls_of(dead, 60)):
                mirrors = (f"{good.url}/{number}.bin",) if number >= 30 else ()
                await requests_in.send(FileRequest(url, tmp_path, f"{number}.bin", mirrors=mirrors))
        async with outcomes_out:
            await serve_queue(downloader, requests_out, outcomes_in, WORKERS)
            outcomes = [outcome async for outcome in outcomes_out]
    check(outcomes, 30, 30)


# --- bad files of a good host ----------------------------------------------------------

PAGE = fixed("200 OK", b"<html><title>Something went wrong</title>", Content_Type="text/html")
BAD = {
    "503": status(503),
    "500": status(500),
    "page": PAGE,
    "closed": silent(),
    "silent": silent(End.HANG),
}


@pytest.mark.parametrize(
    "limits", [LIMITS, replace(PATIENT, max_wait_s=6 * 3600)], ids=["tries", "patient"]
)
@pytest.mark.parametrize("kind", BAD)
@simulated
async def test_row_e5_good_files_behind_bad_ones_of_the_same_host_are_found(
    tmp_path: Path, kind: str, limits: Limits
) -> None:
    """As many bad ones as there are workers, and no other host: nothing says that any will come."""

    def host(received: Received) -> Reply:
        is_bad = int(received.target[1:].partition(".")[0]) < WORKERS
        return (BAD[kind] if is_bad else FILE)(received)

    async with serving(host) as server, downloading(limits) as downloader:
        began_s = anyio.current_time()
        outcomes = await fetch_list(downloader, urls_of(server.url, 25), tmp_path)
        took_s = anyio.current_time() - began_s
    came = [int(str(outcome.request.name)[:-4]) for outcome in outcomes if outcome.fetched]
    assert sorted(came) == list(range(WORKERS, 25))
    ends = [outcome.fetched is None for outcome in outcomes]
    if kind != "page":  # which is final, and ends at once
        assert ends == [False] * 20 + [True] * WORKERS
    assert took_s < 200, "their own tries"


# --- who waits holds nothing ------------------------------------------------------------


@dataclass
class Moody:
    """Refuses the first request for each file, and serves all later ones."""

    refusal: Responder
    only: str = ""
    asked: list[str] = field(default_factory=list)

    def __call__(self, received: Received) -> Reply:
        is_first = received.target not in self.asked and self.only in received.target
        self.asked.append(received.target)
        return (self.refusal if is_first else FILE)(received)


def names_of(outcomes: list[Outcome]) -> list[str | None]:
    assert all(outcome.fetched for outcome in outcomes)
    return [outcome.request.name for outcome in outcomes]


@BY_WIRE
@simulated
async def test_row_e5_a_file_between_two_tries_lets_others_go_first(tmp_path: Path) -> None:
    host = Moody(status(503), only="/0.")
    limits = replace(LIMITS, backoff=Backoff(first_s=20.0))
    async with serving(host) as server, downloading(limits) as downloader:
        outcomes = await fetch_list(downloader, urls_of(server.url, 6), tmp_path, workers=1)
    assert names_of(outcomes) == [f"{n}.bin" for n in (1, 2, 3, 4, 5, 0)]


async def test_row_e5_a_file_that_waits_for_a_fresh_url_lets_others_go_first(
    tmp_path: Path,
) -> None:
    may_go_on = anyio.Event()

    def host(received: Received) -> Reply:
        if "/3." in received.target:
            may_go_on.set()
        return (status(403) if "/0." in received.target else FILE)(received)

    async with serving(host) as server, downloading(LIMITS) as downloader:

        async def refresh() -> str:
            await may_go_on.wait()
            return f"{server.url}/fresh"

        outcomes = await fetch_list(
            downloader, urls_of(server.url, 4), tmp_path, workers=1, refresh=refresh
        )
    assert names_of(outcomes) == [f"{n}.bin" for n in (1, 2, 3, 0)]


@BY_WIRE
@simulated
async def test_row_e5_files_that_come_back_together_are_no_more_than_there_are_workers(
    tmp_path: Path,
) -> None:
    host = Moody(status(503, Retry_After=30))
    async with serving(host) as server, downloading(PATIENT) as downloader:
        outcomes = await fetch_list(downloader, urls_of(server.url, 40), tmp_path)
    assert len(names_of(outcomes)) == 40
    assert server.most_active <= WORKERS


@BY_WIRE
@simulated
async def test_row_e10_a_rest_that_a_host_asks_for_is_that_hosts(tmp_path: Path) -> None:
    events: list[Event] = []
    tired = HostedFile(BODY, headers={"RateLimit": "limit=1, remaining=0, reset=50"})
    async with (
        serving(tired) as tired_host,
        serving(FILE) as good,
        downloading(LIMITS, events.append) as downloader,
    ):
        began_s = anyio.current_time()
        urls = urls_of(tired_host.url, 2) + urls_of(good.url, 30)
        outcomes = await fetch_list(downloader, urls, tmp_path, workers=1)
        took_s = anyio.current_time() - began_s
    assert names_of(outcomes)[-1] == "1.bin", "the second of the host that rests"
    waits = [event for event in events if isinstance(event, HostWait)]
    assert {(wait.host in tired_host.url, wait.reason, wait.wait_s) for wait in waits} == {
        (True, "rate-limit", 50.0)
    }
    assert 50 <= took_s < 60


@BY_WIRE
@simulated
async def test_row_e10_a_host_that_is_away_for_25_seconds_loses_no_file(tmp_path: Path) -> None:
    async with refusing() as origin, downloading(PATIENT) as downloader:
        outcomes: list[Outcome] = []

        async def fetch() -> None:
            outcomes.extend(await fetch_list(downloader, urls_of(origin, 40), tmp_path))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fetch)
            await anyio.sleep(25)
            host = FaultServer(FILE)
            server = await asyncio.start_server(
                host.serve, "127.0.0.1", int(origin.rpartition(":")[2])
            )
        server.close()
        host.close()
        await server.wait_closed()
    assert len(names_of(outcomes)) == 40


async def test_row_e5_cancelled_it_leaves_no_task_and_no_place(tmp_path: Path) -> None:
    tasks_before = asyncio.all_tasks()
    async with refusing() as dead, downloading(PATIENT) as downloader:
        with anyio.CancelScope() as scope:

            async def stop() -> None:
                engine = downloader._engine
                assert engine is not None
                while not engine.host_limiter.is_troubled(f"{dead}/"):
                    await anyio.sleep(0.01)
                scope.cancel()

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(stop)
                await fetch_list(downloader, urls_of(dead, 100), tmp_path)
        assert scope.cancelled_caught
        engine = downloader._engine
        assert engine is not None
        line = engine.host_limiter.state_of(f"{dead}/").limiter
        assert (line.in_use, line.waiting, engine.host_limiter.budget.in_use) == (0, 0, 0)
        assert asyncio.all_tasks() == tasks_before


# --- what is held is bounded -----------------------------------------------------------


@dataclass
class Stage:
    """Stands in for the engine: hosts are in trouble by name, and files end when let."""

    troubled: set[str] = field(default_factory=set)
    begun: list[str] = field(default_factory=list)
    parked: list[tuple[str, bool]] = field(default_factory=list)
    may_end: anyio.Event = field(default_factory=anyio.Event)

    async def work(self, url: str, slot: Slot) -> None:
        self.begun.append(url)
        async with slot.released():
            await self.may_end.wait()

    def is_troubled(self, url: str) -> bool:
        return host_of(url) in self.troubled


@asynccontextmanager
async def on_stage(stage: Stage, urls: list[str], max_parked: int) -> AsyncIterator[list[str]]:
    """Dispatch files until nothing more happens; what was not read is left in the list."""
    left = list(urls)
    urls_in, urls_out = anyio.create_memory_object_stream[str](0)

    async def feed() -> None:
        async with urls_in:
            while left:
                await urls_in.send(left[0])
                left.pop(0)

    run = Dispatch(
        urls_out,
        2,
        host_of=host_of,
        is_troubled=stage.is_troubled,
        work=stage.work,
        max_parked=max_parked,
        on_park=lambda url, is_parked: stage.parked.append((url, is_parked)),
    ).run
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed)
        tasks.start_soon(run)
        await anyio.wait_all_tasks_blocked()
        yield left
        stage.may_end.set()
    assert stage.begun == urls or sorted(stage.begun) == sorted(urls)


@BY_WIRE
async def test_row_e5_a_host_in_trouble_is_asked_by_one_file_and_the_rest_is_parked() -> None:
    stage = Stage({"dead"})
    dead, good = [f"http://dead/{n}" for n in range(20)], [f"http://good/{n}" for n in range(20)]
    async with on_stage(stage, dead + good, max_parked=100) as left:
        assert stage.begun == [dead[0], *good]
        assert left == []
        assert stage.parked == [(url, True) for url in dead[1:]]
    assert stage.parked[19:] == [(url, False) for url in dead[1:]], "in their order"


@BY_WIRE
async def test_row_e5_no_more_is_read_than_may_be_parked() -> None:
    stage = Stage({"dead"})
    dead = [f"http://dead/{n}" for n in range(50)]
    async with on_stage(stage, dead, max_parked=10) as left:
        assert stage.begun == dead[:1]
        assert len(left) >= 50 - 1 - 10 - 1


@BY_WIRE
async def test_the_last_file_starts_though_the_list_ends_before_it_is_looked_at() -> None:
    begun = []
    urls_in, urls_out = anyio.create_memory_object_stream[str](0)

    async def work(url: str, slot: Slot) -> None:
        begun.append(url)
        if url == "http://host/first":
            await anyio.wait_all_tasks_blocked()  # the next one is waited for
            slot.note_end_of_request()  # and looked for first
            urls_in.send_nowait("http://host/last")
            urls_in.close()

    run = Dispatch(urls_out, 2, host_of=host_of, is_troubled=lambda url: False, work=work).run
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await urls_in.send("http://host/first")
    assert begun == ["http://host/first", "http://host/last"]


@BY_WIRE
async def test_row_e5_no_more_files_of_a_host_wait_than_may() -> None:
    stage = Stage()
    urls = [f"http://slow/{n}" for n in range(100)]
    async with on_stage(stage, urls, max_parked=1000):
        assert len(stage.begun) == MAX_WAITING_PER_HOST
