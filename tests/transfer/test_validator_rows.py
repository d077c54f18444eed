"""FAULTS C2: validators, content that changes, and resume from one run to the next."""

import base64
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asyncdl.errors import ChecksumMismatch, HttpStatusError
from asyncdl.transfer import Digest
from asyncdl.transfer.verification.digests import new_hasher
from tests.transfer.fault_server import JUST_NOW, LONG_AGO, HostedFile, Rig, cut, fixed, rig, status

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


@pytest.mark.parametrize("etag", ['"v1-gzip"', "v1", 'W/"v1"'])
async def test_row_047_a_validator_is_compared_byte_for_byte(tmp_path: Path, etag: str) -> None:
    other = HostedFile(NEW, etag=etag, reads_if_range=False)
    async with rig(tmp_path, cut(FILE, 777), other) as r:
        await r.fetch()
    assert r.content() == NEW
    assert {request.headers["accept-encoding"] for request in r.server.requests} == {"identity"}


async def test_row_050_a_304_that_nobody_asked_for_is_no_file(tmp_path: Path) -> None:
    async with rig(tmp_path, fixed("304 Not Modified", length=None)) as r:
        with pytest.raises(HttpStatusError) as refused:
            await r.fetch()
    assert (refused.value.reason, len(r.server.requests), r.names) == ("http-304", 1, [])


async def test_row_053_a_file_that_grows_is_of_one_moment(tmp_path: Path) -> None:
    grown = HostedFile(OLD + NEW, etag='"v2"')
    async with rig(tmp_path, cut(FILE, 777), grown) as r:
        await r.fetch()
        grown_part = FILE.part(f"bytes 0-{len(OLD) - 1}/{len(OLD) * 2}", OLD)
        r.server.script = [grown_part, grown]
        await r.fetch("second.bin")
    assert r.content() == r.content("second.bin") == grown.body


async def test_row_147_a_part_that_someone_edited_does_not_pass_its_digest(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(404), FILE) as r:
        await break_off(r)
        with (tmp_path / "file.bin.part").open("r+b") as part:
            part.write(b"edited")
        await r.fetch(digests=(digest_of(OLD),))
    assert r.content() == OLD
    assert r.ranges[2:] == ["bytes=777-", "bytes=0-"]


def repr_digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


async def test_row_164_what_the_host_says_about_the_whole_file_is_checked(tmp_path: Path) -> None:
    wrong = replace(FILE, headers={"Repr-Digest": repr_digest(NEW)})
    right = replace(FILE, headers={"Repr-Digest": repr_digest(OLD)})
    async with rig(tmp_path, wrong, right) as r:
        fetched = await r.fetch()
    assert r.content() == OLD
    assert (fetched.proof, fetched.attempts) == ("length+sha256", 2)


async def test_row_164_a_digest_of_one_answer_says_nothing_about_the_file(tmp_path: Path) -> None:
    part = replace(FILE, headers={"Content-Digest": repr_digest(OLD[777:])})
    async with rig(tmp_path, cut(FILE, 777), part) as r:
        fetched = await r.fetch()
    assert fetched.proof == "length"


def content_md5(body: bytes) -> dict[str, str]:
    return {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}


async def test_row_164_the_md5_of_a_whole_answer_is_checked(tmp_path: Path) -> None:
    wrong, right = (replace(FILE, headers=content_md5(body)) for body in (NEW, OLD))
    whole = replace(right, takes_ranges=False)
    async with rig(tmp_path, replace(wrong, takes_ranges=False), whole) as r:
        fetched = await r.fetch()
    assert (fetched.proof, fetched.attempts) == ("length+md5", 2)


async def test_row_164_the_md5_of_a_part_says_nothing_about_the_file(tmp_path: Path) -> None:
    part = replace(FILE, headers=content_md5(OLD[777:]))
    async with rig(tmp_path, cut(FILE, 777), part) as r:
        fetched = await r.fetch()
    assert fetched.proof == "length"


async def test_row_164_the_md5_of_a_part_that_is_all_of_the_file_is_checked(
    tmp_path: Path,
) -> None:
    wrong, right = (replace(FILE, headers=content_md5(body)) for body in (NEW, OLD))
    async with rig(tmp_path, wrong, right) as r:
        fetched = await r.fetch()
    assert (r.content(), r.ranges) == (OLD, ["bytes=0-", "bytes=0-"])
    assert (fetched.proof, fetched.attempts) == ("length+md5", 2)


async def test_a_list_of_digests_in_several_fields_is_one(tmp_path: Path) -> None:
    value = base64.b64encode(hashlib.md5(NEW).digest()).decode()
    fields = {"x-goog-hash": "crc32c=n03x6A==", "X-Goog-Hash": f"md5={value}"}
    async with rig(tmp_path, replace(FILE, headers=fields)) as r:
        with pytest.raises(ChecksumMismatch):
            await r.fetch()


@pytest.mark.parametrize("header", ["junk", "sha-256=:AAAA:", "sha-256=xx", "md5=:AAAA:", ",,"])
async def test_row_165_a_digest_that_cannot_be_read_is_ignored(tmp_path: Path, header: str) -> None:
    async with rig(tmp_path, replace(FILE, headers={"Repr-Digest": header})) as r:
        fetched = await r.fetch()
    assert (r.content(), fetched.proof) == (OLD, "length")


async def test_a_nameless_file_is_continued_once_its_name_is_known(tmp_path: Path) -> None:
    named = HostedFile(OLD, headers={"Content-Disposition": 'attachment; filename="scene.bin"'})
    async with rig(tmp_path, cut(named, 777), status(404), named) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch(None)
        fetched = await r.fetch(None)
    assert r.content("scene.bin") == OLD
    assert r.ranges[2:] == ["bytes=0-", "bytes=777-"]
    assert r.names == [fetched.path.name]
