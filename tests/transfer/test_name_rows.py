"""FAULTS C10: names and digests, over the wire."""

import asyncio
import errno
import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncdl.errors import ChecksumMismatch, DiskError, TransferError
from asyncdl.transfer import Digest, Fetched, FileRequest
from asyncdl.transfer.verification.digests import new_hasher
from tests.transfer.fault_server import (
    QUICK,
    HostedFile,
    Received,
    Reply,
    Rig,
    after,
    chunked,
    downloading,
    redirect,
    rig,
)

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


MAKEFILE = named("attachment; filename=Makefile")
CHANGED = replace(MAKEFILE, body=BODY + b"!", etag='"v2"')


def without_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(os, "setxattr", refuse, raising=False)


async def test_a_name_of_the_host_replaces_nobody_elses_file(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_bytes(b"all: mine")
    async with rig(tmp_path, MAKEFILE) as r:
        with pytest.raises(TransferError, match="Makefile is there") as refused:
            await r.fetch(None)
        assert (r.content("Makefile"), r.names) == (b"all: mine", ["Makefile"])
        await r.fetch(None, overwrite=True)
    assert (refused.value.reason, refused.value.attempts) == ("file-exists", 1)
    assert "`overwrite`" in refused.value.remedy
    assert r.content("Makefile") == BODY


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(getattr(os, "mkfifo", None), marks=pytest.mark.posix("pipes have names")),
        lambda path: path.symlink_to("elsewhere"),
    ],
)
async def test_what_is_no_file_is_somebody_elses_too(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "Makefile")
    async with rig(tmp_path, MAKEFILE) as r:
        with pytest.raises(TransferError, match="Makefile is there"):
            await r.fetch(None)
    assert r.names == ["Makefile"]


async def test_a_file_without_a_length_replaces_nobody_elses_file(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"mine")
    async with rig(tmp_path, chunked(BODY)) as r:
        with pytest.raises(TransferError) as refused:
            await r.fetch(None)
    assert (refused.value.reason, r.content()) == ("file-exists", b"mine")


async def fetch_later(r: Rig, query: str = "", **fields: Any) -> Fetched:
    """Fetch in another run, which knows of nothing."""
    async with downloading(QUICK) as later:
        return await later.fetch(FileRequest(f"{r.server.url}/dl{query}", r.directory, **fields))


@pytest.mark.posix("files carry where they are from")
async def test_our_own_file_is_replaced_by_its_next_version(tmp_path: Path) -> None:
    async with rig(tmp_path, MAKEFILE, CHANGED) as r:
        await fetch_later(r, "?id=1&Signature=a")
        await fetch_later(r, "?id=1&Signature=b")
    assert r.content("Makefile") == CHANGED.body


async def test_a_file_of_another_url_is_not_replaced_in_another_run(tmp_path: Path) -> None:
    async with rig(tmp_path, MAKEFILE, CHANGED) as r:
        await fetch_later(r, "?id=1")
        with pytest.raises(TransferError) as refused:
            await fetch_later(r, "?id=2")
    assert (refused.value.reason, r.content("Makefile")) == ("file-exists", BODY)


@pytest.mark.posix("files carry where they are from")
async def test_what_somebody_has_changed_since_is_theirs(tmp_path: Path) -> None:
    async with rig(tmp_path, MAKEFILE) as r:
        await fetch_later(r)
        with (tmp_path / "Makefile").open("ab") as file:
            file.write(b"# my note")
        with pytest.raises(TransferError) as refused:
            await fetch_later(r)
        assert r.content("Makefile") == BODY + b"# my note"
        await fetch_later(r, digests=(Digest("md5", hashlib.md5(BODY).hexdigest()),))
    assert (refused.value.reason, r.content("Makefile")) == ("file-exists", BODY)


async def test_where_nothing_can_be_kept_nothing_of_another_run_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_attributes(monkeypatch)
    async with rig(tmp_path, MAKEFILE, MAKEFILE, CHANGED) as r:
        await fetch_later(r)
        assert (await fetch_later(r)).already_there
        with pytest.raises(TransferError) as refused:
            await fetch_later(r)
    assert (refused.value.reason, r.content("Makefile")) == ("file-exists", BODY)


async def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, after(gate, MAKEFILE)) as r, anyio.create_task_group() as tasks:

        async def appear() -> None:
            while not (tmp_path / "Makefile.part").exists():
                await anyio.sleep(0.001)
            (tmp_path / "Makefile").write_bytes(b"mine")
            gate.set()

        tasks.start_soon(appear)
        with pytest.raises(DiskError, match="another file has this name now"):
            await r.fetch(None)
    assert r.content("Makefile") == b"mine"


async def test_a_name_of_the_caller_is_the_callers_to_replace(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"old")
    async with rig(tmp_path, FILE) as r:
        await r.fetch("file.bin", size_bytes=len(BODY))
    assert r.content() == BODY
