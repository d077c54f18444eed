"""What is imported at start: not a time, which depends on the machine, but what it depends on."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from anyio import to_thread

from asyncdl.cli.main import COMMANDS, cli

SLOW = frozenset(
    {
        *("aiohttp", "rich", "msgspec", "orjson", "anyio", "asyncio", "ssl", "aiofiles"),
        *("filelock", "platformdirs", "sqlite3", "dataclasses", "pathlib", "urllib.parse"),
        *("json", "random", "hashlib", "shutil", "html", "xml", "email", "tomllib", "tempfile"),
    }
)
"""Packages and modules that take a millisecond or more."""
ROOMS = ("config", "items", "journal", "m2m", "sandbox", "stac", "windows")
"""Rooms that downloads of plain URLs do without."""
ENGINE = {"anyio", "asyncio", "dataclasses", "msgspec", "pathlib", "ssl", "urllib.parse"}
"""What no download can do without; dataclasses come with anyio."""
ENDING = {"email", "hashlib", "random"}
"""For the first file: dates, and the mark that it is ours."""


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a statement imports in a fresh interpreter."""
    script = (
        f"import sys; before = set(sys.modules); {statement};"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=200, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


def command(*arguments: str) -> str:
    """Return a statement that runs a command."""
    return f"from asyncdl.cli.main import exit_status; assert not exit_status({list(arguments)})"


def test_the_library_imports_nothing_slow() -> None:
    found = loaded_by("import asyncdl")
    assert not found & SLOW
    assert {name for name in found if name.startswith("asyncdl")} == {
        *("asyncdl", "asyncdl.renamed", "asyncdl.version")
    }


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_no_command_is_imported_to_name_them(option: str) -> None:
    assert loaded_by(command(option)) & SLOW <= {"shutil"}  # click reads the terminal's width


def test_an_empty_list_is_read_with_the_engine_alone() -> None:
    found = loaded_by(command("get", "--quiet", "--input", "/dev/null"))
    assert found & SLOW == ENGINE
    assert not [name for name in found if name.startswith(tuple(f"asyncdl.{r}." for r in ROOMS))]


async def test_a_file_is_fetched_without_further_packages(tmp_path: Path, static_file: str) -> None:
    fetch = command("get", "--quiet", "-d", str(tmp_path), static_file)
    found = await to_thread.run_sync(loaded_by, fetch)
    assert [path.name for path in tmp_path.iterdir()] == [static_file.rpartition("/")[2]]
    assert found & SLOW <= ENGINE | ENDING
    assert not [name for name in found if name.startswith(tuple(f"asyncdl.{r}." for r in ROOMS))]


def test_a_job_is_described_without_display_and_sandbox() -> None:
    found = loaded_by(command("run", "--help"))
    assert not found & {"rich", "asyncdl.pages", "asyncdl.sandbox", "pystac", "pyogrio"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_has_the_summary_of_each_command(name: str) -> None:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    assert COMMANDS[name][1] == found.get_short_help_str(limit=1000)
