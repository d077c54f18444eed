"""A file host that misbehaves on purpose, with every byte under the test's control.

A script is a row of responders; the n-th request gets the n-th of them, and the
last one answers all that follow. A responder looks at the request and returns a
:class:`Reply`: bytes, pauses, and how the connection ends. :class:`HostedFile`
is an honest responder; :func:`cut`, :func:`status` and :func:`fixed` spoil it::

    async with rig(tmp_path, cut(file, 1000), file) as r:
        fetched = await r.fetch()
    assert r.ranges == ["bytes=0-", "bytes=1000-"]
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import anyio
from aiohttp import ClientSession, DummyCookieJar, TCPConnector

from asyncdl.events import Emit, Event, discard
from asyncdl.net.retry import Backoff
from asyncdl.transfer import Downloader, Fetched, FileRequest, Limits, Netrc

NOW = 1_700_000_000
DATE = formatdate(NOW, usegmt=True)
LONG_AGO = formatdate(NOW - 86_400, usegmt=True)
JUST_NOW = formatdate(NOW - 5, usegmt=True)

QUICK = Limits(
    backoff=Backoff(first_s=0.001, max_s=0.002, attempts=4),
    stall_timeout_s=30.0,
    header_timeout_s=30.0,
    connect_timeout_s=30.0,
    flush_interval_s=0.0,
)

DROP_EVERY_S = 0.001

IS_BY_SESSION = False
"""Whether aiohttp makes the requests; ``conftest.py`` runs each test both ways."""

TLS: ssl.SSLContext | None = None
"""With what the host speaks TLS; ``conftest.py`` runs each test with and without."""


class End(Enum):
    """How a connection goes on after a reply."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"


@dataclass(frozen=True)
class Received:
    """One request as it came over the wire."""

    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    method: str = "GET"


@dataclass(frozen=True)
class Reply:
    """What goes back: ``head`` and ``body`` as they are, then ``end``."""

    head: bytes
    body: bytes = b""
    end: End = End.KEEP
    gate: asyncio.Event | None = None
    """Waited for between head and body."""
    first_bytes: int = 0
    """So much of the body is sent before the gate."""
    drip_bytes: int = 0
    """The body is sent in drops of so many bytes; 0 sends it at once."""


Responder: TypeAlias = Callable[[Received], Reply]


def build_head(status_line: str, headers: Mapping[str, object]) -> bytes:
    lines = [f"HTTP/1.1 {status_line}", *(f"{k}: {v}" for k, v in headers.items() if v is not None)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


def fixed(
    status_line: str = "200 OK",
    body: bytes = b"",
    *,
    end: End = End.KEEP,
    length: int | None = -1,
    **headers: object,
) -> Responder:
    """Always the same reply; ``length`` -1 is the body's, ``None`` sends none."""
    named: dict[str, object] = {k.replace("_", "-"): v for k, v in headers.items()}
    named["Content-Length"] = len(body) if length == -1 else length
    return lambda _: Reply(build_head(status_line, named), body, end)


def status(code: int, **headers: object) -> Responder:
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    head = build_head(f"{code} X", {"Content-Type": "text/plain", "Content-Length": 2, **named})
    return lambda _: Reply(head, b"no")


def redirect(location: str, code: int = 302) -> Responder:
    return fixed(f"{code} Found", Location=location)


def silent(end: End = End.CLOSE) -> Responder:
    """No byte at all, then ``end``."""
    return lambda _: Reply(b"", b"", end)


def chunked(body: bytes, *, ends: bool = True, **headers: object) -> Responder:
    """A chunked body in two chunks; without its last chunk if it does not end."""
    half = len(body) // 2
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in (body[:half], body[half:]) if c)
    named = {k.replace("_", "-"): v for k, v in headers.items()} | {"Transfer-Encoding": "chunked"}
    wire = chunks + (b"0\r\n\r\n" if ends else b"")
    return lambda _: Reply(build_head("200 OK", named), wire, End.KEEP if ends else End.CLOSE)


def cut(responder: Responder, count: int, end: End = End.CLOSE) -> Responder:
    """The same reply, but its body breaks off after ``count`` bytes."""

    def respond(received: Received) -> Reply:
        reply = responder(received)
        return replace(reply, body=reply.body[:count], end=end)

    return respond


def after(gate: asyncio.Event, responder: Responder, first_bytes: int = 0) -> Responder:
    """The same reply, but its body, or all of it but its beginning, waits for ``gate``."""
    return lambda received: replace(responder(received), gate=gate, first_bytes=first_bytes)


@dataclass(frozen=True)
class HostedFile:
    """An honest responder for one file, as RFC 9110 has it; each field bends one habit."""

    body: bytes
    etag: str | None = '"v1"'
    last_modified: str | None = None
    date: str | None = DATE
    takes_ranges: bool = True
    takes_if_range: bool = True
    """Otherwise the whole file is sent, whatever the condition says."""
    reads_if_range: bool = True
    """Otherwise the part is sent, whatever the condition says."""
    headers: Mapping[str, object] = field(default_factory=dict)

    def __call__(self, received: Received) -> Reply:
        place = self.place(received)
        if place is None:
            return self._reply("200 OK", self.body)
        start, stop = place
        if start >= len(self.body):
            nowhere = {"Content-Range": f"bytes */{len(self.body)}"}
            return self._reply("416 Nowhere", b"<html>nowhere", nowhere)
        content_range = f"bytes {start}-{stop - 1}/{len(self.body)}"
        return self._reply("206 Part", self.body[start:stop], {"Content-Range": content_range})

    def place(self, received: Received) -> tuple[int, int] | None:
        """Return the half-open range that a request gets; ``None`` for the whole file."""
        wanted = received.headers.get("range")
        condition = received.headers.get("if-range") if self.reads_if_range else None
        if wanted is None or not self.takes_ranges:
            return None
        is_same = self.takes_if_range and condition in (self.etag, self.last_modified)
        if condition is not None and not is_same:
            return None
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        return int(first), min(int(last) + 1 if last else len(self.body), len(self.body))

    def _reply(
        self, status_line: str, body: bytes, extra: Mapping[str, object] | None = None
    ) -> Reply:
        headers: dict[str, object] = {
            "Date": self.date,
            "ETag": self.etag,
            "Last-Modified": self.last_modified,
            "Content-Type": "application/octet-stream",
            "Content-Length": len(body),
            **self.headers,
            **(extra or {}),
        }
        return Reply(build_head(status_line, headers), body)

    def part(self, content_range: str | None, body: bytes, **headers: object) -> Responder:
        """A 206 of this file with any ``Content-Range``."""
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        return lambda _: self._reply("206 Part", body, {"Content-Range": content_range, **named})


class FaultServer:
    """Serves one script on a free port of ``host`` and remembers what it was asked."""

    host = "127.0.0.1"

    def __init__(self, *script: Responder) -> None:
        self.script = list(script)
        self.requests: list[Received] = []
        self.connections = 0
        self.active = 0
        self.most_active = 0
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"{'http' if TLS is None else 'https'}://{self.host}:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._exchange(reader, writer):
                pass
        self._writers.discard(writer)
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        received = _parse(await reader.readuntil(b"\r\n\r\n"))
        responder = self.script[min(len(self.requests), len(self.script) - 1)]
        self.requests.append(received)
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        try:
            return await self._send(responder(received), reader, writer)
        finally:
            self.active -= 1

    async def _send(
        self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        writer.write(reply.head)
        await writer.drain()
        writer.write(reply.body[: reply.first_bytes])
        if reply.gate is not None:
            await reply.gate.wait()
        for drop in _drops(reply.body[reply.first_bytes :], reply.drip_bytes):
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(DROP_EVERY_S if reply.drip_bytes else 0)
        if reply.end is End.HANG:
            await reader.read()
        if reply.end is End.RESET:
            for _ in range(5):  # a reset overtakes bytes that are still on their way
                await asyncio.sleep(0.002)
            _reset(writer)
        return reply.end is End.KEEP

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


def _reset(writer: asyncio.StreamWriter) -> None:
    if not writer.transport.is_closing():
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()


def _drops(body: bytes, size: int) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)] if size else [body]


def _parse(head: bytes) -> Received:
    request_line, *lines = head.decode("latin-1").strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    method, target, _ = request_line.split(" ")
    return Received(target, {name.lower(): value.strip() for name, _, value in pairs}, method)


@asynccontextmanager
async def serving(
    *script: Responder, address: str = FaultServer.host
) -> AsyncIterator[FaultServer]:
    host = FaultServer(*script)
    host.host = address
    server = await asyncio.start_server(host.serve, address, 0, ssl=TLS)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        host.close()
        await asyncio.sleep(0)
        await server.wait_closed()


@dataclass
class Rig:
    """A downloader in front of a fault server, and a folder to look into afterwards."""

    server: FaultServer
    downloader: Downloader
    directory: Path
    events: list[Event]

    async def fetch(self, name: str | None = "file.bin", **fields: Any) -> Fetched:
        url = fields.pop("url", f"{self.server.url}/data/file.bin")
        return await self.downloader.fetch(FileRequest(url, self.directory, name, **fields))

    async def fetch_until(
        self, condition: Callable[[], object], name: str = "file.bin", **fields: Any
    ) -> None:
        """Fetch a file, and cancel that as soon as something is so."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(self.fetch, name, **fields))
            while not condition():
                await asyncio.sleep(0.001)
            tasks.cancel_scope.cancel()

    @property
    def ranges(self) -> list[str | None]:
        return [request.headers.get("range") for request in self.server.requests]

    @property
    def conditions(self) -> list[str | None]:
        return [request.headers.get("if-range") for request in self.server.requests]

    @property
    def names(self) -> list[str]:
        return sorted(path.name for path in self.directory.iterdir())

    def content(self, name: str = "file.bin") -> bytes:
        return (self.directory / name).read_bytes()

    def told(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def downloading(
    limits: Limits, emit: Emit = discard, netrc: Netrc | None = None
) -> AsyncIterator[Downloader]:
    """A downloader with the client whose turn it is."""
    if not IS_BY_SESSION:
        async with Downloader(limits, emit=emit, netrc=netrc) as downloader:
            yield downloader
        return
    async with (
        ClientSession(
            connector=TCPConnector(limit=0),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            requote_redirect_url=False,
        ) as session,
        Downloader(limits, emit=emit, session=session, netrc=netrc) as downloader,
    ):
        yield downloader


@asynccontextmanager
async def rig(
    directory: Path, *script: Responder, limits: Limits = QUICK, netrc: Netrc | None = None
) -> AsyncIterator[Rig]:
    events: list[Event] = []
    async with (
        serving(*script) as server,
        downloading(limits, events.append, netrc) as downloader,
    ):
        yield Rig(server, downloader, directory, events)
