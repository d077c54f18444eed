"""Addresses of stores, what their errors mean, and what a process without the extra says."""

from __future__ import annotations

import gc
import pickle
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.config import parse_config
from asyncdl.errors import ConfigError, MisuseError
from asyncdl.job.places.store_placer import StorePlace, StorePlacer
from asyncdl.job.places.target import placer_of
from asyncdl.stores.address import StoreAddress, is_store
from asyncdl.stores.call_threads import CallThreads
from asyncdl.stores.faults import opening_error, store_error
from asyncdl.stores.object_store import (
    MIB,
    MOST_PARTS,
    PART_BYTES,
    PARTS_AT_ONCE,
    open_store,
    part_size,
    parts_at_once,
    parts_memory,
)
from asyncdl.stores.settings import StoreSettings


def config(directory: str, tmp_path: Path, **store: object) -> dict[str, object]:
    return {
        "search": {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]},
        "products": [{"kind": "bundle"}],
        "download": {"directory": directory, "state_directory": str(tmp_path)},
        "store": store,
    }


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://bucket", StoreAddress("s3", "bucket")),
        ("S3://bucket/", StoreAddress("s3", "bucket")),
        ("gs://my.bucket-1/a/b/", StoreAddress("gs", "my.bucket-1", "a/b")),
        ("az://container/é x", StoreAddress("az", "container", "é x")),
    ],
)
def test_an_address_is_read(text: str, address: StoreAddress) -> None:
    assert is_store(text) and StoreAddress.parse(text) == address
    assert StoreAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("s3:///x", "no valid name of a bucket"),
        ("s3://", "no valid name of a bucket"),
        ("s3://key:secret@bucket/x", "credentials do not belong there"),
        ("s3://host:9000/x", "credentials do not belong there"),
        ("s3://bucket/a//b", "empty or dotted folder"),
        ("s3://bucket/../b", "empty or dotted folder"),
        ("s3://bucket/a\\b", "backslash"),
        ("az://ab/x", "no valid name of a container"),
        ("az://Landsat/x", "no valid name of a container"),
        ("az://land--sat", "no valid name of a container"),
        ("az://land.sat", "no valid name of a container"),
        ("az://" + "x" * 64, "no valid name of a container"),
        ("az://landsat/a./b", "a prefix whose name has a part that ends with a dot"),
        ("s3://bucket/" + "x" * 1025, "a prefix whose name has more than the 1024 bytes"),
        ("ftp://host/x", "not the address of a store"),
        ("abfs://container/x", "not the address of a store"),
    ],
)
def test_a_wrong_address_is_refused_in_a_config(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=problem) as raised:
        parse_config(config(text, tmp_path))
    assert raised.value.key == "download.directory"
    assert "s3://bucket/prefix" in raised.value.allowed and "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("scheme", "path", "problem"),
    [
        ("s3", "é" * 513, "more than the 1024 bytes"),
        ("az", "/".join("x" * 255), "more than the 253 folders"),
        ("az", "bands./x", "ends with a dot"),
        ("az", "bands/x.", "ends with a dot"),
        ("az", "/".join("x" * 254), ""),
        ("gs", "bands./x.", ""),
        ("s3", "/".join("x" * 255), ""),
    ],
)
def test_a_name_that_a_store_does_not_keep_is_known(scheme: str, path: str, problem: str) -> None:
    found = StoreAddress(scheme, "bucket").problem_of(path)
    assert problem in found if problem else found == ""


@pytest.mark.parametrize("text", ["data", "/data/s3", r"C:\data", "./s3:/x", "https://host/x"])
def test_a_folder_is_no_address(text: str) -> None:
    assert not is_store(text)


names = st.text(st.characters(codec="utf-8", exclude_characters="/", exclude_categories=["C"]),
                min_size=1).filter(lambda text: text not in (".", ".."))  # fmt: skip


@given(prefix=st.lists(names, max_size=3), path=st.lists(names, min_size=1, max_size=3))
def test_a_key_leads_back_to_its_path(prefix: list[str], path: list[str]) -> None:
    address = StoreAddress("s3", "bucket", "/".join(prefix))
    assert address.path_of(address.key_of("/".join(path))) == "/".join(path)


def test_a_config_of_a_store_has_no_folder(tmp_path: Path) -> None:
    found = parse_config(config("s3://bucket/x/", tmp_path, endpoint="http://127.0.0.1:9000"))
    assert found.target == "s3://bucket/x" and found.store.spool == 20 * 1024**3
    with pytest.raises(MisuseError, match="s3://bucket/x is no folder"):
        _ = found.directory
    with pytest.raises(ConfigError, match=r"store\.secret: secrets do not belong"):
        parse_config(config("s3://bucket/x", tmp_path, secret="x"))
    with pytest.raises(ConfigError, match="secrets do not belong in a config"):
        parse_config(config("s3://bucket/x", tmp_path, endpoint="https://k:s@host"))


def test_a_store_travels_as_plain_data(tmp_path: Path) -> None:
    place = StorePlace.of(parse_config(config("s3://bucket/x", tmp_path, uploads=3)))
    again = pickle.loads(pickle.dumps(place))
    assert again == place and StorePlacer(again).at_once == 3
    assert StorePlacer(again).address_of("a/b") == "s3://bucket/x/a/b"


def test_two_services_with_a_bucket_of_one_name_have_two_states(tmp_path: Path) -> None:
    spools = {
        StorePlace.of(parse_config(config("s3://bucket/x", tmp_path, **store))).spool
        for store in ({}, {"endpoint": "https://a.example"}, {"endpoint": "https://b.example"})
    }
    assert len(spools) == 3


def test_without_the_extra_it_is_said_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(ConfigError, match=r"pip install .*store"):
        open_store(StoreSettings(StoreAddress("s3", "bucket")))
    placer = placer_of(parse_config(config("s3://bucket", tmp_path)))
    with pytest.raises(ConfigError, match=r"pip install .*store"):
        placer.is_empty()


class GenericError(Exception):
    """As the library calls what it has no class for."""


@pytest.mark.parametrize(
    ("text", "reason", "retryable"),
    [
        ("status code: 503 Slow: <Error><Code>SlowDown</Code>", "store-busy", True),
        ("status code: 500 Internal Server Error", "store-down", True),
        ("status code: 418 I'm a teapot", "store", False),
        ("status code: 404 <Code>NoSuchBucket</Code>", "store-no-bucket", False),
        ("status code: 404 Not Found", "store-no-object", False),
        ("HTTP error: error sending request", "store-down", True),
        ("operation timed out", "store-down", True),
        ("Error getting credentials from http://169.254.169.254", "store-credentials", False),
        ("<Code>Unheard0f</Code> status code: 403", "store-denied", False),
        (
            (
                "Error performing token request: Error performing GET http://169.254.169.254/x"
                " - Server returned non-2xx status code: 403 Forbidden"
            ),
            "store-credentials",
            False,
        ),
    ],
)
def test_what_an_error_of_the_library_means(text: str, reason: str, retryable: bool) -> None:
    secret = "<AWSAccessKeyId>AKIA</AWSAccessKeyId><StringToSign>x</StringToSign>"
    error = store_error("s3://b/x", GenericError(f"Generic S3 error: {text} {secret}"))
    assert (error.reason, error.retryable) == (reason, retryable)
    assert "AKIA" not in f"{error} {error!r} {vars(error)}"
    assert str(error).startswith("s3://b/x: ") and "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("HTTP error: error sending request", "the store cannot be reached"),
        ("HTTP error: operation timed out", "no response in time"),
    ],
)
def test_a_store_that_is_silent_is_not_called_away(text: str, detail: str) -> None:
    """The text of each error after several attempts has the name of a setting in it."""
    tried = "in 2.1s, after 4 retries, max_retries: 4, retry_timeout: 8s  - "
    assert store_error("s3://b/x", GenericError(tried + text)).detail == detail


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("Account must be specified", "AZURE_STORAGE_ACCOUNT_NAME is not set"),
        ("Invalid Access Key: Invalid symbol 32, offset 2.", "has no key of an account"),
        ("Unable to open service account file from /home/me/x: No such file", "cannot be read"),
        ("Something of a later version: /home/me", "Azure Blob Storage cannot be opened"),
    ],
)
def test_why_a_store_cannot_be_opened(text: str, detail: str) -> None:
    error = opening_error("az://b/x", "Azure Blob Storage", GenericError(f"Generic: {text}"))
    assert detail in str(error) and "/home" not in str(error)
    assert error.reason == "store-credentials" and error.stops_run


def test_the_url_of_a_service_may_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:1/account")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    urls = {s: StoreSettings(StoreAddress(s, "bucket")).service_url for s in ("s3", "gs", "az")}
    assert urls == {"s3": "http://127.0.0.1:2", "gs": None, "az": "http://127.0.0.1:1/account"}
    assert StoreSettings(StoreAddress("az", "b"), "http://here").service_url == "http://here"


@given(size_bytes=st.integers(1, 10 * 1024**4))
def test_no_upload_has_too_many_parts(size_bytes: int) -> None:
    part_bytes = part_size(size_bytes)
    assert part_bytes >= PART_BYTES and part_bytes % MIB == 0
    assert -(-size_bytes // part_bytes) <= MOST_PARTS


@given(st.integers(0, 1024 * MIB))
def test_the_parts_of_one_upload_fit_into_the_memory_of_all_or_are_two(memory_bytes: int) -> None:
    count = parts_at_once(memory_bytes)
    assert 2 <= count <= PARTS_AT_ONCE
    assert count == 2 or parts_memory(PART_BYTES, count) <= memory_bytes
    assert parts_at_once(StoreSettings(StoreAddress("s3", "b", "")).memory_bytes) == PARTS_AT_ONCE


def test_threads_of_calls_end_with_what_they_are_for() -> None:
    """One that is left behind ends with its call."""
    is_held = threading.Event()

    def fail() -> None:
        raise KeyboardInterrupt

    def alive() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name == "calls of a store"}

    before = alive()
    threads = CallThreads()
    threads._grace_s = 0
    assert [threads.run(lambda: 7, lambda: None) for _ in range(3)] == [7, 7, 7]
    with pytest.raises(ValueError, match="no"):
        threads.run(lambda: int("no"), lambda: None)
    with pytest.raises(KeyboardInterrupt):
        threads.run(is_held.wait, fail)
    made = alive() - before
    assert 1 <= len(made) <= 2
    del threads
    gc.collect()
    is_held.set()
    for thread in made:
        thread.join()
