"""Ctrl-C while a command is still being imported: no traceback, and the status of an interrupt."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.e2e.conftest import environment

SCRIPTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
    "scripts"
]
MODULE, _, FUNCTION = SCRIPTS["asyncdl"].partition(":")
WAYS = {
    "module": "import runpy; runpy.run_module('asyncdl', run_name='__main__')",
    "script": f"from {MODULE} import {FUNCTION}; {FUNCTION}()",
}
STRIKING = """
import os, signal, sys
class Striking:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Striking())
signal.signal(signal.SIGINT, {handler})
{way}
"""


def ended(way: str, module: str, handler: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command that is interrupted when it imports a module."""
    code = STRIKING.format(way=WAYS[way], handler=handler)
    # The name of the module is no command.
    command = [sys.executable, "-c", code, module]
    return subprocess.run(command, env=environment(), capture_output=True, check=False)


@pytest.mark.allow_blocking
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("module", ["asyncdl.cli.main", "click", "click.core"])
def test_an_interrupt_during_the_imports_says_nothing(way: str, module: str) -> None:
    done = ended(way, module, "signal.default_int_handler")
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.allow_blocking
def test_an_interrupt_while_a_command_is_imported_says_nothing() -> None:
    code = STRIKING.replace("sys.argv[1]", "'asyncdl.cli.get'")
    code = code.format(way=WAYS["module"], handler="signal.default_int_handler")
    done = subprocess.run(
        [sys.executable, "-c", code, "get", "--help"],
        env=environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.allow_blocking
def test_who_ignores_interrupts_still_does() -> None:
    done = ended("module", "click", "signal.SIG_IGN")
    assert done.returncode == 2
    assert b"No such command 'click'" in done.stderr
