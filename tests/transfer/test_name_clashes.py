"""Two URLs whose files have one name: one is there, and the other is told to have failed."""

import asyncio
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import TransferError
from tests.transfer.fault_server import HostedFile, Received, Reply, Rig, after, rig

BODY = bytes(range(256)) * 40
FILES = {"/a/f.bin": HostedFile(BODY), "/b/f.bin": HostedFile(BODY[::-1])}


def host(received: Received) -> Reply:
    return FILES[received.target.partition("?")[0]](received)


async def end_of(r: Rig, path: str, name: str | None = None, **fields: object) -> str:
    """Fetch a path; return why it failed, or how it came to be there."""
    try:
        fetched = await r.fetch(name, url=f"{r.server.url}{path}", **fields)
    except TransferError as error:
        return error.reason
    return "there" if fetched.already_there else "fetched"


@pytest.mark.parametrize("first", FILES)
async def test_the_later_of_two_urls_with_one_name_fails(tmp_path: Path, first: str) -> None:
    async with rig(tmp_path, host) as r:
        ends = [await end_of(r, path) for path in (first, *FILES, first)]
    assert sorted(ends) == ["fetched", "name-taken", "there", "there"]
    assert r.content("f.bin") == FILES[first].body


async def test_overwriting_replaces_no_file_of_the_same_batch(tmp_path: Path) -> None:
    async with rig(tmp_path, host) as r:
        ends = [await end_of(r, path, overwrite=True) for path in ("/a/f.bin", "/b/f.bin")]
    assert ends == ["fetched", "name-taken"]


async def test_what_was_there_before_has_its_name_too(tmp_path: Path) -> None:
    async with rig(tmp_path, host) as r:
        await end_of(r, "/a/f.bin")
    async with rig(tmp_path, host) as r:
        ends = [await end_of(r, path) for path in ("/a/f.bin", "/b/f.bin")]
    assert ends == ["there", "name-taken"]


@pytest.mark.parametrize(("later", "reason"), [("/b/f.bin", "name-taken"), ("/a/f.bin", "busy")])
async def test_two_at_once_are_told_apart(tmp_path: Path, later: str, reason: str) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, after(gate, host), host) as r, anyio.create_task_group() as tasks:
        tasks.start_soon(end_of, r, "/a/f.bin")
        while not (tmp_path / "f.bin.part").exists():
            await anyio.sleep(0.001)
        assert await end_of(r, later) == reason
        gate.set()
    assert r.content("f.bin") == BODY


async def test_a_caller_who_names_two_files_alike_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path, host) as r:
        ends = [await end_of(r, path, "x.bin") for path in ("/a/f.bin", "/b/f.bin")]
        replaced = await end_of(r, "/b/f.bin", "x.bin", overwrite=True)
    assert (ends, replaced) == (["fetched", "name-taken"], "fetched")
    assert r.content("x.bin") == BODY[::-1]


async def test_a_url_that_is_signed_anew_means_the_same_file(tmp_path: Path) -> None:
    async with rig(tmp_path, host) as r:
        signed = [f"/a/f.bin?requestSignature={n}" for n in range(2)]
        ends = [await end_of(r, path, "x.bin") for path in signed]
    assert ends == ["fetched", "there"]


async def test_a_file_that_failed_leaves_its_name_to_others(tmp_path: Path) -> None:
    async with rig(tmp_path, host) as r:
        ends = [
            await end_of(r, "/a/f.bin", size_bytes=len(BODY) + 1),
            await end_of(r, "/b/f.bin"),
        ]
    assert ends == ["size-mismatch", "fetched"]
    assert r.content("f.bin") == BODY[::-1]
