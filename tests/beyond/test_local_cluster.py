"""A cluster on this machine: several cores, one command."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import orjson
import pytest

pytest.importorskip("distributed", reason="distributed is not installed: make extras")

from asyncdl.sandbox import Service
from tests.beyond.conftest import MakeJob
from tests.beyond.dask_processes import Processes
from tests.e2e.conftest import files_under

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DASHBOARD_PORT = 8787
"""Dask's own choice."""


async def test_workers_of_this_machine_fetch_everything_and_the_report_lists_them(
    processes: Processes, make_job: MakeJob, service: Service, tmp_path: Path
) -> None:
    config = make_job(cluster="workers = 2")
    with ExitStack() as stack:
        with suppress(OSError):  # another cluster of this machine has it
            stack.enter_context(socket.create_server(("127.0.0.1", DASHBOARD_PORT)))
        run = await processes.run(service, config, "-v", address=None)
        assert await run.ended() == 0, run.output
    assert "already in use" not in run.output
    assert run.lines[-1]["status"] == "complete"
    assert service.token not in run.output
    assert "requestSignature" not in run.output
    report = orjson.loads((tmp_path / "data" / "asyncdl-report.json").read_bytes())
    assert {worker["worker"] for worker in report["workers"]} == {"worker 0", "worker 1"}
    received = sum(worker["received_bytes"] for worker in report["workers"])
    assert (
        received
        == report["bytes"]["downloaded"]
        == sum(line["size_bytes"] for line in run.lines[:-1])
    )
    again = await processes.run(service, config, address=None)
    assert await again.ended() == 0
    assert again.lines[-1]["bytes"]["downloaded"] == 0
    names = {path.rpartition("_T1_")[2] for path in files_under(tmp_path / "data")}
    assert {"SR_B4.TIF", "ST_B10.TIF", "QA_PIXEL.TIF"} <= names
