"""Uploads that begin while their file is received, in all three kinds of stores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from asyncdl import FileRequest, StoreDownloader
from asyncdl.errors import ChecksumMismatch
from asyncdl.stores.early_upload import EarlyUpload, PlannedObject
from asyncdl.stores.object_store import PART_BYTES, ObjectStore
from asyncdl.transfer import Digest, Form
from tests.stores.real_store import RealStore
from tests.stores.served import served

pytestmark = [pytest.mark.slow, pytest.mark.beyond, pytest.mark.stores("s3", "az", "gs")]

CONTENT = bytes(range(256)) * (2 * PART_BYTES // 256 + 3)
FACTS = {"sha256": hashlib.sha256(CONTENT).hexdigest()}
PLANNED = PlannedObject("x.tar", len(CONTENT), FACTS)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = tmp_path / "x.tar.part"
    path.write_bytes(CONTENT)
    return path


def test_an_object_appears_only_once_the_file_is_right(
    real_store: RealStore, store: ObjectStore, part: Path, prefix: str
) -> None:
    upload = EarlyUpload(store, PLANNED, part)
    upload.note(len(CONTENT))
    while not real_store.uploads(prefix):
        pass
    part.rename(part.with_suffix(""))
    assert real_store.names(f"{prefix}/") == []
    made = upload.finish(PLANNED)
    assert real_store.read(f"{prefix}/x.tar") == CONTENT
    assert real_store.facts(f"{prefix}/x.tar") == FACTS and [made] == list(store.list())
    assert real_store.uploads(prefix) == []


@pytest.mark.parametrize("reason", ["abandoned", "void", "other facts", "short"])
def test_an_upload_that_is_void_leaves_nothing(
    real_store: RealStore, store: ObjectStore, part: Path, prefix: str, reason: str
) -> None:
    if reason == "short":
        part.write_bytes(CONTENT[:-1])
    upload = EarlyUpload(store, PLANNED, part)
    upload.note(PART_BYTES)
    while not real_store.uploads(prefix):
        pass
    wanted = PLANNED
    match reason:
        case "abandoned":
            upload.abandon()
        case "void":
            upload.note(0)
            upload.note(len(CONTENT))
        case "other facts":
            wanted = PlannedObject("x.tar", len(CONTENT), FACTS | {"proof": "length"})
    assert upload.finish(wanted) is None
    assert nothing_is_left(real_store, prefix)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "x.bin").write_bytes(CONTENT)
    with served(tmp_path) as top:
        yield f"{top}/x.bin"


def opened(real_store: RealStore, prefix: str) -> StoreDownloader:
    where = f"{real_store.scheme}://{real_store.bucket}/{prefix}"
    return StoreDownloader(where, endpoint=real_store.endpoint)


def nothing_is_left(store: RealStore, prefix: str) -> bool:
    """Return whether there is neither object nor upload; blocks of Azure end by themselves."""
    return store.names(f"{prefix}/") == [] and (store.scheme == "az" or not store.uploads(prefix))


async def test_a_verified_file_is_not_uploaded_again(
    real_store: RealStore, prefix: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(ObjectStore, "put_file")
    right = Digest("sha256", FACTS["sha256"])
    async with opened(real_store, prefix) as downloader:
        await downloader.fetch(FileRequest(url, Path(), digests=(right,)))
    assert real_store.read(f"{prefix}/x.bin") == CONTENT
    facts = real_store.facts(f"{prefix}/x.bin")
    assert (facts["sha256"], facts["proof"]) == (FACTS["sha256"], "length+sha256")
    assert real_store.uploads(prefix) == []


async def test_a_wrong_file_leaves_neither_object_nor_upload(
    real_store: RealStore, prefix: str, url: str
) -> None:
    wrong = Digest("sha256", "0" * 64)
    async with opened(real_store, prefix) as downloader:
        with pytest.raises(ChecksumMismatch):
            await downloader.fetch(FileRequest(url, Path(), digests=(wrong,)))
    assert nothing_is_left(real_store, prefix)


async def test_what_was_not_foreseen_is_uploaded_when_it_is_whole(
    real_store: RealStore, prefix: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the structure is odd, which a right digest outweighs; the proof does not name it."""
    right = Digest("sha256", FACTS["sha256"])
    async with opened(real_store, prefix) as downloader:
        request = FileRequest(url, Path(), digests=(right,), form=Form.TIFF)
        await downloader.fetch(request)
    assert real_store.read(f"{prefix}/x.bin") == CONTENT
    assert real_store.facts(f"{prefix}/x.bin")["proof"] == "length+sha256"
    assert real_store.uploads(prefix) == []


async def test_one_upload_is_early_and_the_others_wait_for_their_files(
    real_store: RealStore, prefix: str, url: str
) -> None:
    right = Digest("sha256", FACTS["sha256"])
    async with opened(real_store, prefix) as downloader, anyio.create_task_group() as tasks:
        for name in ("a", "b", "c"):
            request = FileRequest(f"{url}?{name}", Path(), name, digests=(right,))
            tasks.start_soon(downloader.fetch, request)
    assert real_store.names(f"{prefix}/") == [f"{prefix}/{name}" for name in "abc"]
    assert all(real_store.read(f"{prefix}/{name}") == CONTENT for name in "abc")
    assert real_store.uploads(prefix) == []
