"""Under ``python -O``, which drops every assert, those of the tests count all the same."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

from tests import optimized

TESTS = Path(__file__).parent
MODULES = {
    ".".join(path.relative_to(TESTS.parent).with_suffix("").parts): path
    for path in sorted(TESTS.rglob("*.py"))
    if "tests/typing" not in path.as_posix()
}


def test_an_assert_of_a_test_and_of_what_it_imports_counts() -> None:
    with pytest.raises(AssertionError):
        assert len(MODULES) == 0
    with pytest.raises(AssertionError):
        optimized.claim(len(MODULES) == 0)


def has_asserts(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.Assert) for node in ast.walk(tree))


def test_the_asserts_of_all_files_here_are_rewritten() -> None:
    named = {name for name, path in MODULES.items() if has_asserts(path)}
    assert {"tests.soak.ordeal", "tests.transfer.schedules", "tests.job.beside"} <= named
    for name in sorted(named):
        spec = importlib.util.find_spec(name)
        assert spec is not None and isinstance(spec.loader, AssertionRewritingHook), name


def test_what_tests_start_runs_as_they_do() -> None:
    command = [sys.executable, "-c", "import sys; print(sys.flags.optimize)"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) == sys.flags.optimize
