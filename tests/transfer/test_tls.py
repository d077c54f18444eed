"""TLS of the engine's own: nothing that came is lost, and no end is believed that is none."""

from __future__ import annotations

import asyncio
import gc
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from asyncdl.errors import NetworkError
from asyncdl.net.tls_transport import TlsTransport
from asyncdl.transfer import FileRequest
from tests.transfer.fault_server import QUICK, End, HostedFile, downloading, fixed, rig, serving

BODY = bytes(range(256)) * 12_000
"""Several times what a connection holds in memory."""


@pytest.fixture(autouse=True)
def is_secure(client: str) -> None:
    """Leave the runs without TLS to the other files."""
    if client != "tls":
        pytest.skip("needs no run without TLS")


@contextmanager
def plain_server(directory: Path, context: ssl.SSLContext) -> Iterator[str]:
    """Python's own file server, which closes a connection right behind its body."""
    handler = partial(QuietHandler, directory=str(directory))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


async def test_a_handshake_that_fails_when_nobody_waits_for_it_is_no_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whoever connects may have been cancelled just before."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    context = ssl.create_default_context()
    kept = [TlsTransport(context, "localhost", asyncio.BufferedProtocol())]
    port = server.sockets[0].getsockname()[1]
    await asyncio.get_running_loop().create_connection(lambda: kept[0], "127.0.0.1", port)
    while not kept[0]._handshake.done():
        await asyncio.sleep(0.001)
    server.close()
    await server.wait_closed()
    kept.clear()
    gc.collect()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_host_that_closes_before_all_is_read_loses_nothing(
    tmp_path: Path, server_tls: ssl.SSLContext
) -> None:
    """The disk is behind while the end of the connection has long come."""
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    (there / "file.bin").write_bytes(BODY)
    async with downloading(QUICK) as downloader:
        with plain_server(there, server_tls) as url:
            fetched = await downloader.fetch(FileRequest(f"{url}/file.bin", here))
    assert fetched.path.read_bytes() == BODY
    assert (fetched.attempts, fetched.received_bytes) == (1, len(BODY))


@pytest.mark.parametrize("rate", [None, 30e6])
async def test_a_body_that_ends_with_tls_is_whole(tmp_path: Path, rate: float | None) -> None:
    """Also where its end has come while the reader was resting."""
    limits = replace(QUICK, max_rate_bytes_s=rate, flush_bytes=65_536)
    async with rig(tmp_path, fixed(body=BODY, length=None, end=End.CLOSE), limits=limits) as r:
        await r.fetch()
    assert r.content() == BODY


async def test_a_body_that_ends_without_the_end_of_tls_is_cut(tmp_path: Path) -> None:
    """Source: RFC 9112, section 9.8."""
    async with rig(tmp_path, fixed(body=BODY, length=None, end=End.RESET)) as r:
        with pytest.raises(NetworkError):
            await r.fetch()
    assert "file.bin" not in r.names


async def test_a_certificate_for_another_host_is_refused_once(tmp_path: Path) -> None:
    async with rig(tmp_path, HostedFile(BODY)) as r:
        async with serving(HostedFile(BODY), address="127.0.0.3") as other:
            with pytest.raises(NetworkError) as refused:
                await r.fetch(url=f"{other.url}/file.bin")
        assert (refused.value.retryable, other.requests) == (False, [])


async def test_a_host_that_speaks_no_tls_is_named_so(tmp_path: Path) -> None:
    async def speak_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(speak_plainly, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, rig(tmp_path, HostedFile(BODY)) as r:
        with pytest.raises(NetworkError):
            await r.fetch(url=f"https://127.0.0.1:{port}/file.bin")
    assert r.names == []
