"""Commands say how an area is searched, and what of it is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.terminal import Terminal

CONFIG = """
[search]
dataset = "landsat_ot_c2_l2"
aoi = "parcels.geojsonl"
start = 2020-03-01
end = 2020-03-15

[[products]]
kind = "bands"
bands = ["SR_B4"]

[download]
directory = "data"
"""


def feature(*rings: list[list[float]]) -> str:
    geometry: dict[str, Any] = {"type": "Polygon", "coordinates": rings}
    return json.dumps({"type": "Feature", "properties": {}, "geometry": geometry})


def square(x: float, y: float, size: float) -> list[list[float]]:
    return [[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]


@pytest.fixture
def config(folder: Path) -> Path:
    """Thirty parcels around Anchorage, in a file of one feature a line, and two that are none."""
    parcels = [
        feature(square(-151 + 0.2 * x, 60.8 + 0.2 * y, 0.1)) for x in range(6) for y in range(5)
    ]
    nothing = feature([[-150.0, 61.0], [-149.0, 61.0], [-150.0, 61.0]])
    line = '{"type": "LineString", "coordinates": [[-150, 61], [-149, 61]]}'
    Path("parcels.geojsonl").write_text("\n".join([*parcels, nothing, line]))
    path = Path("parcels.toml")
    path.write_text(CONFIG)
    return path


SAID = (
    "because it has no area: feature 31, at -150, 61: ",
    "because a line has no area: feature 32, a LineString.",
    "The area has 30 parts and 150 corners, which the service cannot search exactly",
)


def test_a_plan_says_what_is_searched(terminal: Terminal, config: Path) -> None:
    assert terminal.run("plan", config, "--sandbox") == 0
    assert all(said in terminal.err for said in SAID)
    assert "area: 30 parts, 1 search up to " in terminal.out
    assert terminal.run("plan", config, "--sandbox", "--json") == 0
    printed = orjson.loads(terminal.out)
    assert (printed["area"]["searches"], printed["area"]["parts"], printed["area"]["is_exact"]) == (
        1,
        30,
        False,
    )
    assert all(any(said in notice for notice in printed["notices"]) for said in SAID)


@pytest.mark.allow_blocking  # an area is read as the run begins
def test_a_search_and_a_run_say_the_same(terminal: Terminal, config: Path) -> None:
    assert terminal.run("search", config, "--sandbox", "--format", "ids") == 0
    assert all(said in terminal.err for said in SAID)
    found = set(terminal.out.split())
    assert "LC08_L2SP_068017_20200310_20200822_02_T1" in found
    assert terminal.run("run", config, "--sandbox", "--json") == 0
    events = [orjson.loads(line) for line in terminal.out.splitlines()]
    assert all(any(said in notice for notice in events[-1]["notices"]) for said in SAID)
    assert events[-1]["scenes"] == len(found)


def test_a_map_draws_the_area_itself(terminal: Terminal, config: Path) -> None:
    assert terminal.run("map", config, "--sandbox", "-o", "map.html") == 0
    page = Path("map.html").read_text(encoding="utf-8")
    data = orjson.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert len(data["map"]["area"]) == 30
    assert "The area has 30 parts" in page
