"""What the tests of commands share: a terminal, and a folder as a new user has it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

import asyncdl.sandbox
from asyncdl.sandbox import Service
from tests.cli.terminal import Terminal
from tests.own_examples import copy_examples

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the keyring of the user."""
    monkeypatch.setitem(sys.modules, "keyring", None)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(monkeypatch, capsys)


@pytest.fixture
def served() -> Iterator[Service]:
    """The embedded service on a loop of its own, while commands run on theirs."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(asyncdl.sandbox.serve()) as service,
    ):
        yield service


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the examples of the project in it."""
    copy_examples(tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path
