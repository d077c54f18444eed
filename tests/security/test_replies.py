"""A reply of any size, depth or form is an error with words, in bounded memory."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import msgspec
import orjson
import pytest
from anyio.abc import SocketStream

from asyncdl.config import parse_config
from asyncdl.errors import ApiError, AsyncdlError, NetworkError
from asyncdl.job.choosing.from_config import options_of
from asyncdl.m2m.calling.envelope import read_envelope
from asyncdl.m2m.calling.transport import Transport
from asyncdl.m2m.models import ScenePage, read_reply

MIB = 1024**2
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@asynccontextmanager
async def service_sending(*parts: bytes, endless: bytes = b"") -> AsyncIterator[str]:
    """Answer every call with these bytes; ``endless`` goes on until the caller hangs up."""

    async def serve(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            try:
                for part in parts:
                    await stream.send(part)
                while endless:
                    await stream.send(endless)
            except anyio.BrokenResourceError:
                pass

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, serve)
        yield f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}/"
        tasks.cancel_scope.cancel()


async def post(
    url: str, max_reply_bytes: int = MIB, endpoint: str = "dataset"
) -> bytes | bytearray:
    transport = Transport(url, max_reply_bytes=max_reply_bytes)
    try:
        with anyio.fail_after(60):
            return (await transport.post(endpoint, b"null", api_key=None)).body
    finally:
        await transport.aclose()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_a_reply_without_an_end_is_left_at_the_bound() -> None:
    head = JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    async with service_sending(head, endless=chunk(b" " * 65_536)) as url:
        with pytest.raises(ApiError, match=r"longer than 1048576 bytes; raise service\.max_reply"):
            await post(url)


def brotli() -> Callable[[bytes], bytes]:
    module = pytest.importorskip("brotli", reason="brotli is not installed: make extras")
    return partial(module.compress, quality=5)


def zstandard() -> Callable[[bytes], bytes]:
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    module = pytest.importorskip(name, reason="zstandard is not installed: make extras")
    compress: Callable[[bytes], bytes] = module.compress
    return compress


CODINGS: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "gzip": lambda: gzip.compress,
    "deflate": lambda: zlib.compress,
    "br": brotli,
    "zstd": zstandard,
}
"""Each gives what compresses; aiohttp knows the last two where their packages are installed."""


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_compressed_reply_is_read(coding: str) -> None:
    reply = bytes(range(256)) * 2000
    body = CODINGS[coding]()(reply)
    head = JSON_HEAD + f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with service_sending(head, body) as url:
        assert await post(url) == reply


@pytest.mark.slow
@pytest.mark.parametrize("coding", CODINGS)
async def test_a_decompression_bomb_bursts_at_the_bound(coding: str) -> None:
    """128 MiB of blanks come as 128 kB or less; a few MiB of memory are all they get."""
    bomb = CODINGS[coding]()(b" " * (128 * MIB))
    head = JSON_HEAD + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (
        coding.encode(),
        len(bomb),
    )
    async with service_sending(head, bomb) as url:
        tracemalloc.start()
        try:
            with pytest.raises(AsyncdlError):
                await post(url)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak_bytes < 64 * MIB


@pytest.mark.parametrize(
    "endless",
    [b"X-A: b\r\n", b"x" * 4096, b"X-A: " + b"b" * 4096 + b"\r\n"],
    ids=["many", "one line", "long"],
)
async def test_headers_without_an_end_are_a_broken_answer(endless: bytes) -> None:
    async with service_sending(JSON_HEAD, endless=endless) as url:
        with pytest.raises(NetworkError):
            await post(url)


@pytest.mark.parametrize(("opened", "closed"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [1_000_000, 10_000, 1_030])
def test_json_too_deep_to_be_read_is_no_envelope(depth: int, opened: bytes, closed: bytes) -> None:
    body = b'{"data":%b1%b}' % (opened * depth, closed * depth)
    with pytest.raises(ApiError, match="not M2M's") as refused:
        read_envelope("dataset", 200, {}, body)
    assert refused.value.retryable, "a page that went astray is an outage"


def test_json_as_deep_as_can_be_read_breaks_no_model() -> None:
    """The parser takes about a thousand levels, no more than what comes after it can bear."""
    deep = orjson.loads(b'{"a":' * 1000 + b"1" + b"}" * 1000)
    scene = {"entityId": "a", "displayId": "b", "spatialCoverage": deep}
    assert read_reply({"results": [scene]}, ScenePage).results
    with pytest.raises(msgspec.ValidationError):
        read_reply({"results": deep}, ScenePage)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"1e999", b'"text"', b"\xff\xfe", b"{", b'{"data": NaN}', b"\0" * 100],
)
def test_what_is_no_object_is_no_envelope(body: bytes) -> None:
    with pytest.raises(ApiError, match="not M2M's"):
        read_envelope("dataset", 200, {}, body)


def test_the_bound_is_set_in_the_config() -> None:
    raw: dict[str, Any] = {
        "service": {"max_reply": "3 MiB"},
        "search": {"dataset": "d", "limit": 1},
        "products": [{"kind": "bundle"}],
    }
    assert options_of(parse_config(raw).service).max_reply_bytes == 3 * MIB
