"""Folders that somebody else has prepared: links, foreign files, and a journal that means harm."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from anyio import to_thread

from asyncdl.errors import ConfigError, DirectoryBusyError, DiskError
from asyncdl.events import Event
from asyncdl.job.places.placer import FolderPlacer, Relocation
from asyncdl.job.reporting.report import REPORT_NAME, Report, read_report, write_report
from asyncdl.job.stages.path_conflicts import detect_fold
from asyncdl.job.stages.relocation import _move_parts
from asyncdl.job.verifying import verify_files
from asyncdl.journal import STATE_FOLDER, FileStatus, FinishedFile, Journal, StatePlaces, open_state
from asyncdl.journal.database import Write
from asyncdl.journal.schema import is_below, is_name
from asyncdl.journal.state_folder import _describe
from asyncdl.journal.state_location import JOURNAL_NAME, _below
from asyncdl.sandbox import Service
from asyncdl.transfer.parts.disk import Disk
from asyncdl.transfer.parts.durable import open_regular_file
from asyncdl.transfer.parts.part_file import open_part, part_path, state_path
from asyncdl.transfer.parts.part_state import PartState, decode_state, encode_state, save_state
from asyncdl.transfer.ranges import Coverage, Span
from asyncdl.transfer.validators import Validator
from tests.job.bench import RED, Bench

SECRET = b"what must not be lost"

Plant = Callable[[Path, Path], None]


def as_link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def as_hard_link(path: Path, target: Path) -> None:
    path.hardlink_to(target)


def as_pipe(path: Path, target: Path) -> None:
    os.mkfifo(path)


def as_folder(path: Path, target: Path) -> None:
    path.mkdir()


PLANTS = [as_link, as_hard_link, as_pipe, as_folder]


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim.txt"
    path.write_bytes(SECRET)
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "downloads"
    (path / STATE_FOLDER).mkdir(parents=True)
    return path


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[Journal]:
    async with open_state(directory, "usgs") as journal:
        yield journal


# --- planted files --------------------------------------------------------------------------


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize(
    "name",
    ["lock", "holder.json", JOURNAL_NAME, f"{JOURNAL_NAME}-wal", f"{JOURNAL_NAME}-shm"],
)
async def test_nothing_planted_is_taken_for_a_file_of_the_state(
    directory: Path, victim: Path, name: str, plant: Plant
) -> None:
    plant(directory / STATE_FOLDER / name, victim)
    with pytest.raises(DiskError, match=r"not a regular file|second name"):
        async with opened(directory):
            raise AssertionError("it was opened")
    assert victim.read_bytes() == SECRET
    assert os.path.lexists(directory / STATE_FOLDER / name), "nor is it removed"


@pytest.mark.allow_blocking  # the test looks into folders
@pytest.mark.parametrize("is_there", [True, False])
async def test_a_state_folder_that_is_a_link_is_not_followed(
    tmp_path: Path, is_there: bool, service: Service
) -> None:
    """Nor read: as an archive may hold one, or somebody with rights in a shared folder made it."""
    elsewhere = tmp_path / "elsewhere"
    if is_there:
        async with opened(elsewhere):
            pass
    state = elsewhere / STATE_FOLDER if is_there else elsewhere
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    bench = Bench(service, tmp_path / "data")
    bench.directory.mkdir()
    (bench.directory / STATE_FOLDER).symlink_to(state)
    with pytest.raises(DiskError, match="is a link"):
        async with opened(bench.directory):
            raise AssertionError("it was opened")
    summary = await bench.run(RED)
    assert summary.status == "stopped" and "is a link" in summary.error
    assert bench.service.calls.total() == 0
    assert StatePlaces(bench.directory).known() is None
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert elsewhere.exists() == is_there


@pytest.mark.allow_blocking
async def test_a_chosen_state_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    chosen, elsewhere = tmp_path / "states", tmp_path / "elsewhere"
    chosen.mkdir()
    elsewhere.mkdir()
    _below(chosen, tmp_path / "data").symlink_to(elsewhere)
    with pytest.raises(DiskError, match="is a link"):
        async with open_state(tmp_path / "data", "usgs", chosen=chosen):
            raise AssertionError("it was opened")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("plant", PLANTS)
async def test_nothing_planted_is_touched_by_the_probe(
    directory: Path, victim: Path, plant: Plant
) -> None:
    before = victim.stat().st_mtime_ns
    plant(directory / "Name-\N{LATIN SMALL LETTER E WITH ACUTE}", victim)
    await detect_fold(directory)
    assert victim.read_bytes() == SECRET
    assert victim.stat().st_mtime_ns == before


@pytest.mark.parametrize("plant", PLANTS)
async def test_nothing_planted_takes_the_report(
    directory: Path, victim: Path, plant: Plant
) -> None:
    plant(directory / f"{REPORT_NAME}.part", victim)
    with pytest.raises(OSError, match=r"not a regular file|second name"):
        await write_report(directory, Report().summary())
    assert victim.read_bytes() == SECRET


@pytest.mark.parametrize("plant", [as_link, as_hard_link])
async def test_a_link_with_the_name_of_the_report_is_replaced_and_not_followed(
    directory: Path, victim: Path, plant: Plant
) -> None:
    plant(directory / REPORT_NAME, victim)
    await write_report(directory, Report().summary())
    assert victim.read_bytes() == SECRET
    assert await to_thread.run_sync(read_report, directory) is not None


@pytest.mark.parametrize("plant", PLANTS)
async def test_nothing_planted_becomes_an_unfinished_file(
    directory: Path, victim: Path, plant: Plant
) -> None:
    final = directory / "x.tar"
    plant(part_path(final), victim)
    with pytest.raises(DiskError, match=r"not a regular file|second name"):
        async with open_part(final, Disk(1), "https://example.org/x.tar"):
            raise AssertionError("it was opened")
    assert victim.read_bytes() == SECRET


@pytest.mark.parametrize("plant", PLANTS)
def test_nothing_planted_becomes_a_note(directory: Path, victim: Path, plant: Plant) -> None:
    note = state_path(directory / "x.tar")
    plant(note.with_name(f"{note.name}.tmp"), victim)
    with pytest.raises(OSError, match=r"not a regular file|second name"):
        save_state(note, PartState("https://example.org/x.tar"))
    assert victim.read_bytes() == SECRET


def test_a_file_of_another_user_is_not_gone_on_with(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = directory / "x.part"
    path.write_bytes(SECRET)
    os.close(open_regular_file(path, os.O_RDWR))
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    os.close(open_regular_file(path, os.O_RDWR))  # all files of some mounts belong to one user
    real = os.stat_result

    def of_somebody(fd: int) -> os.stat_result:
        found = list(os.stat(fd))
        found[4] = mine + 2
        return real(found)

    monkeypatch.setattr(os, "fstat", of_somebody)
    with pytest.raises(OSError, match="belongs to another user"):
        open_regular_file(path, os.O_RDWR)
    assert path.read_bytes() == SECRET


def test_what_is_refused_is_not_emptied_first(directory: Path, victim: Path) -> None:
    path = directory / "x"
    path.hardlink_to(victim)
    with pytest.raises(FileExistsError):
        open_regular_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    assert victim.read_bytes() == SECRET


# --- a journal from somebody else -----------------------------------------------------------

CLIMBING = [
    "../victim.txt",
    "a/../../victim.txt",
    "/etc/passwd",
    "a//b",
    "./x",
    "",
    "a\0b",
    ".asyncdl/journal.sqlite",
    "x" * 5_000,
]


def row(path: str, **more: object) -> FinishedFile:
    facts: dict[str, object] = {"size_bytes": len(SECRET), "mtime_ns": 1, "proof": "length"}
    return FinishedFile(path, "bundle", "LC08", **(facts | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("path", CLIMBING)
async def test_a_row_that_leads_out_of_the_folder_counts_as_not_there(
    directory: Path, path: str
) -> None:
    async with opened(directory) as journal:
        await journal.files.record([row(path), row("right.tar", bundle=path), row("kept.tar")])
        finished = await journal.files.finished(list(FileStatus))
        expected = {"kept.tar", *(["right.tar"] if path == "" else [])}
        assert {file.path for file in finished} == expected
        memory = await journal.files.recorded([path, "kept.tar"])
        assert set(memory.finished) == {"kept.tar"}
        assert path not in {known.path for known in await journal.files.paths_of(["LC08"])}
        assert path not in {file.path for file in await journal.files.known(list(FileStatus))}


@pytest.mark.parametrize("scene", ["../x", "a/b", "..", "/etc/cron.d/x"])
async def test_a_row_whose_scene_leads_out_counts_as_not_there(directory: Path, scene: str) -> None:
    """The item of a scene is a file that has its name."""
    async with opened(directory) as journal:
        await journal.files.record([FinishedFile("x.tar", "bundle", scene, 1, 1, "length")])
        await journal.scenes.note_scenes("landsat_ot_c2_l2", {scene: "LC8"})
        assert await journal.files.finished(list(FileStatus)) == []
        assert await journal.scenes.all() == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("size_bytes", -1),
        ("size_bytes", "'many'"),
        ("mtime_ns", "1.5"),
        ("path", "x'00ff'"),
        ("proof", "x'00'"),
        ("kind", "x'00'"),
    ],
)
async def test_rows_of_other_types_count_as_not_there(
    directory: Path, column: str, value: object
) -> None:
    async with opened(directory) as journal:
        await journal.files.record([row("x.tar")])
    path = directory / STATE_FOLDER / JOURNAL_NAME
    with sqlite3.connect(path) as connection:  # the tables of an attacker are not strict
        connection.executescript(
            "CREATE TABLE loose AS SELECT * FROM file; DROP TABLE file;"
            f" ALTER TABLE loose RENAME TO file; UPDATE file SET {column} = {value};"
        )
    connection.close()
    async with opened(directory) as journal:
        assert await journal.files.finished(list(FileStatus)) == []


async def test_digests_that_nobody_can_compute_are_left_out(directory: Path) -> None:
    async with opened(directory) as journal:
        await journal.files.record([row("x.tar")])
        evil = "evil=00 md5=zz sha512=" + "a" * 128
        await journal._database.write(Write("UPDATE file SET digests = ?", [(evil,)]))
        (file,) = await journal.files.finished(list(FileStatus))
        assert [digest.algorithm for digest in file.digests] == ["sha512"]


async def test_verify_reads_nothing_that_is_no_file_of_the_folder(
    directory: Path, victim: Path
) -> None:
    os.mkfifo(directory / "pipe")
    (directory / "folder").mkdir()
    events: list[Event] = []
    async with opened(directory) as journal:
        await journal.files.record([row("../victim.txt"), row("pipe"), row("folder")])
        checked = await verify_files(FolderPlacer(directory), journal, events.append)
    assert [file.file for file in checked.damaged] == ["folder", "pipe"]
    assert checked.read_bytes == 0


def through_a_link(directory: Path, victim: Path) -> FinishedFile:
    (directory / "link").symlink_to(victim.parent)
    stat = victim.stat()
    return row(f"link/{victim.name}", mtime_ns=stat.st_mtime_ns)


def test_nothing_is_removed_through_a_link(directory: Path, victim: Path) -> None:
    file = through_a_link(directory, victim)
    assert file.is_at(directory / file.path), "the attack works but for the link"
    assert FolderPlacer(directory).remove([file]) == []
    assert victim.read_bytes() == SECRET


def test_nothing_is_moved_through_a_link(directory: Path, victim: Path) -> None:
    file = through_a_link(directory, victim)
    part = part_path(victim)
    part.write_bytes(SECRET)
    state_path(victim).write_bytes(b"x")
    moves = [Relocation(file.path, "mine.txt")]
    assert FolderPlacer(directory).move(moves, {file.path: file}) == []
    _move_parts(directory, moves, False)
    assert victim.read_bytes() == part.read_bytes() == SECRET
    assert state_path(victim).exists()


def test_paths_of_honest_layouts_are_believed() -> None:
    for path in ("bands/LC08/LC08_B4.TIF", "a/b/c d/é.tar", "..x/y..", ".hidden", "x.part"):
        assert is_below(path)
    assert is_name("LC08_L2SP") and not is_name("a/b")


# --- other files from somebody else ---------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[1]",
        b'{"pid": "\\u001b[31m", "host": []}',
        b'{"pid": ' + b"[" * 2000 + b"]" * 2000 + b"}",
        b"{" + b" " * 100_000 + b"}",
    ],
)
def test_whoever_claims_to_hold_a_folder_is_told_in_plain_words(
    directory: Path, content: bytes
) -> None:
    path = directory / STATE_FOLDER / "holder.json"
    path.write_bytes(content)
    assert _describe(path) == ""
    path.write_bytes(b'{"pid": 7, "host": "a\\u001b[31mb"}')
    assert str(DirectoryBusyError(directory, _describe(path))).isprintable()


def test_a_note_sends_no_header_of_its_own() -> None:
    for header in ("a\r\nX-Evil: 1", "a\0"):
        state = PartState("https://x/y", 10, Validator(None, header, date_is_strong=True))
        assert decode_state(encode_state(state)) is None


def test_a_note_with_numbers_of_no_file_is_none() -> None:
    for spans, total in (((Span(0, 2**80),), None), ((), 2**80), ((Span(-5, 3),), 10)):
        body = msgspec.json.encode(PartState("https://x/y", total, Validator(), Coverage(spans)))
        assert decode_state(b"%08x %b\n" % (zlib.crc32(body), body)) is None


@pytest.mark.parametrize(
    "content",
    [b"[" * 2_000, b'{"bytes":' + b"[" * 900 + b"]" * 900 + b"}", b"[" + b"{}," * 2_000_000],
)
def test_a_report_that_is_none_is_told(directory: Path, content: bytes) -> None:
    (directory / REPORT_NAME).write_bytes(content)
    with pytest.raises(ConfigError, match="is not a report of a run"):
        read_report(directory)
