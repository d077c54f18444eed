"""Nothing depends on an ``assert``: under ``python -O`` there are none."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "asyncdl"
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_asserts_nothing_and_asks_not_whether_others_do(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    odd = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Name) and node.id == "__debug__")
    ]
    assert [f"{path}:{node.lineno}" for node in odd] == []
