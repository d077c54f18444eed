"""The program under ``python -O``, which drops every ``assert``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from asyncdl.sandbox import Service
from tests.e2e.conftest import environment, files_under

pytestmark = pytest.mark.slow

JOB = """\
[service]
url = "{url}"
stac_url = "{stac_url}"
[search]
dataset = "landsat_ot_c2_l2"
bbox = [-150.9495, 61.0031, -148.9555, 61.4834]
start = "2020-03-01"
end = "2020-03-15"
[[products]]
kind = "bands"
bands = ["red", "MTL"]
[download]
directory = "data"
stac = true
"""

EMBEDDED = """\
import asyncio, sys, asyncdl

async def main():
    if __debug__:
        sys.exit("this is not python -O")
    config = asyncdl.load_config("job.toml")
    async with asyncdl.Job(config) as job:
        async for _ in job:
            pass
    print(job.summary.status)

asyncio.run(main())
"""


async def optimized(service: Service, folder: Path, *arguments: str) -> tuple[int, str]:
    with anyio.fail_after(200):
        done = await anyio.run_process(
            [sys.executable, "-O", *arguments],
            cwd=folder,
            env=environment(service),
            stderr=subprocess.STDOUT,
            check=False,
        )
    return done.returncode, done.stdout.decode()


async def test_a_job_runs_embedded_and_as_a_command(service: Service, tmp_path: Path) -> None:
    text = JOB.format(url=service.url, stac_url=service.stac_url)
    (tmp_path / "job.toml").write_text(text)
    assert await optimized(service, tmp_path, "-c", EMBEDDED) == (0, "complete\n")
    status, output = await optimized(service, tmp_path, "-m", "asyncdl", "run", "job.toml")
    assert status == 0, output
    rasters = [path for path in files_under(tmp_path / "data") if path.endswith("B4.TIF")]
    assert len(rasters) == 4
    assert list((tmp_path / "data").rglob("collection.json"))


async def test_a_file_is_fetched_and_a_wrong_config_explained(
    service: Service, static_file: str, tmp_path: Path
) -> None:
    for url, right, said in (
        (static_file, 0, ""),
        (static_file, 0, ""),  # it is there
        (f"{service.origin}/none", 1, "http-404"),
    ):
        status, output = await optimized(service, tmp_path, "-m", "asyncdl", "get", url)
        assert status == right and said in output, output
    assert files_under(tmp_path) == {"file.bin": bytes(100_000)}
    (tmp_path / "job.toml").write_text("[search]\ndataset = 5\n")
    status, output = await optimized(service, tmp_path, "-m", "asyncdl", "run", "job.toml")
    assert status == 2 and "search.dataset" in output
    for command in (["completion", "bash"], ["run", "--help"], ["bands", "landsat_ot_c2_l2"]):
        status, output = await optimized(service, tmp_path, "-m", "asyncdl", *command)
        assert status == 0, output
