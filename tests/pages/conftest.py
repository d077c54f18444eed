"""One browser for all tests of pages; they are skipped where there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pages.browser import Browser, missing, open_browser


@pytest.fixture(scope="session")
def window() -> Iterator[Browser]:
    """A window of 1200 by 760."""
    if what := missing():
        pytest.skip(f"needs {what}; `make browser` installs it")
    with open_browser() as browser:
        yield browser
