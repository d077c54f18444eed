"""The page of a report as a person sees it, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.pages.report_page import report_page
from tests.pages.browser import Browser
from tests.pages.runs import run_of
from tests.pages.scenes import ANCHORAGE, HOSTILE, scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_report_opens_without_a_complaint_and_fits_the_window(
    window: Browser, tmp_path: Path
) -> None:
    """Whatever hosts and services say, however long and hostile their words are."""
    page = tmp_path / "report.html"
    summary = run_of(scene(ANCHORAGE), files=400, text=HOSTILE * 3)
    page.write_text(report_page("A run", summary), encoding="utf-8")
    window.open(page)
    window.settle()
    assert window.complaints() == []
    assert window.run("return document.documentElement.scrollWidth <= innerWidth")
    assert window.run("return document.querySelector('canvas').width") > 0
    assert window.run("return document.querySelector('.chart path.bytes').getBBox().height") > 0
    assert window.run("return window.hacked ?? null") is None
    assert window.run("return performance.getEntriesByType('resource').length") == 0
