"""Where files go is for the config to say, and what is there already follows it."""

from __future__ import annotations

from datetime import date

import anyio
import pytest

from asyncdl.events import Event, Notice, TransferProgress
from asyncdl.job.choosing.search_plan import search_plan_of
from asyncdl.job.places.layout import Layout
from asyncdl.job.plan import make_plan
from asyncdl.job.verifying import CHECKED
from asyncdl.journal import Place, open_state
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.sandbox import Faults
from tests.job.bench import ANCHORAGE, BANDS, BUNDLE, GROUP, RED, Bench

pytestmark = pytest.mark.slow

ONE = {**ANCHORAGE, "limit": 1}
BY_PLACE = "{path}{row}/{year}/{product_id}/{file}"
FLAT = "{kind}/{date}/{file}"


def folders(bench: Bench) -> set[str]:
    return {str(path.parent.relative_to(bench.directory)) for path in bench.files}


def notices(bench: Bench) -> set[str]:
    return {event.text for event in bench.events if isinstance(event, Notice)}


async def test_files_go_where_the_layout_says(bench: Bench) -> None:
    summary = await bench.complete(RED, BUNDLE, layout=BY_PLACE)
    assert all("/2020/" in f"{folder}/" for folder in folders(bench))
    assert set(bench.endings) == {
        path.relative_to(bench.directory).as_posix() for path in bench.files
    }
    assert summary.files["downloaded"] == len(bench.files) == 6


async def test_a_second_run_knows_files_of_any_layout(bench: Bench) -> None:
    await bench.complete(RED, BUNDLE, layout=BY_PLACE)
    assert (await bench.complete(RED, BUNDLE, layout=BY_PLACE)).files["skipped"] == 6
    assert set(bench.requested.values()) == {1}


async def test_a_file_that_two_products_put_at_one_place_is_told_once(bench: Bench) -> None:
    summary = await bench.complete(BANDS, GROUP, layout=BY_PLACE)
    assert set(bench.endings.values()) == {1}
    assert summary.files["total"] == len(bench.files) == len(bench.endings)


async def test_what_is_there_moves_when_the_layout_changes(bench: Bench) -> None:
    await bench.complete(RED, BUNDLE)
    summary = await bench.complete(RED, BUNDLE, layout=FLAT)
    assert (summary.files["skipped"], summary.downloaded_bytes) == (6, 0)
    assert {folder.split("/")[0] for folder in folders(bench)} == {"bands", "bundle"}
    assert all(folder.count("-") == 2 for folder in folders(bench))
    assert not list(bench.directory.glob("bands/L*")), "an empty folder is removed"
    assert "The layout has changed: 6 files moved." in notices(bench)


async def test_one_file_that_moves_is_told_as_one(bench: Bench) -> None:
    one = {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]}
    await bench.complete(RED, search=one)
    await bench.complete(RED, search=one, layout=FLAT)
    assert "The layout has changed: 1 file moved." in notices(bench)


async def test_a_plan_knows_what_would_move(bench: Bench) -> None:
    await bench.complete(RED, BUNDLE)
    config = bench.config(RED, BUNDLE, layout=FLAT)
    credentials = Credentials(bench.service.username, bench.service.token)
    async with M2MClient(credentials, url=bench.service.url) as client:
        plan = await make_plan(client, config, search_plan_of(config), "sandbox")
    assert (plan.requests, plan.kinds["bundle"].present_files) == (0, 3)


async def test_a_file_that_somebody_changed_stays_and_is_fetched_anew(bench: Bench) -> None:
    await bench.complete(RED)
    mine = bench.files[0]
    mine.write_bytes(b"mine")
    summary = await bench.run(RED, layout=FLAT)
    assert (summary.files["skipped"], summary.files["downloaded"]) == (2, 1)
    assert mine.read_bytes() == b"mine"


async def test_a_move_that_the_journal_has_not_heard_of_is_found_out(bench: Bench) -> None:
    await bench.complete(RED)
    old = bench.files[0]
    day = date.fromisoformat(old.name.split("_")[3])
    new = bench.directory / "bands" / str(day) / old.name
    new.parent.mkdir()
    old.rename(new)
    summary = await bench.complete(RED, layout=FLAT)
    assert (summary.files["skipped"], len(bench.files)) == (3, 3)
    async with open_state(bench.directory, "sandbox") as journal:
        assert len(await journal.files.finished(CHECKED)) == 3


async def test_unfinished_files_move_too(bench: Bench) -> None:
    bench.service.faults = Faults(stall=1.0)
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            if isinstance(event, TransferProgress) and event.done_bytes:
                scope.cancel()

        await bench.job(RED, stall_timeout=0.2).run(watch)
    assert any(path.suffix == ".part" for path in bench.files)
    bench.service.faults = Faults()
    summary = await bench.complete(RED, layout=FLAT)
    assert summary.downloaded_bytes < summary.total_bytes


@pytest.mark.parametrize("product", [BUNDLE, {**BUNDLE, "extract": True}])
async def test_what_a_killed_run_left_without_a_note_is_removed(
    bench: Bench, product: dict[str, object]
) -> None:
    """It would lie at the old place for ever."""
    bench.service.faults = Faults(stall=1.0)
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            if isinstance(event, TransferProgress) and event.done_bytes:
                scope.cancel()

        await bench.job(product, search=ONE, stall_timeout=0.2).run(watch)
    (note,) = bench.directory.rglob("*.part.state")
    note.unlink()
    (begun,) = bench.directory.rglob("*.tar.part")
    members = begun.with_name(begun.name.partition(".")[0])
    members.mkdir(exist_ok=True)
    (members / f"{members.name}_SR_B4.TIF.part.member").write_bytes(b"II*")
    bench.service.faults = Faults()
    await bench.complete(product, search=ONE, layout=FLAT)
    assert not list(bench.directory.glob("bundle/L*"))


async def test_two_scenes_at_one_place_are_told_before_they_are_asked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dataset whose files are called the same in every scene."""
    places_of = Layout.places_of

    def called_the_same(self: Layout, wanted: WantedFile) -> tuple[Place, ...]:
        return places_of(self, wanted.replace(file_name="B4.TIF"))

    monkeypatch.setattr(Layout, "places_of", called_the_same)
    summary = await bench.run(RED, layout="{kind}/{file}", scenes_per_call=1)
    assert (summary.files["failed"], len(bench.requested)) == (2, 1)
    assert {f.detail for f in summary.failures} == {
        "another file of the job goes to the same place"
    }
