"""Clusters as others start them: those that adapt to their load, and those that end when idle."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="distributed is not installed: make beyond")

from asyncdl.sandbox import Faults, Service
from tests.beyond.conftest import MakeJob
from tests.beyond.dask_processes import Processes
from tests.beyond.test_cluster_losses import check_complete

pytestmark = [pytest.mark.slow, pytest.mark.timeout(100)]

SLOW = Faults(rate=300_000, bundle_etag=True)
"""Bytes per second of each connection: a run takes several times as long as an idle cluster."""

ADAPTIVE = """
import asyncio
import distributed

async def main():
    async with distributed.LocalCluster(
        n_workers=0, threads_per_worker=1, dashboard_address=None, asynchronous=True,
        host="127.0.0.1",
    ) as cluster:
        cluster.adapt(minimum=0, maximum=2, interval="100ms", wait_count=2)
        print(f"<{cluster.scheduler_address}>", flush=True)
        await asyncio.Event().wait()

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_a_cluster_without_a_worker_starts_one_and_leaves_it_to_the_run(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    (processes.folder / "adaptive.py").write_text(ADAPTIVE)
    cluster = await processes.start("adaptive")
    await cluster.until(">")
    address = cluster.output.partition("<")[2].partition(">")[0]
    service.faults = SLOW
    run = await processes.run(service, make_job(), address=address)
    assert await run.ended() == 0, run.output
    check_complete(run, tmp_path / "data")
    assert "is gone" not in run.output


IDLE = """
import sys
import distributed

def shorten(dask_scheduler):
    dask_scheduler.idle_timeout = 1

if __name__ == "__main__":
    with distributed.Client(sys.argv[1]) as client:
        client.run_on_scheduler(shorten)
"""


async def test_a_scheduler_that_ends_when_idle_stays_as_long_as_the_run(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    (processes.folder / "idle.py").write_text(IDLE)
    scheduler, address = await processes.scheduler()
    await processes.worker(address, "one")
    service.faults = SLOW
    run = await processes.run(service, make_job(), address=address)
    await run.until("one on ")
    shortened = await processes.start("idle", address)
    assert await shortened.ended() == 0, shortened.output
    assert await run.ended() == 0, run.output
    check_complete(run, tmp_path / "data")
    assert await scheduler.ended() == 0, "nothing of the run stays"
