"""What ``import asyncdl`` offers: all of it is explained, typed, and stands on its page."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import asyncdl
from asyncdl.cli.field_docs import field_docs

ROOT = Path(__file__).parents[2]
LIBRARY = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
TYPED = (ROOT / "tests" / "typing" / "api.py").read_text(encoding="utf-8")

NAMES = [name for name in asyncdl.__all__ if name != "__version__"]
FACES = (asyncdl, asyncdl.metrics, asyncdl.sandbox, asyncdl.sync)


def offered() -> Iterator[Any]:
    """Yield each public class and function once."""
    for face in FACES:
        for name in face.__all__:
            thing = getattr(face, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                yield pytest.param(thing, id=f"{face.__name__}.{name}")


def blocks() -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", LIBRARY, re.DOTALL))


@pytest.mark.parametrize("thing", list(offered()))
def test_each_says_what_it_is_and_so_do_its_parts(thing: Any) -> None:
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        parts = {name: part for name, part in vars(thing).items() if not name.startswith("_")}
        called = {n: p for n, p in parts.items() if callable(p) or isinstance(p, property)}
        assert [name for name, part in called.items() if not inspect.getdoc(part)] == []
    if dataclasses.is_dataclass(thing) or (
        inspect.isclass(thing) and issubclass(thing, msgspec.Struct)
    ):
        assert [name for name, told in field_docs(thing).items() if not told] == []  # type: ignore[arg-type]


@pytest.mark.parametrize("thing", list(offered()))
def test_each_argument_of_a_function_is_explained_or_speaks_for_itself(thing: Any) -> None:
    if inspect.isfunction(thing) and len(inspect.signature(thing).parameters) > 1:
        told = inspect.getdoc(thing) or ""
        assert "Args:" in told or "see :meth:" in told


@pytest.mark.parametrize("name", NAMES)
def test_each_is_used_on_the_page_of_the_library(name: str) -> None:
    assert re.search(rf"\b{name}\b", blocks())


@pytest.mark.parametrize("name", NAMES)
def test_each_is_seen_by_the_type_checker(name: str) -> None:
    assert re.search(rf"\b{name}\b", TYPED)


@pytest.mark.parametrize("name", asyncdl.__all__)
def test_each_name_is_there_and_listed_for_those_who_look(name: str) -> None:
    assert getattr(asyncdl, name) is not None
    assert name in dir(asyncdl)


def test_what_is_not_there_is_refused_as_by_any_module() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Jobs'"):
        _ = asyncdl.Jobs  # type: ignore[attr-defined]


def test_type_checkers_see_the_same_names_as_the_interpreter() -> None:
    """The imports under ``TYPE_CHECKING`` are written by hand."""
    tree = ast.parse(Path(asyncdl.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == set(NAMES)
