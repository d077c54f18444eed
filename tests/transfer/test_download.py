"""One file from request to final name: the plain ways."""

from pathlib import Path

import pytest
from anyio import Path as AnyPath
from msgspec.structs import replace

from asyncdl.transfer.freshness import LocalCopy
from asyncdl.transfer.parts.ownership import OwnershipMark
from asyncdl.transfer.parts.part_file import PartFile
from asyncdl.transfer.publishing import Found
from tests.transfer.fault_server import HostedFile, cut, rig

BODY = bytes(range(256)) * 40


async def test_a_file_arrives_by_one_ranged_get(tmp_path: Path) -> None:
    async with rig(tmp_path, HostedFile(BODY)) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    assert r.names == ["file.bin"]
    assert r.ranges == ["bytes=0-"]
    assert (fetched.size_bytes, fetched.proof, fetched.attempts) == (len(BODY), "length", 1)


async def test_a_cut_body_is_continued_where_it_broke(tmp_path: Path) -> None:
    file = HostedFile(BODY)
    async with rig(tmp_path, cut(file, 1000), file) as r:
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", "bytes=1000-"]
    assert r.conditions == [None, '"v1"']


async def test_what_is_no_request_is_named(tmp_path: Path) -> None:
    async with rig(tmp_path, HostedFile(b"")) as r:
        with pytest.raises(TypeError, match=r"Downloader.fetch: str \(allowed: a FileRequest"):
            await r.downloader.fetch("http://host/file?sig=s3cret")  # type: ignore[arg-type]


class Store:
    """A publisher that keeps files elsewhere than in their folder."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def find(self, final: Path) -> Found | None:
        return Found(len(self.files[final.name])) if final.name in self.files else None

    async def copy_at(self, final: Path) -> LocalCopy | None:
        return None

    async def may_replace(self, final: Path, mark: OwnershipMark) -> bool:
        return True

    async def publish(self, part: PartFile, mark: OwnershipMark, *, replaces: bool) -> None:
        self.files[part.final.name] = await AnyPath(part.path).read_bytes()
        await part.remove()


async def test_a_verified_file_goes_where_the_publisher_puts_it(tmp_path: Path) -> None:
    store = Store()
    async with rig(tmp_path, cut(HostedFile(BODY), 1000), HostedFile(BODY)) as r:
        assert r.downloader._engine is not None
        r.downloader._engine = replace(r.downloader._engine, publisher=store)
        fetched = await r.fetch()
    assert (store.files, r.names) == ({"file.bin": BODY}, [])
    assert fetched.size_bytes == len(BODY)
