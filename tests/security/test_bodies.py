"""A host may send anything, for ever; it gets so much room and no more."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from asyncdl import parse_config
from asyncdl.errors import NetworkError, SizeMismatch, TransferError
from asyncdl.job.choosing.from_config import limits_of
from asyncdl.net.retry import Backoff
from asyncdl.transfer import Downloader, FileRequest, Limits
from tests.e2e.conftest import Run
from tests.security.test_replies import JSON_HEAD, chunk, service_sending
from tests.transfer.fault_server import QUICK, HostedFile, chunked, redirect, rig

ONCE = replace(QUICK, backoff=Backoff(attempts=1))
BODY = bytes(range(256)) * 40
PLAIN_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
CHUNKED_HEAD = PLAIN_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def fetch(url: str, folder: Path, limits: Limits = ONCE, size: int | None = None) -> None:
    with anyio.fail_after(60):
        async with Downloader(limits) as downloader:
            await downloader.fetch(FileRequest(f"{url}a", folder, "a.bin", size_bytes=size))


async def test_a_body_without_an_end_is_left_at_the_known_size(tmp_path: Path) -> None:
    async with service_sending(CHUNKED_HEAD, endless=chunk(bytes(65_536))) as url:
        with pytest.raises(SizeMismatch):
            await fetch(url, tmp_path, size=100_000)


async def test_a_body_without_an_end_is_left_at_the_largest_size(tmp_path: Path) -> None:
    limits = replace(ONCE, max_size_bytes=1_000_000)
    async with service_sending(CHUNKED_HEAD, endless=chunk(bytes(65_536))) as url:
        with pytest.raises(TransferError) as refused:
            await fetch(url, tmp_path, limits)
    assert refused.value.reason == "too-large" and "a.bin" not in files_in(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1_001_000


@pytest.mark.parametrize("head", [CHUNKED_HEAD, PLAIN_HEAD + b"\r\n"], ids=["chunked", "close"])
async def test_a_body_without_an_end_leaves_the_disk_to_others(tmp_path: Path, head: bytes) -> None:
    """No disk has as much free as shall stay free here; what came of it is given back."""
    limits = replace(ONCE, keep_free_bytes=1 << 62, checkpoint_bytes=500_000)
    piece = bytes(65_536) if head is not CHUNKED_HEAD else chunk(bytes(65_536))
    async with service_sending(head, endless=piece) as url:
        with pytest.raises(TransferError, match="no end in sight") as refused:
            await fetch(url, tmp_path, limits)
    assert (refused.value.reason, files_in(tmp_path)) == ("too-large", [])


async def test_a_body_that_says_how_long_it_is_may_fill_the_disk(tmp_path: Path) -> None:
    limits = replace(ONCE, keep_free_bytes=1 << 62, checkpoint_bytes=1000)
    async with rig(tmp_path, HostedFile(BODY), limits=limits) as r:
        await r.fetch()
    assert r.content() == BODY


async def test_a_body_of_unknown_length_is_taken_while_there_is_room(tmp_path: Path) -> None:
    async with rig(tmp_path, chunked(BODY), limits=replace(ONCE, checkpoint_bytes=1000)) as r:
        await r.fetch()
    assert r.content() == BODY


@pytest.mark.parametrize(
    "endless",
    [b"X-A: b\r\n", b"x" * 4096, b"X-A: " + b"b" * 4096 + b"\r\n", b"\r\n"],
    ids=["many", "one line", "long", "blank"],
)
async def test_headers_without_an_end_are_no_answer(tmp_path: Path, endless: bytes) -> None:
    limits = replace(ONCE, header_timeout_s=0.2, connect_timeout_s=0.2)
    status_line = b"" if endless == b"\r\n" else b"HTTP/1.1 200 OK\r\n"
    async with service_sending(status_line, endless=endless) as url:
        with pytest.raises(NetworkError):
            await fetch(url, tmp_path, limits)
    assert files_in(tmp_path) == []


async def test_interim_answers_without_an_end_are_no_answer(tmp_path: Path) -> None:
    limits = replace(ONCE, header_timeout_s=0.2, connect_timeout_s=0.2)
    async with service_sending(endless=b"HTTP/1.1 103 Early Hints\r\n\r\n") as url:
        with pytest.raises(NetworkError):
            await fetch(url, tmp_path, limits)


@pytest.mark.parametrize("endless", [b"X-A: b\r\n", b"x" * 4096], ids=["trailers", "one trailer"])
async def test_trailers_without_an_end_are_not_waited_for(tmp_path: Path, endless: bytes) -> None:
    limits = replace(ONCE, stall_timeout_s=0.2)
    head = CHUNKED_HEAD + chunk(BODY) + b"0\r\n"
    async with service_sending(head, endless=endless) as url:
        with pytest.raises((NetworkError, TransferError)):
            await fetch(url, tmp_path, limits)


async def test_what_is_compressed_on_its_way_is_not_taken(tmp_path: Path) -> None:
    """Nothing is decompressed, so there is no bomb to burst."""
    head = JSON_HEAD.replace(b"json", b"octet-stream") + b"Content-Encoding: gzip\r\n"
    async with service_sending(head + b"Content-Length: 4\r\n\r\nbomb") as url:
        with pytest.raises(TransferError) as refused:
            await fetch(url, tmp_path)
    assert (refused.value.reason, files_in(tmp_path)) == ("coded", [])


async def test_redirects_without_an_end_are_left(tmp_path: Path) -> None:
    """Each of them to another place."""

    def places() -> Iterator[str]:
        yield from (f"/{number}" for number in range(100))

    async with rig(tmp_path, *map(redirect, places()), limits=ONCE) as r:
        with pytest.raises(TransferError) as refused:
            await r.fetch()
    assert refused.value.reason == "redirects"
    assert len(r.server.requests) == ONCE.max_redirects + 1


def test_the_largest_size_is_set_in_the_config() -> None:
    config = parse_config(
        {
            "search": {"dataset": "d", "limit": 1},
            "products": [{"kind": "bundle"}],
            "download": {"max_size": "2 GiB"},
        }
    )
    assert limits_of(config.download).max_size_bytes == 2 * 1024**3


@pytest.mark.slow
async def test_the_largest_size_is_an_option_of_get(
    asyncdl_run: Run, static_file: str, tmp_path: Path
) -> None:
    ended = await asyncdl_run("get", static_file, "-o", tmp_path, "--max-size", "99 kB")
    assert (ended.status, files_in(tmp_path)) == (1, [])
    assert "[too-large]" in ended.stderr
    ended = await asyncdl_run("get", static_file, "-o", tmp_path, "--max-size", "100 kB")
    assert (ended.status, files_in(tmp_path)) == (0, ["file.bin"])


def laughs(levels: int) -> bytes:
    entities = [b'<!ENTITY e0 "%b">' % (b"ha" * 50)]
    entities += [b'<!ENTITY e%d "%b">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, levels)]
    return b"<?xml version='1.0'?><!DOCTYPE a [%b]><a>&e%d;</a>" % (b"".join(entities), levels - 1)


@pytest.mark.parametrize(
    ("name", "bomb"),
    [
        ("a.xml", laughs(9)),
        ("a.xml", b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e '&e;'>]><a>&e;</a>"),
        ("a.json", b"[" * 1_000_000),
        ("a.json", b'{"a":' * 1_000_000 + b"1" + b"}" * 1_000_000),
    ],
    ids=["laughs", "itself", "open", "deep"],
)
async def test_a_bomb_in_a_file_is_a_broken_file(tmp_path: Path, name: str, bomb: bytes) -> None:
    """Ten billion letters out of a kilobyte, and a million levels."""
    tracemalloc.start()
    try:
        async with rig(tmp_path, HostedFile(bomb), limits=replace(ONCE, refetches=0)) as r:
            with pytest.raises(TransferError) as refused:
                await r.fetch(name)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (refused.value.reason, r.names) == ("broken-file", [])
    assert peak_bytes < 64 * 1024**2
