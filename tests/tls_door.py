"""TLS in front of any server of the tests: a door that lets bytes pass, if it opens at all."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import trustme
from aiohttp import ClientSession

from asyncdl.doctor.host_checks import probe_host
from asyncdl.errors import NetworkError
from asyncdl.m2m import ClientOptions, Credentials, M2MClient
from asyncdl.net.retry import Backoff
from asyncdl.net.service_address import service_address
from asyncdl.net.sessions import open_session
from asyncdl.net.tls import Tls
from asyncdl.stac.catalog import StacTransport
from asyncdl.stac.items import PageRequest
from asyncdl.transfer import Downloader, FileRequest
from tests.transfer.fault_server import QUICK


def server_context(
    authority: trustme.CA, *, wants: trustme.CA | None = None, names: tuple[str, ...] = ()
) -> ssl.SSLContext:
    """What a server on this machine speaks TLS with.

    Args:
        authority: Who has signed its certificate.
        wants: Who has to have signed those of its clients; ``None`` wants none.
        names: Of the server, beside those of the loopback.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1", *names).configure_cert(context)
    if wants is not None:
        wants.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def open_door(context: ssl.SSLContext | None, port: int = 0) -> AsyncIterator[int]:
    """Serve TLS while the block runs, for a server at a port; without one it hangs up."""
    loop = asyncio.get_running_loop()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            if port:
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))
            else:
                await reader.read(1)
        writer.close()

    # The loop's own account of a handshake that fails is of no interest.
    loop.set_exception_handler(lambda _loop, _context: None)
    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0)
        loop.set_exception_handler(None)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def refusing(context: ssl.SSLContext) -> Iterator[int]:
    """Shake hands while the block runs, and say why if that fails; asyncio would just hang up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_shake_hands, args=(listener, context))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return  # it is over
        with plain, suppress(OSError):
            plain.settimeout(60)
            secure = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            with secure:
                with suppress(ssl.SSLError):
                    secure.do_handshake()
                # A close with bytes unread would be a reset, and lose what was said.
                socket.socket.shutdown(secure, socket.SHUT_WR)
                while socket.socket.recv(secure, 65536):
                    pass


class HastyHost(ThreadingHTTPServer):
    """Gives everybody the same body and hangs up right behind it; with threads, on no loop."""

    def __init__(self, context: ssl.SSLContext, body: bytes, has_length: bool) -> None:
        super().__init__(("127.0.0.1", 0), _HastyHandler)
        self.context = context
        self.body = body
        self.has_length = has_length
        self.requests = 0

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_port}/"


class _HastyHandler(BaseHTTPRequestHandler):
    server: HastyHost

    def setup(self) -> None:
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests += 1
        self.send_response(200)
        if self.server.has_length:
            self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    do_POST = do_GET  # noqa: N815

    def finish(self) -> None:
        super().finish()
        with self.request, suppress(OSError):
            # The end of TLS goes out, and that of the other side is not waited for.
            self.request.settimeout(0)
            self.request.unwrap()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def hasty_host(
    context: ssl.SSLContext, body: bytes, *, has_length: bool = True
) -> Iterator[HastyHost]:
    """Run a host of one body while the block runs."""
    with HastyHost(context, body, has_length) as host:
        thread = Thread(target=host.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield host
        finally:
            host.shutdown()
            thread.join()


class Asker:
    """All five clients of the package; each sends one request to a host.

    Args:
        folder: For files and locks.
        tls: Whom to trust.
        timeout_s: For the connection, and again for the response.
    """

    WAYS = ("wire", "session", "api", "stac", "doctor")

    def __init__(self, folder: Path, tls: Tls | None = None, *, timeout_s: float = 30.0) -> None:
        self.folder = folder
        self.tls = tls
        self.timeout_s = timeout_s
        self._limits = replace(
            QUICK,
            connect_timeout_s=timeout_s,
            header_timeout_s=timeout_s,
            stall_timeout_s=timeout_s,
        )

    async def ask(self, way: str, url: str) -> None:
        """Ask the host of a URL; what it answers is of no interest."""
        await getattr(self, f"_by_{way}")(url)

    async def _by_wire(self, url: str) -> None:
        async with Downloader(self._limits, tls=self.tls) as downloader:
            await downloader.fetch(FileRequest(f"{url}a.tif", self.folder))

    async def _by_session(self, url: str) -> None:
        session = await open_session(url, self.tls, auto_decompress=False)
        async with session, Downloader(self._limits, session=session) as downloader:
            await downloader.fetch(FileRequest(f"{url}a.tif", self.folder))

    async def _by_api(self, url: str) -> None:
        options = ClientOptions(
            connect_timeout_s=self.timeout_s,
            read_timeout_s=self.timeout_s,
            backoff=Backoff(attempts=1),
            state_dir=self.folder,
            tls=self.tls,
        )
        async with M2MClient(Credentials("ann", "t"), url=url, options=options) as client:
            await client.permissions()

    async def _by_stac(self, url: str) -> None:
        session: ClientSession = await open_session(url, self.tls)
        async with session:
            await StacTransport(
                service_address(url, key="url"), session, 3 * self.timeout_s, 1000
            ).fetch(PageRequest(url, None))

    async def _by_doctor(self, url: str) -> None:
        await probe_host(url, self.tls, timeout_s=3 * self.timeout_s)


async def refusals_at(
    url: str, asker: Asker, ways: tuple[str, ...] = Asker.WAYS
) -> dict[str, NetworkError]:
    """Ask a host in every way, and return the error that each raises."""
    refusals = {}
    for way in ways:
        with pytest.raises(NetworkError) as caught:
            await asker.ask(way, url)
        refusals[way] = caught.value
    return refusals
