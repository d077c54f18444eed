"""FAULTS C6 and C8: connections that fail, fall silent, or are given up by us."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from aiohttp import ClientConnectorCertificateError, ClientResponseError, RequestInfo
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from asyncdl.errors import NetworkError, Stalled
from asyncdl.events import TransferEnded, TransferRetry, TransferStarted
from asyncdl.transfer.http import new_session, raise_ours
from tests.transfer.fault_server import QUICK, End, HostedFile, after, cut, rig, silent

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)


async def test_row_101_a_refused_connection_is_named_so(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(NetworkError) as refused:
            await r.fetch(url=f"http://127.0.0.1:{unused_tcp_port}/file.bin")
    assert refused.value.cause == "refused"
    assert len(r.told(TransferRetry)) == QUICK.backoff.attempts - 1


async def test_row_102_a_close_without_an_answer_is_tried_again(tmp_path: Path) -> None:
    async with rig(tmp_path, silent(), silent(End.RESET), FILE) as r:
        await r.fetch()
    assert r.content() == BODY


async def test_row_104_a_reset_costs_no_byte_that_came(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 5000, End.RESET), FILE) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", "bytes=5000-"]
    assert fetched.received_bytes == len(BODY)


async def test_row_105_headers_that_never_come_are_not_waited_for(tmp_path: Path) -> None:
    limits = replace(QUICK, connect_timeout_s=0.02, header_timeout_s=0.02)
    async with rig(tmp_path, silent(End.HANG), limits=limits) as r:
        with pytest.raises(NetworkError, match="no answer in time"):
            await r.fetch()


async def test_row_106_a_silent_body_is_left_and_continued(tmp_path: Path) -> None:
    limits = replace(QUICK, stall_timeout_s=0.05)
    async with rig(tmp_path, cut(FILE, 5000, End.HANG), FILE, limits=limits) as r:
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", "bytes=5000-"]
    assert [event.reason for event in r.told(TransferRetry)] == ["stalled"]


async def test_row_106_a_host_that_always_stalls_is_given_up(tmp_path: Path) -> None:
    limits = replace(QUICK, stall_timeout_s=0.02)
    async with rig(tmp_path, cut(FILE, 0, End.HANG), limits=limits) as r:
        with pytest.raises(Stalled):
            await r.fetch()
    assert len(r.server.requests) == QUICK.backoff.attempts


async def test_row_109_our_own_rate_limit_is_no_stall(tmp_path: Path) -> None:
    limits = replace(QUICK, stall_timeout_s=0.02, max_rate_bytes_s=len(BODY) / 0.1)
    async with rig(tmp_path, FILE, limits=limits) as r:
        fetched = await r.fetch()
    assert (r.content(), fetched.attempts) == (BODY, 1)
    assert fetched.elapsed_s >= 0.1


def test_row_112_a_bad_certificate_lasts() -> None:
    key = ConnectionKey("host", 443, True, True, None, None, None)
    error = ClientConnectorCertificateError(key, ssl.SSLCertVerificationError("expired"))
    with pytest.raises(NetworkError) as refused:
        raise_ours("ask host", error)
    assert not refused.value.retryable


def test_an_answer_that_is_not_http_keeps_the_signature_to_itself() -> None:
    url = URL("http://host/a?requestSignature=secret")
    request = RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict()), url)
    with pytest.raises(NetworkError) as refused:
        raise_ours("ask host", ClientResponseError(request, ()))
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


async def test_row_114_no_total_timeout_ends_a_long_download() -> None:
    async with new_session(QUICK) as session:
        assert session.timeout.total is None
        assert session.timeout.sock_read is None


async def test_row_132_a_cancelled_download_leaves_a_part_to_continue(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 5000, End.HANG), FILE) as r:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(r.fetch)
            while not r.told(TransferStarted) or (tmp_path / "file.bin.part").stat().st_size == 0:
                await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()
        assert r.names == ["file.bin.part", "file.bin.part.state"]
        assert len(r.told(TransferEnded)) == 1
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", "bytes=5000-"]


async def test_row_132_a_task_cancelled_the_asyncio_way_leaves_the_same(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 5000, End.HANG), FILE) as r:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await r.fetch()
        assert r.names == ["file.bin.part", "file.bin.part.state"]
        await r.fetch()
    assert r.content() == BODY


async def test_cancelling_before_the_first_byte_leaves_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, after(asyncio.Event(), FILE)) as r:
        with anyio.move_on_after(0.05):
            await r.fetch()
    assert r.names == []
