"""What a prompt and a notebook show: short lines, small tables, nothing that acts."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import asyncdl
from asyncdl.job.plan import KindPlan, Plan
from asyncdl.job.reporting.report import Failure, Summary
from asyncdl.library.scenes import ROWS, SceneHit
from asyncdl.pages.sketch import HEIGHT_PX, WIDTH_PX, sketch
from asyncdl.sandbox import Service
from tests.job.bench import ANCHORAGE

NASTY = '<img src=x onerror="alert(1)">'
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]]}
SEAM = {"type": "Polygon", "coordinates": [[[179, 0], [181, 0], [181, 2], [179, 2], [179, 0]]]}


class Elements(HTMLParser):
    """The elements of a text, with their attributes; a browser would act on no others."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))


def acting(text: str) -> list[str]:
    return [
        tag
        for tag, attributes in Elements(text).found
        if tag == "script" or any(name.startswith("on") for name in attributes)
    ]


def scene(name: str = "p", geometry: dict[str, Any] | None = None, browse: str = "") -> SceneHit:
    return SceneHit("d", name, "e", "2020-03-10", 9.0, 68, 17, "T1", 8, "", geometry, browse)


def summary(failures: int = 0) -> Summary:
    failure = Failure("a/b.TIF", "bands", "failed", "http-404", "E", 404, NASTY, "try", 3)
    counts = {"total": 3, "downloaded": 3 - failures, "failed": failures}
    return Summary(
        "incomplete" if failures else "complete", 1, counts, {"bands": counts}, 10**6, 10**6, 3.0,
        {}, failures=(failure,) * failures,
    )  # fmt: skip


def test_an_outcome_is_one_line() -> None:
    assert repr(summary()) == (
        "<Summary: complete; 3 files (3 downloaded); 1.0 MB received in 0:03>"
    )
    assert len(repr(summary(failures=100_000))) < 200


def test_an_outcome_is_a_table_that_does_nothing() -> None:
    text = summary(failures=1_000)._repr_html_()
    assert "995 further failures" in text and "http-404" not in text
    assert len(text) < 5_000 and not acting(text) and NASTY not in text


def test_a_plan_is_a_line_and_a_table() -> None:
    plan = Plan(scenes=2, requests=4, kinds={"bands": KindPlan(files=4, size_bytes=2 * 10**6)})
    assert repr(plan) == "<Plan: 2 scenes; 4 downloads to request, 2.0 MB>"
    assert "bands" in plan._repr_html_() and not acting(plan._repr_html_())


def test_a_config_is_a_line_however_many_scenes_it_names(tmp_path: Path) -> None:
    config = asyncdl.parse_config(
        {
            "search": {"scenes": [f"LC08_L2SP_068017_202003{d}_20200822_02_T1" for d in (10, 26)]},
            "products": [{"kind": "bundle"}, {"kind": "bands", "bands": ["red"]}],
            "download": {"directory": str(tmp_path)},
        }
    )  # fmt: skip
    assert repr(config) == f"<Config: scenes by id; bundle+bands, into {tmp_path}>"
    job = asyncdl.Job(config)
    assert repr(job) == f"<Job: scenes by id, into {tmp_path}; not begun>"
    assert "not begun" in job._repr_html_()


def test_scenes_are_a_map_and_a_table() -> None:
    text = asyncdl.Scenes(scene(f"p{n}", SQUARE) for n in range(50))._repr_html_()
    kinds = [tag for tag, _ in Elements(text).found]
    assert kinds.count("polygon") == 50 and kinds.count("tr") == ROWS + 1
    assert f"… and {50 - ROWS} more" in text


@pytest.mark.parametrize(
    ("browse", "pictures"),
    [
        ("https://landsatlook.usgs.gov/gen-browse?size=thumb", 1),
        ("http://landsatlook.usgs.gov/gen-browse", 0),
        ("https://elsewhere.example/x.png", 0),
        ("javascript:alert(1)", 0),
        (NASTY, 0),
    ],
)
def test_thumbnails_come_from_the_usgs_only(browse: str, pictures: int) -> None:
    text = asyncdl.Scenes([scene(NASTY, SQUARE, browse)])._repr_html_()
    assert [tag for tag, _ in Elements(text).found].count("img") == pictures
    assert not acting(text)


@pytest.mark.parametrize("geometry", [SQUARE, SEAM])
def test_a_sketch_fills_its_frame(geometry: dict[str, Any]) -> None:
    """Over the antimeridian, too: the shape is as wide there as anywhere else."""
    text = sketch([[[tuple(corner) for corner in geometry["coordinates"][0]]]])
    assert text is not None
    corners = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+),([\d.]+)", text)]
    assert all(0 <= x <= WIDTH_PX and 0 <= y <= HEIGHT_PX for x, y in corners)
    assert max(y for _, y in corners) - min(y for _, y in corners) > HEIGHT_PX * 0.9
    assert max(x for x, _ in corners) - min(x for x, _ in corners) < WIDTH_PX * 0.7


def test_nothing_to_draw_is_no_drawing() -> None:
    assert sketch([]) is None
    assert "<svg" not in asyncdl.Scenes([scene()])._repr_html_()


@pytest.mark.slow
async def test_real_replies_are_shown(service: Service) -> None:
    words: dict[str, Any] = dict(ANCHORAGE)
    scenes = await asyncdl.search(**words, service=service)
    kinds = [tag for tag, _ in Elements(scenes._repr_html_()).found]
    assert (kinds.count("polygon"), kinds.count("img")) == (3, 3)
    assert scenes[0].product_id in scenes[0]._repr_html_()
