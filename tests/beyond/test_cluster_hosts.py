"""A host that both workers strain: what one of them learns holds for the other, too."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="distributed is not installed: make beyond")

from asyncdl.sandbox import Faults, Service
from tests.beyond.conftest import MakeJob
from tests.beyond.dask_processes import Processes
from tests.beyond.test_cluster_losses import FILES, check_complete, two_workers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(100)]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_host_with_too_few_connections_for_both_is_spared_by_both(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path, status: int
) -> None:
    service.faults = Faults(
        rate=400_000, bundle_etag=True, max_connections=2, busy_status=status, retry_after_s=1
    )
    _, address, _ = await two_workers(processes)
    run = await processes.run(service, make_job(cluster=""), "-v", address=address)
    assert await run.ended() == 0, run.output
    check_complete(run, tmp_path / "data")
    refused = sum(request.status == status for request in service.file_log)
    # Each asks again and again otherwise: twice a second over some fifteen.
    assert 0 < refused <= FILES
    assert "gets 1 of 2 connections" in run.output
    assert "Backing off from" in run.output
