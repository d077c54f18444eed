"""Jobs whose files go to a store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from asyncdl.errors import DirectoryBusyError, StoreError
from asyncdl.events import Notice
from asyncdl.job.plan import make_plan
from asyncdl.job.source import open_source
from asyncdl.job.status import status_of
from asyncdl.job.verifying import Checked, verify_job
from asyncdl.m2m import ClientOptions, Credentials
from asyncdl.stores import lease
from tests.job.bench import ANCHORAGE, BANDS, BUNDLE, GROUP, RED
from tests.stores.door import SLOW_DOWN, Door
from tests.stores.real_store import WRITER, act_as
from tests.stores.store_bench import StoreBench

pytestmark = [pytest.mark.slow, pytest.mark.beyond, pytest.mark.stores("s3", "az", "gs")]

ONE = ANCHORAGE | {"limit": 1}


async def verified(bench: StoreBench, *products: dict[str, Any], reads: bool) -> Checked:
    checked = await verify_job(bench.config(*products), "sandbox", bench.events.append, reads=reads)
    assert isinstance(checked, Checked)
    return checked


async def test_all_that_is_wanted_is_in_the_store_with_its_facts(store_bench: StoreBench) -> None:
    summary = await store_bench.complete(BANDS, BUNDLE, GROUP, search=ONE)
    placed = store_bench.placed
    assert len(placed) == summary.files["total"] == summary.files["downloaded"] > 10
    assert store_bench.spooled == []
    for path, data in placed.items():
        facts = store_bench.weed.facts(f"{store_bench.prefix}/{path}")
        digests = facts.keys() & {"sha512", "sha256"}
        assert digests and all(hashlib.new(d, data).hexdigest() == facts[d] for d in digests)
        assert facts["downloadid"].isdigit() and facts["proof"].startswith("length")


async def test_the_second_run_fetches_nothing_and_asks_once_for_each_folder(
    store_bench: StoreBench, door: Door
) -> None:
    await store_bench.complete(BANDS)
    requested = store_bench.requested
    again = await store_bench.complete(BANDS)
    assert again.files["skipped"] == again.files["total"] == 12
    assert store_bench.requested == requested


async def test_files_that_are_gone_or_changed_come_again(store_bench: StoreBench) -> None:
    await store_bench.complete(BANDS)
    gone, changed = sorted(store_bench.placed)[:2]
    store_bench.weed.remove(f"{store_bench.prefix}/{gone}")
    store_bench.weed.put(f"{store_bench.prefix}/{changed}", b"somebody's")
    checked = await verified(store_bench, BANDS, reads=False)
    assert [c.file for c in checked.damaged] == [gone, changed]
    assert checked.read_bytes == 0
    again = await store_bench.complete(BANDS)
    assert again.files["downloaded"] == 2 and len(store_bench.placed) == 12


async def test_verify_reads_all_bytes_if_it_is_asked_to(store_bench: StoreBench) -> None:
    await store_bench.complete(BANDS, search=ONE)
    size_bytes = sum(map(len, store_bench.placed.values()))
    checked = await verified(store_bench, BANDS, reads=True)
    assert not checked.damaged and checked.read_bytes == size_bytes


async def test_without_its_journal_a_job_knows_what_the_store_has(
    store_bench: StoreBench, tmp_path: Path
) -> None:
    """What lies with each object says that it was verified, and by which digest."""
    await store_bench.complete(BANDS)
    store_bench.directory = tmp_path / "another machine"
    for key in store_bench.weed.names(f"{store_bench.prefix}/.asyncdl"):
        store_bench.weed.remove(key)
    before = sum(store_bench.service.file_requests.values())
    again = await store_bench.complete(BANDS)
    assert again.files["skipped"] == 12
    assert sum(store_bench.service.file_requests.values()) == before


async def test_objects_of_others_are_not_taken_for_ours(store_bench: StoreBench) -> None:
    await store_bench.complete(RED)
    paths = sorted(store_bench.placed)
    for path in paths:
        data = store_bench.placed[path]
        store_bench.weed.put(f"{store_bench.prefix}/{path}", bytes(len(data)))
    again = await store_bench.complete(RED)
    assert again.files["downloaded"] == len(paths)


@pytest.mark.parametrize("keep", [False, True])
async def test_bundles_are_unpacked_into_the_store(store_bench: StoreBench, keep: bool) -> None:
    product = {"kind": "bundle", "extract": True, "keep_tar": keep}
    await store_bench.complete(product, search=ONE)
    names = [path.rpartition("/")[2] for path in store_bench.placed]
    assert len(names) > 15 and any(name.endswith(".tar") for name in names) is keep
    assert store_bench.spooled == []
    again = await store_bench.complete(product, search=ONE)
    assert again.files["downloaded"] == 0


async def test_a_new_layout_moves_objects(store_bench: StoreBench) -> None:
    await store_bench.complete(RED)
    before = store_bench.requested
    again = await store_bench.complete(RED, layout="{year}/{file}")
    assert again.files["skipped"] == 3 and store_bench.requested == before
    assert all(path.startswith("2020/") for path in store_bench.placed)


async def test_a_second_product_gets_its_copy_from_the_store(store_bench: StoreBench) -> None:
    await store_bench.complete(RED, search=ONE)
    before = sum(store_bench.service.file_requests.values())
    group = {"kind": "bands", "bands": ["SR_B4", "SR_B5"]}
    await store_bench.complete(group, search=ONE)
    assert len(store_bench.placed) == 2
    assert sum(store_bench.service.file_requests.values()) > before


async def test_a_plan_knows_what_the_store_has(store_bench: StoreBench) -> None:
    await store_bench.complete(RED)
    job = store_bench.job(BANDS)
    search_plan = await job._whole_search_plan()
    config, service = store_bench.config(BANDS), store_bench.service
    account = Credentials(service.username, service.token)
    async with open_source(config, account, ClientOptions(), store_bench.events.append) as client:
        plan = await make_plan(client, config, search_plan, "sandbox")
    assert plan.kinds["bands"].present_files == 3 and plan.requests == 9
    assert plan.free_bytes is None and plan.fits


async def test_the_status_is_known_without_a_network(store_bench: StoreBench, door: Door) -> None:
    await store_bench.complete(RED)
    door.shut()
    status = await status_of(store_bench.places, "sandbox")
    assert status is not None and status.target == store_bench.target
    assert status.overview.files["bands"] == {"verified": 3}


async def test_stac_items_are_beside_the_files_and_name_their_addresses(
    store_bench: StoreBench,
) -> None:
    import json

    await store_bench.complete(BANDS, stac=True)
    weed, prefix = store_bench.weed, store_bench.prefix
    items = [name for name in weed.names(f"{prefix}/stac/") if "/L" in name]
    assert len(items) == 3
    for name in items:
        item = json.loads(weed.read(name))
        of_files = [asset for asset in item["assets"].values() if "file:size" in asset]
        assert len(of_files) == 4
        for asset in of_files:
            assert asset["href"].startswith(f"{store_bench.target}/bands/")
            key = asset["href"].removeprefix(f"{weed.scheme}://{weed.bucket}/")
            assert len(weed.read(key)) == asset["file:size"]
        assert any("proj:transform" in asset for asset in item["assets"].values())
    written = {name: weed.written(name) for name in items}
    await store_bench.complete(BANDS, stac=True)
    assert written == {name: weed.written(name) for name in items}


# --- failures ------------------------------------------------------------------------------


@pytest.mark.parametrize("notice", [b"", SLOW_DOWN], ids=["away", "slow down"])
async def test_a_store_that_is_away_is_waited_for(
    store_bench: StoreBench, door: Door, notice: bytes
) -> None:
    """The run says so once, and nothing is lost."""
    seen: list[str] = []

    def watch(event: object) -> None:
        if isinstance(event, Notice) and "trying again" in event.text:
            seen.append(event.text)
            door.is_shut, door.notice = False, b""

    first = True

    def shut_then_watch(event: object) -> None:
        nonlocal first
        if first and type(event).__name__ == "FileFinished":
            first = False
            door.shut()
            door.is_shut, door.notice = not notice, notice
        watch(event)

    summary = await store_bench.job(BANDS, uploads=1).run(shut_then_watch)
    assert summary.status == "complete", summary
    assert len(seen) == 1 and store_bench.target in seen[0]
    store_bench.check_files()
    assert len(store_bench.placed) == 12


@pytest.mark.stores("s3", "az")
async def test_refused_credentials_stop_the_run_before_anything_is_requested(
    store_bench: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = store_bench.weed.refused()
    act_as(monkeypatch, refused)
    summary = await store_bench.run(RED)
    words = {"s3": "secret key does not fit", "az": "access was denied"}
    assert summary.status == "stopped" and words[store_bench.weed.scheme] in summary.error
    assert not any(secret in summary.error for name, secret in refused.items() if "KEY" in name)
    assert store_bench.service.calls["download-request"] == 0


@pytest.mark.stores("s3", "az")
async def test_a_missing_bucket_stops_the_run(
    store_bench: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(monkeypatch, store_bench.weed.environment(WRITER))
    monkeypatch.setattr(StoreBench, "target", f"{store_bench.weed.scheme}://nonesuch/x")
    summary = await store_bench.run(RED)
    assert summary.status == "stopped"
    assert "no such bucket" in summary.error or "no such container" in summary.error
    assert "Make the bucket" in summary.error


async def test_two_jobs_that_place_one_name_agree(
    store_bench: StoreBench,
    another_bench: Callable[[str], StoreBench],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two machines, two states, one place: the second waits until the first has given it back."""
    monkeypatch.setattr(lease, "_LOOK_EVERY_S", 0.1)
    other = another_bench("b")
    summaries = []

    async def run(bench: StoreBench) -> None:
        with suppress(DirectoryBusyError):  # if the first takes so long that it renews its lease
            summaries.append(await bench.run(BANDS))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run, store_bench)
        tasks.start_soon(run, other)
    assert {summary.status for summary in summaries} == {"complete"}
    assert len(summaries) < 2 or summaries[1].files["skipped"] == 12
    store_bench.check_files()


def test_store_errors_know_what_they_stop() -> None:
    assert StoreError("s3://b", "x", reason="store-denied").stops_run
    assert not StoreError("s3://b/x", "x", reason="store-name").stops_run
