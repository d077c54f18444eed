"""``plan``, ``download``, ``status``, ``verify`` and ``map`` as calls, over the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

import asyncdl
from asyncdl import sync
from asyncdl.events import FileFinished
from asyncdl.library.settings import box_of
from asyncdl.library.wanted_files import WantedFiles
from asyncdl.sandbox import Service
from tests.job.bench import ANCHORAGE

IN_WORDS: dict[str, Any] = dict(ANCHORAGE)
"""The search of the notebook as arguments."""


@pytest.mark.slow
async def test_three_lines_from_an_area_to_files(service: Service, tmp_path: Path) -> None:
    scenes = await asyncdl.search(**IN_WORDS, service=service)
    planned = await asyncdl.plan(scenes[:2], bands=["red"], directory=tmp_path, service=service)
    assert (planned.scenes, planned.requests) == (2, 2)
    assert not any(tmp_path.iterdir())

    summary = await asyncdl.download(scenes[:2], bands=["red"], directory=tmp_path, service=service)
    assert summary.is_complete and summary.files["downloaded"] == 2
    assert {path.name for path in tmp_path.rglob("*_SR_B4.TIF")} == {
        f"{product}_SR_B4.TIF" for product in scenes[:2].ids
    }
    again = await asyncdl.plan(scenes[:2], bands="red", directory=tmp_path, service=service)
    assert again.requests == 0


@pytest.mark.slow
async def test_ids_alone_will_do(service: Service, tmp_path: Path) -> None:
    seen: list[str] = []
    summary = await asyncdl.download(
        ["LC08_L2SP_068017_20200310_20200822_02_T1"],
        products=[{"kind": "bands", "bands": ["QA_PIXEL"]}],
        directory=str(tmp_path),
        options={"layout": "{file}"},
        service=service,
        emit=lambda event: seen.append(event.file) if isinstance(event, FileFinished) else None,
    )
    assert summary.is_complete
    assert seen == ["LC08_L2SP_068017_20200310_20200822_02_T1_QA_PIXEL.TIF"]
    assert (tmp_path / seen[0]).is_file()


@pytest.mark.slow
async def test_a_config_is_downloaded_looked_at_and_repaired(
    service: Service, tmp_path: Path
) -> None:
    config = asyncdl.parse_config(
        {
            "search": dict(ANCHORAGE),
            "products": [{"kind": "bands", "bands": ["red"]}],
            "download": {"directory": str(tmp_path)},
        },
        base=tmp_path,
    )
    assert await asyncdl.status(config, service=service) is None
    assert await asyncdl.verify(config, service=service) is None
    assert (await asyncdl.download(config, service=service)).is_complete
    known = await asyncdl.status(config, service=service)
    assert known is not None and known.as_json()["files"]["bands"]["verified"] == 3

    whole, gone, _ = sorted(tmp_path.rglob("*_SR_B4.TIF"))
    whole.write_bytes(b"x" * whole.stat().st_size)
    gone.unlink()
    checked = await asyncdl.verify(config, service=service)
    assert checked is not None and (checked.total, len(checked.damaged)) == (3, 2)
    mended = await asyncdl.verify(config, repair=True, service=service)
    assert mended is not None and not mended.damaged and gone.is_file()


@pytest.mark.slow
async def test_one_scene_needs_no_list(service: Service) -> None:
    (scene,) = await asyncdl.search(**{**IN_WORDS, "limit": 1}, service=service)
    planned = await asyncdl.plan(scene, bands="red", service=service)
    assert (planned.scenes, planned.requests) == (1, 1)
    by_id = await asyncdl.plan(scene.product_id, bands="red", service=service)
    assert (by_id.scenes, by_id.requests) == (1, 1)
    assert repr(await asyncdl.map(scene)) == "<SceneMap: 1 scene>"


async def test_products_are_asked_for(service: Service) -> None:
    with pytest.raises(asyncdl.ConfigError, match="products"):
        await asyncdl.download(["LC08_L2SP_068017_20200310_20200822_02_T1"], service=service)
    with pytest.raises(asyncdl.ConfigError, match=r"search\.scenes"):
        await asyncdl.download([], bands=["red"], service=service)


@pytest.mark.parametrize(
    "arguments", [{"bands": ["red"]}, {"bundle": True}, {"directory": "x"}, {"dataset": "d"}]
)
async def test_a_config_says_all_itself(arguments: dict[str, Any]) -> None:
    config = asyncdl.parse_config(
        {"search": dict(ANCHORAGE), "products": [{"kind": "bundle"}]}, base=Path("/")
    )
    with pytest.raises(asyncdl.AsyncdlError, match="a Config says that itself"):
        await asyncdl.plan(config, **arguments)


@pytest.mark.slow
async def test_a_map_is_a_page(service: Service, tmp_path: Path) -> None:
    scenes = await asyncdl.search(**IN_WORDS, service=service)
    drawn = await asyncdl.map(scenes, area={"type": "Point", "coordinates": [-150, 61]})
    assert repr(drawn) == "<SceneMap: 3 scenes>"
    page = await anyio.to_thread.run_sync(drawn.save, tmp_path / "map.html")
    assert page.read_text(encoding="utf-8") == drawn.html and all(
        product in drawn.html for product in scenes.ids
    )
    frame = drawn._repr_html_()
    assert frame.startswith("<iframe srcdoc=") and "<script" not in frame


def test_every_call_has_a_twin_with_the_same_signature() -> None:
    for name in ("search", "plan", "download", "status", "verify", "map"):
        call, twin = getattr(asyncdl, name), getattr(sync, name)
        assert twin.__doc__ == call.__doc__ and twin.__wrapped__ is call


@pytest.mark.parametrize(
    ("window", "box"),
    [
        ((-150, 61.1, -149.9, 61.15), [-150, 61.1, -149.9, 61.15]),
        ("POLYGON ((0 0, 2 0, 2 1, 0 0))", [0, 0, 2, 1]),
        ("POLYGON ((179 0, 181 0, 181 1, 179 0))", [179, 0, 181, 1]),
        ("POLYGON ((-181 0, -179 0, -179 1, -181 0))", [179, 0, 181, 1]),
    ],
)
def test_a_window_is_a_box_or_that_of_an_area(window: Any, box: list[float]) -> None:
    (table,) = WantedFiles("id", bands=["red"], window=window).product_tables()
    assert table["window"] == pytest.approx(box)


def test_the_window_of_a_point_is_around_it() -> None:
    west, south, east, north = box_of({"type": "Point", "coordinates": [10, 20]})
    assert west < 10 < east and south < 20 < north and east - west < 0.001


BOX, LAKE = [-150.0, 61.1, -149.9, 61.15], "POLYGON ((0 0, 2 0, 2 1, 0 0))"
BANDS: dict[str, Any] = {"kind": "bands", "bands": ["red"]}


def test_a_window_is_that_of_all_products_that_can_have_one() -> None:
    products = [BANDS | {"exact": True}, {"kind": "bundle"}, BANDS | {"window": "1,2,3,4"}]
    tables = WantedFiles("id", products=products, window=BOX).product_tables()
    assert [table.get("window") for table in tables] == [BOX, None, "1,2,3,4"]
    (alone,) = WantedFiles("id", products=BANDS, window=BOX).product_tables()
    assert alone == BANDS | {"window": BOX}
    with pytest.raises(asyncdl.ConfigError, match="window: no part of a bundle can be fetched"):
        WantedFiles("id", bundle=True, window=BOX).product_tables()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"bands": 5}, asyncdl.ConfigError, r"products\[0\]\.bands = 5: is a whole number"),
        ({"directory": 5}, asyncdl.ConfigError, r"download\.directory = 5: is a whole number"),
        ({"options": ["stac"]}, TypeError, r"options: list \(allowed: keys with values"),
        ({"scenes": 5}, TypeError, r"scenes: int \(allowed: scenes of a search, or their ids"),
        ({"scenes": {}}, asyncdl.ConfigError, r"search\.scenes: has no scenes"),
        ({"window": "aoi"}, asyncdl.ConfigError, r"^window = 'aoi': no such file"),
    ],
)
async def test_what_is_no_argument_is_named(
    arguments: dict[str, Any], error: type[Exception], text: str
) -> None:
    given = {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"], "bands": ["red"]}
    with pytest.raises(error, match=text):
        await asyncdl.plan(**(given | arguments))


async def test_scenes_that_have_nothing_of_a_window_are_left_out(service: Service) -> None:
    scenes = await asyncdl.search(**IN_WORDS, service=service)
    near = [scene for scene in scenes if (scene.path, scene.row) != (68, 18)]
    said: list[Any] = []
    planned = await asyncdl.plan(scenes, bands="red", window=BOX, service=service, emit=said.append)
    assert (planned.scenes, planned.requests) == (len(near), len(near)) == (2, 2)
    assert any("does not touch the window: 1." in getattr(event, "text", "") for event in said)
    shown = planned._repr_html_()
    assert "does not touch the window: 1." in shown and "less than whole files" in shown
    with pytest.raises(asyncdl.ConfigError, match=r"window = .*: no scene touches it"):
        await asyncdl.plan(scenes, bands="red", window=LAKE, service=service)
    # Of an id alone nobody knows where it is, and a bundle comes whole.
    for wanted in ({"scenes": scenes.ids, "bands": "red"}, {"scenes": scenes, "bundle": True}):
        products = BANDS if "bundle" in wanted else None
        kept = await asyncdl.plan(**wanted, products=products, window=LAKE, service=service)
        assert kept.scenes == 3
