"""Whole files on disk: their digests, their members, and what is said of them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from asyncdl.errors import ChecksumMismatch, SizeMismatch, TransferError, WrongContent
from asyncdl.transfer import FileRequest
from asyncdl.transfer.verification.archive import Members
from asyncdl.transfer.verification.checks import Expected, Verification, verify_file
from asyncdl.transfer.verification.digests import Digest, new_hasher
from asyncdl.transfer.verification.hashers import Hashers
from asyncdl.transfer.verification.structure import Form
from tests.unit.test_tar import END, header, pack

URL = "http://host/file"
FILES = {"S_B1.TIF": b"one" * 400_000, "S_MTL.txt": b"text", "S_stac.json": b"{}"}
BUNDLE = pack(FILES)


def digest(algorithm: str, data: bytes) -> Digest:
    hasher = new_hasher(algorithm)
    hasher.update(data)
    return Digest(algorithm, hasher.hexdigest())


def members(*algorithms: str, but: str = "") -> dict[str, tuple[Digest, ...]]:
    """What the first two files should be."""
    return {
        name: tuple(digest(a, FILES[name]) for a in algorithms) if name != but else ()
        for name in ("S_B1.TIF", "S_MTL.txt")
    }


def prove(folder: Path, expected: Expected, data: bytes = BUNDLE) -> Verification:
    path = folder / "file"
    path.write_bytes(data)
    return verify_file(path, expected, url=URL)


@pytest.mark.parametrize(
    ("wanted", "check"),
    [
        (members("sha512"), "members-sha512"),
        (members("sha256", "cksum"), "members-sha256"),
        (members("sha512", but="S_MTL.txt"), "members-some-sha512"),
        (members("sha512") | {"S_stac.json": (digest("md5", b"{}"),)}, "members-md5"),
        (members(), "members"),
    ],
)
def test_members_are_proven_by_their_weakest_digest(
    tmp_path: Path, wanted: Members, check: str
) -> None:
    assert prove(tmp_path, Expected(Form.TAR, members=wanted)).checks == ("tar", check)


def test_a_wrong_member_is_named_with_both_digests(tmp_path: Path) -> None:
    wrong = members("sha512") | {"S_MTL.txt": (Digest("sha512", "0" * 128),)}
    with pytest.raises(ChecksumMismatch) as refused:
        prove(tmp_path, Expected(Form.TAR, members=wrong))
    got = hashlib.sha512(b"text").hexdigest()
    assert (refused.value.member, refused.value.got, refused.value.expected) == (
        "S_MTL.txt", got, "0" * 128,
    )  # fmt: skip
    assert all(fact in str(refused.value) for fact in ("S_MTL.txt", got, "0" * 128))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (pack({"S_B1.TIF": b"1"}), r"lacks S_MTL\.txt"),
        (pack({"other": b"1"}), r"lacks S_B1\.TIF and 1 more"),
        (pack({"S_B1.TIF": b"1"})[:1024] + BUNDLE, r"S_B1\.TIF is in it twice"),
        (header(b"2", name=b"S_B1.TIF") + BUNDLE, r"S_B1\.TIF is not a regular file"),
        (BUNDLE[:-10240], "before the end"),
        (BUNDLE.rstrip(b"\0"), "before the end"),
    ],
)  # fmt: skip
def test_an_archive_that_holds_something_else_is_broken(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    with pytest.raises(WrongContent, match=problem) as refused:
        prove(tmp_path, Expected(Form.TAR, members=members()), data)
    assert refused.value.reason == "broken-file"


def test_members_may_be_written_as_of_this_folder(tmp_path: Path) -> None:
    data = pack({f"./{name}": content for name, content in FILES.items()})
    proof = prove(tmp_path, Expected(Form.TAR, members=members("sha512")), data)
    assert proof.checks == ("tar", "members-sha512")


def test_an_archive_is_one_whatever_it_is_called(tmp_path: Path) -> None:
    """Members are looked for in any file; one that is no tar has none."""
    expected = Expected(members=members("sha512"))
    assert prove(tmp_path, expected).checks == ("tar", "members-sha512")
    with pytest.raises(WrongContent):
        prove(tmp_path, expected, b"no tar")


def test_the_strongest_digest_is_named_first(tmp_path: Path) -> None:
    digests = tuple(digest(a, BUNDLE) for a in ("crc32", "sha256", "md5", "sha512"))
    proof = prove(tmp_path, Expected(Form.TAR, digests=digests, members=members()))
    assert proof.checks == ("sha512", "sha256", "md5", "crc32", "tar", "members")
    assert [d.algorithm for d in proof.digests] == ["sha512", "sha256", "md5", "crc32"]


def test_a_fingerprint_is_computed_and_proves_nothing(tmp_path: Path) -> None:
    proof = prove(tmp_path, Expected(fingerprint="sha256"))
    assert proof == Verification((), (digest("sha256", BUNDLE),))


def test_no_fingerprint_is_taken_of_a_file_with_a_digest(tmp_path: Path) -> None:
    cksum = digest("cksum", BUNDLE)
    proof = prove(tmp_path, Expected(digests=(cksum,), fingerprint="sha256"))
    assert proof == Verification(("cksum",), (cksum,))


def test_two_digests_that_contradict_each_other_cannot_both_be_right(tmp_path: Path) -> None:
    digests = (digest("sha256", BUNDLE), Digest("sha256", "0" * 64))
    with pytest.raises(ChecksumMismatch):
        prove(tmp_path, Expected(digests=digests))


def test_a_file_is_read_once_for_everything(tmp_path: Path) -> None:
    """The reader is told of each block, so that it can show how far it is."""
    path, counts = tmp_path / "file", list[int]()
    path.write_bytes(BUNDLE)
    expected = Expected(Form.TAR, None, (digest("sha512", BUNDLE),), members("sha512", "sha256"))
    verify_file(path, expected, url=URL, on_read=counts.append)
    assert sum(counts) == len(BUNDLE) and len(counts) > 1


def test_only_what_was_not_taken_before_is_read(tmp_path: Path) -> None:
    path, counts = tmp_path / "file", list[int]()
    path.write_bytes(BUNDLE)
    expected = Expected(Form.TAR, None, (digest("sha512", BUNDLE),), members("sha512"))
    hashers = expected.new_hashers()
    hashers.update(BUNDLE[:1_000_001])
    proof = verify_file(path, expected, url=URL, hashers=hashers, on_read=counts.append)
    assert proof.checks == ("sha512", "tar", "members-sha512")
    assert sum(counts) == len(BUNDLE) - 1_000_001


def test_reading_can_be_stopped_between_blocks(tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(count: int) -> None:
        raise Enough

    path = tmp_path / "file"
    path.write_bytes(BUNDLE)
    with pytest.raises(Enough):
        verify_file(path, Expected(fingerprint="md5"), url=URL, on_read=stop)


def test_a_file_that_is_shortened_meanwhile_is_not_taken_for_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(BUNDLE)
    with pytest.raises(SizeMismatch):
        verify_file(
            path,
            Expected(fingerprint="md5"),
            url=URL,
            on_read=lambda count: os.truncate(path, 1000),
        )


def test_nothing_is_opened_if_only_the_length_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    monkeypatch.delattr(Path, "open")
    assert verify_file(path, Expected(size_bytes=1), url=URL) == Verification()


def test_idle_sums_take_no_bytes() -> None:
    assert Hashers().is_idle and Expected(Form.TAR).new_hashers().is_idle
    assert not Expected(Form.TAR, members=members()).new_hashers().is_idle


def test_an_unknown_fingerprint_is_refused_when_it_is_asked_for() -> None:
    with pytest.raises(ValueError, match="sha3"):
        FileRequest(URL, Path(), fingerprint="sha3")


def test_an_empty_archive_lacks_its_members(tmp_path: Path) -> None:
    with pytest.raises(TransferError):
        prove(tmp_path, Expected(members=members()), END)
