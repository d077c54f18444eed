"""What is said of amounts, and of what may have been meant, has one place each."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asyncdl.text import closest, did_you_mean
from asyncdl.units import count, plural, rate

PACKAGE = Path(__file__).parents[2] / "asyncdl"


def modules(*, but: str) -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if (name := path.relative_to(PACKAGE).as_posix()) != but:
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(node.value)
    )


def is_plural_form(node: ast.AST) -> bool:
    """Tell whether a node takes one of two words by whether a number is 1."""
    match node:
        case ast.IfExp(
            test=ast.Compare(ops=[ast.Eq() | ast.NotEq()], comparators=[ast.Constant(value=1)])
        ):
            return is_text(node.body) and is_text(node.orelse)
        case ast.BinOp(left=ast.Constant(value="s" | "es"), op=ast.Mult()):
            return True
    return False


def is_guess(node: ast.AST) -> bool:
    match node:
        case ast.ImportFrom(module="difflib"):
            return True
        case ast.Import():
            return any(alias.name == "difflib" for alias in node.names)
        case ast.Constant(value=str() as text):
            return "did you mean " in text.lower()
    return False


def is_unit(node: ast.AST) -> bool:
    """Tell whether a node is the unit of a size, alone or after a number that is filled in."""
    return isinstance(node, ast.Constant) and node.value in {"kB", "MB", "GB", " kB", " MB", " GB"}


@pytest.mark.parametrize(
    ("is_it", "home", "example"),
    [
        (is_plural_form, "units.py", 'f"{n} file" if n == 1 else f"{n} files"'),
        (is_plural_form, "units.py", '"file" + "s" * (n != 1)'),
        (is_unit, "units.py", 'f"{n / 1e6:.1f} MB"'),
        (is_guess, "text.py", "from difflib import get_close_matches"),
        (is_guess, "text.py", 'f"; did you mean {word}?"'),
    ],
)
def test_there_is_one_place_for(is_it: Callable[[ast.AST], bool], home: str, example: str) -> None:
    others = {
        f"{name}:{getattr(node, 'lineno', 0)}"
        for name, tree in modules(but=home)
        for node in ast.walk(tree)
        if is_it(node)
    }
    assert others == set(), f"asyncdl/{home} does that for all"
    assert any(map(is_it, ast.walk(ast.parse(example)))), "it would come in unnoticed"


def test_nouns_may_have_a_plural_of_their_own() -> None:
    assert [count(n, "entry", "entries") for n in (0, 1, 2)] == [
        "0 entries", "1 entry", "2 entries"
    ]  # fmt: skip
    assert [plural(n, "it", "them") for n in (1, 2)] == ["it", "them"]
    assert rate(1.25e6) == "1.2 MB/s"


def test_a_guess_ends_a_message_or_is_left_out() -> None:
    assert did_you_mean(closest("serch", ["search", "poll"])) == "; did you mean search?"
    assert did_you_mean(closest("x", ["search", "poll"])) == ""
