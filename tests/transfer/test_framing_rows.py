"""FAULTS C3: where a body ends, and whether that was its end."""

from dataclasses import replace
from pathlib import Path

import pytest

from asyncdl.errors import NetworkError, SizeMismatch, TransferError, WrongContent
from tests.transfer.fault_server import QUICK, End, HostedFile, chunked, cut, fixed, rig

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)


async def test_row_054_a_body_that_always_breaks_keeps_its_part(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), fixed("200 OK", end=End.CLOSE, length=99)) as r:
        with pytest.raises(NetworkError):
            await r.fetch()
    assert "file.bin" not in r.names
    assert r.content("file.bin.part") == BODY[:777]


async def test_row_055_bytes_behind_the_announced_length_are_ignored(tmp_path: Path) -> None:
    async with rig(tmp_path, fixed("200 OK", BODY + b"surplus", length=len(BODY)), FILE) as r:
        await r.fetch()
        await r.fetch("second.bin")
    assert r.content() == r.content("second.bin") == BODY
    assert r.server.connections == 2


async def test_row_056_a_chunked_body_without_its_last_chunk_is_no_success(tmp_path: Path) -> None:
    async with rig(tmp_path, chunked(BODY, ends=False)) as r:
        with pytest.raises(NetworkError):
            await r.fetch()
    assert "file.bin" not in r.names


async def test_a_whole_chunked_body_is_success(tmp_path: Path) -> None:
    async with rig(tmp_path, chunked(BODY)) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    assert fetched.proof == "chunked"


async def test_row_065_a_body_that_only_closes_is_flagged(tmp_path: Path) -> None:
    async with rig(tmp_path, fixed("200 OK", BODY, length=None, end=End.CLOSE)) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    assert fetched.proof == "unverified-length"


async def test_row_065_a_known_size_is_held_against_it(tmp_path: Path) -> None:
    async with rig(tmp_path, fixed("200 OK", BODY[:-1], length=None, end=End.CLOSE)) as r:
        with pytest.raises(SizeMismatch):
            await r.fetch(size_bytes=len(BODY))
    assert "file.bin" not in r.names


@pytest.mark.parametrize("code", ["204 No Content", "205 Reset"])
async def test_row_068_no_content_is_no_file(tmp_path: Path, code: str) -> None:
    async with rig(tmp_path, fixed(code, length=None)) as r:
        with pytest.raises(WrongContent) as refused:
            await r.fetch()
    assert refused.value.reason == "no-content"
    assert r.names == []


async def test_an_announced_length_that_is_not_the_expected_one_is_refused_early(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(SizeMismatch) as refused:
            await r.fetch(size_bytes=7)
    assert (refused.value.expected, refused.value.got) == (7, len(BODY))
    assert r.names == []


async def test_row_168_a_declared_size_over_the_cap_is_not_fetched(tmp_path: Path) -> None:
    limits = replace(QUICK, max_size_bytes=1000)
    async with rig(tmp_path, FILE, limits=limits) as r:
        with pytest.raises(TransferError) as refused:
            await r.fetch()
    assert (refused.value.reason, r.names) == ("too-large", [])
    assert len(r.server.requests) == 1


async def test_row_168_an_endless_body_is_stopped_at_the_cap(tmp_path: Path) -> None:
    limits = replace(QUICK, max_size_bytes=1000)
    async with rig(tmp_path, chunked(BODY), limits=limits) as r:
        with pytest.raises(TransferError) as refused:
            await r.fetch()
    assert (refused.value.reason, r.names) == ("too-large", [])
