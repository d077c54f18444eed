"""The decisions and their index."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
ENTRY = re.compile(r"- \[(.+)\]\((.+)\)")


def test_the_index_lists_every_decision_by_its_title() -> None:
    listed = {name: title for title, name in ENTRY.findall((FOLDER / "index.md").read_text())}
    written = {path.name: path.read_text().splitlines()[0] for path in FOLDER.glob("0*.md")}
    assert listed == {name: first.removeprefix("# ") for name, first in written.items()}
