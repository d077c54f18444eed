"""Uploads that begin while their file is received, against SeaweedFS."""

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
from tests.stores.served import served
from tests.stores.weed import Weed

pytestmark = [pytest.mark.slow, pytest.mark.beyond]

CONTENT = bytes(range(256)) * (2 * PART_BYTES // 256 + 3)
FACTS = {"sha256": hashlib.sha256(CONTENT).hexdigest()}
PLANNED = PlannedObject("x.tar", len(CONTENT), FACTS)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = tmp_path / "x.tar.part"
    path.write_bytes(CONTENT)
    return path


def test_an_object_appears_only_once_the_file_is_right(
    weed: Weed, store: ObjectStore, part: Path, prefix: str
) -> None:
    upload = EarlyUpload(store, PLANNED, part)
    upload.note(len(CONTENT))
    while not weed.uploads(prefix):
        pass
    part.rename(part.with_suffix(""))
    assert weed.names(f"{prefix}/") == []
    made = upload.finish(PLANNED)
    assert weed.read(f"{prefix}/x.tar") == CONTENT
    assert weed.facts(f"{prefix}/x.tar") == FACTS and [made] == list(store.list())
    assert weed.uploads(prefix) == []


@pytest.mark.parametrize("reason", ["abandoned", "void", "other facts", "short"])
def test_an_upload_that_is_void_leaves_nothing(
    weed: Weed, store: ObjectStore, part: Path, prefix: str, reason: str
) -> None:
    if reason == "short":
        part.write_bytes(CONTENT[:-1])
    upload = EarlyUpload(store, PLANNED, part)
    upload.note(PART_BYTES)
    while not weed.uploads(prefix):
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
    assert weed.names(f"{prefix}/") == [] == weed.uploads(prefix)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "x.bin").write_bytes(CONTENT)
    with served(tmp_path) as top:
        yield f"{top}/x.bin"


def opened(weed: Weed, prefix: str) -> StoreDownloader:
    return StoreDownloader(f"s3://{weed.bucket}/{prefix}", endpoint=weed.endpoint)


async def test_a_verified_file_is_not_uploaded_again(
    weed: Weed, prefix: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(ObjectStore, "put_file")
    right = Digest("sha256", FACTS["sha256"])
    async with opened(weed, prefix) as downloader:
        await downloader.fetch(FileRequest(url, Path(), digests=(right,)))
    assert weed.read(f"{prefix}/x.bin") == CONTENT
    facts = weed.facts(f"{prefix}/x.bin")
    assert (facts["sha256"], facts["proof"]) == (FACTS["sha256"], "length+sha256")
    assert weed.uploads(prefix) == []


async def test_a_wrong_file_leaves_neither_object_nor_upload(
    weed: Weed, prefix: str, url: str
) -> None:
    wrong = Digest("sha256", "0" * 64)
    async with opened(weed, prefix) as downloader:
        with pytest.raises(ChecksumMismatch):
            await downloader.fetch(FileRequest(url, Path(), digests=(wrong,)))
    assert weed.names(f"{prefix}/") == [] == weed.uploads(prefix)


async def test_what_was_not_foreseen_is_uploaded_when_it_is_whole(
    weed: Weed, prefix: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the structure is odd, which a right digest outweighs; the proof does not name it."""
    right = Digest("sha256", FACTS["sha256"])
    async with opened(weed, prefix) as downloader:
        request = FileRequest(url, Path(), digests=(right,), form=Form.TIFF)
        await downloader.fetch(request)
    assert weed.read(f"{prefix}/x.bin") == CONTENT
    assert weed.facts(f"{prefix}/x.bin")["proof"] == "length+sha256"
    assert weed.uploads(prefix) == []


async def test_one_upload_is_early_and_the_others_wait_for_their_files(
    weed: Weed, prefix: str, url: str
) -> None:
    right = Digest("sha256", FACTS["sha256"])
    async with opened(weed, prefix) as downloader, anyio.create_task_group() as tasks:
        for name in ("a", "b", "c"):
            request = FileRequest(f"{url}?{name}", Path(), name, digests=(right,))
            tasks.start_soon(downloader.fetch, request)
    assert weed.names(f"{prefix}/") == [f"{prefix}/{name}" for name in "abc"]
    assert all(weed.read(f"{prefix}/{name}") == CONTENT for name in "abc")
    assert weed.uploads(prefix) == []
