"""Shells complete commands, options and datasets, though commands are imported lazily."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from asyncdl.cli.completion import SHELLS, VARIABLE
from asyncdl.cli.main import COMMANDS
from tests.cli.terminal import Terminal

ROOT = Path(__file__).parents[2]


def completed(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, line: str) -> list[str]:
    """Return the completions of the last word of a line, called as bash does."""
    monkeypatch.setenv(VARIABLE, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    with pytest.raises(SystemExit) as ended:
        terminal.run()
    assert ended.value.code == 0
    return [found.partition(",")[2] for found in terminal.read().splitlines()]


def test_all_commands_are_offered(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed(terminal, monkeypatch, "asyncdl ") == list(COMMANDS)


@pytest.mark.parametrize(
    ("line", "fitting"),
    [
        ("asyncdl sea", ["search"]),
        ("asyncdl run --no-p", ["--no-progress"]),
        ("asyncdl search a.toml --format geo", ["geojson"]),
        ("asyncdl bands landsat_ot", ["landsat_ot_c2_l1", "landsat_ot_c2_l2"]),
        ("asyncdl completion f", ["fish"]),
    ],
)
def test_the_last_word_is_completed(
    line: str, fitting: list[str], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert completed(terminal, monkeypatch, line) == fitting


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_that_of_the_shell(
    shell: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert terminal.run("completion", shell) == 0
    printed = terminal.out
    monkeypatch.setenv(VARIABLE, f"{shell}_source")
    with pytest.raises(SystemExit):
        terminal.run()
    assert printed == terminal.read()
    assert f"{shell}_complete" in printed


def test_the_shell_is_that_of_the_environment(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert terminal.run("completion") == 0
    assert "fish_complete" in terminal.out
    monkeypatch.setenv("SHELL", "/bin/csh")
    assert terminal.run("completion") == 2
    assert "bash, zsh, fish" in terminal.err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_itself_completes(tmp_path: Path) -> None:
    program = tmp_path / "asyncdl"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m asyncdl "$@"\n')
    program.chmod(0o755)
    script = (
        f'PATH={tmp_path}:$PATH; eval "$(asyncdl completion bash)";'
        'COMP_WORDS=(asyncdl st); COMP_CWORD=1; _asyncdl_completion asyncdl; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "status\n", done.stderr
