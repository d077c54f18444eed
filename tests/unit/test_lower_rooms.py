"""What lies below the command line knows nothing of it, and the engine nothing of the USGS."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "asyncdl"
LOWER = (
    "background.py", "errors.py", "events.py", "extras.py", "lists", "metrics", "net",
    "outside.py", "private_files.py", "redact.py", "remedies.py", "system", "text.py", "transfer",
    "units.py", "user_text.py",
)  # fmt: skip
"""Rooms that any program could have; ``login_hosts.py`` is the one table of known hosts."""
ABOVE = re.compile(
    r"usgs\.gov|nasa\.gov|"
    # commands of ours, and options
    r"`asyncdl [a-z]|\basyncdl (?:bands|datasets|doctor|file-groups|get|login|plan|run|verify)\b|"
    r"(?<![\w-])--[a-z]{2,}|`-[A-Za-z]`"
)
OTHER_PROGRAMS = ("wget -N", "``sha256sum", "``--tag``")


def files() -> Iterator[Path]:
    for name in LOWER:
        path = PACKAGE / name
        assert path.exists(), f"{name} is gone: correct the list"
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def texts_of(path: Path) -> Iterator[str]:
    """Yield every text in a module: messages and docstrings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("room", LOWER)
def test_no_lower_room_names_commands_options_or_hosts_of_the_usgs(room: str) -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {match[0]} in {text[:80]!r}"
        for path in files()
        if path.relative_to(PACKAGE).parts[0] == room
        for text in texts_of(path)
        if not any(program in text for program in OTHER_PROGRAMS)
        for match in ABOVE.finditer(text)
    ]
    assert not found, "\n".join(found)


def test_the_search_finds_what_it_should() -> None:
    for text in (
        "see `asyncdl get`", "asyncdl doctor", "use --overwrite", "(`-d`)", "m2m.cr.usgs.gov"
    ):  # fmt: skip
        assert ABOVE.search(text), text
    for text in ("asyncdl itself", "two-way -- or not", "`overwrite`", "a--b"):
        assert not ABOVE.search(text), text
