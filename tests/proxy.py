"""An HTTP proxy that passes everything on and remembers what it was asked for.

It alone knows the names that end in ``.test`` (RFC 6761), all of them this machine's: who
asks for one reaches it by the proxy or not at all.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, ByteStream, SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream

REFUSED = "HTTP/1.1 {} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass
class Proxy:
    """A running proxy. Who may use it is a matter of ``login``, such as ``name:word``."""

    login: str = ""
    port: int = 0
    asked: list[str] = field(default_factory=list)
    """Method and target of each request."""
    refusal: int = 0
    """Status of all its answers, if it passes nothing on."""
    heads: list[str] = field(default_factory=list)
    """The headers of each request."""

    @property
    def url(self) -> str:
        user = f"{self.login}@" if self.login else ""
        return f"http://{user}127.0.0.1:{self.port}"

    async def serve(self, client: ByteStream) -> None:
        async with client:
            told = BufferedByteReceiveStream(client)
            head = await told.receive_until(b"\r\n\r\n", 65536)
            request, _, headers = head.decode().partition("\r\n")
            method, target, _ = request.split(" ")
            self.asked.append(f"{method} {target}")
            self.heads.append(headers)
            refusal = self.refusal
            if self.login and not self._may_pass(headers):
                refusal = 407
            if refusal:
                await client.send(REFUSED.format(refusal).encode())
                return
            if method == "CONNECT":
                await _open_way(told, client, target)
            else:
                await _pass_on(told, client, method, target, headers)

    def _may_pass(self, headers: str) -> bool:
        told = f"proxy-authorization: basic {b64encode(self.login.encode()).decode()}"
        return told.lower() in headers.lower()


def _address_of(host: str) -> str:
    return "127.0.0.1" if host.endswith(".test") else host


async def _open_way(told: ByteReceiveStream, client: ByteSendStream, target: str) -> None:
    name, _, port = target.rpartition(":")
    async with await anyio.connect_tcp(_address_of(name), int(port)) as host:
        await client.send(b"HTTP/1.1 200 Open\r\n\r\n")
        async with anyio.create_task_group() as ways:
            ways.start_soon(_pump, told, host)
            await _pump(host, client)
            ways.cancel_scope.cancel()


async def _pass_on(
    told: ByteReceiveStream, client: ByteSendStream, method: str, target: str, headers: str
) -> None:
    where = urlsplit(target)
    assert where.hostname and where.port
    async with await anyio.connect_tcp(_address_of(where.hostname), where.port) as host:
        path = target.partition("://")[2].partition("/")[2]
        # One exchange a connection: the next request may be for another host.
        head = f"{method} /{path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n\r\n"
        await host.send(head.encode())
        async with anyio.create_task_group() as ways:
            ways.start_soon(_pump, told, host)
            await _pump(host, client)
            ways.cancel_scope.cancel()


async def _pump(source: ByteReceiveStream, sink: ByteSendStream) -> None:
    try:
        async for data in source:
            await sink.send(data)
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass  # somebody has left


def far(url: str) -> str:
    """Return a URL of a server on the loopback as one that the proxy alone can lead to."""
    return url.replace("127.0.0.1", "far.test")


@asynccontextmanager
async def open_proxy(login: str = "", refusal: int = 0) -> AsyncIterator[Proxy]:
    """Serve a proxy while the block runs."""
    proxy = Proxy(login, refusal=refusal)
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        proxy.port = listener.extra(SocketAttribute.local_port)
        tasks.start_soon(listener.serve, proxy.serve)
        yield proxy
        tasks.cancel_scope.cancel()
