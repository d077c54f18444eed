"""FAULTS C2: validators, content that changes, and resume from one run to the next."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asyncdl.errors import HttpStatusError
from asyncdl.transfer import Digest
from asyncdl.transfer.digests import new_hasher
from tests.transfer.fault_server import JUST_NOW, LONG_AGO, HostedFile, Rig, cut, rig, status

OLD = bytes(range(256)) * 40
NEW = OLD[::-1]
FILE = HostedFile(OLD)


async def break_off(r: Rig) -> None:
    """A first run that ends with some bytes in the part: the script's first two replies."""
    with pytest.raises(HttpStatusError):
        await r.fetch()
    assert "file.bin.part.state" in r.names


def digest_of(body: bytes) -> Digest:
    hasher = new_hasher("sha256")
    hasher.update(body)
    return Digest("sha256", hasher.hexdigest())


async def test_another_run_fetches_the_rest_only(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(404), FILE) as r:
        await break_off(r)
        fetched = await r.fetch()
    assert r.content() == OLD
    assert (r.ranges[-1], r.conditions[-1]) == ("bytes=777-", '"v1"')
    assert fetched.received_bytes == len(OLD) - 777
    assert r.names == ["file.bin"]


async def test_row_038_a_replaced_file_is_taken_from_the_same_answer(tmp_path: Path) -> None:
    new = HostedFile(NEW, etag='"v2"')
    async with rig(tmp_path, cut(FILE, 777), status(404), new) as r:
        await break_off(r)
        await r.fetch()
    assert r.content() == NEW
    assert len(r.server.requests) == 3


async def test_row_039_a_206_of_another_version_starts_over(tmp_path: Path) -> None:
    new = HostedFile(NEW, etag='"v2"')
    careless = new.part(f"bytes 777-{len(NEW) - 1}/{len(NEW)}", NEW[777:])
    async with rig(tmp_path, cut(FILE, 777), careless, new) as r:
        await r.fetch()
    assert r.content() == NEW
    assert r.ranges == ["bytes=0-", "bytes=777-", "bytes=0-"]


async def test_row_040_equal_length_does_not_make_equal_bytes(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), HostedFile(NEW, etag='"v2"')) as r:
        await r.fetch()
    assert r.content() == NEW


async def test_row_041_without_any_validator_nothing_is_continued(tmp_path: Path) -> None:
    bare = HostedFile(OLD, etag=None)
    async with rig(tmp_path, cut(bare, 777), replace(bare, body=NEW)) as r:
        await r.fetch()
    assert r.content() == NEW
    assert r.ranges == ["bytes=0-", "bytes=0-"]


async def test_row_041_a_digest_stands_in_for_a_validator(tmp_path: Path) -> None:
    bare = HostedFile(OLD, etag=None)
    wanted: dict[str, Any] = {"digests": (digest_of(OLD),), "size_bytes": len(OLD)}
    async with rig(tmp_path, cut(bare, 777), bare) as r:
        fetched = await r.fetch(**wanted)
    assert r.ranges == ["bytes=0-", "bytes=777-"]
    assert fetched.proof == "length+sha256"


async def test_row_041_a_digest_catches_what_it_stood_in_for(tmp_path: Path) -> None:
    bare, other = HostedFile(OLD, etag=None), HostedFile(NEW, etag=None)
    async with rig(tmp_path, cut(other, 777), bare, bare) as r:
        await r.fetch(digests=(digest_of(OLD),))
    assert r.content() == OLD
    assert r.ranges == ["bytes=0-", "bytes=777-", "bytes=0-"]


async def test_row_042_a_weak_etag_is_not_sent_in_if_range(tmp_path: Path) -> None:
    weak = HostedFile(OLD, etag='W/"v1"')
    async with rig(tmp_path, cut(weak, 777), weak) as r:
        await r.fetch()
    assert r.content() == OLD
    assert r.ranges == ["bytes=0-", "bytes=777-"]
    assert r.conditions == [None, None]


async def test_row_042_a_weak_etag_is_no_ground_for_another_run(tmp_path: Path) -> None:
    weak = HostedFile(OLD, etag='W/"v1"')
    async with rig(tmp_path, cut(weak, 777), status(404), weak) as r:
        await break_off(r)
        await r.fetch()
    assert r.ranges[-1] == "bytes=0-"


async def test_row_043_a_fresh_date_is_no_validator(tmp_path: Path) -> None:
    fresh = HostedFile(OLD, etag=None, last_modified=JUST_NOW)
    async with rig(tmp_path, cut(fresh, 777), status(404), fresh) as r:
        await break_off(r)
        await r.fetch()
    assert r.ranges[-1] == "bytes=0-"
    assert r.conditions == [None] * 3


async def test_row_044_an_old_date_is_used_in_if_range(tmp_path: Path) -> None:
    rested = HostedFile(OLD, etag=None, last_modified=LONG_AGO)
    async with rig(tmp_path, cut(rested, 777), status(404), rested) as r:
        await break_off(r)
        await r.fetch()
    assert (r.ranges[-1], r.conditions[-1]) == ("bytes=777-", LONG_AGO)
    assert r.content() == OLD


async def test_row_045_if_range_that_is_never_honoured_is_left_out_once(tmp_path: Path) -> None:
    stubborn = HostedFile(OLD, takes_if_range=False)
    async with rig(tmp_path, cut(stubborn, 777), stubborn) as r:
        fetched = await r.fetch()
    assert r.content() == OLD
    assert r.conditions == [None, '"v1"', None]
    assert r.ranges == ["bytes=0-", "bytes=777-", "bytes=777-"]
    assert fetched.size_bytes == len(OLD)


async def test_a_nameless_file_is_continued_once_its_name_is_known(tmp_path: Path) -> None:
    named = HostedFile(OLD, headers={"Content-Disposition": 'attachment; filename="scene.bin"'})
    async with rig(tmp_path, cut(named, 777), status(404), named) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch(None)
        fetched = await r.fetch(None)
    assert r.content("scene.bin") == OLD
    assert r.ranges[2:] == ["bytes=0-", "bytes=777-"]
    assert r.names == [fetched.path.name]
