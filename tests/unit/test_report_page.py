"""What stands on the page of a report, and that text from outside stays text on it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from asyncdl.cli.printing import plain
from asyncdl.job.reporting.report import Summary, Superseded, Withdrawn
from asyncdl.job.reporting.run_history import StrainSpan
from asyncdl.job.reporting.timeline import Timeline, Wait
from asyncdl.pages.chart import chart, spans_of
from asyncdl.pages.report_page import MAX_FILES, report_page
from tests.pages.runs import run_of
from tests.pages.scenes import ANCHORAGE, HOSTILE, hostile_scene, scene


def test_the_page_tells_what_the_report_holds() -> None:
    page = report_page("A job", run_of(scene(ANCHORAGE)), settings=[("search.limit", "5")])
    for words in (
        "A job", ">incomplete<", "6 of 8", "<b>2</b>files missing", "2 files</b> failed",
        "http-404", "length+sha512+tiff", ">scene-search<", "search.limit", "bands/3/gone",
        "Throughput and connections over time", 'id="map"',
    ):  # fmt: skip
        assert words in page, words


def test_the_page_names_what_was_replaced_or_withdrawn() -> None:
    summary = replace(
        run_of(),
        superseded=(Superseded("OLD", "NEW", 3),),
        withdrawn=(Withdrawn("GONE", "2026-03-01 13:00:02-06"),),
    )
    page = report_page("A job", summary)
    for words in ("reprocessed as NEW", "3 removed", "withdrawn on 2026-03-01", ">kept<"):
        assert words in page, words
    assert "Reprocessed or withdrawn" not in report_page("A job", run_of())


def test_a_page_asks_nothing_of_any_network() -> None:
    page = report_page("t", run_of(scene(ANCHORAGE)))
    assert not re.search(r"(src|href)=|@import|url\(|https?://(?!\*\.usgs\.gov)", page)
    assert "default-src &#x27;none&#x27;" in page


def test_nothing_is_styled_in_a_way_that_the_policy_forbids() -> None:
    assert " style=" not in report_page("t", run_of(scene(ANCHORAGE)))


def test_hostile_names_stay_text() -> None:
    page = report_page(
        HOSTILE, run_of(hostile_scene(), text=HOSTILE), settings=[(HOSTILE, HOSTILE)]
    )
    assert "<img" not in page and "window.hacked=1>" not in page
    assert page.count("<script") == page.count("</script>") == 2


def test_a_terminal_shows_a_page_unchanged() -> None:
    """What policy and script agree on would not survive a change."""
    page = report_page("t", run_of(scene(ANCHORAGE)))
    assert all(plain(line) == line for line in page.split("\n"))


def test_a_page_of_thousands_of_failures_stays_small() -> None:
    page = report_page("t", run_of(files=5000))
    assert f"and {5000 // 4 - MAX_FILES} files more" in page
    assert len(page) < 500_000


def test_a_report_of_an_earlier_version_has_no_record_and_is_shown() -> None:
    summary = run_of().as_json()
    page = report_page("t", Summary.from_report(summary))
    assert "6 of 8" in page and 'id="map"' not in page


@pytest.mark.parametrize("at_most", [1, 2, 7, 600])
def test_spans_hold_all_that_was_received(at_most: int) -> None:
    spans = spans_of(
        Timeline(2.0, (5, 7, 9), (1, 4, 2), (0, 1, 1), (3, 0, 0)), 5.0, at_most=at_most
    )
    assert len(spans) <= at_most
    assert (spans[0].start_s, spans[-1].end_s) == (0.0, 6.0)
    assert sum(span.received_bytes for span in spans) == 21
    assert max(span.connections for span in spans) == 4


def test_a_run_shorter_than_a_sample_is_as_fast_as_it_was() -> None:
    (span,) = spans_of(Timeline(1.0, (100,), (1,), (1,), (0,)), 0.5, at_most=9)
    assert span.rate_bytes_s == 200


def test_a_drawing_stays_within_its_frame_and_shows_its_figures() -> None:
    drawn = chart(run_of().history.timeline, 300.0)
    places = re.findall(r"[ML](-?[\d.]+),(-?[\d.]+)", drawn)
    assert all(0 <= float(x) <= 760 and 0 <= float(y) <= 230 for x, y in places)
    assert "<title>backoff for gone: gone</title>" in drawn
    assert "connections at once, in" in drawn


def test_a_run_that_recorded_nothing_has_no_drawing() -> None:
    assert "There are no samples" in chart(Timeline(), 0.0)
    assert "NaN" not in chart(Timeline(1.0, (0,), (0,), (0,), (0,)), 0.0)


def test_row_p3_strain_is_shaded_and_explained_beside_the_waits() -> None:
    timeline = Timeline(
        1.0, (5,) * 90, (4,) * 90, (0,) * 90, (0,) * 90, (Wait(40, 60, "m2m is down", "HTTP 503"),)
    )
    strains = (
        StrainSpan("files", "http-429", 10.0, 30.0, 4, 16),
        StrainSpan("files", "slow", 70.0, None, 8, 16),
    )
    drawn = chart(timeline, 90.0, strains)
    assert drawn.count('class="strain"') == 3, "two stretches, and the key"
    assert "<title>files got 4 of 16 connections: http-429</title>" in drawn
    rows = re.findall(r"<tr><td[^>]*>([\d:]+)</td><td[^>]*>([\d:]+)</td><td>([^<]+)", drawn)
    assert rows == [
        ("0:10", "0:30", "files got 4 of 16 connections: http-429"),
        ("0:40", "1:00", "m2m is down: HTTP 503"),
        ("1:10", "1:30", "files got 8 of 16 connections: slow"),
    ]
    assert "fewer connections" not in chart(timeline, 90.0)
