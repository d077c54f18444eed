"""One thing, one word: no two classes of the package have one name."""

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "asyncdl"

TWINS = {"Downloader", "Job", "M2MClient"}
"""Blocking faces of classes, which have the names of what they stand for."""


def test_no_class_name_is_there_twice() -> None:
    homes = defaultdict[str, list[str]](list)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(path.relative_to(PACKAGE).as_posix())
    doubled = {name: sorted(places) for name, places in homes.items() if len(places) > 1}
    assert doubled.keys() == TWINS, doubled
    assert all("sync.py" in doubled[name] for name in TWINS)
