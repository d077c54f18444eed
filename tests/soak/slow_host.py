"""An honest file host that takes its time, so that a kill finds a download half done."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from asyncdl.transfer.ranges import Coverage
from tests.transfer import fault_server
from tests.transfer.fault_server import End, FaultServer, HostedFile, Received, Reply

CHUNK_BYTES = 32 * 1024
PAUSE_S = 0.02


class SlowHost(FaultServer):
    """Serves one file in small chunks; ``file`` may be replaced while it runs."""

    def __init__(self, file: HostedFile) -> None:
        super().__init__(self._respond)
        self.file = file
        self.sent_bytes = 0
        self.known = Coverage()
        """What a client has of the file before it asks."""
        self.repeated: list[str] = []
        """Requests for bytes of it."""

    def _respond(self, received: Received) -> Reply:
        start, stop = self.file.place(received) or (0, len(self.file.body))
        if any(span.start < stop and start < span.stop for span in self.known.spans):
            self.repeated.append(f"{start}-{stop} beside {self.known}")
        return self.file(received)

    async def _send(
        self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        writer.write(reply.head)
        for start in range(0, len(reply.body), CHUNK_BYTES):
            chunk = reply.body[start : start + CHUNK_BYTES]
            writer.write(chunk)
            await writer.drain()
            self.sent_bytes += len(chunk)
            await asyncio.sleep(PAUSE_S)
        return reply.end is End.KEEP


@asynccontextmanager
async def serving_slowly(file: HostedFile) -> AsyncIterator[SlowHost]:
    host = SlowHost(file)
    server = await asyncio.start_server(host.serve, host.host, 0, ssl=fault_server.TLS)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()
        host.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 1)
