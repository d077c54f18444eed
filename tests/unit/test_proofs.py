"""What ``download.verify`` demands of a file."""

from __future__ import annotations

import pytest

from asyncdl.job.proofs import demand_of, digests_of
from asyncdl.m2m.models import Checksum
from asyncdl.m2m.selection import WantedFile
from asyncdl.transfer import Digest, Form

SHA = Checksum("sha256sum", "AB" * 32)
CKSUM = Checksum("cksum", 4038471504)
UNKNOWN = Checksum("whirlpool", "00")


def wanted(*checksums: Checksum) -> WantedFile:
    return WantedFile("E", "p", "S", "S_B4.TIF", ("bands",), 1, 1, checksums)


def test_known_digests_are_handed_to_the_engine_in_its_own_words() -> None:
    assert digests_of([SHA, CKSUM, UNKNOWN]) == (
        Digest("sha256", "ab" * 32),
        Digest("cksum", "4038471504"),
    )


def test_size_checks_neither_structure_nor_digests() -> None:
    demand = demand_of(wanted(SHA), "size")
    assert (demand.form, demand.digests, demand.is_possible) == (Form.ANY, (), True)


def test_auto_takes_what_is_offered_and_needs_nothing() -> None:
    assert demand_of(wanted(SHA), "auto").digests and demand_of(wanted(), "auto").is_possible


@pytest.mark.parametrize("checksums", [(), (UNKNOWN,)])
def test_checksum_is_impossible_without_a_digest(checksums: tuple[Checksum, ...]) -> None:
    assert not demand_of(wanted(*checksums), "checksum").is_possible


@pytest.mark.parametrize(
    ("verify", "proof", "is_met"),
    [
        ("checksum", "length+tiff", False),
        ("checksum", "length+sha256+tiff", True),
        ("auto", "length", True),
    ],
)
def test_an_earlier_proof_counts_if_it_is_strong_enough(
    verify: str, proof: str, is_met: bool
) -> None:
    assert demand_of(wanted(SHA), verify).is_met_by(proof) is is_met
