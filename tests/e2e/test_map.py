"""``asyncdl map`` as a process."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from asyncdl.sandbox import Service
from tests.e2e.conftest import MakeConfig, Run

SCENES = ["LC08_L2SP_068017_20200310_20200822_02_T1", "LC80680182020070LGN00"]
BY_ID = f'dataset = "landsat_ot_c2_l2"\nscenes = {[*SCENES, "LC80680182020071LGN00"]}'


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'id="data">(.*?)</script>', page.read_text(encoding="utf-8"))
    assert found is not None
    told: dict[str, Any] = orjson.loads(found[1])["map"]
    return told


async def test_a_map_has_the_area_and_the_footprints_that_a_search_finds(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path, service: Service
) -> None:
    ended = await asyncdl_run("map", make_config(), "-o", tmp_path / "map.html")
    assert ended.status == 0, ended.stderr
    assert "3 scenes on a map in" in ended.stderr and ended.stdout == ""
    told = data_of(tmp_path / "map.html")
    assert len(told["area"]) == 1
    assert {(s["date"], s["cloud"], s["path"], s["row"]) for s in told["scenes"]} == {
        ("2020-03-03", 54, 67, 18), ("2020-03-10", 9, 68, 17), ("2020-03-10", 5, 68, 18)
    }  # fmt: skip
    assert all(s["isPicture"] and len(s["rings"][0]) == 4 for s in told["scenes"])
    assert service.calls["download-options"] == 0


async def test_scenes_that_are_named_are_looked_up_and_unknown_ones_told(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path, service: Service
) -> None:
    ended = await asyncdl_run("map", make_config(search=BY_ID), "-o", tmp_path / "map.html")
    assert ended.status == 0, ended.stderr
    assert "does not know: 1." in ended.stderr
    assert {s["row"] for s in data_of(tmp_path / "map.html")["scenes"]} == {17, 18}
    assert service.cleanup_report.scene_lists == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tiles", "https://host/{z}/{x}.png"], "not a URL of tiles"),
        (["--tiles", "https://host; script-src */{z}/{x}/{y}"], "not a URL of tiles"),
        (["-o", "missing/folder/map.html"], "missing/folder/map.html"),
    ],
)
async def test_what_cannot_be_done_is_told(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path, arguments: list[str], words: str
) -> None:
    ended = await asyncdl_run("map", make_config(), "-o", tmp_path / "map.html", *arguments)
    assert ended.status in (1, 2) and words in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr and not list(tmp_path.glob("*.part"))


async def test_tiles_are_named_and_credited(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path
) -> None:
    url = "https://tiles.example/{z}/{x}/{y}.png"
    page = tmp_path / "map.html"
    await asyncdl_run("map", make_config(), "-o", page, "--tiles", url, "--credit", "© Nobody")
    told = data_of(page)
    assert (told["tiles"], told["credit"]) == (url, "© Nobody")
    assert "img-src https://*.usgs.gov https://tiles.example;" in page.read_text(encoding="utf-8")


async def test_a_dash_brings_the_page_to_stdout(
    asyncdl_run: Run, make_config: MakeConfig, tmp_path: Path
) -> None:
    ended = await asyncdl_run("map", make_config(), "-o", "-")
    assert ended.status == 0, ended.stderr
    assert ended.stdout.startswith("<!doctype html>") and ended.stdout.count("</html>") == 1
    assert not Path("-").exists()
    assert "on a map in" not in ended.stderr
