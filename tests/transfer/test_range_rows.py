"""FAULTS C1: ranges, resume and 416. Each test is named after its row."""

from pathlib import Path

import pytest

from asyncdl.errors import HttpStatusError, RangeRefused
from asyncdl.events import TransferProgress
from tests.transfer.fault_server import HostedFile, chunked, cut, fixed, rig, status

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)
WITHOUT_RANGES = HostedFile(BODY, takes_ranges=False)


async def test_row_001_resume_places_an_exact_206(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), FILE) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", "bytes=777-"]
    assert fetched.received_bytes == len(BODY)


async def test_row_002_a_200_to_a_resume_is_the_whole_file(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(WITHOUT_RANGES, 777), WITHOUT_RANGES) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    assert fetched.size_bytes == len(BODY)


async def test_row_003_progress_never_passes_the_end(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(WITHOUT_RANGES, 9000), WITHOUT_RANGES) as r:
        await r.fetch()
    told = [event.done_bytes for event in r.told(TransferProgress)]
    assert told[-1] == len(BODY)
    assert max(told) <= len(BODY)


async def test_row_006_a_206_without_a_place_is_not_placed(tmp_path: Path) -> None:
    lost = FILE.part(None, BODY)
    async with rig(tmp_path, lost, FILE) as r:
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", None]


async def test_row_006_restarting_once_is_enough(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE.part(None, BODY)) as r:
        with pytest.raises(RangeRefused):
            await r.fetch()
    assert len(r.server.requests) == 2
    assert r.names == []


async def test_row_008_a_206_behind_the_asked_start_leaves_no_hole(tmp_path: Path) -> None:
    late = FILE.part(f"bytes 900-{len(BODY) - 1}/{len(BODY)}", BODY[900:])
    async with rig(tmp_path, cut(FILE, 777), late, FILE) as r:
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", "bytes=777-", None]


async def test_row_010_the_rest_of_a_short_206_is_asked_for(tmp_path: Path) -> None:
    short = FILE.part(f"bytes 0-99/{len(BODY)}", BODY[:100])
    async with rig(tmp_path, short, FILE) as r:
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", "bytes=100-"]


async def test_row_010_without_a_validator_parts_are_not_put_together(tmp_path: Path) -> None:
    bare, changed = HostedFile(BODY, etag=None), HostedFile(BODY[::-1], etag=None)
    short = bare.part(f"bytes 0-99/{len(BODY)}", BODY[:100])
    async with rig(tmp_path, short, changed) as r:
        await r.fetch()
    assert r.content() == changed.body
    assert r.ranges == ["bytes=0-", None]


async def test_row_011_surplus_of_a_206_is_not_saved(tmp_path: Path) -> None:
    place = f"bytes 0-{len(BODY) - 1}/{len(BODY)}"
    async with rig(tmp_path, chunked(BODY, Content_Range=place), FILE) as r:
        r.server.script[0] = fixed("206 Part", BODY + b"more", length=None, Content_Range=place)
        await r.fetch()
    assert r.content() == BODY


async def test_row_012_another_total_is_another_file(tmp_path: Path) -> None:
    new = HostedFile(BODY[::-1] + b"!", etag='"v1"')
    async with rig(tmp_path, cut(FILE, 777), new) as r:
        await r.fetch()
    assert r.content() == new.body
    assert r.ranges == ["bytes=0-", "bytes=777-", "bytes=0-"]


async def test_row_013_an_unknown_total_is_accepted(tmp_path: Path) -> None:
    rest = FILE.part(f"bytes 777-{len(BODY) - 1}/*", BODY[777:])
    async with rig(tmp_path, cut(FILE, 777), rest) as r:
        await r.fetch()
    assert r.content() == BODY


@pytest.mark.parametrize("place", ["bytes 9-3/10240", "bytes 0-10239/100"])
async def test_row_014_a_senseless_range_is_not_combined(tmp_path: Path, place: str) -> None:
    async with rig(tmp_path, FILE.part(place, BODY), FILE) as r:
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", None]


async def test_row_015_range_and_length_that_disagree_are_not_placed(tmp_path: Path) -> None:
    off_by_one = FILE.part(f"bytes 0-{len(BODY) - 1}/{len(BODY)}", BODY[:-1])
    async with rig(tmp_path, off_by_one, FILE) as r:
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", None]


@pytest.mark.parametrize(
    "form", ["bytes=0-{}/{}", "bytes: 0-{}/{}", "0-{}/{}", " bytes  0 - {} / {} "]
)
async def test_row_016_a_sloppy_form_is_forgiven(tmp_path: Path, form: str) -> None:
    whole = FILE.part(form.format(len(BODY) - 1, len(BODY)), BODY)
    async with rig(tmp_path, whole) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    assert fetched.attempts == 1


async def test_row_018_another_unit_is_not_placed(tmp_path: Path) -> None:
    rows = FILE.part(f"rows 0-{len(BODY) - 1}/{len(BODY)}", BODY)
    async with rig(tmp_path, rows, FILE) as r:
        await r.fetch()
    assert r.content() == BODY


async def test_row_019_multipart_is_asked_for_again_without_range(tmp_path: Path) -> None:
    parts = FILE.part(None, b"--x\r\n", Content_Type="multipart/byteranges; boundary=x")
    async with rig(tmp_path, parts, FILE) as r:
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", None]


async def test_row_020_a_416_at_the_very_end_is_success(tmp_path: Path) -> None:
    unended = chunked(BODY, ends=False, ETag='"v1"')
    async with rig(tmp_path, unended, FILE) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", f"bytes={len(BODY)}-"]
    assert fetched.received_bytes == len(BODY)


async def test_row_021_a_416_with_another_total_starts_over(tmp_path: Path) -> None:
    shrunk = HostedFile(BODY[:500])
    async with rig(tmp_path, cut(FILE, 777), shrunk) as r:
        await r.fetch()
    assert r.content() == BODY[:500]
    assert r.ranges == ["bytes=0-", "bytes=777-", "bytes=0-"]


async def test_row_022_a_416_that_says_nothing_starts_over(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(416), FILE) as r:
        await r.fetch()
    assert r.content() == BODY


async def test_row_023_the_page_of_a_416_is_never_saved(tmp_path: Path) -> None:
    nowhere = fixed("416 Nowhere", b"<html>" * 999, Content_Type="text/html")
    async with rig(tmp_path, cut(FILE, 777), nowhere) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch()
    assert r.names == ["file.bin.part", "file.bin.part.state"]
    assert r.content("file.bin.part") == BODY[:777]


async def test_row_025_a_416_without_range_is_the_end(tmp_path: Path) -> None:
    async with rig(tmp_path, status(416)) as r:
        with pytest.raises(HttpStatusError) as refused:
            await r.fetch()
    assert refused.value.reason == "http-416"
    assert r.ranges == ["bytes=0-", None]


async def test_row_026_a_200_of_the_very_length_is_what_is_there_already(tmp_path: Path) -> None:
    unended = chunked(BODY, ends=False, ETag='"v1"')
    async with rig(tmp_path, unended, HostedFile(BODY, takes_if_range=False)) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    # Once more, as a 200 to a range may also be the rest alone.
    assert (len(r.server.requests), fetched.received_bytes) == (3, len(BODY))


async def test_row_027_a_200_shorter_than_the_part_starts_over(tmp_path: Path) -> None:
    unended = chunked(BODY, ends=False, ETag='"v1"')
    async with rig(tmp_path, unended, HostedFile(BODY[:500], takes_ranges=False)) as r:
        await r.fetch()
    assert r.content() == BODY[:500]


async def test_row_028_a_longer_part_than_the_file_starts_over(tmp_path: Path) -> None:
    unended = chunked(BODY, ends=False, ETag='"v1"')
    async with rig(tmp_path, unended, HostedFile(BODY[:500])) as r:
        await r.fetch()
    assert r.content() == BODY[:500]


@pytest.mark.parametrize("code", [403, 404, 410])
async def test_row_030_a_refused_resume_keeps_the_part(tmp_path: Path, code: int) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(code)) as r:
        with pytest.raises(HttpStatusError) as refused:
            await r.fetch()
    assert refused.value.status == code
    assert r.names == ["file.bin.part", "file.bin.part.state"]
    assert r.content("file.bin.part") == BODY[:777]


async def test_row_031_a_host_without_ranges_is_not_asked_twice(tmp_path: Path) -> None:
    honest = HostedFile(BODY, takes_ranges=False, headers={"Accept-Ranges": "none"})
    async with rig(tmp_path, cut(honest, 777), honest) as r:
        await r.fetch()
    assert r.content() == BODY
    assert len(r.server.requests) == 2


async def test_row_032_ranges_are_found_without_being_advertised(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 10), FILE) as r:
        await r.fetch()
    assert r.ranges[-1] == "bytes=10-"


async def test_row_033_ranges_advertised_and_ignored_do_no_harm(tmp_path: Path) -> None:
    liar = HostedFile(BODY, takes_ranges=False, headers={"Accept-Ranges": "bytes"})
    async with rig(tmp_path, cut(liar, 777), liar) as r:
        await r.fetch()
    assert r.content() == BODY
    assert len(r.server.requests) == 3


@pytest.mark.parametrize("empty", [HostedFile(b""), HostedFile(b"", takes_ranges=False)])
async def test_row_036_an_empty_file_is_a_file(tmp_path: Path, empty: HostedFile) -> None:
    async with rig(tmp_path, empty) as r:
        fetched = await r.fetch()
    assert r.content() == b""
    assert (fetched.size_bytes, r.names) == (0, ["file.bin"])


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097])
async def test_row_037_sizes_around_a_batch_are_exact(tmp_path: Path, size: int) -> None:
    async with rig(tmp_path, HostedFile(BODY[:size])) as r:
        await r.fetch()
    assert r.content() == BODY[:size]
    assert r.ranges == ["bytes=0-"]
