"""``examples/service.py`` as a process, asked over HTTP, with the sandbox behind it."""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import aiohttp
import anyio
import pytest

import asyncdl
from asyncdl.sandbox import Service
from tests.e2e.conftest import environment, files_under
from tests.ports import free_ports

EXAMPLE = Path(__file__).parents[2] / "examples" / "service.py"
WHEELS = "fastapi", "prometheus_client", "uvicorn", "uvloop"
HAS_WHEELS = all(map(importlib.util.find_spec, WHEELS))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HAS_WHEELS, reason=f"make examples installs {WHEELS}"),
]

ORDER = {
    "search": {
        "dataset": "landsat_ot_c2_l2",
        "bbox": [-150.9495, 61.0031, -148.9555, 61.4834],
        "start": "2020-03-01",
        "end": "2020-03-15",
    },
    "products": [{"kind": "bands", "bands": ["red", "nir08"]}],
}


FILES = 8
"""Two bands of four scenes."""


@asynccontextmanager
async def serving(
    service: Service, folder: Path, *, loop: str = "", stop: signal.Signals = signal.SIGTERM
) -> AsyncIterator[aiohttp.ClientSession]:
    """Run the example until the block ends, then stop it as an administrator would.

    With a ``loop`` it is uvicorn's command that runs it.
    """
    (port,) = free_ports(1)
    account = {"url": service.url, "stac_url": service.stac_url}
    env = environment(service, PORT=str(port), ASYNCDL_SERVICE=json.dumps(account))
    command = [sys.executable, str(EXAMPLE), str(folder)]
    if loop:
        env["JOBS"] = str(folder)
        options = ["--loop", loop, "--port", str(port), "--timeout-graceful-shutdown", "2"]
        app = ["--app-dir", str(EXAMPLE.parent), "service:app"]
        command = [sys.executable, "-m", "uvicorn", *app, *options]
    with anyio.fail_after(200):
        process = await anyio.open_process(command, env=env, stdout=DEVNULL, stderr=DEVNULL)
        async with process, aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            await _answers(session)
            yield session
            process.send_signal(stop)
            await process.wait()


async def _answers(session: aiohttp.ClientSession) -> None:
    while True:
        try:
            async with session.get("/docs"):
                return
        except aiohttp.ClientConnectionError:
            await anyio.sleep(0.05)


async def start(session: aiohttp.ClientSession, order: Any = ORDER) -> str:
    async with session.post("/jobs", json=order) as reply:
        assert reply.status == 202, await reply.text()
        return str((await reply.json())["id"])


async def news_of(session: aiohttp.ClientSession, job_id: str) -> AsyncIterator[dict[str, Any]]:
    async with session.get(f"/jobs/{job_id}/events") as reply:
        async for line in reply.content:
            if line.startswith(b"data: "):
                yield json.loads(line.removeprefix(b"data: "))


@pytest.mark.parametrize("loop", ["", "asyncio", "uvloop"])
async def test_a_job_is_followed_to_its_end(service: Service, tmp_path: Path, loop: str) -> None:
    async with serving(service, tmp_path, loop=loop) as session:
        job_id = await start(session)
        news = [one async for one in news_of(session, job_id)]
    assert news[-1]["status"] == "complete"
    for path, content in files_under(tmp_path / job_id / "data").items():
        assert content == service.file_bytes(path.rpartition("/")[2])
    assert news[-1]["finished"] == news[-1]["wanted"] == FILES
    assert [one["finished"] for one in news] == sorted(one["finished"] for one in news)


async def test_prometheus_finds_what_all_jobs_came_to(service: Service, tmp_path: Path) -> None:
    async with serving(service, tmp_path) as session:
        async for _ in news_of(session, await start(session)):
            pass
        async with session.get("/metrics") as reply:
            text = await reply.text()
    assert reply.headers["Content-Type"] == asyncdl.metrics.CONTENT_TYPE
    assert f'asyncdl_file_finished_total{{kind="bands",state="downloaded"}} {FILES}.0\n' in text
    assert 'asyncdl_job_finished_total{state="complete"} 1.0\n' in text


async def test_a_cancelled_job_is_over_and_the_next_one_runs(
    service: Service, tmp_path: Path
) -> None:
    service.faults.files_down = True
    async with serving(service, tmp_path) as session:
        first = await start(session)
        async for one in news_of(session, first):
            if one["status"] == "running" and one["wanted"]:
                service.faults.files_down = False
                await session.delete(f"/jobs/{first}")
        second = await start(session)
        news = {job: [one async for one in news_of(session, job)][-1] for job in (first, second)}
    assert [one["status"] for one in news.values()] == ["cancelled", "complete"]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGKILL])
async def test_jobs_that_were_deleted_stay_so_when_the_service_starts_again(
    service: Service, tmp_path: Path, stop: signal.Signals
) -> None:
    service.faults.files_down = True
    async with serving(service, tmp_path, stop=stop) as session:
        running = await start(session)
        async for one in news_of(session, running):
            if one["wanted"]:
                break
        waiting = await start(session)
        for job_id in (waiting, running):
            async with session.delete(f"/jobs/{job_id}") as reply:
                assert reply.status == 202
        assert [one async for one in news_of(session, waiting)][-1]["status"] == "cancelled"
    service.faults.files_down = False
    async with serving(service, tmp_path) as session:
        for job_id in (waiting, running):
            assert [one async for one in news_of(session, job_id)][-1]["status"] == "cancelled"
        third = await start(session)  # nothing stands before it
        assert [one async for one in news_of(session, third)][-1]["status"] == "complete"
    assert not (tmp_path / waiting / "data").exists()


async def test_a_job_that_was_interrupted_is_taken_up_again(
    service: Service, tmp_path: Path
) -> None:
    service.faults.files_down = True
    async with serving(service, tmp_path) as session:
        job_id = await start(session)
        async for one in news_of(session, job_id):
            if one["wanted"]:
                break
    service.faults.files_down = False
    async with serving(service, tmp_path) as session:
        news = [one async for one in news_of(session, job_id)]
    assert news[-1]["status"] == "complete"
    assert len(files_under(tmp_path / job_id / "data")) == FILES


async def _without_a_length() -> AsyncIterator[bytes]:
    yield b"{}"


@pytest.mark.parametrize(
    "search",
    [
        {"dataset": "landsat_ot_c2_l2"},
        {"dataset": "landsat_ot_c2_l2", "aoi": "/etc/passwd"},
        {"scenes_file": "../order.json"},
        {"scenes_file": "-"},
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_at_once(
    service: Service, tmp_path: Path, search: dict[str, Any]
) -> None:
    async with serving(service, tmp_path) as session:
        order = {**ORDER, "search": search}
        async with session.post("/jobs", json=order) as reply:
            assert reply.status == 422
            detail = (await reply.json())["detail"]
            assert "search" in detail and str(tmp_path) not in detail
        async with session.post("/jobs", data=_without_a_length()) as reply:
            assert reply.status == 413
    assert service.calls == {} and list(tmp_path.iterdir()) == []
