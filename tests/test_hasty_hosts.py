"""Hosts that close their end of TLS right behind the last byte: no reader of ours loses any.

uvloop's own TLS drops what was received and not yet read by then.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import ssl
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from aiohttp import ClientSession, StreamReader, TCPConnector

from asyncdl.errors import NetworkError
from asyncdl.m2m.calling.transport import Transport as ApiTransport
from asyncdl.net.connectors import SecureConnector
from asyncdl.net.service_address import service_address
from asyncdl.net.sessions import open_session
from asyncdl.stac.catalog import StacTransport
from asyncdl.stac.items import PageRequest
from asyncdl.transfer import Downloader, Fetched, FileRequest
from tests.proxy import far, open_proxy
from tests.socks import open_socks
from tests.tls_door import hasty_host, server_context
from tests.transfer.fault_server import QUICK, End, HostedFile, serving
from tests.transfer.habits import unmeasured

CA = trustme.CA()
RESTING = replace(QUICK, max_rate_bytes_s=30e6, flush_bytes=65_536)
"""A download that rests now and then, while its host goes on."""
BODY = bytes(range(256)) * 12_000
"""Several times what a session of aiohttp holds in memory."""


@pytest.fixture
def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


@pytest.fixture
def late_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the program do other things all the while, so that readers of replies come late."""
    readany = StreamReader.readany

    async def read_late(reader: StreamReader) -> bytes:
        await asyncio.sleep(0.01)
        return await readany(reader)

    monkeypatch.setattr(StreamReader, "readany", read_late)


@pytest.mark.usefixtures("late_readers")
async def test_a_reply_of_the_api_is_whole(trusting: ssl.SSLContext) -> None:
    with hasty_host(server_context(CA), BODY) as host:
        transport = ApiTransport(host.url, tls=trusting)
        reply = await transport.post("scene-search", b"{}", api_key=None)
        await transport.aclose()
    assert reply.body == BODY


@pytest.mark.usefixtures("late_readers")
async def test_a_reply_of_the_catalogue_is_whole(trusting: ssl.SSLContext) -> None:
    with hasty_host(server_context(CA), BODY) as host:
        async with await open_session(host.url, trusting) as session:
            transport = StacTransport(
                service_address(host.url, key="url"), session, 60.0, len(BODY)
            )
            assert await transport.fetch(PageRequest(host.url, None)) == BODY


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_file_by_a_proxy_is_whole_at_once(
    has_length: bool, trusting: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = server_context(CA, names=("far.test",))
    with hasty_host(context, BODY, has_length=has_length) as host:
        async with open_proxy() as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            async with Downloader(RESTING, tls=trusting) as downloader:
                fetched = await downloader.fetch(FileRequest(f"{far(host.url)}a.bin", tmp_path))
    assert fetched.path.read_bytes() == BODY
    assert fetched.attempts == host.requests == 1


async def test_a_file_by_socks_is_whole_at_once(
    trusting: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("aiohttp_socks", reason="needs the extra socks: make extras")
    context = server_context(CA, names=("far.test",))
    with hasty_host(context, BODY) as host:
        async with open_socks() as proxy:
            monkeypatch.setenv("ALL_PROXY", f"socks5h://{proxy.netloc}")
            async with Downloader(RESTING, tls=trusting) as downloader:
                fetched = await downloader.fetch(FileRequest(f"{far(host.url)}a.bin", tmp_path))
    assert fetched.path.read_bytes() == BODY
    assert fetched.attempts == host.requests == 1


# -- sessions that a caller brings -------------------------------------------


async def fetch_by(connector: TCPConnector, url: str, folder: Path) -> Fetched:
    session = ClientSession(connector=connector, auto_decompress=False)
    async with session, Downloader(RESTING, session=session) as downloader:
        return await downloader.fetch(FileRequest(f"{url}a.bin", folder))


@pytest.mark.parametrize("has_length", [True, False])
async def test_our_connector_in_a_session_of_the_caller_loses_nothing(
    has_length: bool, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    with hasty_host(server_context(CA), BODY, has_length=has_length) as host:
        fetched = await fetch_by(SecureConnector(ssl=trusting), host.url, tmp_path)
    assert fetched.path.read_bytes() == BODY
    assert fetched.attempts == 1


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_session_of_the_caller_never_brings_a_wrong_file(
    has_length: bool, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    """Whatever the loop's TLS drops: it is noticed."""
    host = hasty_host(server_context(CA), BODY, has_length=has_length)
    with host as running, suppress(NetworkError):
        await fetch_by(TCPConnector(ssl=trusting), running.url, tmp_path)
    assert [path.read_bytes() for path in tmp_path.glob("a.bin")] in ([], [BODY])


async def test_a_body_whose_end_nobody_can_know_is_refused(
    trusting: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the TLS of any loop but asyncio's; here a small one of it is passed off as another's."""
    is_known = type(asyncio.get_running_loop()).__module__.startswith(("asyncio", "tests."))
    with hasty_host(server_context(CA), BODY, has_length=False) as host:
        if is_known:
            monkeypatch.setattr(asyncio.sslproto._SSLProtocolTransport, "__module__", "other.loop")
        with pytest.raises(NetworkError, match=r"asyncdl\.net\.connectors") as caught:
            await fetch_by(TCPConnector(ssl=trusting), host.url, tmp_path)
    assert not caught.value.retryable and host.requests == 1
    with hasty_host(server_context(CA), BODY[:1000], has_length=False) as host:
        fetched = await fetch_by(TCPConnector(ssl=trusting), host.url, tmp_path)
    assert fetched.path.read_bytes() == BODY[:1000]


@pytest.mark.parametrize(
    ("connector", "body"),
    [(SecureConnector, BODY), (SecureConnector, BODY[:1000]), (TCPConnector, BODY)],
    ids=["ours, large", "ours, small", "a caller's, large"],
)
async def test_a_reset_is_not_the_end_of_a_body_without_a_length(
    connector: type[TCPConnector], body: bytes, tmp_path: Path
) -> None:
    """A caller's may have forgotten it before a small response is ours; the page says so."""
    async with serving(unmeasured(HostedFile(body), End.RESET, len(body) - 1)) as server:
        with pytest.raises(NetworkError):
            await fetch_by(connector(), f"{server.url}/", tmp_path)
    assert not (tmp_path / "a.bin").exists()
