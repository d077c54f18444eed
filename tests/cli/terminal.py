"""A terminal in this process: command lines as people type them, and what they print."""

from __future__ import annotations

import io
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from asyncdl.cli.main import exit_status


class Terminal:
    """Runs commands one after the other, without a process of their own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.out = self.err = ""
        """What the last command printed."""

    def run(self, *arguments: object, stdin: str = "") -> int:
        """Run ``asyncdl`` with these arguments and return its exit status."""
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = exit_status([str(argument) for argument in arguments])
        self.read()
        return status

    def read(self) -> str:
        """Take in what was printed, also by a command that ended the process; return stdout."""
        self.out, self.err = self._capsys.readouterr()
        return self.out

    def play(self, line: str) -> int:
        """Run a whole line, with ``|`` and ``<`` as a shell has them; return the last status."""
        self.out, status = "", 0
        for words in _commands(shlex.split(line)):
            assert words[0] == "asyncdl"
            stdin = self.out
            if words[-2] == "<":
                *words, _, name = words
                stdin = Path(name).read_text()
            status = self.run(*words[1:], stdin=stdin)
        return status


def _commands(words: Sequence[str]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    return commands
