"""``--sandbox`` and ``--fault`` of the commands that talk to a service."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.sandbox import Service
from tests.e2e.conftest import MakeConfig, Run, files_under

pytestmark = pytest.mark.slow


async def test_a_run_through_chaos_ends_well(
    asyncdl_run: Run, make_config: MakeConfig, service: Service, tmp_path: Path
) -> None:
    ended = await asyncdl_run(
        "run", make_config(), "--sandbox", "--fault", "chaos", "--fault", "preparing=0"
    )
    assert ended.status == 0, ended.stderr
    assert "would not like" not in ended.stderr
    for name, data in files_under(tmp_path / "data").items():
        assert data == service.file_bytes(Path(name).name)


async def test_looking_takes_faults_too(asyncdl_run: Run, make_config: MakeConfig) -> None:
    ended = await asyncdl_run("plan", make_config(), "--sandbox", "--fault", "key_calls=1", "-v")
    assert ended.status == 0, ended.stderr
    assert "AUTH_EXPIRED" in ended.stderr


async def test_a_fault_without_the_sandbox_is_wrong_usage(
    asyncdl_run: Run, make_config: MakeConfig
) -> None:
    ended = await asyncdl_run("run", make_config(), "--fault", "chaos")
    assert ended.status == 2
    assert "needs --sandbox" in ended.stderr


async def test_an_unknown_fault_is_told_before_anything_happens(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path
) -> None:
    ended = await asyncdl_run("run", make_config(), "--sandbox", "--fault", "short=1")
    assert ended.status == 2
    assert "there is no fault 'short'" in ended.stderr
    assert "job.toml" not in ended.stderr
    assert not (tmp_path / "data").exists()
