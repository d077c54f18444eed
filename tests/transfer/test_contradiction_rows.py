"""Never a wrong byte under a final name, and never a good one thrown away without need.

Each test is one habit of hosts: they contradict themselves, refuse ranges, or serve
several files under one ``ETag``.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asyncdl.errors import HttpStatusError, RangeRefused, SizeMismatch, TransferError
from asyncdl.events import TransferRetry
from asyncdl.transfer import FileRequest
from tests.transfer.fault_server import (
    QUICK,
    End,
    HostedFile,
    Received,
    Reply,
    Responder,
    Rig,
    chunked,
    cut,
    downloading,
    fixed,
    redirect,
    rig,
    status,
)

BODY = bytes(range(256)) * 40
OTHER = BODY[::-1]
FILE = HostedFile(BODY)
REST = BODY[777:]
RANGE_OF_REST = f"bytes 777-{len(BODY) - 1}/{len(BODY)}"


async def break_off(r: Rig, **fields: Any) -> None:
    """Leave a partial file for the next run."""
    with pytest.raises(TransferError):
        await r.fetch(**fields)
    assert r.content("file.bin.part") == BODY[:777]


def whole(body: bytes, **headers: Any) -> Responder:
    """A 200 with the validator of the file."""
    named: dict[str, Any] = {"ETag": '"v1"', **headers}
    return fixed("200 OK", body, **named)


# A 200 that is not the whole file.


async def test_a_200_with_a_content_range_is_placed_by_it(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), whole(REST, Content_Range=RANGE_OF_REST)) as r:
        fetched = await r.fetch()
    assert (r.content(), fetched.received_bytes) == (BODY, len(BODY))


def without_206(*, says_range: bool) -> Responder:
    """Send what is asked for, under a status that says that it is all."""

    def respond(received: Received) -> Reply:
        reply = FILE(received)
        lines = reply.head.replace(b"206 Part", b"200 OK").split(b"\r\n")
        kept = [line for line in lines if says_range or not line.startswith(b"Content-Range")]
        return replace(reply, head=b"\r\n".join(kept))

    return respond


@pytest.mark.parametrize("name", ["file.bin", None])
@pytest.mark.parametrize("says_range", [True, False])
async def test_a_host_that_sends_parts_under_a_200_gives_the_file(
    tmp_path: Path, says_range: bool, name: str | None
) -> None:
    """curl and aria2 take the tail for the file, or for what is missing, without the range."""
    async with rig(tmp_path, cut(FILE, 777), status(410), without_206(says_range=says_range)) as r:
        await break_off(r, name=name)
        fetched = await r.fetch(name)
    assert r.content() == BODY
    assert fetched.received_bytes == (len(REST) if says_range else len(BODY))


@pytest.mark.parametrize("etag", ['"v1"', 'W/"v1"'])
@pytest.mark.parametrize("start", [777, len(BODY) // 2])
@pytest.mark.parametrize("is_known", [True, False])
async def test_a_chunked_tail_is_never_taken_for_the_file(
    tmp_path: Path, etag: str, start: int, is_known: bool
) -> None:
    """Nor is one whose length nobody can judge, as the first response had none."""
    file = HostedFile(BODY, etag=etag)
    first = cut(file, start) if is_known else cut(chunked(BODY, ends=False, ETag=etag), start + 6)
    rest = BODY[start if is_known else len(BODY) // 2 :]
    tail = chunked(rest, ETag=etag) if is_known else whole(rest, ETag=etag)

    def host(received: Received) -> Reply:
        return (tail if "range" in received.headers else file)(received)

    async with rig(tmp_path, first, host) as r:
        await r.fetch()
    assert (r.content(), r.ranges[-1]) == (BODY, None)


async def test_a_first_200_with_a_content_range_is_a_part(tmp_path: Path) -> None:
    first = whole(BODY[:777], Content_Range=f"bytes 0-776/{len(BODY)}")
    async with rig(tmp_path, first, FILE) as r:
        await r.fetch()
    assert (r.content(), r.ranges) == (BODY, ["bytes=0-", "bytes=777-"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Range": f"bytes 900-{len(BODY) - 1}/{len(BODY)}"},
        {"Content_Range": RANGE_OF_REST, "length": None, "end": End.CLOSE},
        {"Content_Range": RANGE_OF_REST, "length": len(REST) + 1, "end": End.CLOSE},
        {},
        {"Content_Range": "rows 777-9/9"},
    ],
)
async def test_a_tail_under_a_200_is_never_the_file(
    tmp_path: Path, headers: Mapping[str, Any]
) -> None:
    async with rig(tmp_path, cut(FILE, 777), whole(REST, **headers)) as r:
        with pytest.raises(RangeRefused) as refused:
            await r.fetch()
    assert (refused.value.reason, refused.value.retryable) == ("contradictory-response", True)
    assert r.names == ["file.bin.part", "file.bin.part.state"]
    assert r.content("file.bin.part") == BODY[:777]


async def test_a_tail_under_a_200_is_asked_for_again_as_a_whole(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), whole(REST), replace(FILE, takes_ranges=False)) as r:
        await r.fetch()
    assert (r.content(), r.ranges) == (BODY, ["bytes=0-", "bytes=777-", None])


async def test_a_contradiction_is_tried_again(tmp_path: Path) -> None:
    wrong = whole(BODY[:99])
    async with rig(tmp_path, cut(FILE, 777), wrong, wrong, FILE) as r:
        await r.fetch()
    assert r.content() == BODY


async def test_a_content_range_in_a_200_of_the_whole_length_means_nothing(tmp_path: Path) -> None:
    repeated = whole(BODY, Content_Range=RANGE_OF_REST)
    async with rig(tmp_path, cut(FILE, 777), repeated) as r:
        await r.fetch()
    assert r.content() == BODY


@pytest.mark.parametrize("etag", ['"v1"', None])
async def test_a_200_that_is_too_short_for_the_version_is_no_file(
    tmp_path: Path, etag: str | None
) -> None:
    """A message in plain text, say."""
    async with rig(tmp_path, cut(FILE, 777), fixed("200 OK", b"busy", ETag=etag)) as r:
        with pytest.raises(RangeRefused, match="contradicts itself"):
            await r.fetch()
    assert r.content("file.bin.part") == BODY[:777]


@pytest.mark.parametrize("count", [len(BODY) - 1, len(BODY) + 1])
@pytest.mark.parametrize("is_chunked", [True, False])
async def test_a_body_without_a_length_has_the_length_of_its_version(
    tmp_path: Path, count: int, is_chunked: bool
) -> None:
    body = (BODY + b"!")[:count]
    endless = fixed("200 OK", body, length=None, end=End.CLOSE, ETag='"v1"')
    other = chunked(body, ETag='"v1"') if is_chunked else endless
    plain = replace(FILE, takes_ranges=False)
    async with rig(tmp_path, cut(plain, 777), other) as r:
        with pytest.raises((SizeMismatch, RangeRefused)):
            await r.fetch()
    assert "file.bin" not in r.names


async def test_a_length_that_changes_without_a_version_is_said_twice(tmp_path: Path) -> None:
    bare, short = HostedFile(BODY, etag=None), HostedFile(BODY[:99], etag=None)
    async with rig(tmp_path, cut(bare, 777), short, bare, bare) as r:
        await r.fetch()
        r.server.script = [cut(bare, 777)] * len(r.server.requests) + [cut(bare, 777), short]
        await r.fetch("second.bin")
    assert (r.content(), r.content("second.bin")) == (BODY, BODY[:99])


async def test_a_part_beyond_the_known_end_is_of_another_file(tmp_path: Path) -> None:
    longer = FILE.part(f"bytes 777-{len(BODY)}/*", REST + b"!")
    async with rig(tmp_path, cut(FILE, 777), longer, FILE) as r:
        await r.fetch()
    assert (r.content(), r.ranges) == (BODY, ["bytes=0-", "bytes=777-", "bytes=0-"])


async def test_a_part_that_overlaps_what_is_here_is_placed(tmp_path: Path) -> None:
    early = FILE.part(f"bytes 500-{len(BODY) - 1}/{len(BODY)}", BODY[500:])
    async with rig(tmp_path, cut(FILE, 777), early) as r:
        await r.fetch()
    assert r.content() == BODY


async def test_a_206_to_no_range_that_is_not_all_ends_the_file(tmp_path: Path) -> None:
    lost = FILE.part(None, BODY)
    short = FILE.part(f"bytes 0-99/{len(BODY)}", BODY[:100])
    async with rig(tmp_path, lost, short) as r:
        with pytest.raises(RangeRefused):
            await r.fetch()
    assert (r.ranges, r.names) == (["bytes=0-", None], [])


async def test_a_416_for_bytes_that_are_there_costs_no_byte(tmp_path: Path) -> None:
    refused = status(416, Content_Range=f"bytes */{len(BODY)}")
    async with rig(tmp_path, cut(FILE, 777), refused, refused) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch()
        assert r.content("file.bin.part") == BODY[:777]
        r.server.script = [replace(FILE, takes_ranges=False)]
        await r.fetch()
    assert r.content() == BODY


# Several files under one ETag.


def by_target(files: Mapping[str, Responder]) -> Responder:
    def respond(received: Received) -> Reply:
        return files[received.target](received)

    return respond


async def test_another_query_is_another_file(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(410), HostedFile(OTHER)) as r:
        await break_off(r, url=f"{r.server.url}/dl?id=1")
        await r.fetch(url=f"{r.server.url}/dl?id=2")
    assert (r.content(), r.ranges[-1]) == (OTHER, "bytes=0-")


async def test_a_query_that_is_signed_anew_is_continued(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(410), FILE) as r:
        await break_off(r, url=f"{r.server.url}/dl?id=1&X-Amz-Signature=a&X-Amz-Date=1")
        await r.fetch(url=f"{r.server.url}/dl?X-Amz-Date=2&X-Amz-Signature=b&id=1")
    assert (r.content(), r.ranges[-1]) == (BODY, "bytes=777-")


async def test_a_redirect_to_another_path_is_another_file(tmp_path: Path) -> None:
    other = HostedFile(OTHER)
    script = (redirect("/v1/f"), cut(FILE, 777), redirect("/v2/f"), other, redirect("/v2/f"), other)
    async with rig(tmp_path, *script) as r:
        await r.fetch()
    assert r.content() == OTHER


@pytest.mark.parametrize("etag", [f'"{"ab" * 16}"', f'"{"ab" * 16}-7"'])
async def test_a_hash_as_etag_names_its_bytes_wherever_they_are(tmp_path: Path, etag: str) -> None:
    file = HostedFile(BODY, etag=etag)
    async with rig(tmp_path, redirect("/a/1"), cut(file, 777), redirect("/b/2"), file) as r:
        await r.fetch()
    assert (r.content(), r.ranges[-1]) == (BODY, "bytes=777-")


async def test_mirrors_with_one_name_and_one_date_are_one_file(tmp_path: Path) -> None:
    file = HostedFile(BODY, last_modified="Mon, 06 Nov 2023 22:13:20 GMT")
    async with rig(tmp_path, redirect("/a/f"), cut(file, 777), redirect("/b/f"), file) as r:
        await r.fetch()
    assert (r.content(), r.ranges[-1]) == (BODY, "bytes=777-")


async def test_what_a_host_said_about_the_whole_file_outlives_the_run(tmp_path: Path) -> None:
    wrong = replace(FILE, headers={"Repr-Digest": f"sha-256=:{'A' * 43}=:"})
    async with rig(tmp_path, cut(wrong, 777), status(410), FILE) as r:
        await break_off(r)
        await r.fetch()
    assert r.ranges[-2:] == ["bytes=777-", "bytes=0-"]
    assert r.content() == BODY


# Hosts that refuse ranges.


def refusing(code: int, file: HostedFile = FILE, from_byte: int = 0) -> Responder:
    """Refuse every range from a byte on."""

    def respond(received: Received) -> Reply:
        wanted = received.headers.get("range")
        is_far = wanted is not None and int(wanted[6:].partition("-")[0]) >= from_byte
        return status(code)(received) if is_far else file(received)

    return respond


CODES = [400, 403, 404, 405, 406, 416, 500, 501, 502, 503]


@pytest.mark.parametrize("code", CODES)
async def test_a_host_that_refuses_every_range_gives_the_file(tmp_path: Path, code: int) -> None:
    async with rig(tmp_path, refusing(code)) as r:
        await r.fetch()
        asked = len(r.server.requests)
        await r.fetch("second.bin")
    assert r.content() == r.content("second.bin") == BODY
    assert r.ranges[asked - 1 :] == [None, None]


@pytest.mark.parametrize("code", [400, 405, 416, 500, 501])
async def test_a_host_that_refuses_far_ranges_gives_the_file(tmp_path: Path, code: int) -> None:
    host = refusing(code, from_byte=777)
    async with rig(tmp_path, cut(host, 777), host) as r:
        await r.fetch()
    assert (r.content(), r.ranges[-1]) == (BODY, None)


async def test_a_retry_without_range_counts_failed_attempts(tmp_path: Path) -> None:
    host = refusing(500, from_byte=777)
    async with rig(tmp_path, cut(host, 777), host) as r:
        await r.fetch()
    attempts = [event.attempt for event in r.told(TransferRetry)]
    assert attempts == [1, 2, 3], "not the bytes on disk"


async def fetch_in_another_run(r: Rig) -> None:
    async with downloading(QUICK) as downloader:
        await downloader.fetch(
            FileRequest(f"{r.server.url}/data/file.bin", r.directory, "file.bin")
        )


@pytest.mark.parametrize("code", [400, 403, 404])
async def test_what_is_unfinished_does_not_keep_a_host_without_ranges_from_giving_the_file(
    tmp_path: Path, code: int
) -> None:
    script = cut(replace(FILE, takes_ranges=False), 777), status(410), refusing(code)
    async with rig(tmp_path, *script) as r:
        await break_off(r)
        await fetch_in_another_run(r)
    assert (r.content(), r.ranges[2:]) == (BODY, ["bytes=777-", None])


async def test_what_is_unfinished_stays_where_a_file_is_refused_in_any_way(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(403)) as r:
        await break_off(r)
        asked = len(r.server.requests)
        with pytest.raises(HttpStatusError):
            await fetch_in_another_run(r)
    assert r.ranges[asked:] == ["bytes=777-", None]
    assert r.content("file.bin.part") == BODY[:777]


async def test_files_that_are_not_there_are_asked_for_twice_a_few_times_only(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, status(404)) as r:
        for number in range(9):
            with pytest.raises(HttpStatusError):
                await r.fetch(f"{number}.bin")
    assert len(r.server.requests) == 9 + 3


async def test_a_host_that_takes_ranges_is_not_asked_without(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE, status(404)) as r:
        await r.fetch()
        with pytest.raises(HttpStatusError):
            await r.fetch("second.bin")
    assert r.ranges == ["bytes=0-", "bytes=0-"]


async def test_overwriting_begins_with_the_first_byte(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(410), FILE) as r:
        await break_off(r)
        await r.fetch(overwrite=True)
    assert (r.content(), r.ranges[-1]) == (BODY, "bytes=0-")


async def test_overwriting_may_continue_what_is_unfinished(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(410), FILE) as r:
        await break_off(r)
        await r.fetch(overwrite=True, resume=True)
    assert (r.content(), r.ranges[-1]) == (BODY, "bytes=777-")
