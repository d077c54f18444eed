"""``asyncdl status`` and ``run --retry-failed`` as processes."""

from __future__ import annotations

from pathlib import Path

from asyncdl.sandbox import Faults, Service
from tests.e2e.conftest import MakeConfig, Run


async def test_status_without_a_run_says_so_and_makes_nothing(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path
) -> None:
    ended = await asyncdl_run("status", make_config())
    assert ended.status == 0 and "No run of this job began" in ended.stdout
    assert not (tmp_path / "data").exists()


async def test_status_tells_each_state_and_asks_no_network(
    asyncdl_run: Run, make_config: MakeConfig, service: Service
) -> None:
    service.faults = Faults.parse(["never=*_B4.TIF"])
    config = make_config(poll="interval = 0.05\ndeadline = 0.3")
    await asyncdl_run("run", config)
    calls = service.calls.total()
    ended = await asyncdl_run("status", config, "--json")
    assert ended.status == 0 and service.calls.total() == calls
    told = ended.summary
    assert told["files"] == {"bands": {"unresolved": 3, "verified": 3}}
    assert told["last_run"]["status"] == "incomplete"
    assert {failure["reason"] for failure in told["failures"]} == {"deadline"}
    assert told["downloads"] == {"preparing": 3, "ready": 3}
    assert "unresolved: bands/" in (await asyncdl_run("status", config)).stdout


async def test_retry_failed_takes_only_those(
    asyncdl_run: Run, make_config: MakeConfig, service: Service
) -> None:
    service.faults = Faults.parse(["disabled=*_B4.TIF", "strikes=0"])
    config = make_config()
    assert (await asyncdl_run("run", config)).status == 1
    service.faults = Faults()
    ended = await asyncdl_run("run", config, "--retry-failed", "--json")
    assert ended.status == 0
    assert (ended.summary["files"]["total"], ended.summary["files"]["downloaded"]) == (3, 3)
    told = (await asyncdl_run("status", config, "--json")).summary
    assert told["files"] == {"bands": {"verified": 6}}


async def test_retry_failed_is_at_ease_when_nothing_has_failed(
    asyncdl_run: Run, make_config: MakeConfig
) -> None:
    products = '[[products]]\nkind = "band_group"\nfile_groups = ["ls_c2l2_sr_band"]\n'
    config = make_config(products=products)
    assert (await asyncdl_run("run", config)).status == 0
    ended = await asyncdl_run("run", config, "--retry-failed", "--json")
    assert ended.status == 0, ended.stderr
    assert ended.summary["files"]["total"] == 0
