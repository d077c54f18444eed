"""What a directory remembers, and whom it trusts."""

from __future__ import annotations

import sqlite3
from contextlib import aclosing, closing
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from asyncdl.errors import DiskError
from asyncdl.events import FileFinished, FileState
from asyncdl.journal import (
    STATE_FOLDER,
    FileStatus,
    FinishedFile,
    LastSearch,
    Overview,
    Place,
    Requested,
    RunStart,
    StatePlaces,
    read_journal,
)
from asyncdl.journal.journal import open_journal
from asyncdl.journal.schema import MIGRATIONS
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.transfer import Digest

RED = FinishedFile(
    "bands/S/S_B4.TIF",
    "bands",
    "S",
    10,
    123,
    "length+sha256+tiff",
    "m2m",
    (Digest("sha256", "ab" * 32),),
)
ZIP = FinishedFile("bundle/S/real.zip", "bundle", "S", 5, 7, "length")
RED_WANTED = WantedFile("E", "P", "S", "S_B4.TIF", ("bands",), 10, 10)
RED_PLACE = Place("bands", PurePosixPath(RED.path))
FAILED = FileFinished("bands", "S", RED.path, FileState.FAILED, reason="http-404", http_status=404)


async def test_a_finished_file_is_recorded(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.files.record([RED])
    async with open_journal(tmp_path, "usgs") as journal:
        memory = await journal.files.recorded([RED.path, "bands/S/other"])
    assert memory.finished == {RED.path: RED} and memory.untrusted == frozenset()


async def test_the_latest_word_about_a_file_counts(tmp_path: Path) -> None:
    newer = replace(RED, size_bytes=11, mtime_ns=124)
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.files.record([RED])
        await journal.files.record([newer])
        assert (await journal.files.recorded([RED.path])).finished == {RED.path: newer}


@pytest.mark.parametrize("size", [1, 7, 20, 21, 1000])
async def test_pages_have_every_file_once_and_no_more_rows_than_asked_for(
    tmp_path: Path, size: int
) -> None:
    others = [replace(RED, path=f"bands/S/{number}") for number in range(20)]
    failed = replace(RED, path="bands/S/failed")
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.files.record([*others, failed])
        await journal.files.mark_damaged([failed.path])
        states = [FileStatus.VERIFIED]
        assert await journal.files.count_finished(states) == (20, 200)
        async with aclosing(journal.files.finished_pages(states, size)) as found:
            pages = [page async for page in found]
        assert [file for page in pages for file in page] == await journal.files.finished(states)
        assert max(len(page) for page in pages) == min(size, 20)


async def test_a_folder_gives_the_files_right_in_it(tmp_path: Path) -> None:
    """A product that its host named is found by the folder that is its own."""
    neighbour = replace(ZIP, path="bundle/S2/real.zip")
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.files.record([ZIP, neighbour, RED])
        memory = await journal.files.recorded([], folders=["bundle/S"])
    assert memory.finished == {ZIP.path: ZIP}


async def test_files_of_another_service_are_known_as_foreign(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "sandbox") as journal:
        await journal.files.record([RED])
    async with open_journal(tmp_path, "usgs") as journal:
        memory = await journal.files.recorded([RED.path])
    assert memory.finished == {} and memory.untrusted == {RED.path}


async def begin(folder: Path, service: str = "usgs", *, ended: str = "", **facts: str) -> RunStart:
    """Begin a run, and end it, unless it is to be killed."""
    async with open_journal(folder, service) as journal:
        begun = await journal.begin(**{"label": "new", "fingerprint": "f"} | facts)
        if ended:
            await journal.end(ended)
        return begun


async def test_the_first_label_stays_and_each_service_has_its_own(tmp_path: Path) -> None:
    assert await begin(tmp_path, label="one") == RunStart("one", is_first=True, is_changed=False)
    again = await begin(tmp_path, label="two")
    assert again == RunStart("one", is_first=False, is_changed=False, was_interrupted=True)
    assert (await begin(tmp_path, "sandbox", label="three")).label == "three"


async def test_another_fingerprint_is_a_changed_config(tmp_path: Path) -> None:
    await begin(tmp_path, ended="complete")
    assert (await begin(tmp_path, fingerprint="g", ended="complete")).is_changed
    assert not (await begin(tmp_path, fingerprint="g")).is_changed


@pytest.mark.parametrize("ended", ["", "interrupted", "stopped"])
async def test_a_change_is_new_until_a_run_has_reached_its_end(tmp_path: Path, ended: str) -> None:
    await begin(tmp_path, ended="complete")
    await begin(tmp_path, fingerprint="g", ended=ended)
    assert (await begin(tmp_path, fingerprint="g", ended="incomplete")).is_changed
    assert not (await begin(tmp_path, fingerprint="g")).is_changed


async def test_a_run_knows_whether_the_one_before_it_came_to_its_end(tmp_path: Path) -> None:
    assert not (await begin(tmp_path)).was_interrupted
    assert (await begin(tmp_path, ended="interrupted")).was_interrupted
    assert (await begin(tmp_path, ended="incomplete")).was_interrupted
    assert not (await begin(tmp_path)).was_interrupted


async def test_what_the_service_was_asked_for_is_known_once_it_gave_an_id(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.requests.note_requested([RED_WANTED], "label")
        assert await journal.requests.known([RED_WANTED]) == {}
        await journal.requests.note_accepted([(RED_WANTED, Requested(7, "old"))], is_ready=False)
    async with open_journal(tmp_path, "usgs") as journal:
        assert await journal.requests.known([RED_WANTED]) == {("E", "P"): Requested(7, "old")}
        await journal.requests.forget_all()
        assert await journal.requests.known([RED_WANTED]) == {}


async def test_an_id_counts_that_the_service_told_without_being_asked(tmp_path: Path) -> None:
    """As when its queue is read back after the journal was lost."""
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.requests.note_accepted([(RED_WANTED, Requested(7, "label"))], is_ready=False)
        assert await journal.requests.known([RED_WANTED]) == {("E", "P"): Requested(7, "label")}


async def test_an_ending_is_open_again_when_the_scene_is_taken_again(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.begin(label="l", fingerprint="f")
        await journal.scenes.note_scenes("landsat_ot_c2_l2", {"S": "ES"})
        await journal.files.note_wanted([(RED_WANTED, RED_PLACE)])
        journal.files.note_failure(FAILED)
        (known,) = await journal.files.known([FileStatus.FAILED])
        assert (known.reason, known.http_status, known.scene_id) == ("http-404", 404, "ES")
        assert (known.dataset, known.entity_id) == ("landsat_ot_c2_l2", "E")
        await journal.begin(label="l", fingerprint="f")
        await journal.scenes.note_scenes("landsat_ot_c2_l2", {"S": "ES"})
        assert await journal.files.known(FileStatus) == []


async def test_files_that_a_run_does_not_want_any_more_are_counted(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.begin(label="l", fingerprint="f")
        await journal.files.record([RED, ZIP])
        assert await journal.end("complete") == 0
        await journal.begin(label="l", fingerprint="g")
        journal.files.keep_wanted([RED])
        assert await journal.end("complete") == 1


async def test_a_damaged_file_stays_distrusted_until_it_is_verified_anew(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.files.record([RED])
        await journal.files.mark_damaged([RED.path])
        await journal.files.note_wanted([(RED_WANTED, RED_PLACE)])
        journal.files.note_failure(FAILED)
        assert (await journal.files.recorded([RED.path])).untrusted == {RED.path}
        await journal.files.record([RED])
        assert (await journal.files.recorded([RED.path])).finished == {RED.path: RED}


async def test_a_file_that_its_host_named_takes_the_place_of_the_guess(tmp_path: Path) -> None:
    guess = RED_WANTED.replace(file_name="S", kinds=("bundle",))
    place = Place("bundle", PurePosixPath("bundle/S/S"), is_named=False)
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.files.note_wanted([(guess, place)])
        await journal.files.record([replace(ZIP, requested_as="bundle/S/S")])
        assert [file.path for file in await journal.files.known(FileStatus)] == [ZIP.path]


async def test_a_journal_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    connection.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
    connection.execute("INSERT INTO job VALUES ('usgs', 'old')")
    rows = [(path, "usgs", 10, 123, "length") for path in (RED.path, ZIP.path, "bundle/T.tar")]
    connection.executemany("INSERT INTO file VALUES (?, ?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    assert (await begin(tmp_path)).label == "old"
    async with open_journal(tmp_path, "usgs") as journal:
        files = await journal.files.known([FileStatus.VERIFIED])
    found = [(file.path, file.kind, file.scene) for file in files]
    assert found == [
        (RED.path, "bands", "S"),
        (ZIP.path, "bundle", "S"),
        ("bundle/T.tar", "bundle", "T"),
    ]


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 4096]
)
async def test_a_damaged_journal_is_put_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journal.sqlite").write_bytes(content)
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.files.record([RED])
    assert (tmp_path / "journal.damaged").read_bytes() == content


async def test_a_journal_with_torn_pages_is_put_aside(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.files.record(replace(RED, path=f"bands/{n}") for n in range(2000))
    path = tmp_path / "journal.sqlite"
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 5] = b"\xff" * 8192
    path.write_bytes(content)
    async with open_journal(tmp_path, "usgs") as journal:
        assert (await journal.files.recorded(["bands/1"])).finished == {}


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
            await journal.files.record([RED])


# --- only looked at -----------------------------------------------------------------


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / STATE_FOLDER
    folder.mkdir()
    return folder


async def look(folder: Path) -> Overview | None:
    async with read_journal(StatePlaces(folder.parent), "usgs") as journal:
        return await journal.overview() if journal else None


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".sqlite-shm"
    }


async def test_a_copy_shows_a_run_that_goes_on_and_does_not_disturb_it(
    state: Path,
) -> None:
    async with open_journal(state, "usgs") as journal:
        await journal.begin(label="l", fingerprint="f")
        await journal.files.record([RED])
        before = contents(state)
        seen = await look(state)
        assert seen and seen.files == {"bands": {"verified": 1}}
        assert contents(state) == before
        await journal.files.record([ZIP])


async def test_reading_leaves_an_old_journal_old(state: Path) -> None:
    connection = sqlite3.connect(state / "journal.sqlite")
    connection.executescript(f"{MIGRATIONS[0]} PRAGMA user_version = 1;")
    connection.execute("INSERT INTO job VALUES ('usgs', 'old')")
    connection.commit()
    connection.close()
    before = contents(state)
    seen = await look(state)
    assert seen and seen.label == "old"
    assert contents(state) == before


@pytest.mark.parametrize(
    "content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 9000]
)
async def test_reading_leaves_a_damaged_journal_where_it_is(state: Path, content: bytes) -> None:
    (state / "journal.sqlite").write_bytes(content)
    with pytest.raises(DiskError, match=r"journal\.sqlite"):
        await look(state)
    assert contents(state) == {"journal.sqlite": content}


async def test_where_no_journal_is_there_is_nothing_to_see(tmp_path: Path) -> None:
    assert await look(tmp_path / "nowhere") is None


async def night(
    folder: Path,
    at: float | None,
    *,
    mark: str = "m",
    status: str = "complete",
    whole: bool = True,
) -> LastSearch | None:
    """Run once and return what the run knew of the last search."""
    async with open_journal(folder, "usgs") as journal:
        begun = await journal.begin(label="l", fingerprint="f", search_mark=mark)
        assert begun.last_search == await journal.last_search(mark)
        journal.search_started_at = at
        await journal.end(status, is_whole=whole)
        return begun.last_search


async def test_a_search_counts_when_a_whole_run_of_it_came_to_its_end(tmp_path: Path) -> None:
    assert await night(tmp_path, 1.0, status="interrupted") is None
    assert await night(tmp_path, 2.0, whole=False) is None
    assert await night(tmp_path, 3.0, status="incomplete") is None
    assert await night(tmp_path, 4.0, status="stopped") == LastSearch(3.0, is_service_time=True)
    assert await night(tmp_path, 5.0, mark="other", status="stopped") is None
    assert await night(tmp_path, 6.0) == LastSearch(3.0, is_service_time=True)
    assert await night(tmp_path, 7.0) == LastSearch(6.0, is_service_time=True)


async def test_without_the_service_s_time_the_earlier_one_stays(tmp_path: Path) -> None:
    await night(tmp_path, 3.0)
    await night(tmp_path, None)
    assert await night(tmp_path, None, mark="other") is None
    last = await night(tmp_path, 9.0, mark="other")
    assert last is not None and not last.is_service_time
    assert await night(tmp_path, None, mark="other") == LastSearch(9.0, is_service_time=True)
    assert await night(tmp_path, None, mark="other") == LastSearch(9.0, is_service_time=True)


async def test_a_time_that_an_older_version_recorded_is_this_machine_s(tmp_path: Path) -> None:
    """The landed version wrote version 4, and its own clock's time."""
    path = tmp_path / "journal.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        for script in MIGRATIONS[:4]:
            connection.executescript(script)
        connection.execute("PRAGMA user_version = 4")
        row = ("usgs", "l", "f", 7, 5.0, 6.0, "complete", "m", 99.0)
        connection.execute(
            "INSERT INTO job (service, label, fingerprint, run, begun_at, ended_at, status,"
            " searched_for, searched_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
    assert await night(tmp_path, 50.0) == LastSearch(99.0, is_service_time=False)
    assert await night(tmp_path, 60.0) == LastSearch(50.0, is_service_time=True)


async def test_scenes_are_settled_or_open(tmp_path: Path) -> None:
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.begin(label="l", fingerprint="f")
        await journal.scenes.note_scenes("d", {"S": "ES", "T": "ET", "U": "EU"})
        await journal.files.record([RED, replace(ZIP, scene="T", mtime_ns=0)])
        assert await journal.scenes.complete() == {"S"}
        assert await journal.scenes.incomplete() == {
            "d": ("ET",)
        }  # its file is to be verified again
        await journal.files.note_wanted(
            [(RED_WANTED, Place("bands", PurePosixPath("bands/S/new")))]
        )
        assert await journal.scenes.complete() == frozenset()
        assert await journal.scenes.incomplete() == {"d": ("ES", "ET")}
        await journal.scenes.note_superseded([("S", "S2")])
        await journal.scenes.note_withdrawn([("T", "yesterday")])
        assert await journal.scenes.incomplete() == {}
        replaced = await journal.scenes.replaced()
        assert [(s.product_id, s.superseded_by, s.withdrawn) for s in replaced] == [
            ("S", "S2", ""),
            ("T", "", "yesterday"),
        ]


async def test_who_had_a_display_id_first_stays_known(tmp_path: Path) -> None:
    """An id that was not found stood for itself, and is no scene's."""
    async with open_journal(tmp_path, "usgs") as journal:
        await journal.begin(label="l", fingerprint="f")
        await journal.scenes.note_scenes("d", {"S": "1", "lost": "lost"}, namesakes=[("S", "2")])
        await journal.scenes.note_scenes("d", {}, namesakes=[("S", "2"), ("S", "3")])
        assert await journal.scenes.first_entities() == {"S": "1"}
        assert await journal.scenes.namesakes() == {"S": ("2", "3")}
        assert await journal.scenes.entities() == {"1", "2", "3", "lost"}
