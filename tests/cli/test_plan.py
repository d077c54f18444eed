"""What ``plan`` says of time, from run to run."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

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
