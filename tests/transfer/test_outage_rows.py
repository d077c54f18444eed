"""A host that is down is waited for; one that refuses one connection too many gets fewer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import HttpStatusError, TransferError
from asyncdl.events import HostWait, ServiceBack, ServiceWait, TransferProgress
from asyncdl.net.retry import Backoff
from asyncdl.transfer import Limits
from tests.clock import simulated
from tests.transfer.fault_server import (
    QUICK,
    End,
    HostedFile,
    Received,
    Reply,
    Responder,
    Rig,
    after,
    cut,
    fixed,
    rig,
    silent,
    status,
)

pytestmark = pytest.mark.slow

HOUR = 3600.0
OUTAGE_S = 900.0
BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)
PATIENT = Limits(per_host=4, connections=4, max_wait_s=6 * HOUR, flush_interval_s=0.0)


@dataclass
class Switch:
    """Serves a file, or fails for all or some of its names while it is down."""

    failure: Responder
    is_down: bool = False
    only: str = ""
    asked_while_down: list[str] = field(default_factory=list)

    def __call__(self, received: Received) -> Reply:
        if not self.is_down or self.only not in received.target:
            return FILE(received)
        self.asked_while_down.append(received.target)
        return self.failure(received)

    async def go_down(self, seconds: float) -> None:
        self.is_down = True
        await anyio.sleep(seconds)
        self.is_down = False


async def fetch(r: Rig, *names: str) -> None:
    """Fetch files at once, each by a URL of its own."""
    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(fetch_one, r, name)


async def fetch_one(r: Rig, name: str) -> None:
    await r.fetch(name, url=f"{r.server.url}/{name}")


NAMES = [f"{number}.bin" for number in range(12)]


PAGE = fixed("200 OK", b"<!DOCTYPE html><html>Maintenance" * 50, Content_Type="text/html")
FAILURES = {"silence": silent(), "503": status(503), "502": status(502), "a page": PAGE}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@simulated
async def test_row_099_a_host_that_is_down_is_waited_for(
    tmp_path: Path, failure: Responder
) -> None:
    host = Switch(failure)
    async with rig(tmp_path, host, limits=PATIENT) as r, anyio.create_task_group() as tasks:
        tasks.start_soon(host.go_down, OUTAGE_S)
        await fetch(r, *NAMES)
    assert [r.content(name) for name in NAMES] == [BODY] * len(NAMES)
    # About one try a minute; aiohttp makes a request again whose connection was closed.
    assert len(host.asked_while_down) < 110
    assert r.told(HostWait) == []
    (back,) = r.told(ServiceBack)
    assert back.service in r.server.url and OUTAGE_S - 10 < back.after_s < OUTAGE_S + 100
    assert len({event.reason for event in r.told(ServiceWait)}) == 1


@simulated
async def test_while_a_host_is_down_it_is_asked_by_one_at_a_time(tmp_path: Path) -> None:
    host, most = Switch(silent(), is_down=True), 0

    def watch(received: Received) -> Reply:
        nonlocal most
        if r.told(ServiceWait) and host.is_down:
            most = max(most, r.server.active)
        return host(received)

    async with rig(tmp_path, watch, limits=PATIENT) as r, anyio.create_task_group() as tasks:
        tasks.start_soon(host.go_down, OUTAGE_S)
        await fetch(r, *NAMES[:8])
    assert most == 1
    assert len(set(host.asked_while_down)) > 1, "they take turns"


@simulated
async def test_after_an_outage_half_the_connections_are_back_at_once(tmp_path: Path) -> None:
    host = Switch(silent())
    async with rig(tmp_path, host, limits=PATIENT) as r, anyio.create_task_group() as tasks:
        tasks.start_soon(host.go_down, OUTAGE_S)
        await fetch(r, "a.bin")
        engine = r.downloader._engine
        assert engine is not None
        assert engine.host_limiter.connections(r.server.url) == PATIENT.per_host // 2


@simulated
async def test_row_099_a_host_that_stays_down_fails_its_files_in_clear_words(
    tmp_path: Path,
) -> None:
    host = Switch(silent(), is_down=True)
    async with rig(tmp_path, host, limits=replace(PATIENT, max_wait_s=600)) as r:
        began_s = anyio.current_time()
        for name in ("a.bin", "b.bin"):
            with pytest.raises(TransferError, match=r"has been down for 6\d\d s") as failed:
                await r.fetch(name)
        assert 600 <= anyio.current_time() - began_s < 700, "the second does not wait again"
    assert (failed.value.reason, failed.value.remedy) == ("host-down", TransferError.remedy)


@simulated
async def test_a_file_that_alone_fails_fails_after_its_attempts(tmp_path: Path) -> None:
    host = Switch(status(502), is_down=True, only="bad")
    async with rig(tmp_path, host, limits=PATIENT) as r:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fetch, r, *NAMES)
            with pytest.raises(HttpStatusError):
                await fetch_one(r, "bad.bin")
        with pytest.raises(HttpStatusError):
            await fetch_one(r, "bad.bin")
    assert len(host.asked_while_down) == 2 * PATIENT.backoff.attempts
    assert r.told(ServiceWait) == []


@simulated
async def test_a_body_that_is_silent_for_one_file_is_that_files_trouble(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 0, End.HANG), limits=PATIENT) as r:
        with pytest.raises(TransferError):
            await r.fetch()
    assert len(r.server.requests) == PATIENT.backoff.attempts


# --- refused, while others bring data -----------------------------------------------


@dataclass
class Crowd:
    """Serves so many bodies at once and refuses more; old URLs it refuses always."""

    most: int
    gate: asyncio.Event
    rig: Callable[[], Rig]
    refused: int = 0

    def __call__(self, received: Received) -> Reply:
        is_old = "old" in received.target
        if is_old or self.rig().server.active > self.most:
            self.refused += 1
            return status(403)(received)
        return after(self.gate, FILE, first_bytes=5000)(received)


LIMITS = replace(
    QUICK, per_host=8, connections=8, backoff=Backoff(first_s=0.0, attempts=4), flush_bytes=1000
)


async def crowd_of(tmp_path: Path, most: int, names: list[str], **fields: object) -> Crowd:
    """Fetch files at once from a host that serves ``most`` of them at a time."""
    gate = asyncio.Event()
    crowd = Crowd(most, gate, lambda: r)
    async with rig(tmp_path, crowd, limits=LIMITS) as r, anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(fetch_one, r, name)
        while crowd.refused < len(names) - most:
            await anyio.sleep(0.001)
        gate.set()
    assert [r.content(name) for name in names] == [BODY] * len(names)
    return crowd


@pytest.mark.parametrize("most", [1, 3])
async def test_row_093_files_refused_as_too_many_come_later(tmp_path: Path, most: int) -> None:
    crowd = await crowd_of(tmp_path, most, NAMES[:8])
    assert crowd.refused <= 3 * 8, "requests are bounded"


async def test_row_093_a_refused_url_costs_one_more_request_and_no_connection(
    tmp_path: Path,
) -> None:
    """The doubt about the connections is taken back when a fresh URL is all that was missing."""
    gate = asyncio.Event()
    crowd = Crowd(8, gate, lambda: r)
    async with rig(tmp_path, crowd, limits=LIMITS) as r, anyio.create_task_group() as tasks:

        async def refresh() -> str:
            return f"{r.server.url}/new.bin"

        for name in NAMES[:3]:
            tasks.start_soon(fetch_one, r, name)
        while len(r.told(TransferProgress)) < 3:
            await anyio.sleep(0.001)
        async with anyio.create_task_group() as other:
            other.start_soon(
                lambda: r.fetch("x.bin", url=f"{r.server.url}/old.bin", refresh=refresh)
            )
            while crowd.refused < 2:
                await anyio.sleep(0.001)
            gate.set()
        engine = r.downloader._engine
        assert engine is not None
        assert engine.host_limiter.connections(r.server.url) == LIMITS.per_host
    assert crowd.refused == 2
    assert r.content("x.bin") == BODY


async def test_a_refusal_while_nobody_brings_data_is_about_the_url(tmp_path: Path) -> None:
    async with rig(tmp_path, status(403), limits=LIMITS) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch()
    # Once more, as the host may refuse the range; not as one connection too many.
    assert r.ranges == ["bytes=0-", None]


async def test_row_092_a_fresh_url_is_asked_for_once_after_a_404(tmp_path: Path) -> None:
    async with rig(tmp_path, status(404), limits=LIMITS) as r:

        async def refresh() -> str:
            return f"{r.server.url}/fresh"

        with pytest.raises(HttpStatusError):
            await r.fetch(refresh=refresh)
    assert len(r.server.requests) == 2
