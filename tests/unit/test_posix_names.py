"""No module uses what only POSIX has, but for the room that is there for it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.portable.taken import LACKED, MODULES

PACKAGE = Path(__file__).parents[2] / "asyncdl"
OWN_SCRIPT = "gdal_child.py"
"""Imports nothing of asyncdl, and does without ``resource`` where there is none."""
ELSEWHERE = sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "system")


def posix_names_in(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                found += [f"{module}.{name}"] if name in LACKED.get(module, ()) else []
            case ast.Import(names=names):
                found += [alias.name for alias in names if alias.name in MODULES]
            case ast.ImportFrom(module=str(module), names=names):
                lacked = LACKED.get(module, ())
                found += [module] if module in MODULES else []
                found += [f"{module}.{alias.name}" for alias in names if alias.name in lacked]
    return found


def test_the_names_are_found() -> None:
    source = "import fcntl, os\nfrom os import pwrite\nos.geteuid(); os.open('a', os.O_RDONLY)"
    assert sorted(posix_names_in(source)) == ["fcntl", "os.geteuid", "os.pwrite"]


@pytest.mark.parametrize("folder", sorted({path.parent for path in ELSEWHERE}), ids=str)
def test_no_module_needs_posix(folder: Path) -> None:
    for path in set(folder.glob("*.py")) - {folder / OWN_SCRIPT}:
        assert posix_names_in(path.read_text(encoding="utf-8")) == [], path
