"""A tar is shown, member by member, to whoever unpacks it while it arrives."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import HttpStatusError, WrongContent
from asyncdl.transfer import Digest, Limits
from asyncdl.transfer.verification.archive import Unpack
from asyncdl.transfer.verification.digests import Hasher
from asyncdl.transfer.verification.tar import ByteSink, Member
from tests.transfer.fault_server import QUICK, HostedFile, after, cut, rig, status
from tests.transfer.test_segment_rows import SPLIT, until
from tests.unit.test_tar import pack


def noise(seed: bytes, size: int) -> bytes:
    return hashlib.shake_128(seed).digest(size)


OLD = {"S_B1.TIF": noise(b"1", 700_000), "S_B2.TIF": noise(b"2", 900_000), "S_MTL.txt": b"text"}
NEW = {name: content[::-1] for name, content in OLD.items()}
TAR = HostedFile(pack(OLD))
OTHER = HostedFile(pack(NEW), etag='"v2"')
IN_BATCHES: Limits = replace(QUICK, flush_bytes=150_000, flush_interval_s=60.0)


@dataclass
class Bag:
    """Keeps the members of each passage."""

    passages: list[dict[str, bytearray]] = field(default_factory=list)
    fed: set[str] = field(default_factory=set)
    """The members that somebody hashes anyway."""

    def begin(self) -> Unpack:
        contents: dict[str, bytearray] = {}
        self.passages.append(contents)

        def take(member: Member, hashers: Mapping[str, Hasher]) -> Sequence[ByteSink]:
            contents[member.name] = bytearray()
            if hashers:
                self.fed.add(member.name)
            return (Into(contents[member.name]),)

        return take

    @property
    def last(self) -> Mapping[str, bytes]:
        return {name: bytes(content) for name, content in self.passages[-1].items()}


@dataclass
class Into:
    content: bytearray

    def update(self, data: bytes | memoryview, /) -> None:
        self.content += data


async def test_members_pass_while_the_tar_arrives(tmp_path: Path) -> None:
    gate, bag = asyncio.Event(), Bag()
    async with (
        rig(tmp_path, after(gate, TAR, first_bytes=1_000_000)) as r,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(lambda: r.fetch("S.tar", unpack=bag.begin))
        await until(lambda: bool(bag.passages) and "S_B2.TIF" in bag.passages[-1])
        assert bag.last["S_B1.TIF"] == OLD["S_B1.TIF"]
        assert "S.tar" not in r.names
        gate.set()
    assert bag.last == OLD


async def test_a_tar_that_is_unpacked_is_walked_through_whatever_else_is_asked(
    tmp_path: Path,
) -> None:
    bag = Bag()
    async with rig(tmp_path, TAR) as r:
        fetched = await r.fetch("S.bin", unpack=bag.begin)
    assert (fetched.proof, bag.last) == ("length+tar", OLD)


async def test_who_hashes_a_member_anyway_is_told(tmp_path: Path) -> None:
    bag = Bag()
    promised = {"S_B1.TIF": (Digest("sha512", hashlib.sha512(OLD["S_B1.TIF"]).hexdigest()),)}
    async with rig(tmp_path, TAR) as r:
        await r.fetch("S.tar", unpack=bag.begin, members=promised)
    assert (bag.last, bag.fed) == (OLD, {"S_B1.TIF"})


async def test_a_tar_that_was_cut_passes_on_where_it_broke_off(tmp_path: Path) -> None:
    bag = Bag()
    async with rig(tmp_path, cut(TAR, 800_000), TAR, limits=IN_BATCHES) as r:
        await r.fetch("S.tar", unpack=bag.begin)
    assert r.ranges == ["bytes=0-", "bytes=800000-"]
    assert bag.last == OLD


async def test_what_an_earlier_run_brought_passes_out_of_the_file(tmp_path: Path) -> None:
    first, second = Bag(), Bag()
    async with rig(tmp_path, cut(TAR, 800_000), status(404), TAR, limits=IN_BATCHES) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch("S.tar", unpack=first.begin)
        await r.fetch("S.tar", unpack=second.begin)
    assert r.ranges[-1] == "bytes=800000-"
    assert second.last == OLD


async def test_another_version_passes_from_its_beginning(tmp_path: Path) -> None:
    bag = Bag()
    async with rig(tmp_path, cut(TAR, 800_000), OTHER, limits=IN_BATCHES) as r:
        await r.fetch("S.tar", unpack=bag.begin)
    assert bag.passages[-2]["S_B1.TIF"] == OLD["S_B1.TIF"]
    assert bag.last == NEW


async def test_a_tar_in_pieces_passes_in_order(tmp_path: Path) -> None:
    gate, bag = asyncio.Event(), Bag()
    async with (
        rig(tmp_path, after(gate, TAR, first_bytes=1000), TAR, limits=SPLIT) as r,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(lambda: r.fetch("S.tar", unpack=bag.begin))
        await until(lambda: len(r.server.requests) >= 2 and r.server.active <= 1)
        gate.set()
    assert bag.last == OLD


async def test_a_tar_that_is_there_passes_out_of_the_file(tmp_path: Path) -> None:
    bag = Bag()
    (tmp_path / "S.tar").write_bytes(TAR.body)
    async with rig(tmp_path, TAR) as r:
        fetched = await r.fetch("S.tar", unpack=bag.begin)
    assert (fetched.already_there, bag.last) == (True, OLD)


async def test_what_is_no_tar_is_refused(tmp_path: Path) -> None:
    async with rig(tmp_path, HostedFile(noise(b"", 5000))) as r:
        with pytest.raises(WrongContent, match="no tar header"):
            await r.fetch("S.bin", unpack=Bag().begin)
        assert r.names == []
