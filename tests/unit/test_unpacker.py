"""The members of a tar are written as it passes, and named once all of it is right."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from asyncdl.errors import ChecksumMismatch
from asyncdl.job.places.extraction import Unpacker, UnpackSpec
from asyncdl.transfer import Digest
from asyncdl.transfer.verification.checks import Expected
from asyncdl.transfer.verification.digests import Hasher, new_hasher
from asyncdl.transfer.verification.hashers import Hashers
from asyncdl.transfer.verification.structure import Form
from asyncdl.transfer.verification.tar import Member
from tests.unit.test_extraction import files_in, names_in
from tests.unit.test_tar import pack

# The bytes pass where it is convenient, not where they hold up nobody.
pytestmark = pytest.mark.allow_blocking


class Passing:
    """A tar that passes in small pieces, into the folder ``S``."""

    def __init__(self, folder: Path, **more: Any) -> None:
        order = UnpackSpec(
            is_wanted=lambda name: True,
            target_of=lambda name: folder / "S" / name,
            expected_of=lambda name, size: Expected(size_bytes=size, fingerprint="sha256"),
        )
        self.unpacker = Unpacker("S.tar", replace(order, **more))
        self.expected = Expected(Form.TAR, unpack=self.unpacker.begin)

    def pass_by(self, data: bytes) -> Hashers:
        hashers = self.expected.new_hashers()
        for at in range(0, len(data), 300):
            hashers.update(data[at : at + 300])
        return hashers


def packed(**contents: bytes) -> bytes:
    return pack(contents)


async def test_members_are_written_as_they_pass_and_named_at_the_end(tmp_path: Path) -> None:
    passing = Passing(tmp_path)
    async with passing.unpacker as unpacker:
        passing.pass_by(packed(a=b"first", b=b"second"))
        assert names_in(tmp_path / "S") == ["a.part.member", "b.part.member"]
        held, files = unpacker.finish()
    assert (held, [file.name for file in files]) == (("a", "b"), ["a", "b"])
    assert files_in(tmp_path / "S") == {"a": b"first", "b": b"second"}
    assert files[0].proof.digests == (Digest("sha256", sha256(b"first").hexdigest()),)


async def test_what_passed_before_the_tar_began_again_is_void(tmp_path: Path) -> None:
    passing = Passing(tmp_path)
    async with passing.unpacker as unpacker:
        before = passing.pass_by(packed(a=b"first", b=b"second")[:2000])
        passing.pass_by(packed(b=b"other"))
        before.update(packed(a=b"first", b=b"second")[2000:])  # a thread that was abandoned
        held, _ = unpacker.finish()
    assert (held, files_in(tmp_path / "S")) == (("b",), {"b": b"other"})


@pytest.mark.parametrize("count", [0, 100, 700, 3000])
async def test_a_tar_that_does_not_come_to_its_end_leaves_nothing(
    tmp_path: Path, count: int
) -> None:
    passing = Passing(tmp_path)
    async with passing.unpacker:
        passing.pass_by(packed(a=b"first", b=b"second")[:count])
    assert names_in(tmp_path) == []


async def test_a_folder_that_others_use_stays(tmp_path: Path) -> None:
    passing = Passing(tmp_path)
    async with passing.unpacker:
        passing.pass_by(packed(a=b"first"))
        (tmp_path / "S" / "mine").write_bytes(b"mine")
    assert files_in(tmp_path / "S") == {"mine": b"mine"}


async def test_a_member_that_cannot_be_written_does_not_stop_the_tar(tmp_path: Path) -> None:
    """The error is told at the end, and nothing of the tar has come out."""
    passing = Passing(tmp_path)
    (tmp_path / "S" / "b.part.member").mkdir(parents=True)
    async with passing.unpacker as unpacker:
        passing.pass_by(packed(a=b"first", b=b"second", c=b"third")).check_archive("S.tar")
        assert names_in(tmp_path / "S") == ["b.part.member"]
        with pytest.raises(IsADirectoryError):
            unpacker.finish()
    assert names_in(tmp_path / "S") == ["b.part.member"]


async def test_an_expected_digest_is_computed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tar's own proof needs it, and so does the member's."""
    made = list[str]()

    def counted(algorithm: str) -> Hasher:
        made.append(algorithm)
        return new_hasher(algorithm)

    for module in ("archive", "hashers"):
        monkeypatch.setattr(f"asyncdl.transfer.verification.{module}.new_hasher", counted)
    promised = {"a": (Digest("sha512", sha512(b"first").hexdigest()),)}
    passing = Passing(
        tmp_path,
        expected_of=lambda name, size: Expected(
            Form.ANY, size, promised.get(name, ()), fingerprint="sha256"
        ),
    )
    passing.expected = structs.replace(passing.expected, members=promised)
    async with passing.unpacker as unpacker:
        passing.pass_by(packed(a=b"first", b=b"second")).check_archive("S.tar")
        _, (first, second) = unpacker.finish()
    assert made == ["sha512", "sha256"]
    assert (first.proof.checks, first.proof.digests) == (("sha512",), promised["a"])
    assert (second.proof.checks, second.proof.digests[0].algorithm) == ((), "sha256")


async def test_an_expected_digest_of_a_member_has_to_agree(tmp_path: Path) -> None:
    """Also where somebody else computes it."""
    wrong = Expected(Form.ANY, 5, (Digest("sha512", "00" * 64),))
    passing = Passing(tmp_path, expected_of=lambda name, size: wrong)
    async with passing.unpacker as unpacker:
        hasher = sha512()
        (taker,) = unpacker.begin()(Member("a", 5, is_file=True), {"sha512": hasher})
        hasher.update(b"first")
        taker.update(b"first")
        with pytest.raises(ChecksumMismatch):
            unpacker.finish()
    assert names_in(tmp_path) == []
