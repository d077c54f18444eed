"""The page of promises names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w./]*test_\w+\.py)`", PAGE)))
FOLDERS = sorted(set(re.findall(r"`(\.\./\w+/)`", PAGE)))


def path_of(name: str) -> Path:
    """Return the file that a name on the page means: it starts here, or at the top."""
    return ROOT / name if name.startswith("tests/") else Path(__file__).parent / name


@pytest.mark.parametrize("name", NAMED)
def test_a_test_file_that_the_page_names_has_tests(name: str) -> None:
    path = path_of(name)
    assert path.is_file()
    assert re.search(r"^(?:async )?def test_", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_page_names_every_test_file_of_this_folder() -> None:
    here = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    assert here <= set(NAMED)
    assert all(any(path_of(folder).glob("test_*.py")) for folder in FOLDERS)


def test_the_table_of_trust_has_what_each_may_name_in_every_column() -> None:
    table = PAGE.partition("## Who may name what")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) > 12
    assert {line.count(" | ") for line in rows} == {5}
    assert not [line for line in rows if re.search(r"\|\s*\|", line)]


def test_security_md_invents_no_contact() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "docs/security.md" in text and "security advisories" in text
    assert "@" not in text
