"""FAULTS C10: names and digests, over the wire."""

import asyncio
import os
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import ChecksumMismatch
from asyncdl.transfer import Digest
from asyncdl.transfer.proving.digests import new_hasher
from tests.transfer.fault_server import HostedFile, Received, Reply, after, redirect, rig

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)


def named(disposition: str) -> HostedFile:
    return HostedFile(BODY, headers={"Content-Disposition": disposition})


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="../../x.bin"', "x.bin"),
        ("attachment; filename=/etc/passwd", "passwd"),
        (r'attachment; filename="C:\dir\x.bin"', "x.bin"),
        ('attachment; filename=".."', "file.bin"),
    ],
)
async def test_row_156_a_name_stays_in_the_folder(
    tmp_path: Path, disposition: str, name: str
) -> None:
    async with rig(tmp_path / "inner", named(disposition)) as r:
        await r.fetch(None)
    assert r.names == [name]
    assert os.listdir(tmp_path) == ["inner"]


async def test_a_name_like_that_of_a_partial_file_is_another_name(tmp_path: Path) -> None:
    """What a host names so would be taken for the beginning of another file."""
    planted = named("attachment; filename=victim.bin.part.state")
    async with rig(tmp_path, planted, FILE, FILE) as r:
        await r.fetch(None)
        await r.fetch("victim.bin.part")
        await r.fetch(None, url=f"{r.server.url}/data/victim.bin.PART")
    assert r.names == ["victim.bin.PART_", "victim.bin.part.state_", "victim.bin.part_"]


async def test_such_a_name_is_found_again(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        first = await r.fetch(None, url=f"{r.server.url}/x.part")
        again = await r.fetch(None, url=f"{r.server.url}/x.part")
    assert (first.already_there, again.already_there) == (False, True)


async def test_a_file_and_one_called_like_its_part_do_not_meet(tmp_path: Path) -> None:
    other, gate = HostedFile(BODY[::-1]), asyncio.Event()

    def both(received: Received) -> Reply:
        return other(received) if received.target == "/x.part" else after(gate, FILE)(received)

    async with rig(tmp_path, both) as r, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: r.fetch(None, url=f"{r.server.url}/x"))
        while not r.server.active:
            await anyio.sleep(0.001)
        await r.fetch(None, url=f"{r.server.url}/x.part")
        gate.set()
    assert (r.content("x"), r.content("x.part_")) == (BODY, BODY[::-1])


async def test_row_157_the_extended_name_wins(tmp_path: Path) -> None:
    both = "attachment; filename=\"plain.bin\"; filename*=UTF-8''r%C3%A9el.bin"
    async with rig(tmp_path, named(both)) as r:
        await r.fetch(None)
    assert r.names == ["réel.bin"]


async def test_row_161_the_last_answer_names_the_file(tmp_path: Path) -> None:
    async with rig(tmp_path, redirect("/final"), named("attachment; filename=last.bin")) as r:
        await r.fetch(None)
    assert r.names == ["last.bin"]


async def test_row_162_a_wrong_digest_never_gets_the_final_name(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(ChecksumMismatch) as refused:
            await r.fetch(digests=(Digest("sha256", "0" * 64),))
    assert (refused.value.reason, r.names) == ("checksum-mismatch", [])
    assert r.ranges == ["bytes=0-", "bytes=0-"]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "md5", "cksum", "crc32"])
async def test_every_digest_is_a_proof(tmp_path: Path, algorithm: str) -> None:
    hasher = new_hasher(algorithm)
    hasher.update(BODY)
    async with rig(tmp_path, FILE) as r:
        fetched = await r.fetch(digests=(Digest(algorithm, hasher.hexdigest().upper()),))
    assert fetched.proof == f"length+{algorithm}"
