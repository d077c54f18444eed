"""Killed at any moment, a job in a store goes on: no wrong byte, no file under a wrong name."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import anyio
import pytest

from asyncdl.sandbox import Faults, Service, serve
from tests.e2e.conftest import environment
from tests.soak.blows import Blow, blow_at_file, striker
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


async def run_until(config: Path, service: Service, blow: Blow | None) -> int:
    """Run a job, kill it at a moment that the service sees, and return its status."""
    process = await anyio.open_process(
        [sys.executable, "-m", "asyncdl", "run", str(config), "--quiet", "--no-progress"],
        env=environment(service), stdout=-3, stderr=-3,
    )  # fmt: skip
    service.watch = striker(process, blow) if blow else lambda moment: None
    return await process.wait()


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
                kills += await run_until(config, service, blow_at_file(rng, 6)) < 0
                bench.check_files()
            while await run_until(config, service, None) != 0:
                bench.check_files()
        assert kills, "each run was faster"
        bench.check_files()
        names = [path.rpartition("/")[2] for path in bench.placed]
        assert len(names) > 30 and any(name.endswith(".tar") for name in names)
        spool = next((tmp_path / "state").glob("*/spool"))
        assert [path for path in spool.rglob("*") if path.is_file()] == []
