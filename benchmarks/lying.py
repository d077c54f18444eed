"""Hosts that misbehave, for programs that run beside this one: the fault server in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.transfer.fault_server import FaultServer, Responder


@contextmanager
def lying(
    responder: Responder, *, address: str = FaultServer.host, port: int = 0
) -> Iterator[FaultServer]:
    """Serve by one responder until the block ends."""
    host = FaultServer(responder)
    host.host = address
    is_there, end = threading.Event(), threading.Event()

    async def serve() -> None:
        # Programs are stopped in the middle, and so is what is still being sent at the end.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        server = await asyncio.start_server(host.serve, address, port)
        host.port = server.sockets[0].getsockname()[1]
        is_there.set()
        await asyncio.to_thread(end.wait)
        server.close()
        host.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    if not is_there.wait(10):
        raise RuntimeError(f"no host on {address}")
    try:
        yield host
    finally:
        end.set()
        thread.join(10)


@contextmanager
def silent_resolver(address: str) -> Iterator[None]:
    """A name server that hears every question and says nothing.

    Raises: PermissionError, for who may not listen on port 53.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        # Several may wait at once.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind((address, 53))
        yield
