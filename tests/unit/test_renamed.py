"""Modules that the documentation once named are found under their old names, with a warning."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from asyncdl.renamed import MODULES, RenamedModules

DOCUMENTED = {
    "asyncdl.cli.streams": ("StreamError", "ReaderLeft"),
    "asyncdl.connectors": ("SecureConnector",),
    "asyncdl.job.journal.place": ("NoLocksError",),
    "asyncdl.transfer.guard": ("InwardAddress",),
    "asyncdl.transfer.proving.archive": ("NotAnArchive",),
}
"""What the pages of 0.1 import from each, or name as the home of an error."""


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import each old name anew."""
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.parametrize("old", DOCUMENTED)
def test_an_old_module_gives_what_it_gave_and_says_its_new_name(old: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{old} is now {MODULES[old]};") as warned:
        module = importlib.import_module(old)
    for name in DOCUMENTED[old]:
        assert isinstance(getattr(module, name), type)
    assert not hasattr(module, "NoSuchName")
    real = importlib.import_module(MODULES[old])
    assert real.__spec__ is not None and real.__spec__.name == MODULES[old]
    assert len(warned) == 1


def test_a_warning_names_the_line_that_imports() -> None:
    with pytest.warns(DeprecationWarning) as warned:
        from asyncdl.connectors import (  # type: ignore[import-not-found]
            SecureConnector,
        )
    assert Path(warned[0].filename).name == "test_renamed.py"
    from asyncdl.net import connectors

    assert SecureConnector is connectors.SecureConnector


def test_every_new_name_is_a_module_and_no_old_one_is() -> None:
    for old, new in MODULES.items():
        importlib.import_module(new)
        package = Path(importlib.import_module("asyncdl").__path__[0]).parent
        assert not package.joinpath(*old.split(".")).with_suffix(".py").exists()


def test_other_names_are_not_found() -> None:
    assert RenamedModules.find_spec("asyncdl.nothing") is None
    with pytest.raises(ModuleNotFoundError, match=r"asyncdl\.nothing"):
        importlib.import_module("asyncdl.nothing")


def test_the_finder_is_the_last_that_is_asked() -> None:
    assert sys.meta_path.count(RenamedModules) == 1
    importlib.reload(importlib.import_module("asyncdl"))
    assert sys.meta_path.count(RenamedModules) == 1
