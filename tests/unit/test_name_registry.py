"""Names are remembered, but not for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.errors import TransferError
from asyncdl.transfer import FileRequest, name_registry
from asyncdl.transfer.name_registry import NameRegistry, owner_of_request

FOLDER = Path("out")


def fetch(names: NameRegistry, url: str, name: str) -> None:
    claimant = owner_of_request(FileRequest(url, FOLDER))
    with names.claim(FOLDER / name, claimant, url):
        names.remember(FOLDER / name, claimant)


def test_the_latest_names_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_registry, "MAX_REMEMBERED", 3)
    names = NameRegistry()
    for number in range(5):
        fetch(names, f"http://host/{number}", f"f{number}")
    fetch(names, "http://host/2", "f2")
    fetch(names, "http://host/5", "f5")
    for forgotten in ("f0", "f1", "f3"):
        fetch(names, "http://host/other", forgotten)
    names = NameRegistry()
    fetch(names, "http://host/a", "f")
    with pytest.raises(TransferError, match="another URL"):
        fetch(names, "http://host/b", "f")
