"""The figures of ``make figures`` count what they say, on trees that are small enough to count."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.figures import __main__ as command
from benchmarks.figures.dialect import counts_of, dialect_of
from benchmarks.figures.live import classes_in, modules_in, sentence_in
from benchmarks.figures.modules import (
    crumbs,
    doubled_classes,
    doubled_files,
    figures_of,
    importers_of,
    modules_of,
)

MakeTree = Callable[[dict[str, str]], Path]
HOST = "127.0.0.1:4711"


@pytest.fixture
def make_tree(tmp_path: Path) -> MakeTree:
    def make(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


SMALL = {
    "asyncdl/__init__.py": "from asyncdl.run import go\n",
    "asyncdl/run.py": "import asyncdl.wire.head\nfrom asyncdl.wire import body, Client\n",
    "asyncdl/body.py": "class Body: ...\n",
    "asyncdl/wire/__init__.py": "from .client import Client\n",
    "asyncdl/wire/client.py": "from ..body import Body\nclass Client:\n    class Body: ...\n",
    "asyncdl/wire/head.py": "def f():\n    from . import client\n" + "x = 1\n" * 100,
    "asyncdl/wire/body.py": "from asyncdl import run\n",
}


def test_importers_are_found_however_they_import(make_tree: MakeTree) -> None:
    importers = importers_of(modules_of(make_tree(SMALL)))
    assert importers == {
        "asyncdl": set(),
        "asyncdl.body": {"asyncdl.wire.client"},
        "asyncdl.run": {"asyncdl", "asyncdl.wire.body"},
        "asyncdl.wire": {"asyncdl.run"},
        "asyncdl.wire.body": {"asyncdl.run"},
        "asyncdl.wire.client": {"asyncdl.wire", "asyncdl.wire.head"},
        "asyncdl.wire.head": {"asyncdl.run"},
    }


def test_what_is_counted_of_modules(make_tree: MakeTree) -> None:
    known = modules_of(make_tree(SMALL))
    assert crumbs(known) == ["asyncdl.body", "asyncdl.wire.body"]
    assert doubled_classes(known) == ["Body"]
    assert doubled_files(known) == ["body.py"]
    assert figures_of(known) == {
        "files": 7,
        "lines": 111,
        "median lines of a module": 2,
        "modules under 60 lines": 4,
        "modules under 90 lines with one importer": 2,
        "class names that stand for several": 1,
        "file names that occur several times": 1,
    }


def test_a_tree_without_the_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="asyncdl"):
        modules_of(tmp_path)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("The service tells of it", 1),
        ("class ToldDigests: told_of = HTTPAnswer", 3),
        ("at the so-manieth request", 1),
        ("An untold answering-machine; retell", 1),
        ("A digest is reported in the response.", 0),
    ],
)
def test_words_are_found_in_sentences_and_in_names(text: str, count: int) -> None:
    assert counts_of(text).total() == count


def test_words_are_counted_apart_in_code_and_pages(make_tree: MakeTree) -> None:
    root = make_tree(
        {
            "asyncdl/tally.py": '"""Tells."""\n',
            "docs/a.md": "Whom?\n",
            "docs/make_a.py": "told = 1\n",
            "README.md": "The answer.\n",
            "CHANGELOG.md": "told\n",
        }
    )
    code, pages = dialect_of(root)
    assert (code.total(), pages.total()) == (2, 2)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (f"failed: http://{HOST}/x: ask {HOST}: refused [network]\nagain", "refused"),
        (f"Note: STAC at {HOST} (no reply: closed); later", "no reply: closed"),
        (f"no: {HOST}: failed ('127.0.0.1', 4711)\nlook at the network", "failed"),
        (f"ask {HOST}: 400, message='x', url='http://{HOST}/'", "400"),
        ("nothing of the kind", "(nothing)"),
    ],
)
def test_the_sentence_of_a_fault_is_taken_out_of_what_is_said(said: str, sentence: str) -> None:
    assert sentence_in(said, HOST) == sentence


def test_of_a_trace_count_functions_that_ran_and_their_classes() -> None:
    seen = {
        ("a.py", "<module>"),
        ("b.py", "<module>"),
        ("b.py", "Client.get"),
        ("b.py", "Client.get.<locals>.<lambda>"),
        ("c.py", "make.<locals>.inner"),
        ("c.py", "Outer.Inner.__init__"),
    }
    assert modules_in(seen) == {"b.py", "c.py"}
    assert classes_in(seen) == {("b.py", "Client"), ("c.py", "Outer.Inner")}


def test_before_and_after_stand_side_by_side() -> None:
    shown = command.table({"v1": {"files": 1200, "gone": 1}, "now": {"files": 900, "new": 2.5}})
    assert shown.splitlines() == [
        "          v1  now",
        "files  1,200  900",
        "gone       1    -",
        "new        -    2",
    ]


def test_a_revision_is_counted_without_touching_the_tree(make_tree: MakeTree) -> None:
    root = make_tree({"asyncdl/a.py": "x = 1\n"})
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], check=True)
    (root / "asyncdl" / "a.py").write_text("x = 1\ny = 2\n")
    with command.checkout(root, "HEAD") as tree:
        assert command.count(tree, runs=False, words=False)[0]["lines"] == 1
    assert figures_of(modules_of(root))["lines"] == 2


def test_this_tree_can_be_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["figures", "--no-run", "--words"])
    command.main()
    lines = capsys.readouterr().out.splitlines()
    files = len(list((command.ROOT / "asyncdl").rglob("*.py")))
    assert lines[1].split() == ["files", str(files)]
