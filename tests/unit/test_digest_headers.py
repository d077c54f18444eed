"""Digests that a host tells of its own accord: read whole, or not at all."""

import base64
import hashlib
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer import responses
from asyncdl.transfer.verification import digest_headers
from asyncdl.transfer.verification.digest_headers import (
    read_content_md5,
    read_digest_headers,
    read_repr_digest,
)
from asyncdl.transfer.verification.digests import Digest, new_hasher

BODY = b"the whole file"
MD5, SHA1 = hashlib.md5(BODY), hashlib.sha1(BODY)
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


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


CRC32 = zlib.crc32(BODY).to_bytes(4)
OF_THE_FILE = [
    ("repr-digest", item("sha-256", SHA256.digest()), "sha256"),
    ("digest", f"SHA-256={b64(SHA256.digest())}", "sha256"),
    ("digest", f"adler32=03da0195, md5={b64(MD5.digest())}", "md5"),
    ("digest", f"SHA={b64(SHA1.digest())}", "sha1"),
    ("x-goog-hash", f"crc32c=n03x6A==,md5={b64(MD5.digest())}", "md5"),
    ("x-ms-blob-content-md5", b64(MD5.digest()), "md5"),
    ("x-checksum-sha256", SHA256.hexdigest().upper(), "sha256"),
    ("x-checksum-sha1", SHA1.hexdigest(), "sha1"),
    ("oc-checksum", f"SHA1:{SHA1.hexdigest()}", "sha1"),
    ("x-amz-meta-md5", MD5.hexdigest(), "md5"),
    ("x-amz-meta-md5chksum", b64(MD5.digest()), "md5"),
    ("x-amz-meta-sha256", SHA256.hexdigest(), "sha256"),
]
OF_THE_BODY = [
    ("content-md5", b64(MD5.digest()), "md5"),
    ("content-digest", item("sha-512", SHA512.digest()), "sha512"),
    ("x-amz-checksum-sha256", b64(SHA256.digest()), "sha256"),
    ("x-amz-checksum-crc32", b64(CRC32), "crc32"),
]


def value_of(algorithm: str) -> str:
    hasher = new_hasher(algorithm)
    hasher.update(BODY)
    return hasher.hexdigest()


@pytest.mark.parametrize(("header", "value", "algorithm"), OF_THE_FILE + OF_THE_BODY)
def test_a_digest_is_read_in_whichever_header_it_comes(
    header: str, value: str, algorithm: str
) -> None:
    told = (Digest(algorithm, value_of(algorithm)),)
    assert read_digest_headers({header: value}, is_whole=True) == told
    is_of_file = (header, value, algorithm) in OF_THE_FILE
    assert read_digest_headers({header: value}, is_whole=False) == (told if is_of_file else ())


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("etag", f'"{MD5.hexdigest()}"'),
        ("x-amz-checksum-sha256", f"{b64(SHA256.digest())}-3"),
        ("x-amz-checksum-crc32c", b64(CRC32)),
        ("x-goog-hash", "crc32c=n03x6A=="),
        ("digest", f"adler32={b64(CRC32)}"),
        ("x-checksum-md5", "no"),
    ],
)
def test_what_is_no_digest_of_the_file_is_passed_over(header: str, value: str) -> None:
    assert read_digest_headers({header: value}, is_whole=True) == ()


def test_the_hash_of_a_packed_object_is_not_that_of_the_unpacked_body() -> None:
    headers = {
        "x-goog-hash": f"md5={b64(MD5.digest())}",
        "x-goog-stored-content-encoding": "gzip",
    }
    assert read_digest_headers(headers, is_whole=True) == ()
    packed = read_digest_headers(headers | {"content-encoding": "gzip"}, is_whole=True)
    assert packed == (Digest("md5", MD5.hexdigest()),)


def test_of_two_of_one_algorithm_the_better_source_counts() -> None:
    headers = {"x-amz-meta-md5": "0" * 32, "content-md5": b64(MD5.digest())}
    assert read_digest_headers(headers, is_whole=True) == (Digest("md5", MD5.hexdigest()),)


@given(st.dictionaries(st.sampled_from([row[0] for row in OF_THE_FILE + OF_THE_BODY]), st.text()))
def test_no_header_raises(headers: dict[str, str]) -> None:
    assert len(read_digest_headers(headers, is_whole=True)) <= 8


class _Recorder(dict[str, str]):
    """Headers that note which names are looked up."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return super().get(name, default)


def test_no_header_is_read_that_the_quick_look_leaves_out() -> None:
    headers = _Recorder()
    assert not [*digest_headers._read_all(headers, is_whole=True)]
    beside = {"x-goog-stored-content-encoding", "content-encoding"}
    assert headers.asked - beside == set(digest_headers._HEADERS)


def test_no_rate_header_is_read_that_the_quick_look_leaves_out() -> None:
    headers = _Recorder()
    responses._allowances(headers)
    assert headers.asked == set(responses._RATE_HEADERS)
