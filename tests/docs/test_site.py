"""The pages as a site: complete, and all of it from one place."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("material") is None, reason="make docs installs mkdocs-material"
    ),
]

FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""What a browser fetches by itself; links in the text are for people."""
FETCHED_BY_STYLES = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning while it is built is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    # The warnings of its own imports are not ours.
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Fetches(HTMLParser):
    """Collects what a page makes a browser fetch, and the classes in it."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.marks: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.marks |= {*given.get("class", "").split(), given.get("data-md-component", "")}
        if given.get("rel") != "canonical" and FETCHED.get(tag) in given:
            self.urls.append(given[FETCHED[tag]])


def fetches_of(page: Path) -> Fetches:
    fetches = Fetches()
    fetches.feed(page.read_text(encoding="utf-8"))
    return fetches


def pages(site: Path) -> Iterator[Path]:
    yield from site.rglob("*.html")


def test_no_page_makes_a_browser_ask_another_host(site: Path) -> None:
    foreign = {
        url for page in pages(site) for url in fetches_of(page).urls if re.match(r"(\w+:)?//", url)
    }
    assert foreign == set()
    assert sum(len(fetches_of(page).urls) for page in pages(site)) > 20


def test_no_style_fetches_from_another_host(site: Path) -> None:
    styles = list(site.rglob("*.css"))
    assert styles
    assert not [s for s in styles if FETCHED_BY_STYLES.search(s.read_text(encoding="utf-8"))]


def test_nothing_wakes_the_parts_of_the_theme_that_ask_other_hosts(site: Path) -> None:
    """Its script loads mermaid for diagrams, and counts stars where a repository is named."""
    marks = {mark for page in pages(site) for mark in fetches_of(page).marks}
    assert not marks & {"mermaid", "source"}


def test_every_page_that_is_written_is_built(site: Path) -> None:
    written = {p.relative_to(ROOT / "docs").with_suffix("") for p in ROOT.glob("docs/**/*.md")}
    assert written <= {page.relative_to(site).with_suffix("") for page in pages(site)}


def test_no_generator_of_pages_is_published(site: Path) -> None:
    assert not list(site.rglob("*.py"))
