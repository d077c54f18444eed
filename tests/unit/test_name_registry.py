"""Names are remembered, but not for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import TransferError
from asyncdl.transfer import FileRequest, name_registry
from asyncdl.transfer.name_registry import (
    FinishedNames,
    NameOwner,
    NameRegistry,
    owner_of_request,
)

FOLDER = Path("out")
FEW = st.integers(0, 3)
OWNERS = st.builds(NameOwner, FEW, FEW | st.none(), st.just(False))


def fetch(names: NameRegistry, url: str, name: str) -> None:
    claimant = owner_of_request(FileRequest(url, FOLDER))
    names.claim(FOLDER / name, claimant, url)
    names.remember(FOLDER / name, claimant)
    names.release(FOLDER / name)


def test_the_latest_names_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_registry, "MAX_REMEMBERED", 3)
    names = NameRegistry()
    for number in range(8):
        fetch(names, f"http://host/{number}", f"f{number}")
    for forgotten in ("f0", "f1", "f2"):
        fetch(names, "http://host/other", forgotten)
    for number in (6, 7):
        fetch(names, f"http://host/{number}", f"f{number}")
        with pytest.raises(TransferError, match="another URL"):
            fetch(names, "http://host/other", f"f{number}")


def test_memory_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_registry, "MAX_REMEMBERED", 10)
    names = FinishedNames()
    for number in range(95):
        names.add(FOLDER / str(number), NameOwner(number, None, may_replace=False))
    known = [number for number in range(95) if names.has(FOLDER / str(number))]
    assert known == list(range(95 - len(known), 95))
    assert 10 <= len(known) <= 20


@given(st.lists(st.tuples(FEW, OWNERS)), FEW, OWNERS)
def test_a_name_is_the_files_own_only_if_that_file_had_it(
    finished: list[tuple[int, NameOwner]], name: int, owner: NameOwner
) -> None:
    names = FinishedNames()
    for number, other in finished:
        names.add(FOLDER / str(number), other)
    owners = [other for number, other in finished if number == name]
    assert names.has(FOLDER / str(name)) is bool(owners)
    assert names.has_file(FOLDER / str(name), owner) is any(map(owner.is_same_as, owners))


def test_one_name_is_not_for_two_urls() -> None:
    names = NameRegistry()
    fetch(names, "http://host/a", "f")
    fetch(names, "http://host/a", "f")
    with pytest.raises(TransferError, match="another URL"):
        fetch(names, "http://host/b", "f")
