"""One fault has one sentence, whichever of the five clients meets it.

The servers are real and misbehave. Faults of TLS are in ``tests/test_trust.py``, but for those of
certificates; those of SOCKS proxies in ``tests/test_socks.py``.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from asyncdl import TlsSettings
from asyncdl.errors import NetworkError
from tests.proxy import open_proxy
from tests.tls_door import Asker, open_door, refusals_at, server_context

CA = trustme.CA()
READERS = ("wire", "session", "api", "stac")
"""Those that read bodies."""
RESET = struct.pack("ii", 1, 0)
"""Of SO_LINGER: a close is a reset."""


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def trusting(tmp_path: Path) -> TlsSettings:
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return TlsSettings(ca_file=tmp_path / "ca.pem")


@asynccontextmanager
async def sending(response: bytes | None, *, is_reset: bool = False) -> AsyncIterator[str]:
    """Send these bytes to every request and hang up; ``None`` sends nothing and waits."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            if response is None:
                await reader.read()
            else:
                writer.write(response)
                await writer.drain()
        if is_reset:
            plain = writer.get_extra_info("socket")
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        await asyncio.sleep(0)


def check_alike(refusals: dict[str, NetworkError], cause: str, *, may_pass: bool = True) -> None:
    """Check that all clients say the same, and this."""
    said = {way: (each.cause, each.retryable, each.remedy) for way, each in refusals.items()}
    assert len(set(said.values())) == 1, said
    one = next(iter(refusals.values()))
    assert (one.cause, one.retryable) == (cause, may_pass)


RESPONSES = {
    "nothing": (b"", "the host closed the connection before sending a response"),
    "a beginning": (
        b"HTTP/1.1 200 OK\r\nServer: x",
        "the host closed the connection before sending a response",
    ),
    "another protocol": (
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "the response is not valid HTTP: no status line",
    ),
    "headers without end": (
        b"HTTP/1.1 200 OK\r\nA: %s\r\n\r\n" % (b"x" * 70_000),
        "the response is not valid HTTP: the headers are too long",
    ),
    "no length": (
        b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
        "the response is not valid HTTP: invalid Content-Length",
    ),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "the response is not valid HTTP: invalid Content-Length",
    ),
}


@pytest.mark.parametrize("kind", RESPONSES)
async def test_a_response_that_is_none(kind: str, tmp_path: Path) -> None:
    response, cause = RESPONSES[kind]
    async with sending(response) as url:
        check_alike(await refusals_at(url, Asker(tmp_path)), cause)


BODIES = {
    "cut": (b"Content-Length: 100\r\n\r\nII*\0", "the response body was cut short"),
    "cut chunks": (
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nII",
        "the response body was cut short",
    ),
    "no size": (
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "the response is not valid HTTP: invalid chunk size",
    ),
    "another size": (
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nII*\0\r\n0\r\n\r\n",
        "the response is not valid HTTP: a chunk does not end where its size says",
    ),
}


@pytest.mark.parametrize("kind", BODIES)
async def test_a_body_that_is_broken(kind: str, tmp_path: Path) -> None:
    body, cause = BODIES[kind]
    async with sending(b"HTTP/1.1 200 OK\r\n" + body) as url:
        check_alike(await refusals_at(url, Asker(tmp_path), READERS), cause)


async def test_a_refused_connection(tmp_path: Path, unused_tcp_port: int) -> None:
    refusals = await refusals_at(f"http://127.0.0.1:{unused_tcp_port}/", Asker(tmp_path))
    check_alike(refusals, "connection refused")


async def test_a_reset_connection(tmp_path: Path) -> None:
    async with sending(b"", is_reset=True) as url:
        refusals = await refusals_at(url, Asker(tmp_path))
    check_alike(refusals, "Connection reset by peer")


async def test_a_silent_host(tmp_path: Path) -> None:
    async with sending(None) as url:
        refusals = await refusals_at(url, Asker(tmp_path, timeout_s=0.4))
    check_alike(refusals, "timed out while waiting for the response")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems queue more connections")
async def test_a_host_that_takes_no_connection(tmp_path: Path) -> None:
    """Its queue is full, so it drops what comes."""
    with socket.socket() as host:
        host.bind(("127.0.0.1", 0))
        host.listen(0)
        queued = [socket.socket() for _ in range(4)]
        for one in queued:
            one.setblocking(False)
            one.connect_ex(host.getsockname())
        url = f"http://127.0.0.1:{host.getsockname()[1]}/"
        refusals = await refusals_at(url, Asker(tmp_path, timeout_s=0.4))
        for one in queued:
            one.close()
    check_alike(refusals, "timed out while connecting")


async def test_a_name_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def know_nothing(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(type(asyncio.get_running_loop()), "getaddrinfo", know_nothing)
    refusals = await refusals_at("https://no.such.host.example/", Asker(tmp_path))
    check_alike(refusals, "the host name cannot be resolved")


@pytest.mark.parametrize(
    ("name", "words"),
    [("other.example", "Hostname mismatch"), ("localhost", "certificate has expired")],
)
async def test_a_certificate_that_is_not_right(
    name: str, words: str, tmp_path: Path, trusting: TlsSettings
) -> None:
    context = server_context(CA)
    expires = datetime(2020, 1, 1, tzinfo=UTC) if name == "localhost" else None
    CA.issue_cert(name, not_after=expires).configure_cert(context)
    async with open_door(context) as port:
        refusals = await refusals_at(f"https://localhost:{port}/", Asker(tmp_path, trusting))
    check_alike(refusals, refusals["wire"].cause, may_pass=False)
    assert words in refusals["wire"].cause


async def test_a_certificate_of_nobody_known(tmp_path: Path, trusting: TlsSettings) -> None:
    async with open_door(server_context(trustme.CA())) as port:
        refusals = await refusals_at(f"https://localhost:{port}/", Asker(tmp_path, trusting))
    check_alike(refusals, refusals["wire"].cause, may_pass=False)
    assert "unable to get local issuer certificate" in refusals["wire"].cause


@pytest.mark.parametrize(
    ("status", "advice", "may_pass"),
    [
        (502, "", True),
        (403, "; ask the network's administrators to allow this host", False),
        (
            407,
            (
                "; it wants a user name and a password, or other ones (written before its host in "
                "the variable that names it, as name:password@)"
            ),
            False,
        ),
    ],
)
async def test_a_proxy_that_refuses(
    status: int, advice: str, may_pass: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_proxy(refusal=status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        refusals = await refusals_at("https://far.test/", Asker(tmp_path))
    check_alike(refusals, f"the proxy responded with {status}{advice}", may_pass=may_pass)


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
async def test_a_proxy_that_is_not_there(
    scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    if scheme != "http":
        pytest.importorskip("aiohttp_socks", reason="needs the extra socks: make extras")
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{unused_tcp_port}")
    refusals = await refusals_at("https://far.test/", Asker(tmp_path))
    check_alike(refusals, "the proxy cannot be reached: Connection refused")


async def test_a_proxy_of_another_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "quic://127.0.0.1:1")
    refusals = await refusals_at("https://far.test/", Asker(tmp_path))
    check_alike(refusals, refusals["wire"].cause, may_pass=False)
    assert "not the URL of a proxy" in refusals["wire"].cause
