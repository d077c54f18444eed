"""FAULTS C3: where a body ends, and whether that was its end."""

import contextlib
import gzip
import hashlib
import random
from dataclasses import replace
from pathlib import Path

import pytest

from asyncdl.errors import NetworkError, SizeMismatch, Stalled, TransferError, WrongContent
from asyncdl.transfer import Digest
from tests.transfer.fault_server import (
    QUICK,
    End,
    HostedFile,
    Reply,
    Responder,
    chunked,
    cut,
    fixed,
    rig,
)

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)


async def test_row_054_a_body_that_always_breaks_keeps_its_part(tmp_path: Path) -> None:
    broken = fixed("200 OK", end=End.CLOSE, length=99, ETag='"v2"')
    async with rig(tmp_path, cut(FILE, 777), broken) as r:
        with pytest.raises(NetworkError):
            await r.fetch()
    assert "file.bin" not in r.names
    assert r.content("file.bin.part") == BODY[:777]


async def test_row_055_bytes_behind_the_announced_length_are_ignored(tmp_path: Path) -> None:
    async with rig(tmp_path, fixed("200 OK", BODY + b"surplus", length=len(BODY)), FILE) as r:
        await r.fetch()
        await r.fetch("second.bin")
    assert r.content() == r.content("second.bin") == BODY
    assert r.server.connections == 2


async def test_row_056_a_chunked_body_without_its_last_chunk_is_no_success(tmp_path: Path) -> None:
    async with rig(tmp_path, chunked(BODY, ends=False)) as r:
        with pytest.raises(NetworkError):
            await r.fetch()
    assert "file.bin" not in r.names


async def test_a_whole_chunked_body_is_success(tmp_path: Path) -> None:
    async with rig(tmp_path, chunked(BODY)) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    assert fetched.proof == "chunked"


async def test_row_065_a_body_that_only_closes_is_flagged(tmp_path: Path) -> None:
    async with rig(tmp_path, fixed("200 OK", BODY, length=None, end=End.CLOSE)) as r:
        fetched = await r.fetch()
    assert r.content() == BODY
    assert fetched.proof == "unverified-length"


async def test_row_065_a_known_size_is_held_against_it(tmp_path: Path) -> None:
    async with rig(tmp_path, fixed("200 OK", BODY[:-1], length=None, end=End.CLOSE)) as r:
        with pytest.raises(SizeMismatch):
            await r.fetch(size_bytes=len(BODY))
    assert "file.bin" not in r.names


@pytest.mark.parametrize("code", ["204 No Content", "205 Reset"])
async def test_row_068_no_content_is_no_file(tmp_path: Path, code: str) -> None:
    async with rig(tmp_path, fixed(code, length=None)) as r:
        with pytest.raises(WrongContent) as refused:
            await r.fetch()
    assert refused.value.reason == "no-content"
    assert r.names == []


async def test_an_announced_length_that_is_not_the_expected_one_is_refused_early(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(SizeMismatch) as refused:
            await r.fetch(size_bytes=7)
    assert (refused.value.expected, refused.value.got) == (7, len(BODY))
    assert r.names == []


async def test_row_168_a_declared_size_over_the_cap_is_not_fetched(tmp_path: Path) -> None:
    limits = replace(QUICK, max_size_bytes=1000)
    async with rig(tmp_path, FILE, limits=limits) as r:
        with pytest.raises(TransferError) as refused:
            await r.fetch()
    assert (refused.value.reason, r.names) == ("too-large", [])
    assert len(r.server.requests) == 1


async def test_row_168_an_endless_body_is_stopped_at_the_cap(tmp_path: Path) -> None:
    limits = replace(QUICK, max_size_bytes=1000)
    async with rig(tmp_path, chunked(BODY), limits=limits) as r:
        with pytest.raises(TransferError) as refused:
            await r.fetch()
    assert (refused.value.reason, r.names) == ("too-large", [])


async def test_row_096_no_host_is_asked_with_head(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), FILE) as r:
        await r.fetch()
    assert {request.method for request in r.server.requests} == {"GET"}


CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


def raw(head: str, body: bytes, end: End = End.CLOSE) -> Responder:
    return lambda _: Reply(f"{head}\r\n".encode(), body, end)


@pytest.mark.parametrize("row", ["058", "059"])
async def test_rows_058_059_chunks_that_lie_about_their_size_are_no_file(
    tmp_path: Path, row: str
) -> None:
    wire = {"058": b"fffffffffffffffff0\r\nabc", "059": b"3\r\nabcdefgh\r\n0\r\n\r\n"}[row]
    # aiohttp tells of a bad chunk only if it comes with the head; else it falls silent.
    limits = replace(QUICK, stall_timeout_s=0.05)
    async with rig(tmp_path, raw(CHUNKED, wire), limits=limits) as r:
        with pytest.raises((NetworkError, Stalled)):
            await r.fetch()
    assert "file.bin" not in r.names


@pytest.mark.parametrize(
    "lengths",
    ["Content-Length: 3\r\nContent-Length: 3\r\n", "Content-Length: 3, 3\r\n",
     "Content-Length: 3\r\nContent-Length: 5\r\n"],
)  # fmt: skip
async def test_row_061_a_length_that_is_told_twice_is_never_misread(
    tmp_path: Path, lengths: str
) -> None:
    async with rig(tmp_path, raw(f"HTTP/1.1 200 OK\r\n{lengths}", b"abc")) as r:
        with contextlib.suppress(NetworkError, SizeMismatch):
            await r.fetch()
    assert "file.bin" not in r.names or r.content() == b"abc"


@pytest.mark.parametrize(
    "lengths", ["Content-Length: 3\r\nContent-Length: 3\r\n", "Content-Length: 3, 3\r\n"]
)
async def test_row_061_a_length_that_is_told_twice_alike_is_one(
    tmp_path: Path, client: str, lengths: str
) -> None:
    if client == "session":
        pytest.skip("aiohttp refuses it before it is ours")
    async with rig(tmp_path, raw(f"HTTP/1.1 200 OK\r\n{lengths}", b"abcsurplus")) as r:
        fetched = await r.fetch()
    assert (r.content(), fetched.proof) == (b"abc", "length")


@pytest.mark.parametrize("length", ["-3", "three", "3x", "0x3", "9" * 30, str(2**63)])
async def test_rows_063_064_a_length_that_is_none_is_never_believed(
    tmp_path: Path, length: str
) -> None:
    async with rig(tmp_path, raw(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n", b"abc")) as r:
        with pytest.raises((NetworkError, SizeMismatch)):
            await r.fetch()
    assert "file.bin" not in r.names


async def test_row_067_interim_answers_are_skipped(tmp_path: Path) -> None:
    interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    final = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
    async with rig(tmp_path, raw(interim + final, b"abc")) as r:
        await r.fetch()
    assert r.content() == b"abc"


@pytest.mark.parametrize("header", [f"X: {'x' * 10**6}\r\n", "X: y\r\n" * 50_000])
async def test_row_070_a_head_without_measure_is_refused(tmp_path: Path, header: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n{header}"
    async with rig(tmp_path, raw(head, b"abc")) as r:
        with pytest.raises(NetworkError):
            await r.fetch()
    assert r.names == []


async def test_row_071_trailers_are_ignored(tmp_path: Path) -> None:
    wire = b"3\r\nabc\r\n0\r\nX-Trailer: y\r\n\r\n"
    async with rig(tmp_path, raw(CHUNKED, wire)) as r:
        fetched = await r.fetch()
    assert (r.content(), fetched.proof) == (b"abc", "chunked")


async def test_row_072_a_host_that_closes_while_we_are_throttled_has_sent_all(
    tmp_path: Path,
) -> None:
    limits = replace(QUICK, max_rate_bytes_s=len(BODY) / 0.1, read_buffer_bytes=512)
    async with rig(tmp_path, cut(FILE, len(BODY), End.CLOSE), limits=limits) as r:
        fetched = await r.fetch()
    assert (r.content(), fetched.attempts) == (BODY, 1)


async def test_row_073_a_body_of_crumbs_is_a_body(tmp_path: Path) -> None:
    crumbs = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY[:3000])
    async with rig(tmp_path, raw(CHUNKED, crumbs + b"0\r\n\r\n")) as r:
        await r.fetch()
    assert r.content() == BODY[:3000]


@pytest.mark.parametrize("row", ["074", "081"])
async def test_rows_074_081_a_body_that_is_not_what_its_coding_says_is_refused(
    tmp_path: Path, row: str
) -> None:
    coded: dict[str, Responder] = {
        "074": replace(FILE, headers={"Content-Encoding": "gzip"}),
        "081": fixed("200 OK", b"0\r\n\r\n", length=None, Transfer_Encoding="gzip, chunked"),
    }
    async with rig(tmp_path, coded[row]) as r:
        with pytest.raises(WrongContent) as refused:
            await r.fetch()
    assert (refused.value.reason, r.names) == ("coded", [])


async def test_row_075_a_part_in_another_coding_is_never_combined(tmp_path: Path) -> None:
    coded = replace(FILE, headers={"Content-Encoding": "gzip"})
    async with rig(tmp_path, cut(FILE, 777), coded) as r:
        with pytest.raises(WrongContent):
            await r.fetch()
    assert r.content("file.bin.part") == BODY[:777]


async def test_row_076_a_gzip_file_is_stored_as_it_is_on_the_wire(tmp_path: Path) -> None:
    packed = gzip.compress(BODY)
    async with rig(tmp_path, HostedFile(packed, headers={"Content-Encoding": "gzip"})) as r:
        await r.fetch("scene.tar.gz")
    assert r.content("scene.tar.gz") == packed


CSV = b"id,cloud\n" * 2000
PACKED = gzip.compress(CSV)


def packed(body: bytes = PACKED, **headers: object) -> HostedFile:
    return HostedFile(body, headers={"Content-Encoding": "gzip", **headers})


@pytest.mark.parametrize(
    "coding",
    ["aws-chunked", "none", "binary", "identity", "", "utf-8", "Identity, aws-chunked", "NULL"],
)
async def test_what_is_no_coding_passes(tmp_path: Path, coding: str) -> None:
    file = replace(FILE, headers={"Content-Encoding": coding})
    async with rig(tmp_path, cut(file, 777), file) as r:
        fetched = await r.fetch()
    assert (r.content(), fetched.proof, r.ranges[-1]) == (BODY, "length", "bytes=777-")


@pytest.mark.parametrize("takes_ranges", [True, False])
@pytest.mark.parametrize(
    "body",
    [PACKED, gzip.compress(CSV[:99]) + gzip.compress(CSV[99:]) + bytes(99)],
    ids=["one member", "two members and zeros"],
)
async def test_rows_074_078_a_body_that_was_compressed_unasked_is_decoded(
    tmp_path: Path, body: bytes, takes_ranges: bool
) -> None:
    digest = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==", "x-checksum-md5": "0" * 32}
    file = replace(packed(body, **digest), takes_ranges=takes_ranges)
    async with rig(tmp_path, file) as r:
        fetched = await r.fetch("table.csv")
    assert (r.content("table.csv"), fetched.proof) == (CSV, "gzip")
    assert (fetched.size_bytes, fetched.attempts) == (len(CSV), 1)


async def test_row_074_a_compressed_body_that_breaks_off_begins_again(tmp_path: Path) -> None:
    noise = gzip.compress(BODY + random.Random(7).randbytes(9000))
    file = packed(noise)
    async with rig(tmp_path, cut(file, len(noise) // 2), cut(file, len(noise) - 9), file) as r:
        await r.fetch("table.csv")
    assert r.content("table.csv") == gzip.decompress(noise)
    assert set(r.ranges) == {"bytes=0-"}


async def test_row_074_compression_without_its_end_is_no_file(tmp_path: Path) -> None:
    async with rig(tmp_path, packed(PACKED[:-9])) as r:
        with pytest.raises(WrongContent, match="cut short") as refused:
            await r.fetch("table.csv")
    assert (refused.value.reason, "table.csv" in r.names) == ("coded", False)


async def test_row_074_a_plain_part_is_never_continued_by_a_coded_body(tmp_path: Path) -> None:
    noise = random.Random(7).randbytes(9000)
    plain = HostedFile(noise)
    async with rig(tmp_path, cut(plain, 777), packed(gzip.compress(noise))) as r:
        await r.fetch("table.csv")
    assert (r.content("table.csv"), r.ranges[-1]) == (noise, None)


async def test_row_074_what_was_promised_is_held_against_the_decoded_file(tmp_path: Path) -> None:
    right = Digest("sha256", hashlib.sha256(CSV).hexdigest())
    async with rig(tmp_path, packed()) as r:
        fetched = await r.fetch("table.csv", digests=(right,), size_bytes=len(CSV))
        with pytest.raises(SizeMismatch):
            await r.fetch("other.csv", size_bytes=len(CSV) - 1)
    assert (fetched.proof, r.content("table.csv")) == ("length+sha256", CSV)


async def test_row_074_a_body_of_the_promised_length_is_kept_as_it_is(tmp_path: Path) -> None:
    async with rig(tmp_path, packed()) as r:
        await r.fetch("table.csv", size_bytes=len(PACKED))
    assert r.content("table.csv") == PACKED


async def test_row_079_a_bomb_is_stopped_at_the_cap(tmp_path: Path) -> None:
    bomb = packed(gzip.compress(bytes(50_000_000)))
    async with rig(tmp_path, bomb, limits=replace(QUICK, max_size_bytes=1_000_000)) as r:
        with pytest.raises(TransferError) as refused:
            await r.fetch("table.csv")
    assert (refused.value.reason, "table.csv" in r.names) == ("too-large", False)


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate", "gzip, gzip", "gzip, br"])
async def test_another_coding_is_refused(tmp_path: Path, coding: str) -> None:
    async with rig(tmp_path, replace(FILE, headers={"Content-Encoding": coding})) as r:
        with pytest.raises(WrongContent, match="insists") as refused:
            await r.fetch("table.csv")
    assert (refused.value.reason, r.names) == ("coded", [])


async def test_row_115_an_old_host_without_keep_alive_is_a_host(tmp_path: Path) -> None:
    old = raw("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n", b"abc")
    async with rig(tmp_path, old) as r:
        await r.fetch()
        await r.fetch("second.bin")
    assert r.content() == r.content("second.bin") == b"abc"
    assert r.server.connections == 2
