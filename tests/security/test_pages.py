"""What a page or a table shows of text from outside is what it is, and leads where it says."""

from __future__ import annotations

import csv
import io
import json
import re
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from asyncdl.cli.search import WRITERS
from asyncdl.m2m.models import Scene
from asyncdl.markup import MAX_URL_CHARS, Markup, web_link
from asyncdl.pages.maps import map_data, map_page
from asyncdl.pages.page import page
from tests.pages.scenes import HOSTILE, hostile_scene, scene

NO_LINKS = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", " javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "vbscript:x", "file:///etc/passwd", "blob:x",
    "//evil.example/x", "/x", "https:evil.example", "https:/evil.example", "https:///evil.example",
    "https:\\\\evil.example", "https://", "https://[", "https://:80/", "ftp://usgs.gov/x", "",
    "https://usgs.gov@evil.example/", "https://usgs.gov:pass@evil.example/", "https://@evil.example",
    "https://evil.example\\@usgs.gov/", "https://evil.example\\.usgs.gov/",
    "https://evil.example\t.usgs.gov/", "https://evil.example\n.usgs.gov/",
    "https://evil.example\x00.usgs.gov/", "https://evil.example%2f.usgs.gov/",
    "https://evil.example%23.usgs.gov/", "https://%75sgs.gov/", "https://usgs.gov:port/",
    "https://evil.example\u2100.usgs.gov/", "https://\u202evog.sgsu/", "https://a b/",
    "https://xn--\u0430/", "https://-\u0430-.example/", f"https://usgs.gov/{'x' * MAX_URL_CHARS}",
]  # fmt: skip
"""Of a picture, as a service may name it."""


@pytest.mark.parametrize("url", NO_LINKS)
def test_what_can_be_read_in_two_ways_is_no_link(url: str) -> None:
    assert web_link(url) is None
    [told] = map_data([scene(browse_url=url)], [])["scenes"]
    assert (told["browse"], told["place"], told["isPicture"]) == ("", "", False)


@pytest.mark.parametrize(
    ("url", "place", "is_picture"),
    [
        ("https://landsatlook.usgs.gov/x?y#z", "USGS", True),
        ("HTTPS://LandsatLook.USGS.gov:443/x", "USGS", True),
        ("https://usgs.gov/x", "USGS", False),
        ("https://landsatlook.usgs.gov:8443/x", "USGS", False),
        ("http://landsatlook.usgs.gov/x", "landsatlook.usgs.gov", False),
        ("https://evil.example/usgs.gov", "evil.example", False),
        ("https://usgs.gov.evil.example/", "usgs.gov.evil.example", False),
        ("https://evilusgs.gov/", "evilusgs.gov", False),
        ("https://evil.example?@usgs.gov/", "evil.example", False),
        ("https://evil.example#@usgs.gov/", "evil.example", False),
        ("http://127.0.0.1:8080/x", "127.0.0.1:8080", False),
        ("http://[::1]:8080/x", "[::1]:8080", False),
        ("https://\u0443sgs.gov/", "xn--sgs-cfd.gov", False),  # a Cyrillic letter
        ("https://landsatlook.usg\u0455.gov/", "landsatlook.xn--usg-hhd.gov", False),
        ("https://landsatlook\u3002usgs.gov/", "USGS", True),  # as it is looked up
    ],
)
def test_a_link_says_where_it_leads(url: str, place: str, is_picture: bool) -> None:
    [told] = map_data([scene(browse_url=url)], [])["scenes"]
    assert (told["place"], told["isPicture"]) == (place, is_picture)
    assert told["browse"].isascii()
    if place == "USGS":
        assert URL(told["browse"]).host in ("usgs.gov", "landsatlook.usgs.gov")


@given(st.text("htps:/\\@.?#%[]\t\nuge\u0443xvil0 ", max_size=30).map("https://".__add__))
@example("https://evil@usgs.gov")
@example("https://[0]")
def test_no_parser_sees_another_host_than_is_shown(text: str) -> None:
    link = web_link(text)
    if link is not None:
        assert urlsplit(link.url).netloc == f"{link.host}{link.port}"
        assert "@" not in urlsplit(link.url).netloc and link.place.isascii()


def test_the_script_names_the_place_and_nobody_is_told_where_a_reader_came_from() -> None:
    text = map_page("t", [])
    assert "Browse picture at ${scene.place}" in text and "at USGS" not in text
    assert '<meta name="referrer" content="no-referrer">' in text
    assert 'rel: "noopener noreferrer"' in text and 'referrerPolicy: "no-referrer"' in text


@given(st.text())
@example(HOSTILE)
@example("<!--<script>\u2028\u2029]]>&amp;</script >")
def test_data_ends_no_script_and_comes_back_as_it_was(text: str) -> None:
    whole = page("t", Markup(), {"text": text})
    [data] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', whole, re.S)
    assert not set(data) & set("<>&\u2028\u2029")
    assert json.loads(data) == {"text": text}


def test_a_policy_lets_nothing_of_a_hostile_scene_run() -> None:
    text = map_page(HOSTILE, [hostile_scene()], notes=[HOSTILE])
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src &#x27;none&#x27;; script-src &#x27;sha256-")
    assert "unsafe" not in policy and "javascript:" not in text


@pytest.mark.parametrize(
    "text",
    ["=1+1", "=cmd|'/c calc'!A0", "+1", "-1+1", "@SUM(1)", "\t=1", " =1", "\uff1d1", '=1","=2'],
)
def test_a_spreadsheet_runs_nothing_of_a_table(text: str) -> None:
    found = Scene(entity_id=text, display_id=text)
    [_, row] = csv.reader(io.StringIO("\n".join(WRITERS["csv"]([found]))))
    assert [cell for cell in row if cell][-2:] == [f"'{text}"] * 2


def test_a_table_has_all_else_as_it_is() -> None:
    found = Scene(entity_id="LC80680172020070LGN00", display_id="LC08", cloud_cover=-1.0)
    [_, row] = csv.reader(WRITERS["csv"]([found]))
    assert row[-2:] == ["LC08", "LC80680172020070LGN00"] and "-1.0" in row
