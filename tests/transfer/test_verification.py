"""What a fetched file has shown, over the wire: digests, members and fingerprints."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from io import BufferedReader
from pathlib import Path

import pytest

from asyncdl.errors import ChecksumMismatch, HttpStatusError, WrongContent
from asyncdl.transfer import Digest, Limits
from asyncdl.transfer.verification.hashers import Hashers
from tests.transfer.fault_server import QUICK, HostedFile, cut, rig, status
from tests.unit.test_tar import pack

CONTENTS = {"S_B1.TIF": bytes(range(256)) * 300, "S_MTL.txt": b"text"}
BUNDLE = HostedFile(pack(CONTENTS))


def sha512(data: bytes) -> Digest:
    return Digest("sha512", hashlib.sha512(data).hexdigest())


MEMBERS = {name: (sha512(content),) for name, content in CONTENTS.items()}


@pytest.fixture
def read_back(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes were read from files for their digests, call by call."""
    counts, read = list[int](), Hashers.read

    def note(sums: Hashers, file: BufferedReader, stop: int, *rest: object) -> None:
        before = sums.taken_bytes
        read(sums, file, stop)
        counts.append(sums.taken_bytes - before)

    monkeypatch.setattr(Hashers, "read", note)
    return counts


LARGE = HostedFile(pack({"S_B1.TIF": hashlib.shake_128(b"").digest(2_000_000)}))
IN_BATCHES: Limits = replace(QUICK, flush_bytes=150_000, flush_interval_s=60.0)


async def test_a_file_that_comes_in_order_is_never_read_again(
    tmp_path: Path, read_back: list[int]
) -> None:
    """Its bytes are taken out of buffers that are used again and again."""
    members = {"S_B1.TIF": (sha512(hashlib.shake_128(b"").digest(2_000_000)),)}
    async with rig(tmp_path, LARGE, limits=IN_BATCHES) as r:
        fetched = await r.fetch("S.tar", digests=(sha512(LARGE.body),), members=members)
    assert fetched.proof == "length+sha512+tar+members-sha512"
    assert sum(read_back) == 0


async def test_row_166_what_an_earlier_run_brought_is_read_once(
    tmp_path: Path, read_back: list[int]
) -> None:
    async with rig(tmp_path, cut(LARGE, 700_000), status(404), LARGE, limits=IN_BATCHES) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch(fingerprint="sha512")
        fetched = await r.fetch(fingerprint="sha512")
    assert fetched.digests == (sha512(LARGE.body),)
    assert sum(read_back) == 700_000


async def test_a_file_without_promises_is_not_looked_at(
    tmp_path: Path, read_back: list[int]
) -> None:
    async with rig(tmp_path, LARGE, limits=IN_BATCHES) as r:
        fetched = await r.fetch()
    assert (fetched.proof, fetched.digests, sum(read_back)) == ("length", (), 0)


async def test_a_bundle_is_proven_by_its_members(tmp_path: Path) -> None:
    async with rig(tmp_path, BUNDLE) as r:
        fetched = await r.fetch("S.tar", members=MEMBERS)
    assert (fetched.proof, fetched.digests) == ("length+tar+members-sha512", ())


async def test_row_162_a_bundle_with_a_wrong_member_never_gets_the_final_name(
    tmp_path: Path,
) -> None:
    """It is fetched once more; the error tells the member and both digests."""
    wrong = MEMBERS | {"S_MTL.txt": (sha512(b"other"),)}
    async with rig(tmp_path, BUNDLE) as r:
        with pytest.raises(ChecksumMismatch) as refused:
            await r.fetch("S.tar", members=wrong)
    assert (refused.value.member, r.names, len(r.server.requests)) == ("S_MTL.txt", [], 2)
    assert refused.value.got == MEMBERS["S_MTL.txt"][0].value


async def test_a_bundle_that_lacks_a_member_is_fetched_once_more(tmp_path: Path) -> None:
    partial = HostedFile(pack({"S_B1.TIF": CONTENTS["S_B1.TIF"]}))
    async with rig(tmp_path, partial, BUNDLE) as r:
        fetched = await r.fetch("S.tar", members=MEMBERS)
        assert fetched.attempts == 2
        r.server.script = [partial]
        with pytest.raises(WrongContent, match="lacks S_MTL"):
            await r.fetch("T.tar", members=MEMBERS)
    assert r.names == ["S.tar"]


async def test_a_fingerprint_comes_with_the_file(tmp_path: Path) -> None:
    """Of a file that is fetched, and of one that is there already."""
    async with rig(tmp_path, BUNDLE) as r:
        fetched = await r.fetch("S.tar", fingerprint="sha512")
        again = await r.fetch("S.tar", fingerprint="sha512")
    assert (fetched.proof, fetched.digests) == ("length+tar", (sha512(BUNDLE.body),))
    assert (again.already_there, again.digests) == (True, fetched.digests)


async def test_digests_that_were_checked_come_with_the_file(tmp_path: Path) -> None:
    async with rig(tmp_path, BUNDLE) as r:
        fetched = await r.fetch(digests=(sha512(BUNDLE.body),), fingerprint="md5")
    assert (fetched.proof, fetched.digests) == ("length+sha512", (sha512(BUNDLE.body),))


async def test_a_bundle_that_was_broken_off_is_proven_as_a_whole(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(BUNDLE, 5000), status(404), BUNDLE) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch("S.tar", members=MEMBERS)
        fetched = await r.fetch("S.tar", members=MEMBERS, fingerprint="sha512")
    assert r.ranges[-1] == "bytes=5000-"
    assert fetched.proof == "length+tar+members-sha512"
    assert fetched.digests == (sha512(BUNDLE.body),)
