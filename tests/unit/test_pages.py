"""Pages hold all they need, and text from outside stays text in them."""

from __future__ import annotations

import re
from itertools import pairwise

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncdl.markup import Markup, element
from asyncdl.pages.maps import (
    Tiles,
    map_data,
    map_page,
    projection_for,
    unwrapped_ring,
    unwrapped_shape,
)
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

rings = st.lists(
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=3, max_size=12, unique=True
)


@given(rings)
@example(list(FIJI))
def test_a_drawn_ring_never_jumps_and_has_every_corner(ring: list[tuple[float, float]]) -> None:
    line = unwrapped_ring(ring)
    assert all(abs(b[0] - a[0]) <= 180 or abs(a[1]) == 90 or abs(b[0] - a[0]) == 360
               for a, b in pairwise(line))  # fmt: skip
    assert [latitude for _, latitude in line[: len(ring)]] == [latitude for _, latitude in ring]
    for (longitude, _), (original, _) in zip(line, ring, strict=False):
        assert abs((longitude - original + 180) % 360 - 180) < 1e-9


def test_a_ring_around_a_pole_is_led_along_the_pole() -> None:
    line = unwrapped_ring(AROUND_THE_POLE)
    assert line[-2:] == [(180.0, 90.0), (-180.0, 90.0)]
    assert [longitude for longitude, _ in line[:-2]] == list(range(-180, 181, 30))


def test_a_shape_that_was_cut_comes_together() -> None:
    first, second = unwrapped_shape(FIJI_CUT)
    assert min(longitude for longitude, _ in second) == max(longitude for longitude, _ in first)


@pytest.mark.parametrize(
    ("ring", "projection"),
    [
        (ANCHORAGE, "mercator"),
        (AROUND_THE_POLE, "north"),
        (((0, -80), (9, -80), (5, -82)), "south"),
    ],
)
def test_scenes_at_a_pole_are_seen_from_above(
    ring: tuple[tuple[float, float], ...], projection: str
) -> None:
    assert projection_for([ring]) == projection
    assert projection_for([ring, ANCHORAGE]) == "mercator"


@given(st.text())
@example(HOSTILE)
def test_markup_takes_texts_for_texts(text: str) -> None:
    whole = element("p", text, [text, element("b", text)], title=text)
    assert isinstance(whole, Markup)
    assert re.findall(r"<[^>]*", whole)[1:] == ["<b", "</b", "</p"]


def test_hostile_names_stay_data() -> None:
    page = map_page(HOSTILE, [hostile_scene()], notes=[HOSTILE])
    assert "<img" not in page and "window.hacked=1>" not in page
    assert page.count("<script") == page.count("</script>") == 2


@pytest.mark.parametrize(
    ("url", "link", "is_picture"),
    [
        ("https://landsatlook.usgs.gov/x", "https://landsatlook.usgs.gov/x", True),
        ("http://landsatlook.usgs.gov/x", "http://landsatlook.usgs.gov/x", False),
        ("https://elsewhere.example/usgs.gov", "https://elsewhere.example/usgs.gov", False),
        ("javascript:alert(1)", "", False),
        ("data:text/html,x", "", False),
        ("file:///etc/passwd", "", False),
        ("https://[", "", False),
        ("", "", False),
    ],
)
def test_only_web_addresses_are_links_and_only_usgs_shows_pictures(
    url: str, link: str, is_picture: bool
) -> None:
    [data] = map_data([scene(browse_url=url)], [])["scenes"]
    assert (data["browse"], data["isPicture"]) == (link, is_picture)


def test_a_page_names_no_other_file_unless_tiles_are_wanted() -> None:
    page = map_page("t", [scene(ANCHORAGE)])
    assert not re.search(r"(src|href)=|@import|url\(|https?://(?!\*\.usgs\.gov)", page)
    tiles = Tiles("https://tiles.example/{z}/{x}/{y}.png", "the tiles' makers")
    assert "img-src https://*.usgs.gov https://tiles.example;" in map_page("t", [], tiles=tiles)


def test_a_map_has_the_coasts_of_the_world_and_one_with_tiles_has_none() -> None:
    coast = orjson.loads(orjson.dumps(map_data([], [])["coast"]))
    assert len(coast) > 100 and all(len(steps) % 2 == 0 for steps in coast)
    for steps in coast:  # closed: the steps lead back to the first corner
        assert (sum(steps[2::2]), sum(steps[3::2])) == (0, 0)
    assert map_data([], [], Tiles("https://host/{z}/{x}/{y}.png"))["coast"] is None


def test_scenes_of_a_report_say_how_many_files_they_lack() -> None:
    one, other = scene(ANCHORAGE), scene(BESIDE, date="2020-03-03")
    marked = map_data([one, other], [], missing={one.product_id: 2})["scenes"]
    assert [shown["missing"] for shown in marked] == [2, 0]
