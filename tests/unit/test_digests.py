"""Digests, against the tools that define them."""

import binascii
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.verification.digests import Digest, new_hasher


def posix_cksum(data: bytes) -> int:
    """The CRC as POSIX writes it down: bit by bit."""
    length, tail = len(data), bytearray()
    while length:
        tail.append(length & 0xFF)
        length >>= 8
    crc = 0
    for byte in data + tail:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)
            crc &= 0xFFFFFFFF
    return crc ^ 0xFFFFFFFF


def digest(algorithm: str, *pieces: bytes) -> str:
    hasher = new_hasher(algorithm)
    for piece in pieces:
        hasher.update(piece)
    return hasher.hexdigest()


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_cksum_is_that_of_posix_however_the_bytes_come(pieces: list[bytes]) -> None:
    assert digest("cksum", *pieces) == str(posix_cksum(b"".join(pieces)))


def test_cksum_is_what_the_tool_prints() -> None:
    assert digest("cksum", b"123456789") == "930766865"
    assert digest("cksum") == "4294967295"


@given(st.binary(max_size=300))
def test_the_others_are_those_of_the_standard_library(data: bytes) -> None:
    assert digest("crc32", data) == f"{binascii.crc32(data):08x}"
    for name in ("sha512", "sha384", "sha256", "sha224", "sha1", "md5"):
        assert digest(name, data) == hashlib.new(name, data).hexdigest()


def test_an_unknown_algorithm_is_refused_when_it_is_asked_for() -> None:
    with pytest.raises(ValueError, match="sha3"):
        Digest("sha3", "00")
