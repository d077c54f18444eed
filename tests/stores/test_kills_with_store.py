"""Killed at any moment, a job in a store goes on: no wrong byte, no file under a wrong name."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from random import Random

import anyio
import pytest

from asyncdl.sandbox import Faults, Service, serve
from tests.e2e.conftest import environment
from tests.stores.door import Door
from tests.stores.store_bench import StoreBench
from tests.stores.weed import Weed

pytestmark = [pytest.mark.slow, pytest.mark.beyond]

CONFIG = """
[service]
url = "{url}"
stac_url = "{stac_url}"
[search]
scenes = ["LC08_L2SP_068017_20200310_20200822_02_T1"]
[[products]]
kind = "bundle"
extract = true
keep_tar = true
[[products]]
kind = "band_group"
file_groups = ["ls_c2l2_sr_band"]
[download]
directory = "{target}"
state_directory = "{state}"
[store]
endpoint = "{endpoint}"
[poll]
interval = 0.1
"""


def written(bench: StoreBench, folder: Path) -> Path:
    path = folder / "config.toml"
    path.write_text(
        CONFIG.format(
            url=bench.service.url,
            stac_url=bench.service.stac_url,
            target=bench.target,
            state=folder / "state",
            endpoint=bench.endpoint,
        )
    )
    return path


async def killed(config: Path, service: Service, after_s: float) -> int | None:
    """Run a job and kill it after a while; return its status if it was faster."""
    process = await anyio.open_process(
        [sys.executable, "-m", "asyncdl", "run", str(config), "--quiet", "--no-progress"],
        env=environment(service), stdout=-3, stderr=-3,
    )  # fmt: skip
    with anyio.move_on_after(after_s):
        return await process.wait()
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    return None


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_job_survives_kills(
    weed: Weed, door: Door, prefix: str, tmp_path: Path, seed: int
) -> None:
    rng = Random(seed)
    async with serve(faults=Faults(rate=400_000, seed=seed)) as service:
        bench = StoreBench(
            service, tmp_path / "state", weed=weed, prefix=prefix, endpoint=door.endpoint
        )
        config = written(bench, tmp_path)
        kills = 0
        with anyio.fail_after(100):
            for _ in range(5):
                if await killed(config, service, rng.uniform(0.9, 3.0)) is None:
                    kills += 1
                bench.check_files()
            while await killed(config, service, 60) != 0:
                bench.check_files()
        assert kills, "each run was faster"
        bench.check_files()
        names = [path.rpartition("/")[2] for path in bench.placed]
        assert len(names) > 30 and any(name.endswith(".tar") for name in names)
        spool = next((tmp_path / "state").glob("*/spool"))
        assert [path for path in spool.rglob("*") if path.is_file()] == []
