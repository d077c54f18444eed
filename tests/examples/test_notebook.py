"""``examples/notebook.ipynb``: its cells run in order, as Jupyter runs them."""

from __future__ import annotations

import ast
import inspect
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import asyncdl
from asyncdl.sandbox.admin_api import CleanupReport
from tests.e2e.conftest import files_under

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOK = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))
NOT_COUNTED = ("#", "import ", "from ")


def cells(kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == kind]


@pytest.mark.slow
@pytest.mark.allow_blocking  # a config is read before the work begins, on the loop or not
async def test_its_cells_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(EXAMPLES / "anchorage.geojson", tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for cell in cells("code"):
        code = compile(cell, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.isawaitable(result):
            await result
    summary = names["job"].summary
    assert isinstance(summary, asyncdl.Summary)
    assert summary.is_complete
    assert len(files_under(tmp_path / "data")) == 54
    assert capsys.readouterr().out.count("downloaded ") == 54
    assert names["sandbox"].cleanup_report == CleanupReport()


def test_it_says_how_many_lines_of_code_it_has() -> None:
    lines = [line.strip() for cell in cells("code") for line in cell.splitlines()]
    counted = [line for line in lines if line and not line.startswith(NOT_COUNTED)]
    [told] = re.findall(r"It has (\d+) lines of code", cells("markdown")[0])
    assert int(told) == len(counted)


def test_it_is_stored_without_outputs() -> None:
    stored = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in stored)
