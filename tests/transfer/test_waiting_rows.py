"""One host's trouble is that host's: a file that waits holds up no other."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import anyio
import pytest

from asyncdl.errors import NetworkError, TransferError
from asyncdl.events import ConnectionsInUse, Event
from asyncdl.transfer import Downloader, FileRequest, Limits, Outcome, serve_queue
from tests.clock import simulated
from tests.transfer.fault_server import (
    End,
    HostedFile,
    Responder,
    downloading,
    serving,
    silent,
    status,
)

pytestmark = pytest.mark.slow

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


async def fetch_list(downloader: Downloader, urls: list[str], folder: Path) -> list[Outcome]:
    """Fetch a list as ``get`` does; the outcomes in their order."""
    requests_in, requests_out = anyio.create_memory_object_stream[FileRequest](2 * WORKERS)
    outcomes_in, outcomes_out = anyio.create_memory_object_stream[Outcome](WORKERS)
    outcomes: list[Outcome] = []

    async def feed() -> None:
        async with requests_in:
            for number, url in enumerate(urls):
                await requests_in.send(FileRequest(url, folder, f"{number}.bin"))

    async with outcomes_out, anyio.create_task_group() as tasks:
        tasks.start_soon(feed)
        tasks.start_soon(serve_queue, downloader, requests_out, outcomes_in, WORKERS)
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


@contextmanager
def _full_backlog() -> Iterator[int]:
    """A port whose backlog is full: what asks for a connection hears nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port = server.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        try:
            yield port
        finally:
            for filler in fillers:
                filler.close()


@asynccontextmanager
async def blackholed() -> AsyncIterator[str]:
    with _full_backlog() as port:
        yield f"http://127.0.0.1:{port}"


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


@pytest.mark.parametrize("limits", [LIMITS, PATIENT], ids=["tries", "patient"])
@pytest.mark.parametrize("kind", DEAD)
@simulated
async def test_row_e5_five_dead_files_hold_up_none_of_five_good_ones(
    tmp_path: Path, kind: str, limits: Limits
) -> None:
    events: list[Event] = []
    async with (
        serving(FILE) as good,
        DEAD[kind]() as dead,
        downloading(limits, events.append) as downloader,
    ):
        began_s = anyio.current_time()
        outcomes = await fetch_list(downloader, urls_of(dead, 5) + urls_of(good.url, 5), tmp_path)
        took_s = anyio.current_time() - began_s
    assert check(outcomes, 5, 5) <= {"host-down", "unreachable", "stalled", "http-503"}
    assert took_s < 240, "the wait of one host"


@pytest.mark.parametrize("client", ["wire"], indirect=True)
@pytest.mark.parametrize("kind", DEAD)
@simulated
async def test_row_e5_five_hundred_dead_files_hold_up_none_of_five_hundred_good_ones(
    tmp_path: Path, kind: str
) -> None:
    events: list[Event] = []
    async with (
        serving(FILE) as good,
        DEAD[kind]() as dead,
        downloading(PATIENT, events.append) as downloader,
    ):
        began_s = anyio.current_time()
        outcomes = await fetch_list(
            downloader, urls_of(dead, 500) + urls_of(good.url, 500), tmp_path
        )
        took_s = anyio.current_time() - began_s
    reasons = check(outcomes, 500, 500)
    assert "host-down" in reasons
    assert took_s < 240, "the wait of one host"
    assert len(good.requests) == 500
    asked = [e for e in events if isinstance(e, ConnectionsInUse) and e.host in dead]
    assert len(asked) // 2 <= 80, "attempts are those of one host, not of each file"
