"""A SOCKS proxy of our own: it passes everything on, or refuses it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class SocksServer:
    """Speaks SOCKS 4, 4a and 5; names that end in ``.test`` are this machine's."""

    def __init__(self, login: str = "", refusal: int = 0) -> None:
        self.login = login
        self.refusal = refusal
        """What it answers to all; 0 lets them pass."""
        self.asked: list[str] = []
        self.port = 0

    @property
    def netloc(self) -> str:
        return f"{self.login}@127.0.0.1:{self.port}" if self.login else f"127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            version = (await reader.readexactly(1))[0]
            way = self._by_5 if version == 5 else self._by_4
            if (where := await way(reader, writer)) is not None:
                await pass_on(reader, writer, *where)
        except (OSError, asyncio.IncompleteReadError):
            pass  # somebody has left
        finally:
            writer.close()

    async def _by_5(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        if self.login:
            if 2 not in methods:
                writer.write(b"\x05\xff")
                return None
            writer.write(b"\x05\x02")
            await reader.readexactly(1)
            name = await reader.readexactly((await reader.readexactly(1))[0])
            word = await reader.readexactly((await reader.readexactly(1))[0])
            is_right = f"{name.decode()}:{word.decode()}" == self.login
            writer.write(b"\x01\x00" if is_right else b"\x01\x01")
            if not is_right:
                return None
        else:
            writer.write(b"\x05\x00")
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, await reader.readexactly(size))
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        self.asked.append(f"5 {host}")
        writer.write(bytes((5, self.refusal, 0, 1)) + bytes(6))
        return None if self.refusal else (host, port)

    async def _by_4(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[str, int] | None:
        _, port, address = struct.unpack("!BH4s", await reader.readexactly(7))
        await reader.readuntil(b"\0")
        host = socket.inet_ntoa(address)
        if host.startswith("0.0.0."):
            host = (await reader.readuntil(b"\0"))[:-1].decode()
        self.asked.append(f"4 {host}")
        writer.write(bytes((0, 91 if self.refusal else 90)) + bytes(6))
        return None if self.refusal else (host, port)


async def pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
) -> None:
    address = "127.0.0.1" if host.endswith(".test") else host
    there, back = await asyncio.open_connection(address, port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass  # somebody has left
        sink.close()

    await asyncio.gather(pump(reader, back), pump(there, writer))


@asynccontextmanager
async def open_socks(login: str = "", refusal: int = 0) -> AsyncIterator[SocksServer]:
    socks = SocksServer(login, refusal)
    server = await asyncio.start_server(socks.serve, "127.0.0.1", 0)
    socks.port = server.sockets[0].getsockname()[1]
    try:
        yield socks
    finally:
        server.close()
        await asyncio.sleep(0)
