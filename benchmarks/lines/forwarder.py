"""A TCP forwarder that behaves like a long line, as a process of its own.

::

    python -m benchmarks.lines.forwarder --listen 8443 --to 8444 --line '{"round_trip_s": 0.1}'

The kernel accepts a connection at once; what the client sends on it counts from one round trip
later, which is the handshake. Requests pay half a round trip and nothing else. When it is ended
(SIGTERM), it writes what each connection has carried, for :mod:`benchmarks.lines.timeline`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.lines.model import MOST_AT_ONCE_BYTES, SLACK_S, Flow, Line, Pipe

_BACKLOG = 512
_MOST_WAITING_BYTES = 64 << 20
"""For a client that does not read."""


@dataclass(slots=True)
class Carried:
    """What one connection has carried; times are seconds since the epoch."""

    opened_s: float
    closed_s: float = math.inf
    port: int = 0
    """From which the server was reached."""
    sent: list[float] = field(default_factory=list)
    """When the client sent something."""
    received: list[tuple[float, int]] = field(default_factory=list)
    """When how many bytes reached the client."""


class Forwarder:
    """Forwards every connection to one port of this machine.

    Args:
        line: What it behaves like.
        port: Where the server listens.
    """

    def __init__(self, line: Line, port: int) -> None:
        self._line = line
        self._port = port
        self._pipe = Pipe(line.total_bytes_s)
        self.carried: list[Carried] = []

    async def serve(self, listener: socket.socket) -> None:
        """Forward until cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            while True:
                client, _ = await loop.sock_accept(listener)
                tasks.create_task(self._forward(client))

    async def _forward(self, client: socket.socket) -> None:
        carried = Carried(time.time())
        self.carried.append(carried)
        flow = Flow(self._line, self._pipe, seed=len(self.carried))
        server = socket.socket()
        with client, server:
            for sock in (client, server):
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(client, server, self._line, flow, carried)
            try:
                await asyncio.get_running_loop().sock_connect(server, ("127.0.0.1", self._port))
                carried.port = server.getsockname()[1]
                await connection.run()
            except* OSError:
                pass  # one side has gone, and so does the other
            finally:
                carried.closed_s = time.time()


class _Connection:
    """Both directions of one connection."""

    def __init__(
        self,
        client: socket.socket,
        server: socket.socket,
        line: Line,
        flow: Flow,
        carried: Carried,
    ) -> None:
        self._client = client
        self._server = server
        self._line = line
        self._flow = flow
        self._carried = carried
        self._loop = asyncio.get_running_loop()
        self._open_s = self._loop.time() + line.round_trip_s
        self._waiting_bytes = 0
        self._is_drained = asyncio.Event()

    async def run(self) -> None:
        """Forward until either side has ended."""
        tasks = [asyncio.create_task(self._up()), asyncio.create_task(self._down())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _up(self) -> None:
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        sending = asyncio.create_task(self._deliver(self._server, pieces))
        try:
            while data := await self._loop.sock_recv(self._client, MOST_AT_ONCE_BYTES):
                self._carried.sent.append(time.time())
                sent_s = max(self._loop.time(), self._open_s)
                pieces.put_nowait((sent_s + self._line.round_trip_s / 2, data))
        finally:
            sending.cancel()

    async def _down(self) -> None:
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._deliver(self._client, pieces))
            while True:
                data, since_s = await self._receive()
                if not data:
                    break
                await self._send(data, since_s, pieces)
            pieces.put_nowait((0.0, b""))

    async def _receive(self) -> tuple[bytes, float]:
        """Return what the server has sent, and since when it may be sent on."""
        try:
            return self._server.recv(MOST_AT_ONCE_BYTES), -math.inf
        except BlockingIOError:
            data = await self._loop.sock_recv(self._server, MOST_AT_ONCE_BYTES)
            return data, self._loop.time()

    async def _send(
        self, data: bytes, since_s: float, pieces: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        while data:
            ready_s = self._flow.ready_s(self._loop.time())
            await self._until(ready_s)
            while self._waiting_bytes > _MOST_WAITING_BYTES:
                self._is_drained.clear()
                await self._is_drained.wait()
            # As if this process had been woken in time.
            at_s = max(ready_s, since_s, self._loop.time() - SLACK_S)
            piece = data[: self._flow.may_send_bytes(at_s)]
            data = data[len(piece) :]
            pieces.put_nowait((self._flow.send(at_s, len(piece)), piece))
            self._waiting_bytes += len(piece)

    async def _deliver(
        self, receiver: socket.socket, pieces: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        """Hand over each piece when its time has come, until an empty one."""
        while True:
            due_s, piece = await pieces.get()
            if not piece:
                return
            await self._until(due_s)
            await self._loop.sock_sendall(receiver, piece)
            if receiver is self._client:
                self._carried.received.append((time.time(), len(piece)))
                self._waiting_bytes -= len(piece)
                self._is_drained.set()

    async def _until(self, when_s: float) -> None:
        delay_s = when_s - self._loop.time()
        if delay_s > 0:
            await asyncio.sleep(delay_s)


async def forward(forwarder: Forwarder, listen: int) -> None:
    """Forward until SIGTERM."""
    with socket.create_server(("127.0.0.1", listen), backlog=_BACKLOG) as listener:
        listener.setblocking(False)
        serving = asyncio.create_task(forwarder.serve(listener))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
        with suppress(asyncio.CancelledError):
            await serving


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--to", type=int, required=True)
    parser.add_argument("--line", type=json.loads, required=True, help="fields of Line, as JSON")
    parser.add_argument("--note", type=Path, required=True, help="where what was carried goes")
    options = parser.parse_args(arguments)
    forwarder = Forwarder(Line(**options.line), options.to)
    asyncio.run(forward(forwarder, options.listen))
    rows = [asdict(carried) for carried in forwarder.carried]
    options.note.write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
