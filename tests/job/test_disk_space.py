"""The room on the disk is looked at before anything is requested, and again as more is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.cli.plan import describe
from asyncdl.events import FileFinished, FileState, Notice, ScenesFound, TransferProgress
from asyncdl.job.places import placer
from asyncdl.job.places.placer import free_bytes
from asyncdl.job.places.space import NoRoomError, Space, SpaceNeeds
from asyncdl.transfer.parts.part_file import part_path
from asyncdl.units import size
from tests.job.bench import BUNDLE, GROUP, RED, Bench
from tests.job.test_plan import plan

MB = 10**6


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int | None]]:
    """What is told to be free."""
    told: dict[str, int | None] = {"bytes": 0}
    monkeypatch.setattr(placer, "free_bytes", lambda directory: told["bytes"])
    yield told


async def need_of(bench: Bench, *products: dict[str, Any]) -> int:
    return (await plan(bench, *products)).needed_bytes


def warnings(bench: Bench) -> list[str]:
    return [e.text for e in bench.events if isinstance(e, Notice) and e.severity == "warning"]


pytestmark = pytest.mark.slow

# --- before the start ----------------------------------------------------------------


async def test_a_job_that_does_not_fit_is_refused_before_anything_is_requested(
    bench: Bench, free: dict[str, int | None]
) -> None:
    free["bytes"] = await need_of(bench, RED) - 1
    summary = await bench.run(RED)
    assert (summary.status, summary.files["downloaded"]) == ("stopped", 0)
    assert str(bench.directory) in summary.error and "--force" in summary.error
    assert bench.service.calls["download-request"] == 0


async def test_a_job_that_just_fits_runs(bench: Bench, free: dict[str, int | None]) -> None:
    free["bytes"] = await need_of(bench, RED)
    await bench.complete(RED)
    assert warnings(bench) == []


async def test_a_job_can_be_forced(bench: Bench, free: dict[str, int | None]) -> None:
    summary = await bench.job(RED, force=True).run(bench.events.append)
    assert summary.status == "complete"
    assert [text for text in warnings(bench) if "will be full" in text] != []


async def test_a_volume_that_tells_nothing_refuses_nothing(
    bench: Bench, free: dict[str, int | None]
) -> None:
    free["bytes"] = None
    await bench.complete(RED)


async def test_the_first_batch_is_projected_onto_all_scenes(
    bench: Bench, free: dict[str, int | None]
) -> None:
    whole = await need_of(bench, RED)
    free["bytes"] = whole // 2
    summary = await bench.run(RED, scenes_per_call=1)
    assert summary.status == "stopped" and "about" in summary.error
    assert bench.service.calls["download-options"] == 2, "one for the plan, one for the run"


async def test_files_that_are_there_need_no_room(bench: Bench, free: dict[str, int | None]) -> None:
    free["bytes"] = await need_of(bench, RED)
    await bench.complete(RED)
    free["bytes"] = 0
    await bench.complete(RED)


async def test_a_file_for_two_products_and_an_unpacked_bundle_are_stored_twice(
    bench: Bench,
) -> None:
    red, group, both = [await need_of(bench, *p) for p in ((RED,), (GROUP,), (RED, GROUP))]
    assert both == red + group
    bundle = await need_of(bench, BUNDLE)
    kept = {**BUNDLE, "extract": True, "keep_tar": True}
    assert await need_of(bench, kept) == 2 * bundle


async def test_tars_that_are_not_kept_need_room_for_as_many_as_there_are_workers(
    bench: Bench,
) -> None:
    """And what is not unpacked of them needs none."""
    unpacked = {**BUNDLE, "extract": True}
    bundle, red = await need_of(bench, BUNDLE), await need_of(bench, RED)
    assert await need_of(bench, unpacked) == 2 * bundle
    one = await plan(bench, {**unpacked, "members": ["SR_B4"]}, workers=1)
    assert one.permanent_bytes == red and bundle / 4 < one.transient_bytes < bundle / 2
    assert one.needed_bytes == one.permanent_bytes + one.transient_bytes


async def test_what_an_earlier_run_left_unfinished_is_there_already(bench: Bench) -> None:
    await bench.complete(RED)
    before = sum(path.stat().st_size for path in bench.files)
    for path in bench.files:
        path.rename(part_path(path))
    assert 0 <= await need_of(bench, RED) < before / 10


async def test_a_plan_says_that_it_does_not_fit(bench: Bench, free: dict[str, int | None]) -> None:
    made = await plan(bench, RED)
    assert not made.fits and made.as_json()["fits"] is False
    assert any("does not fit" in line for line in describe(made))
    free["bytes"] = made.needed_bytes
    assert not any("fit" in line for line in describe(await plan(bench, RED)))


# --- as more is known ----------------------------------------------------------------


def account(bench: Bench) -> Space:
    return Space(bench.config(RED))


async def test_a_later_batch_that_seems_too_much_is_told_once(
    bench: Bench, free: dict[str, int | None]
) -> None:
    free["bytes"] = 100 * MB
    space = account(bench)
    space.update(ScenesFound(100, 100))
    assert await space.add_batch(10, SpaceNeeds({"a": 5 * MB})) is None
    notice = await space.add_batch(10, SpaceNeeds({"b": 80 * MB}))
    assert notice is not None and notice.severity == "warning"
    assert await space.add_batch(10, SpaceNeeds({"c": 1 * MB})) is None


async def test_a_later_batch_that_is_certainly_too_much_stops_the_run(
    bench: Bench, free: dict[str, int | None]
) -> None:
    free["bytes"] = 100 * MB
    space = account(bench)
    space.update(ScenesFound(2, 2))
    await space.add_batch(1, SpaceNeeds({"a": 40 * MB}))
    with pytest.raises(NoRoomError) as caught:
        await space.add_batch(1, SpaceNeeds({"b": 70 * MB}))
    assert (caught.value.needed_bytes, caught.value.is_full) == (110 * MB, True)


async def test_what_has_arrived_is_not_counted_twice(
    bench: Bench, free: dict[str, int | None]
) -> None:
    free["bytes"] = 100 * MB
    space = account(bench)
    space.update(ScenesFound(1, 1))
    await space.add_batch(1, SpaceNeeds({"a": 40 * MB, "b": 60 * MB}))
    space.update(FileFinished("bands", "S", "a", FileState.DOWNLOADED))
    space.update(TransferProgress("b", 59 * MB, 59 * MB))
    free["bytes"] = 1 * MB
    with pytest.raises(NoRoomError):
        await space.add_batch(1, SpaceNeeds({"c": 1 * MB}))
    free["bytes"] = 2 * MB
    assert await space.add_batch(0, SpaceNeeds({})) is None


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_the_error_tells_both_numbers(needed: int, free: int) -> None:
    error = NoRoomError(Path("/data"), needed_bytes=needed, free_bytes=free, is_projected=False)
    assert size(needed) in str(error) and size(free) in str(error)


def test_room_is_told_for_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    told, below = free_bytes(tmp_path), free_bytes(tmp_path / "not" / "there")
    assert told is not None and below is not None and abs(told - below) < 10**9
