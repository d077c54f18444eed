"""FAULTS C9: the disk, the note, the lock, and what is there already."""

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncdl.errors import AsyncdlError, DiskError, HttpStatusError, TransferError
from asyncdl.events import TransferRetry
from asyncdl.system import files
from asyncdl.transfer import Digest, Downloader, FileRequest
from asyncdl.transfer.names import STATE
from asyncdl.transfer.parts import part_file
from asyncdl.transfer.parts.part_file import PartFile
from asyncdl.transfer.parts.part_state import PartState, load_state
from tests.transfer.fault_server import (
    QUICK,
    HostedFile,
    Received,
    Reply,
    after,
    cut,
    fixed,
    rig,
    status,
)

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)
WRITE_AT = files.write_at


async def test_row_136_a_full_disk_stops_the_file_and_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_at(fd: int, data: memoryview, offset: int) -> int:
        if offset + len(data) > 6000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return WRITE_AT(fd, data, offset)

    monkeypatch.setattr(files, "write_at", write_at)
    async with rig(tmp_path, cut(FILE, 5000), FILE) as r:
        with pytest.raises(DiskError) as refused:
            await r.fetch()
        assert refused.value.is_full
        assert r.content("file.bin.part") == BODY[:5000]
        monkeypatch.setattr(files, "write_at", WRITE_AT)
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges == ["bytes=0-", "bytes=5000-", "bytes=5000-"]


@pytest.mark.parametrize("is_replaced", [True, False])
async def test_what_replaces_a_partial_file_never_gets_the_final_name(
    tmp_path: Path, is_replaced: bool
) -> None:
    """It was never proved, and no note may speak for it."""
    gate, part = asyncio.Event(), tmp_path / "file.bin.part"
    async with rig(tmp_path, after(gate, FILE, first_bytes=5000)) as r:
        fetching = asyncio.ensure_future(r.fetch())
        while not part.exists():
            await anyio.sleep(0.001)
        part.unlink()
        if is_replaced:
            part.write_bytes(BODY[::-1])
        gate.set()
        with pytest.raises(DiskError, match=r"removed or replaced|No such file"):
            await fetching
    assert r.names == (["file.bin.part"] if is_replaced else [])


async def test_row_138_short_writes_are_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "write_at", lambda fd, data, at: WRITE_AT(fd, data[:100], at))
    async with rig(tmp_path, FILE) as r:
        await r.fetch()
    assert r.content() == BODY


async def test_row_139_an_error_of_the_disk_never_ends_in_a_final_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    async with rig(tmp_path, FILE, limits=replace(QUICK, durable=True)) as r:
        with pytest.raises(DiskError):
            await r.fetch()
    assert "file.bin" not in r.names


async def test_row_139_what_only_closing_tells_never_ends_in_a_final_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network mount may keep its errors until then."""
    close = os.close

    def tell(fd: int) -> None:
        path = os.readlink(f"/proc/self/fd/{fd}")
        close(fd)
        if path.endswith("file.bin.part"):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "close", tell)
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(DiskError):
            await r.fetch()
    assert "file.bin" not in r.names


async def test_row_142_after_a_kill_only_noted_bytes_are_trusted(tmp_path: Path) -> None:
    limits = replace(QUICK, checkpoint_bytes=1)
    async with rig(tmp_path, cut(FILE, 5000), status(404), FILE, limits=limits) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch()
        with (tmp_path / "file.bin.part").open("ab") as part:
            part.write(b"never noted")
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges[-1] == "bytes=5000-"


@pytest.mark.parametrize("note", [b"", b"torn", b"00000000 {}\n"])
async def test_row_143_a_torn_note_starts_over(tmp_path: Path, note: bytes) -> None:
    async with rig(tmp_path, cut(FILE, 5000), status(404), FILE) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch()
        (tmp_path / "file.bin.part.state").write_bytes(note)
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges[-1] == "bytes=0-"


async def test_row_146_a_part_shorter_than_its_note_is_continued_from_its_end(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path, cut(FILE, 5000), status(404), FILE) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch()
        os.truncate(tmp_path / "file.bin.part", 4000)
        await r.fetch()
    assert r.content() == BODY
    assert r.ranges[-1] == "bytes=4000-"


@pytest.mark.parametrize("change", [{"url": "/other.bin"}, {"size_bytes": 7}])
async def test_row_148_a_note_about_another_file_is_dropped(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    other = HostedFile(b"7 bytes", etag='"v7"')
    async with rig(tmp_path, cut(FILE, 5000), status(404), other) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch()
        url = f"{r.server.url}{change.get('url', '/data/file.bin')}"
        await r.fetch(**{**change, "url": url})
    assert r.content() == b"7 bytes"
    assert r.ranges[-1] == "bytes=0-"


async def test_a_note_holds_no_secret(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 5000), status(404)) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch(url=f"{r.server.url}/download/c2VjcmV0LXRva2Vu?requestSignature=hush")
    note = r.content("file.bin.part.state")
    assert b"hush" not in note
    assert b"c2VjcmV0" not in note


@pytest.mark.posix("locks go with descriptors")
async def test_row_149_the_second_of_two_owners_is_told_so(tmp_path: Path) -> None:
    with (tmp_path / "file.bin.part").open("wb") as elsewhere:
        fcntl = pytest.importorskip("fcntl")
        fcntl.flock(elsewhere, fcntl.LOCK_EX)
        async with rig(tmp_path, FILE) as r:
            with pytest.raises(TransferError) as refused:
                await r.fetch()
    assert refused.value.reason == "busy"
    assert r.server.requests == []


async def test_row_149_two_downloaders_do_not_share_a_part(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with (
        rig(tmp_path, after(gate, FILE)) as r,
        Downloader(QUICK) as other,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(r.fetch)
        while not r.server.requests:
            await anyio.sleep(0.001)
        with pytest.raises(TransferError) as refused:
            await other.fetch(FileRequest(r.server.url, tmp_path, "file.bin"))
        gate.set()
    assert refused.value.reason == "busy"
    assert r.content() == BODY


async def test_row_150_two_requests_for_one_target_are_noticed(tmp_path: Path) -> None:
    errors: list[AsyncdlError] = []

    async with rig(tmp_path, FILE) as r:

        async def fetch() -> None:
            try:
                await r.fetch()
            except TransferError as error:
                errors.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fetch)
            tasks.start_soon(fetch)
    assert [error.retryable for error in errors] == [False]
    assert r.content() == BODY


async def test_row_151_a_file_that_is_there_and_right_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(BODY)
    async with rig(tmp_path, FILE) as r:
        fetched = await r.fetch(size_bytes=len(BODY))
    assert (fetched.already_there, fetched.attempts, r.server.requests) == (True, 0, [])
    assert fetched.proof == "length"


@pytest.mark.parametrize(
    "known", [{"size_bytes": len(BODY)}, {"digests": (Digest("md5", "0" * 32),)}]
)
async def test_row_151_a_wrong_file_is_replaced_by_a_proved_one_only(
    tmp_path: Path, known: dict[str, Any]
) -> None:
    (tmp_path / "file.bin").write_bytes(b"precious")
    async with rig(tmp_path, fixed("200 OK", b"wrong")) as r:
        with pytest.raises(TransferError):
            await r.fetch(**known)
    assert r.content() == b"precious"
    assert r.names == ["file.bin"]


async def test_row_151_overwrite_fetches_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(b"old")
    async with rig(tmp_path, FILE) as r:
        await r.fetch(overwrite=True)
    assert r.content() == BODY


async def test_row_151_a_nameless_file_is_compared_with_the_answer(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(BODY)
    async with rig(tmp_path, FILE) as r:
        fetched = await r.fetch(None)
    assert (fetched.already_there, fetched.received_bytes, fetched.attempts) == (True, 0, 1)


async def test_row_152_a_target_that_is_a_folder_is_refused_before_any_request(
    tmp_path: Path,
) -> None:
    (tmp_path / "file.bin").mkdir()
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(DiskError) as refused:
            await r.fetch()
    assert (refused.value.errno, r.server.requests) == (errno.EISDIR, [])


async def test_row_152_a_folder_that_cannot_be_made_is_refused_before_any_request(
    tmp_path: Path,
) -> None:
    (tmp_path / "taken").write_bytes(b"")
    async with rig(tmp_path / "taken" / "below", FILE) as r:
        with pytest.raises(DiskError):
            await r.fetch()
    assert r.server.requests == []


IN_THE_WAY: list[Any] = [
    Path.mkdir,
    pytest.param(
        getattr(os, "mkfifo", None), marks=pytest.mark.posix("pipes have names"), id="pipe"
    ),
    lambda path: path.symlink_to("elsewhere"),
    pytest.param(lambda path: path.symlink_to("/dev/zero"), marks=pytest.mark.posix("/dev")),
]


@pytest.mark.parametrize("make", IN_THE_WAY)
async def test_row_152_a_note_that_is_no_file_is_refused_before_any_request(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "file.bin.part.state")
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(DiskError, match=r"part\.state exists and is not a regular") as refused:
            await r.fetch()
    assert (r.server.requests, r.names) == ([], ["file.bin.part.state"])
    assert "in the way" in refused.value.remedy


@pytest.mark.parametrize("make", IN_THE_WAY[1:])
async def test_what_has_the_name_of_a_half_written_note_is_removed_not_followed(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "file.bin.part.state.tmp")
    async with rig(tmp_path, FILE) as r:
        await r.fetch()
    assert (r.content(), r.names) == (BODY, ["file.bin"])


async def test_row_152_a_folder_in_place_of_a_half_written_note_is_named(tmp_path: Path) -> None:
    (tmp_path / "file.bin.part.state.tmp").mkdir()
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(DiskError, match=r"file\.bin\.part\.state\.tmp exists") as refused:
            await r.fetch()
    assert (r.server.requests, r.names) == ([], ["file.bin.part.state.tmp"])
    assert "in the way" in refused.value.remedy


@pytest.mark.parametrize("make", IN_THE_WAY)
async def test_row_152_a_part_that_is_no_file_is_refused_before_any_request(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "file.bin.part")
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(DiskError) as refused:
            await r.fetch()
    assert (r.server.requests, r.names) == ([], ["file.bin.part"])
    assert "in the way" in refused.value.remedy


async def test_a_note_that_cannot_be_read_at_first_is_read_by_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [errno.EMFILE]

    def load(path: Path, size_bytes: int) -> PartState | None:
        if failures:
            number = failures.pop()
            raise OSError(number, os.strerror(number))
        return load_state(path, size_bytes)

    monkeypatch.setattr(part_file, "load_state", load)
    async with rig(tmp_path, FILE) as r:
        await r.fetch()
    assert (r.content(), r.names) == (BODY, ["file.bin"])


@pytest.mark.parametrize("there", [b"", BODY[:100]])
async def test_a_note_that_can_never_be_read_costs_no_byte_and_leaves_nothing_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bytes
) -> None:
    def load(path: Path, size_bytes: int) -> PartState | None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    part = tmp_path / "file.bin.part"
    (tmp_path / f"file.bin{STATE}").write_bytes(b"unreadable")
    if there:
        part.write_bytes(there)
    monkeypatch.setattr(part_file, "load_state", load)
    async with rig(tmp_path, FILE) as r:
        with pytest.raises(DiskError):
            await r.fetch()
    assert r.names == [*(["file.bin.part"] if there else []), f"file.bin{STATE}"]
    assert not there or part.read_bytes() == there


@pytest.mark.posix("folders are flushed")
async def test_row_144_a_durable_file_is_flushed_before_it_is_named_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[bool] = []
    fsync = os.fsync

    def watch(fd: int) -> None:
        flushed.append((tmp_path / "file.bin").exists())
        fsync(fd)

    monkeypatch.setattr(os, "fsync", watch)
    async with rig(tmp_path, FILE, limits=replace(QUICK, durable=True)) as r:
        await r.fetch()
    assert flushed[0] is False
    assert set(flushed[1:]) == {True}


async def test_row_141_room_that_is_not_needed_is_given_back(tmp_path: Path) -> None:
    large, small = HostedFile(BODY * 100), HostedFile(BODY, etag='"v2"')
    limits = replace(QUICK, preallocate_from_bytes=1)
    async with rig(tmp_path, cut(large, 777), small, limits=limits) as r:
        await r.fetch()
    assert r.content() == BODY
    assert (tmp_path / "file.bin").stat().st_blocks * 512 < 2 * len(BODY)


async def test_row_153_the_part_is_on_the_volume_of_its_target(tmp_path: Path) -> None:
    async with rig(tmp_path / "deep" / "below", cut(FILE, 5000), status(404)) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch()
    assert r.names == ["file.bin.part", "file.bin.part.state"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
async def test_row_154_too_many_open_files_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    failures, opened = [number, number], os.open

    def open_(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if str(path).endswith(".part") and failures:
            raise OSError(failures.pop(), "Too many open files")
        return opened(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", open_)
    async with rig(tmp_path, FILE) as r:
        await r.fetch()
    assert r.content() == BODY
    assert len(r.told(TransferRetry)) == 2


async def test_row_155_small_drops_are_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    write = PartFile.write

    async def watch(part: PartFile, offset: int, pieces: Any) -> None:
        writes.append(offset)
        await write(part, offset, pieces)

    monkeypatch.setattr(PartFile, "write", watch)
    drops = replace(QUICK, flush_interval_s=60.0, flush_bytes=4096)

    def drip(received: Received) -> Reply:
        return replace(FILE(received), drip_bytes=100)

    async with rig(tmp_path, drip, limits=drops) as r:
        await r.fetch()
    assert r.content() == BODY
    assert len(writes) <= len(BODY) / 4096 + 2


@pytest.mark.parametrize("content", [b"", b"no state at all", b"00000000 {}\n"])
async def test_a_damaged_state_file_does_not_outlive_the_file(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / f"file.bin{STATE}").write_bytes(content)
    async with rig(tmp_path, FILE) as r:
        await r.fetch()
    assert r.content() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["file.bin"]
