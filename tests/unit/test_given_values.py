"""What callers of the engine hand in: wrong values are named when they are handed in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asyncdl.config import parse_config
from asyncdl.job.job import Job
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.net.retry import Backoff
from asyncdl.sandbox import Faults
from asyncdl.transfer import Digest, Downloader, FileRequest, Form, Limits

URL = "http://host/a.bin"
SHA256 = Digest("sha256", "ab" * 32)
NOT_A_NUMBER = float("nan")


def request(**fields: Any) -> FileRequest:
    given: dict[str, Any] = {"url": URL, "directory": Path("out")} | fields
    return FileRequest(**given)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("connections", 0),
        ("connections", -1),
        ("per_host", 0),
        ("connections_per_file", 0),
        ("requests_per_file", 0),
        ("disk_threads", 0),
        ("flush_bytes", 0),
        ("refetches", -1),
        ("max_size_bytes", -1),
        ("max_rate_bytes_s", 0),
        ("max_rate_bytes_s", -1.0),
        ("stall_timeout_s", 0),
        ("connect_timeout_s", NOT_A_NUMBER),
        ("max_wait_s", -1),
    ],
)
def test_limits_refuse_values_at_once(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^Limits\.{field} = {value!r} \(allowed: a "):
        Limits(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("connections", "8"),
        ("connections", 8.0),
        ("connections", True),
        ("stall_timeout_s", "60"),
        ("max_rate_bytes_s", "5 MB/s"),
        ("backoff", 5),
    ],
)
def test_limits_refuse_other_types(field: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"^Limits\.{field}(: int| = .+) \(allowed: a"):
        Limits(**{field: value})


def test_limits_may_be_without_bounds() -> None:
    Limits(max_wait_s=float("inf"), stall_timeout_s=1, refetches=0, max_size_bytes=0)


@pytest.mark.parametrize(
    ("field", "value"), [("attempts", 0), ("first_s", -1), ("factor", 0.5), ("max_s", NOT_A_NUMBER)]
)
def test_a_backoff_refuses_values_at_once(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^Backoff\.{field} = {value!r} \(allowed: "):
        Backoff(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("algorithm", "value"),
    [
        ("sha256", "zz"),
        ("sha256", "00"),
        ("sha512", "ab" * 32),
        ("md5", "g" * 32),
        ("md5", "\u0661" * 32),
        ("crc32", "ff"),
        ("cksum", "beef"),
        ("cksum", "007"),
        ("cksum", str(1 << 32)),
        ("cksum", ""),
    ],
)
def test_a_digest_that_nothing_can_match_is_refused(algorithm: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"^Digest\.value = .* \(allowed: for {algorithm} "):
        Digest(algorithm, value)


def test_a_digest_is_a_text() -> None:
    with pytest.raises(TypeError, match=r"Digest\.value: int"):
        Digest("cksum", 5)  # type: ignore[arg-type]
    Digest("cksum", "0")
    Digest("sha256", f" {'AB' * 32}\n")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size_bytes", -1),
        ("connections", 0),
        ("form", "tif"),
        ("fingerprint", "sha999"),
    ],
)
def test_a_request_refuses_values_at_once(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^FileRequest\.{field} = {value!r} \(allowed: "):
        request(**{field: value})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", None),
        ("url", b"http://host/?sig=hush"),
        ("directory", None),
        ("directory", b"out"),
        ("name", 5),
        ("size_bytes", "300000"),
        ("size_bytes", 3.0),
        ("connections", True),
        ("digests", SHA256),
        ("digests", ("abc",)),
        ("headers", ["a: b"]),
        ("members", ["a.tif"]),
        ("refresh", URL),
        ("unpack", True),
    ],
)
def test_a_request_refuses_other_types(field: str, value: object) -> None:
    with pytest.raises(
        TypeError, match=rf"^FileRequest\.{field}(: \w+| = .+) \(allowed: "
    ) as refused:
        request(**{field: value})
    assert "hush" not in str(refused.value)


def test_a_request_takes_what_is_meant() -> None:
    made = request(directory="out", form="tiff", digests=[SHA256])
    assert made == request(form=Form.TIFF, digests=(SHA256,))
    assert (type(made.directory), type(made.digests)) == (type(Path()), tuple)


def test_a_config_takes_a_path_as_its_directory(tmp_path: Path) -> None:
    raw = {
        "search": {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]},
        "products": [{"kind": "bundle"}],
        "download": {"directory": tmp_path / "x"},
    }
    assert parse_config(raw).directory == tmp_path / "x"
    assert isinstance(raw["download"], dict) and raw["download"]["directory"] == tmp_path / "x"


@pytest.mark.parametrize("wrong", [None, 5, "x", b"x", [5], {5: "x"}], ids=repr)
def test_parts_of_the_library_refuse_other_types_when_they_are_handed_in(wrong: Any) -> None:
    account = Credentials("me", "a token")
    makers: dict[str, Callable[[], object]] = {
        "Job.config": lambda: Job(wrong),
        "M2MClient.credentials": lambda: M2MClient(wrong),
        "M2MClient.options": lambda: M2MClient(account, options=wrong),
        "Faults.parse": lambda: Faults.parse(wrong),
    }
    for field, make in makers.items():
        with pytest.raises(TypeError, match=rf"^{field}: \w+ \(allowed: "):
            make()


def test_a_job_refuses_an_account_of_another_type() -> None:
    tables = {"search": {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]}}
    config = parse_config(tables | {"products": [{"kind": "bundle"}], "download": {}})
    with pytest.raises(TypeError, match=r"^Job\.credentials: tuple \(allowed: Credentials"):
        Job(config, credentials=("me", "a token"))  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [URL, None, 5, b"x"], ids=repr)
async def test_a_bare_url_is_no_request(wrong: Any) -> None:
    async with Downloader() as downloader:
        with pytest.raises(TypeError, match=r"^Downloader\.fetch: \w+ \(allowed: a FileRequest, "):
            await downloader.fetch(wrong)
