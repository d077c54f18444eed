"""A job that takes up where its last run ended: ``since = "last-run"``."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import anyio
import pystac
import pytest
from pystac.extensions.version import VersionExtension, ignore_deprecated

from asyncdl.events import Event, FileFinished, Notice, SceneSuperseded, SceneWithdrawn
from asyncdl.job.choosing.scope import FAILED
from asyncdl.job.choosing.search_plan import search_plan_of
from asyncdl.job.itemizing import item_path
from asyncdl.job.plan import make_plan
from asyncdl.job.reporting.report import Summary
from asyncdl.job.status import status_of
from asyncdl.journal import StatePlaces
from asyncdl.m2m import Credentials, M2MClient
from asyncdl.sandbox import Faults
from tests.job.bench import ANCHORAGE, RED, Bench

pytestmark = pytest.mark.slow

NEWS = {**ANCHORAGE, "since": "last-run", "end": "2020-03-31"}
OLD = "LC08_L2SP_068017_20200310_20200822_02_T1"
EARLIER = "LC08_L2SP_068017_20200326_20200822_02_T1"
"""Another scene that the search finds."""


def today(plus_days: int = 0) -> date:
    return datetime.now(UTC).date() + timedelta(days=plus_days)


def made_today(place: str, acquired: str, tier: str = "T1") -> str:
    """Return the id of a product that the service takes in today."""
    return f"LC08_L2SP_{place}_{acquired}_{today():%Y%m%d}_02_{tier}"


async def run(bench: Bench, **settings: Any) -> Summary:
    """Run the job and forget the calls and events of earlier runs."""
    bench.events.clear()
    bench.service.call_log.clear()
    return await bench.run(RED, **{"search": NEWS, **settings})


def asked(bench: Bench, endpoint: str) -> list[Any]:
    return [call.payload for call in bench.service.call_log if call.endpoint == endpoint]


async def test_a_second_run_searches_what_came_since_and_asks_for_nothing_else(
    bench: Bench,
) -> None:
    first = await run(bench)
    assert first.files["downloaded"] == 4
    assert "ingestFilter" not in asked(bench, "scene-search")[0]["sceneFilter"]
    second = await run(bench)
    assert (second.status, second.scenes, second.files["total"]) == ("complete", 0, 0)
    (search,) = asked(bench, "scene-search")
    assert search["sceneFilter"]["ingestFilter"]["start"] == str(today(-1))
    for endpoint in ("scene-list-add", "download-options", "download-request"):
        assert asked(bench, endpoint) == []


async def test_a_new_scene_is_fetched_alone(bench: Bench) -> None:
    await run(bench)
    new = made_today("068018", "20200302")
    bench.service.publish(new)
    summary = await run(bench)
    assert (summary.status, summary.files["downloaded"], summary.files["total"]) == (
        "complete",
        1,
        1,
    )
    assert (bench.directory / f"bands/{new}/{new}_SR_B4.TIF").is_file()
    # Found again in the days that overlap, and left out: nothing of it is missing.
    assert (await run(bench)).files["total"] == 0
    assert asked(bench, "download-options") == []


async def test_tier_and_satellite_narrow_every_night(bench: Bench) -> None:
    search = {**NEWS, "tier": ["T1"], "satellite": [8]}
    first = await run(bench, search=search)
    assert first.files["downloaded"] == 4
    wanted, other = (made_today("068018", f"2020030{n}", tier=f"T{n}") for n in (1, 2))
    for product_id in (wanted, other):
        bench.service.publish(product_id)
    second = await run(bench, search=search)
    assert (second.status, second.files["downloaded"], second.files["total"]) == ("complete", 1, 1)
    (asked_for,) = asked(bench, "scene-search")
    assert {"metadataFilter", "ingestFilter"} <= asked_for["sceneFilter"].keys()
    assert not list(bench.directory.rglob(f"{other}*"))


async def test_what_failed_is_checked_again_however_old_it_is(bench: Bench) -> None:
    bench.service.faults = Faults(disabled="*068017_20200310*", strikes=0)
    first = await run(bench)
    assert first.files["failed"] == 1
    bench.service.faults = Faults()
    second = await run(bench)
    assert (second.status, second.files["downloaded"]) == ("complete", 1)
    assert (await run(bench)).files["total"] == 0


async def test_what_was_not_listed_at_first_is_fetched_once_it_is(bench: Bench) -> None:
    """Fresh scenes are not complete at once."""
    bench.service.faults = Faults(not_offered="*068017_20200310*_SR_B4.TIF")
    assert [failure.reason for failure in (await run(bench)).failures] == ["not-offered"]
    bench.service.faults = Faults()
    second = await run(bench)
    assert (second.status, second.files["downloaded"]) == ("complete", 1)


async def test_a_run_that_was_cut_short_counts_for_nothing(bench: Bench) -> None:
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            if isinstance(event, FileFinished):
                scope.cancel()

        await bench.job(RED, search=NEWS, workers=1).run(watch)
    second = await run(bench)
    assert (second.status, second.files["total"]) == ("complete", 4)


@pytest.mark.parametrize(
    "settings",
    [
        {"search": {**NEWS, "cloud_cover": [0, 100]}},
        {"layout": "{product_id}/{file}"},
        {"verify": "checksum"},
    ],
    ids=["search", "layout", "proof"],
)
async def test_a_changed_config_checks_everything_again(
    bench: Bench, settings: dict[str, Any]
) -> None:
    await run(bench)
    assert (await run(bench, **settings)).files["total"] >= 4
    assert (await run(bench, **settings)).files["total"] == 0


async def test_only_what_failed_is_no_search(bench: Bench) -> None:
    """A run confined to failures leaves the next one to see what is new."""
    bench.service.faults = Faults(disabled="*068017_20200310*", strikes=0)
    await run(bench)
    everything = {**NEWS, "cloud_cover": [0, 100]}
    await bench.job(RED, only=FAILED, search=everything).run()
    assert (await run(bench, search=everything)).files["total"] > 4


async def test_a_day_narrows_the_search_by_itself(bench: Bench) -> None:
    new = made_today("068018", "20200302")
    bench.service.publish(new)
    summary = await run(bench, search={**NEWS, "since": today().isoformat()})
    assert summary.files["total"] == 1
    summary = await run(bench, search={**NEWS, "since": today(1).isoformat()})
    assert summary.files["total"] == 0
    assert f"No scene that matches was taken in since {today(1)}." in summary.notices


async def test_a_plan_checks_what_a_run_would_check(bench: Bench) -> None:
    await run(bench)
    bench.service.publish(made_today("068018", "20200302"))
    config = bench.config(RED, search=NEWS)
    account = Credentials(bench.service.username, bench.service.token)
    async with M2MClient(account, url=bench.service.url) as client:
        plan = await make_plan(client, config, search_plan_of(config), "sandbox")
    assert (plan.scenes, plan.requests) == (1, 1)


# --- processed anew -----------------------------------------------------------------


async def reprocess(bench: Bench) -> str:
    new = made_today("068017", "20200310")
    bench.service.publish(new)
    bench.service.withdraw(OLD)
    return new


async def test_files_of_what_was_processed_anew_are_kept_by_default(bench: Bench) -> None:
    await run(bench)
    new = await reprocess(bench)
    summary = await run(bench)
    assert summary.status == "complete"
    assert (bench.directory / f"bands/{OLD}/{OLD}_SR_B4.TIF").is_file()
    assert (bench.directory / f"bands/{new}/{new}_SR_B4.TIF").is_file()
    assert SceneSuperseded(OLD, new, removed_files=0) in bench.events
    assert [(s.product_id, s.by) for s in summary.superseded] == [(OLD, new)]
    status = await status_of(StatePlaces(bench.directory), "sandbox")
    assert status is not None
    assert status.as_json()["superseded"] == [{"product_id": OLD, "by": new}]
    # Told once, and not as withdrawn: its place is taken.
    again = await run(bench)
    assert again.superseded == () and again.withdrawn == ()


async def test_files_of_what_was_processed_anew_are_removed_by_choice(bench: Bench) -> None:
    await run(bench, stac=True)
    new = await reprocess(bench)
    await run(bench, stac=True, superseded="remove")
    assert not (bench.directory / f"bands/{OLD}").exists()
    assert SceneSuperseded(OLD, new, removed_files=1) in bench.events
    items = [path.stem for path in (bench.directory / "stac").rglob("L*.json")]
    assert OLD not in items and new in items


def item(bench: Bench, scene: str) -> pystac.Item:
    with ignore_deprecated():
        return pystac.Item.from_file(str(bench.directory / item_path(scene)))


async def test_the_item_of_what_was_processed_anew_says_so_and_leads_to_the_new_one(
    bench: Bench,
) -> None:
    await run(bench, stac=True)
    assert VersionExtension.has_extension(item(bench, OLD)) is False
    new = await reprocess(bench)
    await run(bench, stac=True)
    told = VersionExtension.ext(item(bench, OLD))
    assert told.deprecated is True
    assert told.successor is not None and told.latest is not None
    assert told.successor.id == told.latest.id == new
    assert VersionExtension.has_extension(item(bench, new)) is False


async def test_the_item_of_what_was_withdrawn_says_so(bench: Bench) -> None:
    await run(bench, stac=True)
    bench.service.withdraw(OLD)
    await run(bench, stac=True)
    told = VersionExtension.ext(item(bench, OLD))
    assert told.deprecated is True and told.successor is None


async def test_the_choice_to_remove_may_come_later(bench: Bench) -> None:
    await run(bench)
    await reprocess(bench)
    await run(bench)
    await run(bench, superseded="remove")
    assert not (bench.directory / f"bands/{OLD}").exists()


async def test_an_old_file_that_somebody_changed_is_not_removed(bench: Bench) -> None:
    await run(bench)
    (bench.directory / f"bands/{OLD}/{OLD}_SR_B4.TIF").write_bytes(b"worked on")
    await reprocess(bench)
    await run(bench, superseded="remove")
    assert (bench.directory / f"bands/{OLD}/{OLD}_SR_B4.TIF").read_bytes() == b"worked on"


async def test_nothing_is_removed_before_the_new_product_is_there(bench: Bench) -> None:
    await run(bench)
    new = await reprocess(bench)
    bench.service.faults = Faults(disabled=f"{new}*", strikes=0)
    assert (await run(bench, superseded="remove")).status == "incomplete"
    assert (bench.directory / f"bands/{OLD}/{OLD}_SR_B4.TIF").is_file()
    bench.service.faults = Faults()
    await run(bench, superseded="remove")
    assert not (bench.directory / f"bands/{OLD}").exists()


async def test_kinds_that_the_new_product_lacks_are_not_removed(bench: Bench) -> None:
    await bench.complete(RED, {"kind": "bundle"}, search=NEWS)
    await reprocess(bench)
    await run(bench, superseded="remove")  # of the bands alone
    assert not (bench.directory / f"bands/{OLD}").exists()
    assert (bench.directory / f"bundle/{OLD}.tar").is_file()


# --- withdrawn ----------------------------------------------------------------------


@pytest.mark.parametrize("page", [1000, 1])
async def test_withdrawn_scenes_are_marked_and_their_files_kept(bench: Bench, page: int) -> None:
    await run(bench)
    for gone in (OLD, EARLIER, "LC08_L2SP_069017_20200301_20200822_02_T1"):
        bench.service.withdraw(gone)
    summary = await run(bench, scenes_per_page=page)
    assert summary.status == "complete"
    assert [scene.product_id for scene in summary.withdrawn] == [OLD, EARLIER]
    assert summary.withdrawn[0].withdrawn.startswith(str(today()))
    assert (bench.directory / f"bands/{OLD}/{OLD}_SR_B4.TIF").is_file()
    status = await status_of(StatePlaces(bench.directory), "sandbox")
    assert status is not None
    assert [gone["product_id"] for gone in status.as_json()["withdrawn"]] == [OLD, EARLIER]
    notice = Notice("Withdrawn by the service: 2 scenes; the files are kept.", "warning")
    assert notice in bench.events
    assert (await run(bench)).withdrawn == ()


async def test_deletions_are_asked_for_by_the_day_that_the_service_goes_by(bench: Bench) -> None:
    await run(bench)
    await run(bench)
    (asked_for,) = asked(bench, "scene-search-delete")
    assert asked_for["temporalFilter"]["start"] == str(today(-1))
    await run(bench, deletions_by="acquisition")
    (asked_for,) = asked(bench, "scene-search-delete")
    assert asked_for["temporalFilter"] == {"start": "2020-03-03", "end": "2020-03-26"}


async def test_a_service_that_tells_no_deletions_fails_nothing(bench: Bench) -> None:
    await run(bench)
    bench.service.withdraw(OLD)
    bench.service.faults = Faults(removed_endpoint="scene-search-delete")
    summary = await run(bench)
    assert summary.status == "complete" and summary.withdrawn == ()
    bench.service.faults = Faults()
    assert [event for event in bench.events if isinstance(event, SceneWithdrawn)] == []
