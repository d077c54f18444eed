"""FAULTS C6 and C8: connections that fail, fall silent, or are given up by us."""

import asyncio
import socket
import ssl
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientResponseError,
    ClientSession,
    RequestInfo,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from asyncdl.errors import NetworkError, Stalled
from asyncdl.events import TransferEnded, TransferRetry, TransferStarted
from asyncdl.net.aiohttp_faults import fault_of, session_errors
from asyncdl.transfer import Downloader, FileRequest
from tests.clock import simulated
from tests.transfer import fault_server
from tests.transfer.fault_server import (
    QUICK,
    End,
    HostedFile,
    Received,
    Reply,
    Responder,
    after,
    cut,
    rig,
    silent,
    status,
)

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)


async def test_row_101_a_refused_connection_is_named_so(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(NetworkError) as refused:
            await r.fetch(url=f"http://127.0.0.1:{unused_tcp_port}/file.bin")
    assert refused.value.cause == "connection refused"
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
        with pytest.raises(
            NetworkError, match=r"timed out while (connecting|waiting for the response)"
        ):
            await r.fetch()


async def test_row_106_a_silent_body_is_left_and_continued(tmp_path: Path) -> None:
    limits = replace(QUICK, stall_timeout_s=0.5)
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
    limits = replace(QUICK, stall_timeout_s=0.2, max_rate_bytes_s=len(BODY) / 0.6)
    async with rig(tmp_path, FILE, limits=limits) as r:
        fetched = await r.fetch()
    assert (r.content(), fetched.attempts) == (BODY, 1)
    assert fetched.elapsed_s >= 0.6


def test_row_112_a_bad_certificate_lasts() -> None:
    key = ConnectionKey("host", 443, True, True, None, None, None)
    error = ClientConnectorCertificateError(key, ssl.SSLCertVerificationError("expired"))
    assert not fault_of(error).retryable


def test_an_answer_that_is_not_http_keeps_the_signature_to_itself() -> None:
    url = URL("http://host/a?requestSignature=secret")
    request = RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict()), url)
    with pytest.raises(NetworkError) as refused, session_errors("request to host"):
        raise ClientResponseError(request, ())
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@simulated
async def test_row_114_no_total_timeout_ends_a_long_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(received: Received) -> Reply:
        return replace(FILE(received), drip_bytes=500)

    monkeypatch.setattr(fault_server, "DROP_EVERY_S", 20.0)
    limits = replace(QUICK, connect_timeout_s=30.0, header_timeout_s=30.0, slowest_bytes_s=0)
    async with rig(tmp_path, slow, limits=limits) as r:
        fetched = await r.fetch()
    assert fetched.attempts == 1
    assert fetched.elapsed_s > limits.connect_timeout_s + limits.header_timeout_s


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
        task = asyncio.ensure_future(r.fetch())
        while not r.told(TransferStarted) or (tmp_path / "file.bin.part").stat().st_size == 0:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert r.names == ["file.bin.part", "file.bin.part.state"]
        await r.fetch()
    assert r.content() == BODY


async def test_cancelling_before_the_first_byte_leaves_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, after(asyncio.Event(), FILE)) as r:
        with anyio.move_on_after(0.05):
            await r.fetch()
    assert r.names == []


def test_row_110_a_name_that_is_not_found_may_be_found_later() -> None:
    key = ConnectionKey("host", 443, True, True, None, None, None)
    assert fault_of(ClientConnectorDNSError(key, OSError("no such name"))).retryable


class TwoAddresses(AbstractResolver):
    """Knows two addresses for each name; nobody listens at the first."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in ("127.0.0.2", "127.0.0.1")
        ]

    async def close(self) -> None:
        """Do nothing."""


@pytest.mark.without_tls
async def test_row_111_a_dead_address_is_passed_over_for_the_next(tmp_path: Path) -> None:
    connector = TCPConnector(resolver=TwoAddresses(), family=socket.AF_INET)
    async with (
        rig(tmp_path, FILE) as r,
        ClientSession(connector=connector) as session,
        Downloader(QUICK, session=session) as downloader,
    ):
        url = f"http://two-addresses.test:{r.server.port}/file.bin"
        fetched = await downloader.fetch(FileRequest(url, tmp_path, "file.bin"))
    assert (r.content(), fetched.attempts) == (BODY, 1)


async def test_row_100_files_that_all_wait_for_another_try_all_get_it(tmp_path: Path) -> None:
    script: list[Responder] = [*[status(503)] * 8, FILE]
    async with (
        rig(tmp_path, *script, limits=replace(QUICK, per_host=2)) as r,
        anyio.create_task_group() as tasks,
    ):
        for number in range(4):
            tasks.start_soon(r.fetch, f"{number}.bin")
    assert [r.content(f"{number}.bin") for number in range(4)] == [BODY] * 4


async def test_row_106_a_trickle_is_a_stall(tmp_path: Path) -> None:
    def trickle(received: Received) -> Reply:
        return replace(FILE(received), drip_bytes=1)

    limits = replace(QUICK, stall_timeout_s=0.05, slowest_bytes_s=1e6, flush_bytes=100)
    async with rig(tmp_path, trickle, FILE, limits=limits) as r:
        await r.fetch()
    assert r.content() == BODY
    assert {event.reason for event in r.told(TransferRetry)} == {"stalled"}
