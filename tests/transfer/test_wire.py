"""The engine's own client: what it does with its connections."""

import asyncio
import os
import random
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from asyncdl.errors import NetworkError, TransferError
from asyncdl.net.faults import MAX_HEAD_BYTES
from asyncdl.transfer.wire.client import KEEPALIVE_S, WireClient
from asyncdl.transfer.wire.connection import Connection
from asyncdl.transfer.wire.messages import request_head
from asyncdl.transfer.wire_url import read_target
from tests.transfer.fault_server import QUICK, End, HostedFile, chunked, cut, fixed, rig, serving

BODY = bytes(range(256)) * 4000
FILE = HostedFile(BODY)
SMALL = HostedFile(b"small")


@pytest.fixture(autouse=True)
def client() -> str:
    """Take the place of the fixture that has every test run with both clients."""
    return "wire"


@pytest.mark.parametrize("responder", [FILE, SMALL, chunked(BODY)], ids=["long", "short", "chunks"])
async def test_the_connection_serves_the_next_file(tmp_path: Path, responder: Any) -> None:
    async with rig(tmp_path, responder) as r:
        for name in ("one.bin", "two.bin", "three.bin"):
            await r.fetch(name)
    assert r.server.connections == 1
    assert r.content("one.bin") == r.content("three.bin") != b""


@pytest.mark.parametrize("body", [BODY, b"small"], ids=["long", "short"])
async def test_a_host_that_sends_too_much_loses_its_connection(tmp_path: Path, body: bytes) -> None:
    longer = fixed("200 OK", body + b"surplus", length=len(body))
    async with rig(tmp_path, longer, HostedFile(body)) as r:
        await r.fetch("one.bin")
        await r.fetch("two.bin")
    assert r.server.connections == 2
    assert r.content("one.bin") == r.content("two.bin") == body


async def test_a_host_that_closes_behind_the_body_is_asked_anew(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, len(BODY)), FILE) as r:
        await r.fetch("one.bin")
        await r.fetch("two.bin")
    assert r.content("one.bin") == r.content("two.bin") == BODY


async def test_a_connection_that_was_closed_while_it_was_idle_costs_no_try(tmp_path: Path) -> None:
    async with rig(tmp_path, SMALL) as r:
        await r.fetch("one.bin")
        r.server.close()
        fetched = await r.fetch("two.bin")
    assert fetched.attempts == 1
    assert len(r.server.requests) == 2


async def test_a_connection_that_rested_too_long_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncdl.transfer.wire.client.KEEPALIVE_S", -KEEPALIVE_S)
    async with rig(tmp_path, SMALL) as r:
        await r.fetch("one.bin")
        await r.fetch("two.bin")
    assert r.server.connections == 2


async def test_what_came_before_a_break_is_kept(tmp_path: Path) -> None:
    once = replace(QUICK, backoff=replace(QUICK.backoff, attempts=1))
    async with rig(tmp_path, cut(FILE, 700_000), limits=once) as r:
        with pytest.raises(NetworkError, match="cut short"):
            await r.fetch()
    assert r.content("file.bin.part") == BODY[:700_000]


async def test_what_came_before_a_cancellation_is_kept(tmp_path: Path) -> None:
    patient = replace(QUICK, flush_interval_s=60.0, stall_timeout_s=60.0)
    async with (
        rig(tmp_path, cut(FILE, 700_000, End.HANG), limits=patient) as r,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(r.fetch)
        while not r.server.requests:
            await anyio.sleep(0.001)
        for _ in range(100):  # for the bytes on their way, however slow the machine is
            await anyio.sleep(0.003)
        tasks.cancel_scope.cancel()
    assert r.content("file.bin.part") == BODY[:700_000]


async def test_a_user_in_the_url_is_told_to_the_host_and_to_nobody_else(tmp_path: Path) -> None:
    async with rig(tmp_path, SMALL) as r:
        await r.fetch(url=r.server.url.replace("http://", "http://me:p%40ss@") + "/a")
    assert r.server.requests[0].headers["authorization"] == "Basic bWU6cEBzcw=="
    assert r.server.requests[0].headers["host"] == f"127.0.0.1:{r.server.port}"


async def test_row_110_a_name_that_nobody_knows_is_named_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
    with pytest.raises(NetworkError, match="the host name cannot be resolved") as refused:
        await WireClient(QUICK).get(read_target("http://nowhere.test/"), {})
    assert refused.value.retryable


async def test_row_111_a_dead_address_is_passed_over_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(SMALL) as server:

        async def two(host: str, *_: object, **__: object) -> list[Any]:
            # A loop may ask for an address, too, before it connects to it.
            found = ("127.0.0.2", "127.0.0.1") if host == "two.test" else (host,)
            return [
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port))
                for address in found
            ]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
        client = WireClient(QUICK)
        exchange = await client.get(read_target(f"http://two.test:{server.port}/"), {})
        assert bytes(await exchange.read(9, 1.0)) == b"small"
        exchange.close()
        await client.aclose()


async def test_row_101_the_number_of_a_system_error_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise OSError(24, os.strerror(24))

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", fail)
    with pytest.raises(NetworkError) as refused:
        await WireClient(QUICK).get(read_target("http://127.0.0.1:9/"), {})
    assert refused.value.errno == 24


async def test_a_header_with_a_line_break_is_never_sent(tmp_path: Path) -> None:
    async with rig(tmp_path, SMALL) as r:
        with pytest.raises(TransferError, match="line break"):
            await r.fetch(headers={"A": "b\r\nc: d"})
    assert r.server.requests == []
    with pytest.raises(ValueError, match="line break"):
        request_head(read_target(r.server.url), {"A": "b\r\nc: d"})


class Resting(asyncio.Transport):
    """A transport that hears too late that it should rest, as those of Windows' loop do."""

    def write(self, data: object) -> None:
        """Send nothing."""

    def abort(self) -> None:
        """Close nothing."""

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        """Go on all the same."""

    def resume_reading(self) -> None:
        """Go on."""


def hand_over(connection: Connection, data: bytes) -> None:
    """Give a connection what a loop has received into a buffer of its own."""
    while data:
        buffer = connection.get_buffer(len(data))
        count = min(len(buffer), len(data))
        assert count, "a loop takes no place for an answer"
        buffer[:count] = data[:count]
        connection.buffer_updated(count)
        data = data[count:]


@pytest.mark.parametrize("chunk_bytes", [1000, 65_536, 400_000])
@pytest.mark.parametrize("head", [b"Content-Length: 300000", b"Connection: close"])
async def test_what_comes_although_the_buffer_is_full_is_kept(
    head: bytes, chunk_bytes: int
) -> None:
    body = random.Random(1).randbytes(300_000)
    whole = b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body
    connection = Connection(asyncio.get_running_loop(), 20_000)
    connection.connection_made(Resting(extra={"peername": ("127.0.0.1", 80)}))
    asking = asyncio.create_task(connection.send_request(b"GET /", 5.0))
    await anyio.wait_all_tasks_blocked()
    for start in range(0, len(whole), chunk_bytes):
        hand_over(connection, whole[start : start + chunk_bytes])
    await asking
    if b"close" in head:
        connection.connection_lost(None)
    came = b""
    while data := bytes(await connection.read(1 << 20, 5.0, 0.0)):
        came += data
    assert came == body


async def body_over(connection: Connection, body: bytes) -> bytes:
    """Have a connection request and receive a body, in whatever pieces it returns it."""
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    asking = asyncio.create_task(connection.send_request(b"GET /", 5.0))
    await anyio.wait_all_tasks_blocked()
    hand_over(connection, head)
    await asking
    received = asyncio.create_task(read_all(connection))
    while body:
        await anyio.wait_all_tasks_blocked()
        piece = body[: len(connection.get_buffer(0))]
        hand_over(connection, piece)
        body = body[len(piece) :]
    return await received


async def read_all(connection: Connection) -> bytes:
    pieces = []
    while data := bytes(await connection.read(1 << 20, 5.0, 5.0)):
        pieces.append(data)
    return b"".join(pieces)


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "closed"])
async def test_no_connection_holds_the_memory_of_a_body_that_has_ended(is_kept: bool) -> None:
    connection = Connection(asyncio.get_running_loop(), 1 << 20)
    connection.connection_made(Resting(extra={"peername": ("127.0.0.1", 80)}))
    body = random.Random(2).randbytes(1_500_000)
    for _ in range(2):
        assert await body_over(connection, body) == body
        assert held_bytes(connection) > MAX_HEAD_BYTES
        assert connection.finish()
        assert held_bytes(connection) == MAX_HEAD_BYTES
    if not is_kept:
        connection.close()
        assert held_bytes(connection) == 0
        assert not connection.take_received()


def held_bytes(connection: Connection) -> int:
    return len(connection._buffer)
