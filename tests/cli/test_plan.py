"""What ``plan`` says of time and quota, from run to run."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from asyncdl.cli.plan import describe
from asyncdl.job.plan import KindPlan, Plan
from asyncdl.m2m.models import Limit, RateLimits
from tests.cli.terminal import Terminal


@pytest.mark.slow
@pytest.mark.allow_blocking  # an area is read as the run begins
def test_a_plan_knows_the_pace_of_the_last_run_of_the_same_service(
    terminal: Terminal, folder: Path
) -> None:
    config = Path("examples/anchorage.toml")
    assert terminal.run("plan", config, "--sandbox", "--json") == 0
    assert orjson.loads(terminal.out)["estimate_s"] is None
    narrow, wide = config.read_text().replace('"SR_B4", ', ""), config.read_text()
    config.write_text(narrow)
    assert terminal.run("run", config, "--sandbox", "--quiet") == 0
    config.write_text(wide)
    assert terminal.run("plan", config, "--sandbox", "--json") == 0
    made = orjson.loads(terminal.out)
    assert made["rate"]["from"] == "last-run"
    assert made["estimate_s"] == pytest.approx(made["missing_bytes"] / made["rate"]["bytes_per_s"])


def planned(limits: RateLimits) -> Plan:
    return Plan(kinds={"bands": KindPlan()}, quota=limits)


@pytest.mark.parametrize(
    ("left", "line"),
    [
        ((15_000, 20_000, 20_000), "15,000 downloads left; 0 of 15,000 requested in 15 minutes"),
        (
            (14_000, 19_000, 12_000),
            (
                "12,000 downloads left; 1,000 of 15,000 requested in 15 minutes;"
                " 1,000 of 20,000 in preparation; 8,000 of 20,000 ready and not fetched"
            ),
        ),
    ],
)
def test_a_plan_shows_the_use_of_the_quota(left: tuple[int, int, int], line: str) -> None:
    limits = RateLimits([Limit(None, 15_000, 20_000, 20_000)], [Limit("user", *left)])
    assert f"quota: {line}" in describe(planned(limits))


def test_an_unknown_quota_is_not_made_up() -> None:
    assert "quota: unknown" in describe(planned(RateLimits()))
    limits = RateLimits(remaining_limits=[Limit("user", 1, 1, 1)])
    assert "quota: 1 download left" in describe(planned(limits))


@pytest.mark.allow_blocking  # an area is read as the run begins
def test_a_plan_exits_as_the_run_would_at_a_directory_that_is_none(
    terminal: Terminal, folder: Path
) -> None:
    config = Path("examples/anchorage.toml")
    (folder / "examples" / "data").write_text("in the way")
    for command in ("plan", "run"):
        assert terminal.run(command, config, "--sandbox") == 1
        said = terminal.out + terminal.err
        assert "data: is a file, and the download directory has to be a folder there" in said
