"""Files of a host that is far away: they share all connections from their first bytes on."""

from __future__ import annotations

import hashlib
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncdl.events import ConnectionsInUse, HostStrain
from asyncdl.transfer import Digest, FileRequest, Limits
from asyncdl.transfer.dispatch import Outcome, serve_queue
from asyncdl.transfer.parts.part_file import PartFile
from asyncdl.transfer.publishing import FolderPublisher
from asyncdl.transfer.wire_url import read_target
from benchmarks.lines.forwarder import Forwarder
from benchmarks.lines.model import Line
from tests.transfer.fault_server import (
    QUICK,
    HostedFile,
    Received,
    Reply,
    Responder,
    Rig,
    rig,
    status,
)

BODY = bytes(range(256)) * 4096
FILE = HostedFile(BODY)
SMALL = HostedFile(BODY[:1000])
FAR = Line(0.06, connection_bytes_s=20e6)
FAR_S = 0.1
"""A request by a connection that is opened for it takes longer."""
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
ONE = replace(NEVER_BY_RATE, connections=1, per_host=1)


@asynccontextmanager
async def far_rig(
    tmp_path: Path, *script: Responder, limits: Limits = NEVER_BY_RATE
) -> AsyncIterator[tuple[Rig, Forwarder, str]]:
    """Put a line before the host; gives the URL at the near end of it."""
    async with (
        rig(tmp_path, *script, limits=limits) as r,
        anyio.create_task_group() as tasks,
    ):
        forwarder = Forwarder(FAR, r.server.port)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            tasks.start_soon(forwarder.serve, listener)
            scheme = r.server.url.partition(":")[0]
            url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/data/file.bin"
            engine = r.downloader._engine
            assert engine is not None
            # The tests' own loop may be late: the host is as far as the line makes it, not farther.
            engine.host_limiter.state_of(url).note_request_time(FAR_S)
            yield r, forwarder, url
            tasks.cancel_scope.cancel()


@asynccontextmanager
async def far_list(tmp_path: Path, *script: Responder, limits: Limits) -> AsyncIterator[Rig]:
    """Fetch a list of small files; it is done when the block is left."""
    count, digest = 3, Digest("sha256", hashlib.sha256(SMALL.body).hexdigest())
    requests_in, requests_out = anyio.create_memory_object_stream[FileRequest](count)
    outcomes_in, outcomes_out = anyio.create_memory_object_stream[Outcome](count)
    async with (
        far_rig(tmp_path, *script, limits=limits) as (r, _, url),
        outcomes_out,
    ):
        async with requests_in:
            for number in range(count):
                name = f"{number}.bin"
                await requests_in.send(FileRequest(url, r.directory, name, digests=(digest,)))
        async with anyio.create_task_group() as tasks:
            yield r
            tasks.start_soon(serve_queue, r.downloader, requests_out, outcomes_in)


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


async def test_connections_are_open_for_the_next_pieces(tmp_path: Path) -> None:
    async with far_rig(tmp_path, FILE) as (r, _, url):
        engine = r.downloader._engine
        assert engine is not None
        target = read_target(url)
        before = engine.client.idle_connections(target)
        await r.fetch("one.bin", url=url)
        after = engine.client.idle_connections(target)
    if before:  # it is not known of a session
        assert before == after == sys.maxsize
    else:
        assert 0 < after <= NEVER_BY_RATE.connections


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


def refusing_one_piece() -> Responder:
    """Refuses the first request that is not for a whole file."""
    refused: list[str] = []

    def respond(received: Received) -> Reply:
        piece = received.headers.get("range", "")
        if piece == "bytes=0-" or refused:
            return FILE(received)
        refused.append(piece)
        return status(429)(received)

    return respond


async def test_a_far_host_that_refuses_pieces_gets_fewer_connections(tmp_path: Path) -> None:
    async with far_rig(tmp_path, refusing_one_piece()) as (r, _, url):
        await fetch_all(r, url)
    first = r.told(HostStrain)[0]
    assert first.reason == "http-429"
    assert first.connections < first.allowed == NEVER_BY_RATE.per_host


async def test_the_next_file_is_requested_before_the_last_one_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection to a far host does not lie idle while a file is verified and renamed."""
    publish, named = FolderPublisher.publish, list[str]()
    async with far_list(tmp_path, SMALL, limits=ONE) as r:

        async def publish_late(
            self: FolderPublisher, part: PartFile, *args: Any, **options: Any
        ) -> None:
            with anyio.fail_after(60):
                while len(r.server.requests) < min(len(named) + 2, 3):
                    await anyio.sleep(0.001)
            await publish(self, part, *args, **options)
            named.append(part.final.name)

        monkeypatch.setattr(FolderPublisher, "publish", publish_late)
    assert sorted(named) == r.names == ["0.bin", "1.bin", "2.bin"]
    assert r.server.most_active == 1


async def test_a_file_that_turns_out_to_be_bad_waits_for_its_turn_again(tmp_path: Path) -> None:
    """It gave its slot to the next file before it was verified."""
    bad = replace(SMALL, body=SMALL.body[::-1])
    async with far_list(tmp_path, bad, SMALL, limits=ONE) as r:
        pass
    assert all(r.content(f"{number}.bin") == SMALL.body for number in range(3))
    assert len(r.server.requests) == 4
    assert r.server.most_active == 1
