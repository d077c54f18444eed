"""Digests that a host tells of its own accord: read whole, or not at all."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.proving.digests import Digest
from asyncdl.transfer.proving.told_digests import read_content_md5, read_repr_digest

BODY = b"the whole file"
SHA256, SHA512 = hashlib.sha256(BODY), hashlib.sha512(BODY)


def item(name: str, value: bytes) -> str:
    return f"{name}=:{base64.b64encode(value).decode()}:"


def test_every_known_algorithm_is_read() -> None:
    header = f"{item('sha-256', SHA256.digest())}, {item('sha-512', SHA512.digest())};q=1"
    told = (Digest("sha256", SHA256.hexdigest()), Digest("sha512", SHA512.hexdigest()))
    assert read_repr_digest(header) == told


@pytest.mark.parametrize("header", [None, "", "md5=:AAAA:", "sha-256=:AAAA:", "sha-256=AAAA"])
def test_row_165_what_cannot_be_checked_is_left_out(header: str | None) -> None:
    assert read_repr_digest(header) == ()


@given(st.text(max_size=80))
def test_any_text_is_read_without_a_failure(header: str) -> None:
    assert read_repr_digest(header) == ()
    assert all(len(digest.value) == 32 for digest in read_content_md5(header))


def test_a_content_md5_is_read_as_its_rfc_writes_it() -> None:
    assert read_content_md5(" Q2hlY2sgSW50ZWdyaXR5IQ== ") == (
        Digest("md5", b"Check Integrity!".hex()),
    )


@pytest.mark.parametrize(
    "header",
    [None, "", "AAAA", "Q2hlY2sgSW50ZWdyaXR5IQ", "Q2hlY2sg!SW50ZWdyaXR5IQ==", "d41d8cd9" * 4],
)
def test_row_165_a_content_md5_that_cannot_be_checked_is_left_out(
    header: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_content_md5(header) == ()
    assert bool(caplog.records) is bool(header)
