"""A plain file host with ranges and validators; it knows nothing of asyncdl.

What it serves follows from the names alone, so that a download that was begun years ago can go on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

SIZES: Mapping[str, int] = {"large.bin": 6 << 20, "small.bin": 20_000, "late.bin": 200_000}
"""Bytes of each file that the host has."""
CHUNK_BYTES = 16 * 1024

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def content_of(name: str) -> bytes:
    """Return what a file of this name holds: the same bytes on every machine."""
    return Random(name).randbytes(SIZES[name])


@dataclass
class PlainHost:
    """Serves the files of :data:`SIZES`."""

    rate: int = 0
    """Bytes per second of one connection; 0 is no limit."""
    origin: str = ""
    """``http://host:port``, once it serves."""
    asked: list[tuple[str, int, int]] = field(default_factory=list)
    """Name and half-open range of every body that was sent, in the order of the requests."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until either side ends it."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._respond(head.decode("latin-1"), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _respond(self, head: str, writer: asyncio.StreamWriter) -> None:
        method, path, _ = head.partition("\r\n")[0].split(" ")
        headers = {k.lower(): v.strip() for k, _, v in
                   (line.partition(":") for line in head.split("\r\n")[1:])}  # fmt: skip
        name = path.removeprefix("/")
        body, etag = content_of(name), f'"{name}-1"'
        wanted = _RANGE.fullmatch(headers.get("range", ""))
        is_part = wanted is not None and headers.get("if-range", etag) == etag
        start = int(wanted[1]) if wanted and is_part else 0
        last = wanted[2] if wanted and is_part else ""
        stop = min(int(last) + 1, len(body)) if last else len(body)
        status = "206 Partial Content" if is_part else "200 OK"
        place = f"Content-Range: bytes {start}-{stop - 1}/{len(body)}\r\n" if is_part else ""
        writer.write(
            f"HTTP/1.1 {status}\r\nETag: {etag}\r\nAccept-Ranges: bytes\r\n{place}"
            f"Content-Length: {stop - start}\r\n\r\n".encode()
        )
        if method == "GET":
            self.asked.append((name, start, stop))
            await self._send(body[start:stop], writer)

    async def _send(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(body), CHUNK_BYTES):
            writer.write(body[at : at + CHUNK_BYTES])
            await writer.drain()
            if self.rate:
                await asyncio.sleep(CHUNK_BYTES / self.rate)


@asynccontextmanager
async def plain_host(rate: int = 0) -> AsyncIterator[PlainHost]:
    """Serve on a free port of 127.0.0.1 while the context is open."""
    host = PlainHost(rate)
    tasks: set[asyncio.Task[None]] = set()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(host.serve(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    host.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield host
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
