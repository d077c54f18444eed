"""A logout whose response is lost is made once more, on a new connection, within seconds."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import orjson
import pytest
from aiohttp import ClientSession

from asyncdl.m2m import ClientOptions, Credentials, M2MClient
from tests.clock import simulated

KEY = "key-that-nobody-may-see"
PAGE = b"<html><title>Service Unavailable</title></html>"


@dataclass
class RawService:
    """Speaks HTTP byte by byte; ``fates`` says what becomes of one logout after the other."""

    fates: list[str]
    logouts: list[int] = field(default_factory=list)
    """Numbers of the connections on which they came."""
    connections: int = 0
    url: str = ""
    heeds_close: bool = False
    """Whether it closes a connection on ``Connection: close``; not every server does."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while (request := await _read_request(reader)) is not None:
                endpoint, wants_close = request
                if endpoint != "logout":
                    await _send(writer, 200, _envelope(KEY))
                    if "idle" in self.fates:
                        self.fates.remove("idle")
                        break
                    continue
                self.logouts.append(number)
                if not await self._end(self.fates.pop(0) if self.fates else "done", writer):
                    break
                if wants_close and self.heeds_close:
                    break
        finally:
            writer.close()

    async def _end(self, fate: str, writer: asyncio.StreamWriter) -> bool:
        """Reply to a logout; return whether the connection stays."""
        match fate:
            case "done":
                await _send(writer, 200, _envelope(None))
            case "expired":
                await _send(writer, 401, _envelope(None, "AUTH_EXPIRED"))
            case "refused":
                await _send(writer, 400, _envelope(None, "INPUT_INVALID"))
            case "503":
                await _send(writer, 503, PAGE, is_last=self.heeds_close)
            case "403":
                await _send(writer, 403, PAGE, is_last=self.heeds_close)
            case "cut":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
                return False
            case "reset":
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            case "silence":
                await asyncio.sleep(3600)
        return True


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, bool] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    lines = head.decode().lower().split("\r\n")
    length = next(int(line[15:]) for line in lines if line.startswith("content-length:"))
    await reader.readexactly(length)
    return lines[0].split()[1].rpartition("/")[2], "connection: close" in lines


def _envelope(data: str | None, code: str | None = None) -> bytes:
    return orjson.dumps({"data": data, "errorCode": code, "errorMessage": None})


async def _send(
    writer: asyncio.StreamWriter, status: int, body: bytes, *, is_last: bool = False
) -> None:
    close = b"Connection: close\r\n" if is_last else b""
    head = b"HTTP/1.1 %d X\r\n%bContent-Length: %d\r\n\r\n" % (status, close, len(body))
    writer.write(head + body)
    await writer.drain()


@asynccontextmanager
async def raw_service(*fates: str) -> AsyncIterator[RawService]:
    service = RawService([*fates])
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(service.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    service.url = f"http://{host}:{port}/"
    try:
        yield service
    finally:
        server.close()
        for task in [*tasks]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def client_of(
    service: RawService, options: ClientOptions, session: ClientSession | None = None
) -> M2MClient:
    return M2MClient(Credentials("ann", "token"), url=service.url, options=options, session=session)


@pytest.mark.parametrize("fate", ["503", "cut", "reset", "403"])
@pytest.mark.parametrize("is_ours", [True, False], ids=["own session", "given session"])
async def test_a_logout_that_fails_is_made_again_on_a_new_connection(
    fate: str, is_ours: bool, options: ClientOptions
) -> None:
    async with raw_service(fate) as service, ClientSession() as session:
        service.heeds_close = not is_ours
        async with client_of(service, options, None if is_ours else session) as client:
            await client.login()
        assert len(service.logouts) == 2
        assert len(set(service.logouts)) == 2


async def test_an_idle_connection_that_was_closed_costs_no_logout(options: ClientOptions) -> None:
    async with raw_service("idle") as service:
        async with client_of(service, options) as client:
            await client.login()
        assert service.logouts == [2]


@pytest.mark.parametrize("fate", ["done", "expired", "refused"])
async def test_a_completed_logout_is_not_repeated(fate: str, options: ClientOptions) -> None:
    async with raw_service(fate) as service:
        async with client_of(service, options) as client:
            await client.login()
        assert service.logouts == [1]


async def test_a_key_that_the_first_logout_took_counts_as_given_back(
    options: ClientOptions,
) -> None:
    async with raw_service("cut", "expired") as service, client_of(service, options) as client:
        await client.login()
        await client.logout()
        assert service.logouts == [1, 2]


@pytest.mark.parametrize("fates", [("503",) * 9, ("cut",) * 9, ("503", "reset", "cut", "done")])
async def test_a_logout_is_made_twice_at_most(
    fates: tuple[str, ...], options: ClientOptions
) -> None:
    async with raw_service(*fates) as service:
        async with client_of(service, options) as client:
            await client.login()
        assert len(service.logouts) == 2


@pytest.mark.parametrize("fates", [("silence",), ("silence", "silence")])
def test_silence_costs_half_the_time_and_the_second_logout_has_the_rest(
    fates: tuple[str, ...], tmp_path: Path
) -> None:
    @simulated
    async def test() -> None:
        options = ClientOptions(state_dir=tmp_path, exit_deadline_s=10.0)
        async with raw_service(*fates) as service:
            client = client_of(service, options)
            await client.login()
            began_s = anyio.current_time()
            await client.aclose()
            elapsed_s = anyio.current_time() - began_s
            assert service.logouts == [1, 2]
            assert elapsed_s < (6.0 if len(fates) == 1 else 11.0)

    test()


async def test_a_logout_by_hand_has_a_deadline_too(options: ClientOptions) -> None:
    async with raw_service("silence") as service:
        client = client_of(service, replace(options, exit_deadline_s=1.0))
        await client.login()
        with anyio.fail_after(60):
            await client.logout()
        assert service.logouts == [1, 2]
        await client.aclose()
