"""One file from several mirrors: the first that gives it, and never a wrong one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from asyncdl.errors import ChecksumMismatch, HttpStatusError, SizeMismatch, TransferError
from asyncdl.events import Notice
from asyncdl.transfer import Digest
from tests.transfer.fault_server import (
    QUICK,
    End,
    HostedFile,
    Responder,
    Rig,
    cut,
    fixed,
    rig,
    serving,
    silent,
    status,
)

BODY = bytes(range(256)) * 200
FILE = HostedFile(BODY)
OTHER = HostedFile(BODY[::-1], etag='"other"')
DIGESTS = (Digest("sha256", hashlib.sha256(BODY).hexdigest()),)


def notices(r: Rig) -> list[str]:
    return [event.text for event in r.events if isinstance(event, Notice)]


@pytest.mark.parametrize("bad", [status(404), status(503), silent(), silent(End.RESET)])
async def test_the_next_mirror_is_asked_where_one_fails(tmp_path: Path, bad: Responder) -> None:
    async with serving(FILE) as good, rig(tmp_path, bad) as r:
        await r.fetch(None, mirrors=(f"{good.url}/elsewhere/x.bin",))
    assert (r.names, r.content()) == (["file.bin"], BODY)
    assert len(r.server.requests) <= 2  # aiohttp asks once more by itself
    assert len(notices(r)) == 1 and r.server.url in notices(r)[0]


async def test_wrong_bytes_of_one_mirror_are_dropped(tmp_path: Path) -> None:
    async with serving(FILE) as good, rig(tmp_path, OTHER) as r:
        fetched = await r.fetch(mirrors=(f"{good.url}/x",), digests=DIGESTS)
    assert (r.content(), fetched.proof) == (BODY, "length+sha256")
    assert "[checksum-mismatch]; not asked again" in notices(r)[0]


async def test_a_verified_file_goes_on_where_another_mirror_broke_off(tmp_path: Path) -> None:
    """A digest tells in the end, so the validators of two hosts need not agree."""
    broken = [cut(FILE, 20_000), *[status(404)] * 9]
    twin = HostedFile(BODY, etag='"twin"')
    async with serving(twin) as good, rig(tmp_path, *broken) as r:
        await r.fetch(mirrors=(f"{good.url}/x",), digests=DIGESTS)
    assert r.content() == BODY
    assert good.requests[0].headers["range"] == "bytes=20000-"
    assert "if-range" not in good.requests[0].headers


async def test_bytes_of_two_mirrors_do_not_meet_without_a_digest(tmp_path: Path) -> None:
    async with serving(OTHER) as good, rig(tmp_path, cut(FILE, 20_000), status(404)) as r:
        await r.fetch(mirrors=(f"{good.url}/x",))
    assert r.content() == OTHER.body
    assert good.requests[0].headers["range"] == "bytes=0-"


async def test_a_mirror_of_another_length_contradicts(tmp_path: Path) -> None:
    short = HostedFile(BODY[:-1])
    async with serving(short) as other, rig(tmp_path, cut(FILE, 20_000), FILE) as r:
        await r.fetch(mirrors=(f"{other.url}/x",))
    assert r.content() == BODY
    assert "[size-mismatch]; not asked again" in notices(r)[1]
    assert len(other.requests) == 1


async def test_wrong_bytes_met_half_way_spoil_nothing(tmp_path: Path) -> None:
    """What the first gave is wrong: the second begins anew once the digest has told."""
    wrong = [cut(HostedFile(bytes(len(BODY))), 20_000), *[status(404)] * 9]
    async with serving(FILE) as other, serving(FILE) as good, rig(tmp_path, *wrong) as r:
        await r.fetch(mirrors=(f"{other.url}/x", f"{good.url}/x"), digests=DIGESTS)
    assert r.content() == BODY
    assert good.requests[0].headers["range"] == "bytes=0-"


async def test_what_passes_is_tried_again_when_all_have_failed(tmp_path: Path) -> None:
    async with serving(status(404)) as gone, rig(tmp_path, status(503), FILE) as r:
        await r.fetch(mirrors=(f"{gone.url}/x",))
    assert r.content() == BODY
    # A 404 may be about the range, so it is asked once more without.
    assert (len(gone.requests), len(r.server.requests)) == (2, 2)


async def test_when_none_gives_it_the_last_failure_tells(tmp_path: Path) -> None:
    async with serving(OTHER) as other, rig(tmp_path, status(410)) as r:
        with pytest.raises(ChecksumMismatch):
            await r.fetch(mirrors=(f"{other.url}/x",), digests=DIGESTS)
        with pytest.raises(HttpStatusError):
            await r.fetch(mirrors=(f"{r.server.url}/y",))
    assert r.names == []


async def test_the_length_that_the_caller_knows_decides(tmp_path: Path) -> None:
    async with serving(HostedFile(BODY[:-1])) as other, rig(tmp_path, status(404)) as r:
        with pytest.raises(SizeMismatch):
            await r.fetch(mirrors=(f"{other.url}/x",), size_bytes=len(BODY))
    assert r.names == []


async def test_a_mirror_that_is_no_url_is_refused_before_any_request(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(TransferError, match="not an http or https URL"):
            await r.fetch(mirrors=("ftp://host/x",))
        with pytest.raises(TypeError, match=r"FileRequest\.mirrors"):
            await r.fetch(mirrors="http://host/x")
    assert r.server.requests == []


async def test_headers_go_to_every_mirror(tmp_path: Path) -> None:
    async with serving(FILE) as good, rig(tmp_path, fixed("404 No")) as r:
        await r.fetch(mirrors=(f"{good.url}/x",), headers={"X-Key": "mine"})
    assert good.requests[0].headers["x-key"] == "mine"


async def test_a_mirror_that_is_down_is_not_waited_for_where_another_has_the_file(
    tmp_path: Path,
) -> None:
    limits = replace(QUICK, max_wait_s=3600.0)
    async with serving(FILE) as good, rig(tmp_path, status(503), limits=limits) as r:
        dead = "https" if r.server.url.startswith("https") else "http"
        for name in ("a", "b", "c", "d"):
            urls = (f"{dead}://127.0.0.1:9/{name}", f"{r.server.url}/{name}", f"{good.url}/{name}")
            await r.fetch(name, url=urls[0], mirrors=urls[1:])
    assert r.names == ["a", "b", "c", "d"]
