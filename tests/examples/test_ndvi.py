"""``examples/ndvi.py`` draws what a run has fetched."""

from __future__ import annotations

import importlib.util
import struct
import sys
from pathlib import Path

import anyio
import pytest

from asyncdl.sandbox import Service
from tests.e2e.conftest import COMMAND, environment

EXAMPLE = Path(__file__).parents[2] / "examples" / "ndvi.py"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("rioxarray") is None, reason="make examples installs rioxarray"
    ),
]
CONFIG = """
[service]
url = "{service.url}"
stac_url = "{service.stac_url}"
[search]
scenes = ["LC08_L2SP_068017_20200310_20200822_02_T1"]
[[products]]
kind = "bands"
bands = ["red", "nir08"]
[download]
directory = "data"
"""


async def run(service: Service, folder: Path, *command: str) -> str:
    with anyio.fail_after(200):
        done = await anyio.run_process(command, cwd=folder, env=environment(service), check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


async def test_it_draws_a_picture_of_the_fetched_bands(service: Service, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text(CONFIG.format(service=service))
    await run(service, tmp_path, *COMMAND, "run", "job.toml")
    [scene] = (tmp_path / "data" / "bands").iterdir()
    said = await run(service, tmp_path, sys.executable, str(EXAMPLE), str(scene))
    assert said.startswith("ndvi.png: 512 x 512 pixels; 100% seen")
    picture = (tmp_path / "ndvi.png").read_bytes()
    assert struct.unpack(">II", picture[16:24]) == (512, 512)
    assert len(picture) > 1000
