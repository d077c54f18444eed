"""The map as a person uses it, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from asyncdl.events import FoundScene
from asyncdl.pages.maps import map_page
from tests.pages.browser import Browser
from tests.pages.scenes import (
    ANCHORAGE,
    AROUND_THE_POLE,
    BESIDE,
    FIJI,
    FIJI_CUT,
    HOSTILE,
    hostile_scene,
    scene,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Show: TypeAlias = Callable[..., Browser]

PLACE = """
const canvas = document.querySelector("canvas"), box = canvas.getBoundingClientRect();
const [x, y] = canvas.placeOf(...arguments);
return [x + box.left, y + box.top];
"""
INK = """
const canvas = document.querySelector("canvas"), ratio = window.devicePixelRatio;
const [x, y] = canvas.placeOf(...arguments);
return [...canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data];
"""

DRAWN_AROUND = """
const canvas = document.querySelector("canvas"), ratio = window.devicePixelRatio;
const [x, y] = canvas.placeOf(...arguments).map((at) => (at - 40) * ratio), size = 80 * ratio;
const found = canvas.getContext("2d").getImageData(x, y, size, size).data;
return found.filter((value, i) => i % 4 === 3 && value > 60).length;
"""


@pytest.fixture
def show(window: Browser, tmp_path: Path) -> Show:
    """Open a map of some scenes; the page may not complain."""

    def open_map(*scenes: FoundScene) -> Browser:
        page = tmp_path / "map.html"
        page.write_text(map_page("A map", scenes), encoding="utf-8")
        window.open(page)
        window.settle()
        assert window.complaints() == []
        return window

    return open_map


def click(window: Browser, longitude: float, latitude: float, *, again: bool = False) -> str:
    """Click at a place, perhaps once more; return what the card says."""
    if not again:
        window.run("document.querySelector('.card .close')?.click()")
    window.click(*window.run(PLACE, longitude, latitude))
    return str(window.run("return document.querySelector('.card').innerText"))


def test_a_click_tells_of_the_scenes_there_one_after_the_other(show: Show) -> None:
    window = show(scene(ANCHORAGE), scene(BESIDE, date="2020-03-03"))
    text = click(window, -149.6, 61.9)
    assert "2020-03-10" in text and "9 %" in text and "68 / 17" in text
    assert "LC08_L2SP_068017_20200310_20200822_02_T1" in text
    assert "1 of 2" in click(window, -148.0, 60.8)
    assert "2 of 2" in click(window, -148.0, 60.8, again=True)
    assert click(window, -155.0, 60.8) == ""


def test_each_date_is_a_layer_that_can_be_switched(show: Show) -> None:
    window = show(scene(ANCHORAGE), scene(BESIDE, date="2020-03-03"))
    drawn = window.run(INK, -149.6, 61.9)
    window.run("document.querySelectorAll('input')[1].click()")
    window.settle()
    assert drawn[3] > 0 and window.run(INK, -149.6, 61.9)[3] == 0, "nothing is drawn there now"
    assert click(window, -149.6, 61.9) == ""
    assert "2020-03-03" in click(window, -147.5, 60.0)


def test_a_footprint_over_the_antimeridian_is_one_shape_however_it_is_told(show: Show) -> None:
    window = show(scene(FIJI), scene(*FIJI_CUT, date="2020-03-12"))
    for longitude in (179.7, -179.4, -180.0):
        assert "2020-03-10" in click(window, longitude, -16.4)
    for longitude in (178.6, -179.6):
        assert "2020-03-12" in click(window, longitude, -18.5)
    assert click(window, 177.0, -16.4) == ""


def test_a_footprint_around_the_pole_is_filled_from_above_and_on_the_flat_map(show: Show) -> None:
    window = show(scene(AROUND_THE_POLE))
    assert window.run("return document.querySelector('select').value") == "north"
    for place in ((0.0, 89.9), (120.0, 84.5), (180.0, 87.0)):
        assert window.run(INK, *place)[3] > 0 and "2020" in click(window, *place)
    assert click(window, 10.0, 83.0) == ""
    window.run("const s = document.querySelector('select'); s.value = 'mercator'; s.onchange()")
    window.settle()
    assert "2020" in click(window, 150.0, 84.6) and click(window, 150.0, 80.0) == ""


def test_it_pans_and_zooms_and_comes_back(show: Show) -> None:
    window = show(scene(ANCHORAGE))
    before = window.run(PLACE, -148.0, 61.0)
    window.run("document.querySelector('[title=Closer]').click()")
    window.run("document.querySelector('canvas').dispatchEvent("
               "new KeyboardEvent('keydown', {key: 'ArrowLeft'}))")  # fmt: skip
    window.settle()
    assert window.run(PLACE, -148.0, 61.0) != before
    window.run("document.querySelector('[title=\"Show everything\"]').click()")
    window.settle()
    assert window.run(PLACE, -148.0, 61.0) == pytest.approx(before)


def test_names_from_outside_run_nothing(show: Show) -> None:
    window = show(hostile_scene())
    window.run("document.querySelector('.scenes button').click()")
    window.settle()
    assert HOSTILE in window.run("return document.querySelector('.card').textContent")
    assert window.run("return document.querySelectorAll('.card a, .card img').length") == 0
    assert window.run("return window.hacked ?? null") is None


def test_nothing_is_fetched_until_a_picture_is_asked_for(show: Show) -> None:
    """The browser of the tests resolves no name, so the picture fails; the page goes on."""
    window = show(scene(ANCHORAGE, browse_url="https://landsatlook.usgs.gov/gen-browse?x"))
    fetched = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    click(window, -149.6, 61.9)
    assert window.run(fetched) == []
    assert window.run("return document.querySelector('.card a').href").endswith("gen-browse?x")
    assert window.run("return document.querySelector('.card a').text") == "Browse picture at USGS"
    window.run("document.querySelector('.card .show').click()")
    window.ask("POST", "/timeouts", {"implicit": 10_000})
    window.ask("POST", "/element", {"using": "css selector", "value": ".card p.faint"})
    assert window.run(fetched) == ["https://landsatlook.usgs.gov/gen-browse?x"]
    assert "could not be loaded" in window.run("return document.querySelector('.card').innerText")
    assert "2020-03-10" in click(window, -149.6, 61.9)
    window.complaints()


def test_a_link_to_another_host_says_which(show: Show) -> None:
    window = show(scene(ANCHORAGE, browse_url="https://\u0443sgs.gov:8443/x"))
    click(window, -149.6, 61.9)
    link = window.run("const a = document.querySelector('.card a'); return [a.host, a.text, a.rel]")
    place = "xn--sgs-cfd.gov:8443"
    assert link == [place, f"Browse picture at {place}", "noopener noreferrer"]
    assert window.run("return document.querySelectorAll('.card .show').length") == 0


def test_a_map_without_scenes_is_a_map(show: Show) -> None:
    window = show()
    assert "Scenes in view: 0" in window.run("return document.body.innerText")


def texts(window: Browser, selector: str) -> list[str]:
    found = window.run(
        "return [...document.querySelectorAll(arguments[0])].map((e) => e.innerText)", selector
    )
    return [str(text) for text in found]


def test_the_list_has_date_and_cloud_and_is_sorted_by_either(show: Show) -> None:
    clear, cloudy = scene(ANCHORAGE, cloud=3.0), scene(BESIDE, date="2020-03-03", cloud=80.0)
    window = show(clear, cloudy)
    by_date = texts(window, ".scenes button")
    assert "2020-03-03 · 80 % cloud" in by_date[0] and "2020-03-10 · 3 % cloud" in by_date[1]
    window.run("const s = document.querySelector('[title=Order]'); s.value = 'cloud'; s.onchange()")
    assert texts(window, ".scenes button") == by_date[::-1]


def test_ids_of_chosen_scenes_can_be_copied(show: Show) -> None:
    """As a search takes them: one a line."""
    window = show(scene(ANCHORAGE), scene(BESIDE, date="2020-03-03"))
    copy = "return document.querySelector('.chooser button:nth-of-type(3)')"
    assert window.run(f"{copy}.disabled")
    window.run("document.querySelectorAll('.scenes input')[0].click()")
    assert window.run("return document.querySelector('textarea').value.split('\\n').length") == 1
    assert window.run(f"{copy}.textContent") == "Copy 1 id"
    window.run("document.querySelector('.chooser button').click()")
    assert window.run(f"{copy}.textContent") == "Copy 2 ids"
    ids = window.run("return document.querySelector('textarea').value").split("\n")
    assert len(ids) == 2 and all(text.startswith("LC08_") for text in ids)
    window.run("document.querySelectorAll('.chooser button')[1].click()")
    assert window.run(f"{copy}.disabled")


def test_there_is_a_coast(show: Show) -> None:
    """Of the Yukon delta, where no scene is."""
    window = show(scene(ANCHORAGE))
    window.run("for (let i = 0; i < 3; i++) document.querySelector('[title=Farther]').click()")
    window.settle()
    assert window.run(DRAWN_AROUND, -165.0, 60.5) > 0
