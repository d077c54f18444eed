"""Files that are made of some ranges of another file: what the engine fetches, keeps and makes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import DiskError, TransferError, WrongContent
from asyncdl.events import TransferProgress, TransferStarted
from asyncdl.run_state.transfers import Transfers
from asyncdl.transfer import Digest, Fetched
from asyncdl.transfer.excerpts import Excerpt, ReadBytes
from asyncdl.transfer.ranges import Coverage, Span
from asyncdl.transfer.verification.structure import BROKEN_FILE
from tests.transfer.fault_server import (
    QUICK,
    End,
    HostedFile,
    Received,
    Reply,
    cut,
    rig,
    status,
)

PATIENCE_S = 60.0
HEAD_BYTES = 100
BODY = bytes(range(256)) * 400
"""Its first bytes do not matter: the chapters below are what an excerpt wants of it."""
CHAPTERS = (Span(5_000, 9_000), Span(40_000, 41_000), Span(100_000, 102_400))
WANTED = b"".join(BODY[span.start : span.stop] for span in CHAPTERS)
FILE = HostedFile(BODY)
RANGES = ["bytes=0-99", "bytes=5000-8999", "bytes=40000-40999", "bytes=100000-"]


@dataclass
class Chapters:
    """Wants a head, and then what it says; a damaged chapter is refused once."""

    url: str
    spans: tuple[Span, ...] = (Span(0, HEAD_BYTES),)
    problems: list[TransferError] = field(default_factory=list)
    proof: str = "chapters"

    def missing(self, done: Coverage, total: int | None) -> list[Span]:
        covered = done
        for start, stop in zip(
            [0, *(span.stop for span in self.spans)],
            [*(span.start for span in self.spans), total or 10**9],
            strict=True,
        ):
            covered = covered.add(Span(start, stop))
        return covered.gaps(total or self.spans[-1].stop)

    def advance(self, read: ReadBytes, total: int) -> bool:
        assert len(read(0, HEAD_BYTES)) == HEAD_BYTES
        if self.problems:
            raise self.problems.pop()
        was, self.spans = self.spans, (Span(0, HEAD_BYTES), *CHAPTERS)
        return was != self.spans

    def record(self, validator: str, received_bytes: int) -> str:
        return f"{validator} {received_bytes}"

    def assemble(self, read: ReadBytes) -> Iterator[bytes]:
        for span in CHAPTERS:
            yield read(span.start, span.stop)


def begin(url: str) -> Excerpt:
    return Chapters(url)


@dataclass
class Failing(Chapters):
    """Ends in an error when the file is made."""

    error: OSError = field(default_factory=OSError)

    def assemble(self, read: ReadBytes) -> Iterator[bytes]:
        yield read(0, 1)
        raise self.error


def contents(fetched: Fetched) -> tuple[list[str], bytes]:
    names = sorted(path.name for path in fetched.path.parent.iterdir())
    return names, fetched.path.read_bytes()


async def test_only_the_wanted_ranges_are_requested(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        fetched = await r.fetch(name="made.bin", excerpt=begin)
    assert r.ranges == RANGES
    assert contents(fetched) == (["made.bin"], WANTED)
    assert fetched.received_bytes == HEAD_BYTES + len(WANTED)
    assert (fetched.size_bytes, fetched.proof) == (len(WANTED), "length+chapters")
    assert fetched.excerpt == f'"v1" {fetched.received_bytes}'


async def test_progress_says_how_much_there_will_be(tmp_path: Path) -> None:
    """Once the head is there; nobody can draw a bar before."""
    async with rig(tmp_path, FILE) as r:
        await r.fetch(name="made.bin", excerpt=begin)
    (started,) = (event for event in r.events if isinstance(event, TransferStarted))
    seen = [event for event in r.events if isinstance(event, TransferProgress)]
    assert started.size_bytes is None and seen[0].total_bytes is None
    assert seen[-1].total_bytes == seen[-1].done_bytes == HEAD_BYTES + len(WANTED)
    shown = Transfers()
    shown.begin(started, 0.0)
    shown.progress(seen[-1], 1.0)
    (file,) = shown.active.values()
    assert file.total_bytes == file.done_bytes


async def test_all_ranges_are_of_one_version(tmp_path: Path) -> None:
    other = HostedFile(BODY[::-1], etag='"v2"')
    async with rig(tmp_path, FILE, FILE, other) as r:
        fetched = await r.fetch(name="made.bin", excerpt=begin)
    made = b"".join(other.body[span.start : span.stop] for span in CHAPTERS)
    assert fetched.path.read_bytes() == made


async def test_a_host_without_ranges_sends_the_whole_file_once(tmp_path: Path) -> None:
    async with rig(tmp_path, HostedFile(BODY, takes_ranges=False)) as r:
        fetched = await r.fetch(name="made.bin", excerpt=begin)
    assert r.ranges == ["bytes=0-99"]
    assert contents(fetched) == (["made.bin"], WANTED)
    assert fetched.received_bytes == len(BODY)


@pytest.mark.parametrize("good", [0, 1, 2])
async def test_a_host_that_sends_several_parts_as_one_body_is_asked_for_the_whole_file(
    tmp_path: Path, good: int
) -> None:
    """From the first request on, or after some that were right."""
    parts = FILE.part(None, b"--x\r\n", Content_Type="multipart/byteranges; boundary=x")
    async with rig(tmp_path, *[FILE] * good, parts, FILE) as r:
        fetched = await r.fetch(name="made.bin", excerpt=begin)
    assert r.ranges == [*RANGES[: good + 1], None]
    assert contents(fetched) == (["made.bin"], WANTED)


async def test_a_host_may_send_more_than_was_asked_for(tmp_path: Path) -> None:
    """What the response says of its place decides, and the rest is not fetched again."""
    longer = FILE.part(f"bytes 0-9999/{len(BODY)}", BODY[:10_000])
    async with rig(tmp_path, longer, FILE) as r:
        fetched = await r.fetch(name="made.bin", excerpt=begin)
    assert contents(fetched) == (["made.bin"], WANTED)
    assert r.ranges[0] == RANGES[0] and r.ranges[-2:] == RANGES[-2:]


async def test_parts_without_a_version_are_not_put_together(tmp_path: Path) -> None:
    async with rig(tmp_path, HostedFile(BODY, etag=None)) as r:
        fetched = await r.fetch(name="made.bin", excerpt=begin)
    assert r.ranges == ["bytes=0-99", None]
    assert fetched.path.read_bytes() == WANTED


async def test_what_broke_off_goes_on_where_it_did(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE, cut(FILE, 1500), FILE) as r:
        await r.fetch(name="made.bin", excerpt=begin)
    assert r.ranges == [*RANGES[:2], "bytes=6500-8999", *RANGES[2:]]


async def test_a_fresh_url_serves_what_is_left(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE, FILE, status(403), FILE) as r:

        async def refresh() -> str:
            return f"{r.server.url}/data/file.bin?fresh"

        fetched = await r.fetch(name="made.bin", excerpt=begin, refresh=refresh)
    assert r.ranges == [*RANGES[:3], *RANGES[2:]]
    assert fetched.path.read_bytes() == WANTED


async def test_a_length_that_is_not_that_of_the_source_is_refused(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(TransferError):
            await r.fetch(name="made.bin", excerpt=begin, size_bytes=len(BODY) + 1)
    assert r.names == []


async def test_a_limit_on_sizes_is_about_what_is_fetched(tmp_path: Path) -> None:
    limits = replace(QUICK, max_size_bytes=10_000)
    async with rig(tmp_path, FILE, limits=limits) as r:
        await r.fetch(name="made.bin", excerpt=begin)
    async with rig(tmp_path / "whole", HostedFile(BODY, takes_ranges=False), limits=limits) as r:
        with pytest.raises(TransferError, match="too-large"):
            await r.fetch(name="made.bin", excerpt=begin)


async def test_bytes_that_are_not_sound_are_fetched_once_more(tmp_path: Path) -> None:
    problems: list[TransferError] = [WrongContent("", "a torn chapter", reason=BROKEN_FILE)]
    async with rig(tmp_path, FILE) as r:
        fetched = await r.fetch(
            name="made.bin", excerpt=lambda url: Chapters(url, problems=problems)
        )
    assert r.ranges == [RANGES[0], *RANGES]
    assert fetched.path.read_bytes() == WANTED


async def test_what_cannot_be_made_is_not_tried_again(tmp_path: Path) -> None:
    problems = [TransferError("", "nothing of it is here", reason="outside", retryable=False)]
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(TransferError, match="outside"):
            await r.fetch(name="made.bin", excerpt=lambda url: Chapters(url, problems=problems))
    assert (r.ranges, r.names) == ([RANGES[0]], [])


@pytest.mark.parametrize("kept", [1, 2, 3])
async def test_the_next_run_goes_on_after_the_last_whole_range(tmp_path: Path, kept: int) -> None:
    async with rig(tmp_path, *[FILE] * kept, status(410), FILE) as r:
        with pytest.raises(TransferError):
            await r.fetch(name="made.bin", excerpt=begin)
        assert r.names == ["made.bin.source.part", "made.bin.source.part.state"]
        fetched = await r.fetch(name="made.bin", excerpt=begin)
    assert r.ranges == [*RANGES[: kept + 1], *RANGES[kept:]]
    assert contents(fetched) == (["made.bin"], WANTED)


async def test_what_a_run_left_in_one_piece_is_not_requested_again(tmp_path: Path) -> None:
    """A kill between the last byte and the final name."""
    full = OSError(28, "No space left on device")
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(DiskError):
            await r.fetch(name="made.bin", excerpt=lambda url: Failing(url, error=full))
        await r.fetch(name="made.bin", excerpt=begin)
    assert r.ranges == RANGES
    assert r.content("made.bin") == WANTED


async def test_a_caller_may_have_the_bytes_kept_until_it_has_recorded_the_file(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, FILE) as r:
        await r.fetch(name="made.bin", excerpt=begin, keeps_source=True)
        assert r.names == ["made.bin", "made.bin.source.part", "made.bin.source.part.state"]
        again = await r.fetch(name="made.bin", excerpt=begin, overwrite=True, resume=True)
    assert (r.ranges, again.received_bytes) == (RANGES, 0)
    assert contents(again) == (["made.bin"], WANTED)


async def test_an_excerpt_needs_a_name_and_no_digest(tmp_path: Path) -> None:
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(ValueError, match="name"):
            await r.fetch(name=None, excerpt=begin)
        with pytest.raises(ValueError, match="digest"):
            await r.fetch(excerpt=begin, digests=(Digest("md5", "0" * 32),))
    assert r.ranges == []


VICTIM = """
import asyncio, sys
from tests.transfer.test_excerpts import begin
from asyncdl.transfer import Downloader, FileRequest

async def main():
    async with Downloader() as downloader:
        await downloader.fetch(FileRequest(sys.argv[1], sys.argv[2], "made.bin", excerpt=begin))

asyncio.run(main())
"""


@pytest.mark.parametrize("whole", [1, 3])
async def test_a_kill_costs_no_more_than_the_range_that_was_coming(
    tmp_path: Path, whole: int
) -> None:
    stuck = anyio.Event()

    def hang(received: Received) -> Reply:
        stuck.set()
        return cut(FILE, 700, End.HANG)(received)

    async with rig(tmp_path, *[FILE] * whole, hang, FILE) as r:
        command = [sys.executable, "-c", VICTIM, f"{r.server.url}/data/file.bin", str(tmp_path)]
        async with await anyio.open_process(command, stdout=None, stderr=None) as victim:
            with anyio.fail_after(PATIENCE_S):
                await stuck.wait()
            victim.kill()
        fetched = await r.fetch(name="made.bin", excerpt=begin)
    assert r.ranges == [*RANGES[: whole + 1], *RANGES[whole:]]
    assert contents(fetched) == (["made.bin"], WANTED)
