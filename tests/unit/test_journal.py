"""What a directory remembers, and whom it trusts."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from asyncdl.errors import DiskError
from asyncdl.job.journal import FinishedFile, open_journal

RED = FinishedFile("bands/S/S_B4.TIF", 10, 123, "length+tiff")
ZIP = FinishedFile("bundle/S/real.zip", 5, 7, "length")


async def test_a_finished_file_is_remembered(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.record([RED])
    async with open_journal(tmp_path, "usgs") as journal:
        memory = await journal.recall([RED.path, "bands/S/other"])
    assert memory.finished == {RED.path: RED} and memory.foreign == frozenset()


async def test_the_latest_word_about_a_file_counts(tmp_path: Path) -> None:
    newer = FinishedFile(RED.path, 11, 124, "length")
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.record([RED])
        await journal.record([newer])
        assert (await journal.recall([RED.path])).finished == {RED.path: newer}


async def test_a_folder_gives_the_files_right_in_it(tmp_path: Path) -> None:
    """A product that its host named is found by the folder that is its own."""
    neighbour = FinishedFile("bundle/S2/real.zip", 1, 1, "length")
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.record([ZIP, neighbour, RED])
        memory = await journal.recall([], folders=["bundle/S"])
    assert memory.finished == {ZIP.path: ZIP}


async def test_files_of_another_service_are_known_as_foreign(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "sandbox") as journal:
        await journal.record([RED])
    async with open_journal(tmp_path, "usgs") as journal:
        memory = await journal.recall([RED.path])
    assert memory.finished == {} and memory.foreign == {RED.path}


async def test_the_label_stays_and_each_service_has_its_own(tmp_path: Path) -> None:
    labels = []
    for service in ("usgs", "usgs", "sandbox"):
        async with open_journal(tmp_path, service) as journal:
            labels += [await journal.label(), await journal.label()]
    assert len(set(labels[:4])) == 1 and len(set(labels)) == 2
    assert all(len(label) <= 50 for label in labels)


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 4096]
)
async def test_a_damaged_journal_is_put_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.sqlite").write_bytes(content)
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.record([RED])
    assert (tmp_path / "journal.damaged").read_bytes() == content


async def test_a_journal_with_torn_pages_is_put_aside(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.record(FinishedFile(f"bands/{n}", n, n, "length") for n in range(2000))
    path = tmp_path / "journal.sqlite"
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 5] = b"\xff" * 8192
    path.write_bytes(content)
    async with open_journal(tmp_path, "usgs") as journal:
        assert (await journal.recall(["bands/1"])).finished == {}


async def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(DiskError, match="newer asyncdl"):
        async with open_journal(tmp_path, "usgs"):
            pass


async def test_a_journal_that_cannot_be_written_is_an_error_of_the_disk(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "usgs") as journal:
        connection = sqlite3.connect(tmp_path / "journal.sqlite")
        connection.execute("DROP TABLE file")
        connection.close()
        with pytest.raises(DiskError, match="no such table"):
            await journal.record([RED])
