"""``--sandbox`` and ``--fault`` of the commands that talk to a service."""

from __future__ import annotations

import signal
from pathlib import Path
from subprocess import DEVNULL

import aiohttp
import anyio
import pytest

from asyncdl.sandbox import ExpectedFiles, Service
from tests.e2e.conftest import COMMAND, MakeConfig, Run, files_under

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


async def test_the_sandbox_stays_while_clients_come_and_go(
    asyncdl_run: Run, make_config: MakeConfig, service: Service, tmp_path: Path
) -> None:
    """Another process serves; its files are known here, and it is told to fail and to stop."""
    async with await anyio.open_process(
        [*COMMAND, "sandbox", "--port", "0", "--pixels", "16", "--seed", "4"], stderr=DEVNULL
    ) as process:
        assert process.stdout is not None
        url = (await process.stdout.receive()).decode().split()[2]
        origin = url.partition("/api/")[0]
        config = make_config()
        config.write_text(config.read_text().replace(service.origin, origin))
        assert (await asyncdl_run("run", config)).status == 0
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{origin}/sandbox/faults", json=["withdrawn_dataset=x"]) as told,
        ):
            state = await told.json()
        process.send_signal(signal.SIGINT)
    assert (state["files"], state["violations"], state["faults"]["withdrawn_dataset"]) == (
        6,
        [],
        "x",
    )
    truth = ExpectedFiles(raster_pixels=16, seed=4)
    for name, data in files_under(tmp_path / "data").items():
        assert data == truth.bytes_of(Path(name).name)
