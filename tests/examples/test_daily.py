"""``examples/daily.toml`` and ``examples/crontab`` fetch only what is new."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from asyncdl.sandbox import Service
from tests.e2e.conftest import environment

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.slow


def night(home: Path) -> str:
    """Return the command that cron hands to the shell; ``asyncdl`` is not on its path here."""
    lines = (EXAMPLES / "crontab").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if not line.startswith("#"))
    _, _, _, _, _, command = line.split(maxsplit=5)
    return command.replace("asyncdl run", f"{sys.executable} -m asyncdl run")


async def pass_one_night(service: Service, home: Path) -> set[str]:
    """Run what cron runs; return the products that are there afterwards."""
    env = environment(service) | {"HOME": str(home)}
    with anyio.fail_after(200):
        done = await anyio.run_process(["/bin/sh", "-c", night(home)], env=env, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return {folder.name for folder in (home / "landsat/daily/bands").iterdir()}


async def test_each_night_fetches_what_is_new(service: Service, tmp_path: Path) -> None:
    (tmp_path / "landsat").mkdir()
    config = (EXAMPLES / "daily.toml").read_text(encoding="utf-8")
    where = f'[service]\nurl = "{service.url}"\nstac_url = "{service.stac_url}"\n'
    (tmp_path / "landsat/daily.toml").write_text(where + config, encoding="utf-8")
    first = await pass_one_night(service, tmp_path)
    assert len(first) == 4
    calls = service.calls.copy()
    assert await pass_one_night(service, tmp_path) == first
    assert service.calls["download-request"] == calls["download-request"]

    old = "LC08_L2SP_068017_20200310_20200822_02_T1"
    new = f"LC08_L2SP_068017_20200310_{datetime.now(UTC):%Y%m%d}_02_T1"
    service.publish(new)
    service.withdraw(old)
    assert await pass_one_night(service, tmp_path) == first - {old} | {new}
