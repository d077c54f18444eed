"""Workers of a cluster that place files in a store, each by itself."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

pytest.importorskip("distributed", reason="distributed is not installed: make beyond")

import asyncdl.sandbox
from asyncdl.sandbox import Service
from tests.beyond.dask_processes import MOST_S, Running
from tests.beyond.store_jobs import BANDS, PRODUCTS, SEARCH, StoreJobs, check_complete, size_of
from tests.stores.door import SLOW_DOWN, refusal
from tests.stores.real_store import READER

pytestmark = [pytest.mark.slow, pytest.mark.beyond, pytest.mark.timeout(300)]

SLOW = asyncdl.sandbox.Faults(rate=150_000)
"""Bytes per second of each connection."""
MOST_MIB = 128
"""In memory, of a worker."""


def peak_mib(worker: Running) -> float:
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def test_workers_place_files_bands_groups_and_members_in_the_store(
    store_jobs: StoreJobs, service: Service
) -> None:
    _, address, _ = await store_jobs.two_workers()
    config = store_jobs.config(SEARCH, PRODUCTS, download="stac = true")
    run = await store_jobs.run(config, address=address)
    assert await run.ended() == 0, run.output
    check_complete(run)
    paths = store_jobs.check_files()
    kinds = {path.partition("/")[0] for path in paths}
    assert kinds == {"bands", "band_group", "bundle"}
    assert not [path for path in paths if path.endswith((".tar", ".part"))]
    assert {path.rpartition("_T1_")[2] for path in paths} >= {"SR_B4.TIF", "ST_B10.TIF"}
    assert {worker["worker"] for worker in store_jobs.report()["workers"]} == {"one", "two"}
    assert not store_jobs.received("one") + store_jobs.received("two")
    assert not [n for n in store_jobs.weed.names(f"{store_jobs.prefix}/") if "marker" in n]
    (item,) = store_jobs.items()
    assert item["assets"]["red"]["href"].startswith(f"{store_jobs.target}/")
    # Where which file came from, and by which download.
    facts = [store_jobs.weed.facts(f"{store_jobs.prefix}/{path}") for path in paths]
    assert all(fact["source"] == "stac" for fact in facts if "sha512" in fact)
    assert sum("downloadid" in fact for fact in facts) >= 9
    service.calls.clear()
    again = await store_jobs.run(config, address=address)
    assert await again.ended() == 0
    assert check_complete(again)["bytes"]["downloaded"] == 0
    assert "download-request" not in service.calls


async def test_workers_find_credentials_of_their_own_and_none_are_sent(
    store_jobs: StoreJobs, service: Service
) -> None:
    _, address = await store_jobs.processes.scheduler()
    await store_jobs.worker(address, "one")
    nobody = dict.fromkeys(store_jobs.credentials, "") | {
        "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(store_jobs.folder),
    }  # fmt: skip
    await store_jobs.worker(address, "two", **nobody)
    run = await store_jobs.run(store_jobs.config(SEARCH, PRODUCTS), address=address)
    assert await run.ended() == 1
    error = run.lines[-1]["error"]
    assert error.startswith("two (")
    assert "no credentials were found for the store" in error
    assert "None are sent to them" in error
    assert not service.calls
    assert not [n for n in store_jobs.weed.names(f"{store_jobs.prefix}/") if "marker" in n]


async def test_a_worker_that_may_not_write_is_named_before_any_request(
    store_jobs: StoreJobs, service: Service
) -> None:
    _, address = await store_jobs.processes.scheduler()
    await store_jobs.worker(address, "one", **store_jobs.weed.environment(READER))
    run = await store_jobs.run(store_jobs.config(SEARCH, PRODUCTS), address=address)
    assert await run.ended() == 1
    error = run.lines[-1]["error"]
    assert error.startswith("one (")
    assert "it cannot use the store" in error and "denied" in error
    assert not service.calls


async def test_a_worker_without_the_packages_is_named_before_any_request(
    store_jobs: StoreJobs, service: Service, tmp_path: Path
) -> None:
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking" / "obstore.py").write_text("raise ImportError('not here')\n")
    _, address = await store_jobs.processes.scheduler()
    await store_jobs.worker(address, "one", PYTHONPATH=str(tmp_path / "lacking"))
    run = await store_jobs.run(store_jobs.config(SEARCH, PRODUCTS), address=address)
    assert await run.ended() == 1
    assert "it lacks packages for stores" in run.lines[-1]["error"]
    assert '".[store]"' in run.lines[-1]["error"]
    assert not service.calls


async def test_a_full_spool_slows_the_requests_of_a_worker(
    store_jobs: StoreJobs, service: Service
) -> None:
    """Nothing is uploaded: what is received stays below the limit, and no more is asked for."""
    _, address = await store_jobs.processes.scheduler()
    await store_jobs.worker(address, "one")
    config = store_jobs.config(SEARCH, BANDS, store='spool = "700 KiB"\nuploads = 1')
    run = await store_jobs.run(config, address=address)
    await store_jobs.until("one", 1)
    store_jobs.door.shut()
    await run.until("trying again for up to")
    before, most = -1, 0
    while before != (now := sum(service.file_requests.values())):
        before = now
        for _ in range(20):
            most = max(most, sum(size_of(path) for path in store_jobs.received("one")))
            await anyio.sleep(0.1)
    assert now < 8, "two files of 300 kB have room"
    assert most <= 700 * 1024
    store_jobs.door.open()
    assert await run.ended() == 0, run.output
    check_complete(run)
    store_jobs.check_files()


async def test_a_worker_with_large_files_stays_small(store_jobs: StoreJobs) -> None:
    """Whatever the store's pace: a new one takes its time for the first uploads."""
    async with asyncdl.sandbox.serve(file_size=20_000_000) as large:
        jobs = replace(store_jobs, service=large)
        _, address = await jobs.processes.scheduler()
        worker = await jobs.worker(address, "one")
        run = await jobs.run(jobs.config(SEARCH, BANDS), address=address)
        assert await run.ended() == 0, run.output
        check_complete(run)
        assert peak_mib(worker) < MOST_MIB


async def test_uploads_that_a_killed_worker_left_are_cleaned(store_jobs: StoreJobs) -> None:
    """An upload in parts, of a kept bundle, ends with its worker; another one does it anew."""
    products = '[[products]]\nkind = "bundle"\n'
    async with asyncdl.sandbox.serve(file_size=700_000) as large:  # bundles of 15 MB
        jobs = replace(store_jobs, service=large)
        _, address, workers = await jobs.two_workers()
        config = jobs.config(SEARCH, products)
        jobs.door.hold_after_bytes = 1_000_000
        run = await jobs.run(config, address=address)
        with anyio.fail_after(MOST_S):
            while not await anyio.to_thread.run_sync(jobs.weed.uploads, jobs.prefix):
                await anyio.sleep(0.02)
        busy = next(
            w for w, name in zip(workers, ("one", "two"), strict=True) if jobs.received(name)
        )
        busy.send(signal.SIGKILL)
        await run.until("is gone")
        jobs.door.open()
        assert await run.ended() == 0, run.output
        check_complete(run)
        assert len(jobs.check_files()) == 1
        left = jobs.weed.uploads(jobs.prefix)
        cleaned = await jobs.run_command("clean", str(config))
        assert await cleaned.ended() == 0
        assert left and not jobs.weed.uploads(jobs.prefix)
        assert len(jobs.check_files()) == 1


REFUSALS = {
    "access was denied": refusal("403 Forbidden", "AccessDenied"),
    "clock": refusal("403 Forbidden", "RequestTimeTooSkewed"),
    "quota": refusal("403 Forbidden", "QuotaExceeded"),
    "bucket": refusal("404 Not Found", "NoSuchBucket"),
}
"""What a store may say in the middle of a run, by a word of what the user sees."""


async def test_what_a_store_refuses_workers_stops_the_run_and_the_next_one_goes_on(
    store_jobs: StoreJobs, service: Service
) -> None:
    _, address = await store_jobs.processes.scheduler()
    await store_jobs.worker(address, "one")
    config = store_jobs.config(SEARCH, PRODUCTS)
    for number, (word, notice) in enumerate(REFUSALS.items(), 1):
        service.faults = SLOW
        run = await store_jobs.run(config, address=address)
        await store_jobs.until("store", number)
        store_jobs.door.say(notice)
        assert await run.ended() == 1, run.output
        store_jobs.door.open()
        summary = run.lines[-1]
        assert summary["status"] == "stopped"
        assert word in summary["error"].lower(), summary["error"]
        assert summary["error"].endswith("."), "with a remedy"
    service.faults = asyncdl.sandbox.Faults()
    run = await store_jobs.run(config, address=address)
    await store_jobs.until("store", 5)
    store_jobs.door.say(SLOW_DOWN)
    await run.until("trying again for up to")
    store_jobs.door.open()
    assert await run.ended() == 0, run.output
    check_complete(run)
    assert len(store_jobs.check_files()) > 25


async def test_ctrl_c_ends_uploads_and_spools_and_the_next_run_goes_on(
    store_jobs: StoreJobs, service: Service
) -> None:
    _, address, workers = await store_jobs.two_workers()
    config = store_jobs.config(SEARCH, PRODUCTS)
    service.faults = SLOW
    run = await store_jobs.run(config, address=address)
    await store_jobs.until("store", 2)
    run.send(signal.SIGINT)
    assert await run.ended(25) == 130
    assert run.lines[-1]["status"] == "interrupted"
    service.faults = asyncdl.sandbox.Faults()
    await store_jobs.until_empty("one", "two")
    assert not store_jobs.weed.uploads(store_jobs.prefix)
    again = await store_jobs.run(config, address=address)
    assert await again.ended() == 0, again.output
    assert check_complete(again)["files"]["skipped"] >= 1
    assert len(store_jobs.check_files()) > 25
    assert all(worker.process.returncode is None for worker in workers)


async def test_what_a_paused_worker_uploads_twice_is_the_same_and_a_second_run_leaves(
    store_jobs: StoreJobs, service: Service
) -> None:
    _, address, workers = await store_jobs.two_workers()
    config = store_jobs.config(SEARCH, BANDS)
    service.faults = SLOW
    run = await store_jobs.run(config, address=address)
    await store_jobs.until("one", 1)
    second = await store_jobs.run(config, address=address)
    assert await second.ended() == 1
    assert f"is in use by process {run.process.pid}" in second.output
    workers[0].send(signal.SIGSTOP)
    await run.until("one is gone (it does not respond)")
    workers[0].send(signal.SIGCONT)
    service.faults = asyncdl.sandbox.Faults()
    assert await run.ended() == 0, run.output
    check_complete(run)
    assert len(store_jobs.check_files()) == 9
    await store_jobs.until_empty("one", "two")
