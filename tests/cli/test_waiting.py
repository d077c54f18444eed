"""Commands that only look things up, while the service is down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

pytestmark = pytest.mark.usefixtures("folder")

LOOKUPS = (
    "search examples/anchorage.toml",
    "plan examples/anchorage.toml",
    "map examples/anchorage.toml -o map.html",
    "datasets landsat",
    "file-groups landsat_ot_c2_l2",
)


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_waits_are_reported_until_the_time_is_over(lookup: str, terminal: Terminal) -> None:
    waits = ("--sandbox", "--fault", "api_down", "--max-wait", "2s")
    assert terminal.run(*lookup.split(), *waits) == 1
    assert re.search(
        r"has been down for [0-9:]+ \(HTTP 503\); trying again in \d+ s\n", terminal.err
    )
    assert "2 s is the longest wait" in terminal.err
    assert terminal.out == ""
    assert not Path("map.html").exists()


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_wait_that_is_no_time_is_refused(lookup: str, terminal: Terminal) -> None:
    assert terminal.run(*lookup.split(), "--max-wait", "long") == 2
    assert "allowed: seconds, or text such as '6h'" in terminal.err


def test_a_map_of_piped_ids_reads_them_once(terminal: Terminal) -> None:
    ids = "LC08_L2SP_068017_20200310_20200822_02_T1\n"
    assert terminal.run("map", "examples/piped.toml", "-o", "-", "--sandbox", stdin=ids) == 0
    assert "068017" in terminal.out
