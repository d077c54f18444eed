"""Bytes out, bytes back, and nobody else's errors."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import Mock

import anyio
import pytest
from aiohttp import ClientConnectorCertificateError, ClientSession
from aioresponses import aioresponses
from anyio.abc import SocketStream

import asyncdl
from asyncdl.errors import ApiError, NetworkError
from asyncdl.m2m.calling.transport import Transport
from asyncdl.net.sessions import open_session
from tests.m2m.fake_m2m import FakeM2M, Reply


@asynccontextmanager
async def transport_to(url: str, **settings: float) -> AsyncIterator[Transport]:
    transport = Transport(url, **settings)  # type: ignore[arg-type]  # numbers, as they are
    try:
        yield transport
    finally:
        await transport.aclose()


@asynccontextmanager
async def raw_server(response: bytes | None) -> AsyncIterator[str]:
    """Send every connection these bytes and hang up; for ``None``, send nothing."""

    async def serve(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            if response is None:
                await anyio.sleep_forever()
            else:
                await stream.send(response)

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tg,
    ):
        tg.start_soon(listener.serve, serve)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        yield f"http://127.0.0.1:{port}/"
        tg.cancel_scope.cancel()


async def test_a_call_is_json_with_our_name_and_the_key(service: FakeM2M) -> None:
    async with transport_to(service.url) as transport:
        await transport.post("dataset", b'{"a": 1}', api_key="key")
    (call,) = service.calls
    assert call.payload == {"a": 1}
    assert call.key == "key"
    assert call.headers["User-Agent"] == f"asyncdl/{asyncdl.__version__}"
    assert call.headers["Content-Type"] == "application/json"


async def test_an_address_needs_no_slash_at_its_end(service: FakeM2M) -> None:
    async with transport_to(service.url.rstrip("/")) as transport:
        await transport.post("dataset", b"null", api_key=None)
    assert service.called == ["dataset"]


async def test_a_redirect_is_not_followed(service: FakeM2M) -> None:
    """It would take the key along."""
    elsewhere = Reply(status=307, headers={"Location": f"{service.url}permissions"})
    service.will_reply("dataset", elsewhere)
    async with transport_to(service.url) as transport:
        reply = await transport.post("dataset", b"null", api_key="key")
    assert reply.status == 307
    assert service.called == ["dataset"]


async def test_cookies_are_not_kept(service: FakeM2M) -> None:
    service.will_reply("dataset", Reply(headers={"Set-Cookie": "a=b; Path=/"}))
    async with transport_to(service.url) as transport:
        await transport.post("dataset", b"null", api_key=None)
        await transport.post("dataset", b"null", api_key=None)
    assert "Cookie" not in service.calls[1].headers


async def test_a_reply_beyond_all_bounds_is_an_error(service: FakeM2M) -> None:
    service.will_reply("dataset", Reply(body=b"x" * 1001), Reply(body=b"x" * 1000))
    async with transport_to(service.url, max_reply_bytes=1000) as transport:
        with pytest.raises(ApiError, match="longer than 1000 bytes") as caught:
            await transport.post("dataset", b"null", api_key=None)
        assert not caught.value.retryable
        assert len((await transport.post("dataset", b"null", api_key=None)).body) == 1000


async def test_a_refused_connection_is_a_network_error() -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with transport_to(f"http://127.0.0.1:{port}/") as transport:
        with pytest.raises(NetworkError, match=r"call dataset at 127\.0\.0\.1") as caught:
            await transport.post("dataset", b"null", api_key=None)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    ],
    ids=["nothing", "no HTTP", "cut off", "broken chunk", "broken gzip"],
)
async def test_a_broken_response_is_a_network_error(response: bytes) -> None:
    async with raw_server(response) as url, transport_to(url) as transport:
        with pytest.raises(NetworkError) as caught:
            await transport.post("dataset", b"null", api_key="secret-key")
    error = caught.value
    assert error.retryable
    assert "secret-key" not in f"{error} {error!r} {error.__cause__!r}"


@pytest.mark.parametrize(
    ("status", "words", "is_passing"),
    [
        (407, "wants a user name", False),
        (403, "administrators", False),
        (503, "", True),
    ],
)
async def test_a_proxy_that_opens_no_way_is_named(
    status: int, words: str, is_passing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status
    async with raw_server(refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.replace("http://", "http://ann:secret@"))
        async with transport_to("https://m2m.example/") as transport:
            with pytest.raises(NetworkError, match=f"the proxy responded with {status}") as caught:
                await transport.post("dataset", b"null", api_key="secret")
    assert words in str(caught.value)
    assert caught.value.retryable is is_passing
    assert "secret" not in str(caught.value)


async def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    async with transport_to("https://m2m.example/") as transport:
        with pytest.raises(NetworkError, match="the proxy cannot be reached: Connection refused"):
            await transport.post("dataset", b"null", api_key=None)


async def test_silence_is_a_network_error() -> None:
    async with raw_server(None) as url, transport_to(url, read_timeout_s=0.01) as transport:
        with pytest.raises(NetworkError, match="timed out"):
            await transport.post("dataset", b"null", api_key=None)


async def test_a_bad_certificate_is_final(mocked: aioresponses) -> None:
    reason = ssl.SSLCertVerificationError(1, "certificate verify failed")
    failure = ClientConnectorCertificateError(Mock(host="m2m.example", port=443), reason)
    mocked.post("https://m2m.example/dataset", exception=failure)
    async with transport_to("https://m2m.example/") as transport:
        with pytest.raises(NetworkError, match="bad certificate") as caught:
            await transport.post("dataset", b"null", api_key=None)
    assert not caught.value.retryable


async def test_closing_twice_or_unused_does_no_harm() -> None:
    transport = Transport("https://m2m.example/")
    await transport.aclose()
    async with ClientSession() as session:
        await Transport("https://m2m.example/", session=session).aclose()
        assert not session.closed


async def test_a_closed_session_is_a_final_network_error() -> None:
    async with ClientSession() as session:
        transport = Transport("https://m2m.example/", session=session)
    with pytest.raises(NetworkError, match="has been closed") as caught:
        await transport.post("dataset", b"null", api_key=None)
    assert not caught.value.retryable


def test_the_host_is_named_without_a_password() -> None:
    assert Transport("https://ann:secret@m2m.example:8443/api").host == "m2m.example:8443"


async def test_a_name_is_looked_up_as_the_system_does(
    service: FakeM2M, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where aiodns is installed: hosts files, VPNs and .local names are the system's."""
    loops = type(asyncio.get_running_loop())
    look_up = loops.getaddrinfo

    async def knowing(loop: Any, host: str, *arguments: Any, **options: Any) -> Any:
        host = "127.0.0.1" if host == "api.test" else host
        return await look_up(loop, host, *arguments, **options)

    monkeypatch.setattr(loops, "getaddrinfo", knowing)
    url = service.url.replace("127.0.0.1", "api.test")
    async with await open_session(url, None) as session, session.get(url) as response:
        assert response.status
