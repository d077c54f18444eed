"""The page of commands tells what the commands are."""

from __future__ import annotations

from asyncdl.cli.main import COMMANDS
from docs import make_commands


def test_the_page_is_what_the_commands_say() -> None:
    """Otherwise: python docs/make_commands.py."""
    assert make_commands.PAGE.read_text(encoding="utf-8") == make_commands.page()


def test_every_command_has_its_part() -> None:
    page = make_commands.page()
    assert all(f"\n## asyncdl {name}\n" in page for name in COMMANDS)
