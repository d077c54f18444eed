"""One file from request to final name: the plain ways."""

from pathlib import Path

import pytest

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
