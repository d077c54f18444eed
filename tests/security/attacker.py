"""Somebody who listens: takes every call, answers as the service would, and keeps what came."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

REPLY = b'{"requestId": 1, "version": "stable", "data": "a-key", "errorCode": null}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Attacker:
    """A server on this machine that every name may lead to."""

    def __init__(self) -> None:
        self.port = 0
        self.heard = bytearray()
        """All bytes that ever came, after TLS."""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/api/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, ValueError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heard += head
                lines = head.lower().split(b"\r\n")
                sizes = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
                self.heard += await reader.readexactly(sum(sizes))
                writer.write(HEAD % len(REPLY) + REPLY)
        writer.close()


@asynccontextmanager
async def listening(context: ssl.SSLContext | None = None) -> AsyncIterator[Attacker]:
    """Listen while the block runs, with TLS if a context is given."""
    attacker = Attacker()
    server = await asyncio.start_server(attacker.serve, "127.0.0.1", 0, ssl=context)
    attacker.port = server.sockets[0].getsockname()[1]
    try:
        yield attacker
    finally:
        server.close()
        await asyncio.sleep(0)
