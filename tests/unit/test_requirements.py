"""What ``download.verify`` demands of a file."""

from __future__ import annotations

import pytest

from asyncdl.job.stages.requirements import digests_of, requirements_of
from asyncdl.journal import FinishedFile
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import Checksum
from asyncdl.transfer import Digest, Form

SHA = Checksum("sha256sum", "AB" * 32)
CKSUM = Checksum("cksum", 4038471504)
UNKNOWN = Checksum("whirlpool", "00")
NONSENSE = Checksum("md5sum", "n/a")


def known(source: str, *digests: Digest) -> FinishedFile:
    return FinishedFile("S_B4.TIF", "bands", "S", 1, 1, "length", source, digests)


def wanted(*checksums: Checksum) -> WantedFile:
    return WantedFile("E", "p", "S", "S_B4.TIF", ("bands",), 1, 1, checksums)


def test_known_digests_are_handed_to_the_engine_in_its_own_words() -> None:
    assert digests_of([SHA, CKSUM, UNKNOWN, NONSENSE]) == (
        Digest("sha256", "ab" * 32),
        Digest("cksum", "4038471504"),
    )


@pytest.mark.parametrize(
    ("checksum_id", "algorithm", "digits"),
    [
        ("sha512", "sha512", 128),
        ("sha512sum", "sha512", 128),
        ("SHA-512", "sha512", 128),
        ("sha384", "sha384", 96),
        ("sha256", "sha256", 64),
        ("Sha256Sum", "sha256", 64),
        (" sha_256 ", "sha256", 64),
        ("sha224sum", "sha224", 56),
        ("sha1", "sha1", 40),
        ("SHA1SUM", "sha1", 40),
        ("md5", "md5", 32),
        ("md5sum", "md5", 32),
        ("CRC32", "crc32", 8),
    ],
)
def test_a_digest_is_known_with_and_without_sum_and_in_any_case(
    checksum_id: str, algorithm: str, digits: int
) -> None:
    promised = Checksum(checksum_id, "A0" * (digits // 2))
    assert digests_of([promised]) == (Digest(algorithm, "a0" * (digits // 2)),)
    assert requirements_of(wanted(promised), "checksum").is_possible


@pytest.mark.parametrize(
    "empty",
    [
        Checksum("sha512"),
        Checksum("sha512", ""),
        Checksum("cksum", None),
        Checksum("cksum", -1),
        Checksum("cksum", 1 << 32),
        Checksum("sum", 1),
        Checksum("sha3-256", "ab" * 32),
        Checksum("", "ab"),
    ],
)
def test_what_has_no_value_or_no_known_name_is_not_expected(empty: Checksum) -> None:
    assert digests_of([empty]) == ()
    assert not requirements_of(wanted(empty), "checksum").is_possible
    assert requirements_of(wanted(empty, SHA), "checksum").is_possible


def test_size_checks_neither_structure_nor_digests() -> None:
    demand = requirements_of(wanted(SHA), "size")
    assert (demand.form, demand.digests, demand.is_possible) == (Form.ANY, (), True)


def test_auto_takes_what_is_offered_and_needs_nothing() -> None:
    assert (
        requirements_of(wanted(SHA), "auto").digests
        and requirements_of(wanted(), "auto").is_possible
    )


@pytest.mark.parametrize("checksums", [(), (UNKNOWN,), (NONSENSE,)])
def test_checksum_is_impossible_without_a_digest(checksums: tuple[Checksum, ...]) -> None:
    assert not requirements_of(wanted(*checksums), "checksum").is_possible


@pytest.mark.parametrize(
    ("verify", "source", "is_met"),
    [("checksum", "", False), ("checksum", "stac", True), ("auto", "", True)],
)
def test_an_earlier_proof_counts_if_it_is_strong_enough(
    verify: str, source: str, is_met: bool
) -> None:
    assert requirements_of(wanted(), verify).is_met_by(known(source)) is is_met


def test_an_earlier_proof_does_not_count_when_another_digest_is_expected_now() -> None:
    demand = requirements_of(wanted(SHA), "auto")
    assert demand.is_met_by(known("m2m", Digest("sha256", "ab" * 32)))
    assert not demand.is_met_by(known("m2m", Digest("sha256", "cd" * 32)))


def test_each_digest_has_its_source() -> None:
    by_catalogue = wanted().replace(catalogued={"S_B4.TIF": Checksum("sha512sum", "EF" * 64)})
    demand = requirements_of(by_catalogue, "auto")
    assert (demand.source, demand.digests) == ("stac", (Digest("sha512", "ef" * 64),))
    both = requirements_of(by_catalogue.replace(checksums=(SHA,)), "auto")
    assert both.source == "m2m+stac" and len(both.digests) == 2
    assert requirements_of(wanted(), "auto").source_of("length+md5+tiff") == "host"
    assert requirements_of(wanted(), "auto").source_of("length+tiff") == ""


def test_a_bundles_members_have_the_digests_of_both() -> None:
    bundle = wanted().replace(
        file_name="S.tar",
        members={"S_B4.TIF": (SHA,), "S_MTL.txt": ()},
        catalogued={"S_MTL.txt": Checksum("sha512sum", "EF" * 64)},
    )
    demand = requirements_of(bundle, "auto")
    assert demand.members == {
        "S_B4.TIF": (Digest("sha256", "ab" * 32),),
        "S_MTL.txt": (Digest("sha512", "ef" * 64),),
    }
    assert demand.source == "m2m+stac"
