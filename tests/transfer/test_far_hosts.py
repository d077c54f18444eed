"""Files of a host that is far away: they share all connections from their first bytes on."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from asyncdl.events import ConnectionsInUse, HostStrain
from benchmarks.lines.forwarder import Forwarder
from benchmarks.lines.model import Line
from tests.transfer.fault_server import QUICK, HostedFile, Responder, Rig, rig, status

BODY = bytes(range(256)) * 4096
FILE = HostedFile(BODY)
FAR = Line(0.06, connection_bytes_s=20e6)
FILES = ("one.bin", "two.bin", "three.bin")
NEVER_BY_RATE = replace(
    QUICK,
    connections=6,
    per_host=6,
    split_from_bytes=1 << 19,
    first_look_s=60.0,
    split_after_s=60.0,
    flush_interval_s=0.5,
)


@asynccontextmanager
async def far_rig(tmp_path: Path, *script: Responder) -> AsyncIterator[tuple[Rig, Forwarder, str]]:
    """Put a line before the host; gives the URL at the near end of it."""
    async with (
        rig(tmp_path, *script, limits=NEVER_BY_RATE) as r,
        anyio.create_task_group() as tasks,
    ):
        forwarder = Forwarder(FAR, r.server.port)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            tasks.start_soon(forwarder.serve, listener)
            scheme = r.server.url.partition(":")[0]
            yield r, forwarder, f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/data/file.bin"
            tasks.cancel_scope.cancel()


async def fetch_all(r: Rig, url: str) -> None:
    async with anyio.create_task_group() as tasks:
        for name in FILES:
            tasks.start_soon(lambda name=name: r.fetch(name, url=url))  # type: ignore[misc]
    assert all(r.content(name) == BODY for name in FILES)


async def test_a_far_host_is_asked_for_pieces_before_any_rate_is_known(tmp_path: Path) -> None:
    async with far_rig(tmp_path, FILE) as (r, forwarder, url):
        await fetch_all(r, url)
    in_use = max(event.count for event in r.told(ConnectionsInUse))
    assert in_use == 6, "all connections of the budget, and no more"
    # Of each file the first body alone has no end of its own.
    assert len(forwarder.carried) <= 6 + len(FILES)
    assert len(r.ranges) >= len(forwarder.carried)
    assert r.ranges.count("bytes=0-") == len(FILES)


async def test_a_near_host_is_asked_once_for_each_file(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE, limits=NEVER_BY_RATE) as r:
        engine = r.downloader._engine
        assert engine is not None
        # The tests' own loop may be late; a host is as near as its quickest response.
        engine.host_limiter.state_of(r.server.url).note_request_time(0.001)
        await fetch_all(r, f"{r.server.url}/data/file.bin")
    assert r.ranges == ["bytes=0-"] * len(FILES)


@pytest.mark.parametrize(
    "file",
    [replace(FILE, takes_ranges=False), replace(FILE, etag='W/"1"')],
)
async def test_a_far_file_that_must_not_be_split_comes_whole_and_once(
    tmp_path: Path, file: HostedFile
) -> None:
    async with far_rig(tmp_path, file) as (r, forwarder, url):
        await fetch_all(r, url)
    assert len(r.ranges) == len(forwarder.carried) == len(FILES)


async def test_a_far_host_that_refuses_pieces_gets_fewer_connections(tmp_path: Path) -> None:
    script = FILE, FILE, FILE, status(429), FILE
    async with far_rig(tmp_path, *script) as (r, _, url):
        await fetch_all(r, url)
        engine = r.downloader._engine
        assert engine is not None
        assert engine.host_limiter.connections(url) < NEVER_BY_RATE.per_host
    assert [event.reason for event in r.told(HostStrain)][:1] == ["http-429"]
