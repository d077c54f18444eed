"""``run --retry-failed`` where no run has come to its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.terminal import Terminal


@pytest.mark.slow
@pytest.mark.allow_blocking  # an area is read as the run begins
def test_a_job_that_no_run_has_looked_at_is_not_complete(terminal: Terminal, folder: Path) -> None:
    config = "examples/anchorage.toml"
    assert terminal.run("run", config, "--sandbox", "--retry-failed") == 1
    assert "A run without --retry-failed fetches the rest." in terminal.err
    assert terminal.out.startswith("Incomplete: 0 scenes")
    assert "Run the same command again" not in terminal.out
    assert terminal.run("run", config, "--sandbox", "--quiet") == 0
    assert terminal.run("run", config, "--sandbox", "--retry-failed") == 0
