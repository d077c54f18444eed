"""Real schedulers, workers and coordinators, each lost in every way: no file is lost or wrong."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import anyio
import pytest

pytest.importorskip("distributed", reason="distributed is not installed: make beyond")

from asyncdl.sandbox import Faults, Service
from tests.beyond.conftest import MakeJob
from tests.beyond.dask_processes import MOST_S, Processes, Running
from tests.e2e.conftest import files_under

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FILES = 9
"""Single files of the job, and one bundle."""
SLOW = Faults(rate=150_000, bundle_etag=True)
"""Bytes per second of each connection."""


def check_complete(run: Running, data: Path) -> dict[str, Any]:
    """Check that a run has fetched everything, and left nothing else; return its summary."""
    summary = run.lines[-1]
    assert summary["status"] == "complete", run.output
    assert summary["files"]["total"] == FILES + 1
    names = [name for name in files_under(data) if not name.startswith("bundle/")]
    assert len(names) == FILES
    assert not [name for name in files_under(data) if ".part" in name or "marker" in name]
    assert len(files_under(data)) > FILES + 5
    return summary


async def until_part(data: Path, count: int = 1) -> None:
    with anyio.fail_after(MOST_S):
        while len(list(data.rglob("*.part"))) < count:
            await anyio.sleep(0.02)


async def until_bytes(data: Path, least: int) -> None:
    """Wait until unfinished files have some bytes on the disk."""
    with anyio.fail_after(MOST_S):
        while sum(512 * path.stat().st_blocks for path in data.rglob("*.part")) < least:
            await anyio.sleep(0.02)


async def two_workers(processes: Processes) -> tuple[Running, str, list[Running]]:
    scheduler, address = await processes.scheduler()
    return scheduler, address, [await processes.worker(address, name) for name in ("one", "two")]


async def test_a_killed_workers_files_go_to_the_other(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    service.faults = SLOW
    _, address, workers = await two_workers(processes)
    run = await processes.run(service, make_job(), address=address)
    await run.until("two on ")
    await until_part(tmp_path / "data", 2)
    workers[0].send(signal.SIGKILL)
    await run.until("one is gone")
    service.faults = Faults()
    assert await run.ended() == 0
    summary = check_complete(run, tmp_path / "data")
    assert "others get its" in run.output
    assert summary["files"]["failed"] == 0


async def test_a_paused_workers_files_go_to_the_other_and_it_comes_back(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    service.faults = SLOW
    _, address, workers = await two_workers(processes)
    run = await processes.run(service, make_job(), address=address)
    await run.until("two on ")
    await until_part(tmp_path / "data", 2)
    workers[0].send(signal.SIGSTOP)
    await run.until("one is gone (it does not respond)")
    workers[0].send(signal.SIGCONT)
    service.faults = Faults()
    assert await run.ended() == 0
    check_complete(run, tmp_path / "data")


async def test_without_a_worker_a_run_waits_says_so_and_stops(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    service.faults = SLOW
    _, address = await processes.scheduler()
    worker = await processes.worker(address, "one")
    config = make_job(max_wait="3s")
    run = await processes.run(service, config, address=address)
    await until_part(tmp_path / "data")
    worker.send(signal.SIGKILL)
    await run.until("the Dask scheduler at")
    assert await run.ended() == 1
    assert run.lines[-1]["status"] == "stopped"
    assert re.search(r"no usable worker for \d+ s: no worker", run.lines[-1]["error"])
    service.faults = Faults()
    await processes.worker(address, "two")
    again = await processes.run(service, config, address=address)
    assert await again.ended() == 0
    check_complete(again, tmp_path / "data")


async def test_a_lost_scheduler_stops_the_run_and_its_workers_and_another_run_goes_on(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    service.faults = SLOW
    scheduler, address, _ = await two_workers(processes)
    config = make_job(max_wait="4s")
    run = await processes.run(service, config, address=address)
    await run.until("two on ")
    await until_part(tmp_path / "data", 2)
    scheduler.send(signal.SIGKILL)
    assert await run.ended() == 1
    assert "the scheduler is gone" in run.lines[-1]["error"]
    service.faults = Faults()
    _, address, _ = await two_workers(processes)
    again = await processes.run(service, config, address=address)
    assert await again.ended() == 0
    check_complete(again, tmp_path / "data")


async def test_a_run_goes_on_when_the_scheduler_is_back(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    service.faults = SLOW
    scheduler, address, _ = await two_workers(processes)
    run = await processes.run(service, make_job(), address=address)
    await until_part(tmp_path / "data", 2)
    scheduler.send(signal.SIGKILL)
    await scheduler.ended()
    await run.until("has been down for")
    service.faults = Faults()
    await processes.scheduler(port=int(address.rpartition(":")[2]))
    await processes.worker(address, "three")
    assert await run.ended() == 0
    check_complete(run, tmp_path / "data")


async def test_after_a_killed_coordinator_transfers_stop_and_the_next_one_continues(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    service.faults = SLOW
    _, address, workers = await two_workers(processes)
    config = make_job()
    run = await processes.run(service, config, address=address)
    await run.until("two on ")
    await until_part(tmp_path / "data", 2)
    run.send(signal.SIGKILL)
    await run.ended()
    # At once: the agents of the first one still write until their leases have ended.
    again = await processes.run(service, config, address=address)
    await again.until("takes files")
    service.faults = Faults()
    assert await again.ended() == 0
    check_complete(again, tmp_path / "data")
    assert all(worker.process.returncode is None for worker in workers)


@pytest.mark.parametrize("is_local", [False, True], ids=["remote", "local"])
async def test_ctrl_c_stops_all_and_saves_the_state(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path, is_local: bool
) -> None:
    service.faults = SLOW
    address = None
    if not is_local:
        _, address, _ = await two_workers(processes)
    config = make_job(cluster='lease = "30s"\n' + ("workers = 2" if is_local else ""))
    run = await processes.run(service, config, address=address)
    await until_part(tmp_path / "data", 2)
    await until_bytes(tmp_path / "data", 200_000)
    run.send(signal.SIGINT)
    with anyio.fail_after(60):
        assert await run.ended() == 130
    assert run.lines[-1]["status"] == "interrupted"
    states = list((tmp_path / "data").rglob("*.part.state"))
    assert states
    assert len(states) == len(list((tmp_path / "data").rglob("*.part")))
    service.faults = Faults()
    again = await processes.run(service, config, address=address)
    assert await again.ended() == 0
    summary = check_complete(again, tmp_path / "data")
    assert summary["bytes"]["downloaded"] < summary["bytes"]["total"]


async def test_a_second_coordinator_leaves_and_names_the_first(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    service.faults = SLOW
    _, address = await processes.scheduler()
    await processes.worker(address, "one")
    config = make_job()
    first = await processes.run(service, config, address=address)
    await until_part(tmp_path / "data")
    second = await processes.run(service, config, address=address)
    assert await second.ended() == 1
    assert f"is in use by process {first.process.pid}" in second.output
    service.faults = Faults()
    assert await first.ended() == 0
    check_complete(first, tmp_path / "data")
