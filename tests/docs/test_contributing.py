"""The files that CONTRIBUTING.md sends a reader to are there, and so are the names in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.docs.blocks import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
WORD = re.compile(r"`([^`\n]+)`")
SUFFIXES = (".py", ".pyi", ".md", ".toml", ".yml", ".txt")
MADE = {".venv"}
"""What a reader's folder has only after the first `make`."""


def paths_in(text: str) -> Iterator[str]:
    """Yield each text between backticks that is a file or folder of this project."""
    for word in WORD.findall(text):
        bare = word.removeprefix("python ")
        is_path = "/" in bare and not bare.startswith(("http", "-", "."))
        if " " not in bare and "(" not in bare and (is_path or bare.endswith(SUFFIXES)):
            yield bare


PATHS = sorted(set(paths_in(TEXT)))


@pytest.mark.parametrize("path", PATHS)
def test_every_file_is_where_the_page_says(path: str) -> None:
    assert list(ROOT.glob(path)), "moved or renamed?"


def test_a_file_that_is_nowhere_is_found() -> None:
    assert list(paths_in("in `asyncdl/nowhere.py`, `a/b`, `x.md`, `make test`, `Form`")) == [
        "asyncdl/nowhere.py",
        "a/b",
        "x.md",
    ]
    assert len(PATHS) > 40


RECIPES = TEXT.partition("## Recipes")[2].partition("\n## ")[0]
TESTS = sorted(set(re.findall(r"`(test_\w+)`", RECIPES)))


@pytest.mark.parametrize("name", TESTS)
def test_every_test_that_a_recipe_names_exists(name: str) -> None:
    files = [ROOT / path for path in paths_in(RECIPES) if path.startswith("tests/")]
    texts = (file.read_text(encoding="utf-8") for file in files if file.is_file())
    assert any(f"def {name}(" in text for text in texts)


@pytest.mark.parametrize("title", re.findall(r"^### (.+)$", RECIPES, re.MULTILINE))
def test_a_recipe_has_five_to_ten_steps(title: str) -> None:
    recipe = RECIPES.partition(f"### {title}\n")[2].partition("\n### ")[0]
    assert 5 <= len(re.findall(r"^\d+\. ", recipe, re.MULTILINE)) <= 10
