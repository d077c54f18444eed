"""Write ``commands.md`` from the commands themselves, so that it cannot be out of date.

::

    python docs/make_commands.py
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from asyncdl.cli.main import COMMANDS, cli
from asyncdl.cli.options import Command

PAGE = Path(__file__).with_name("commands.md")
HEAD = """\
<!-- Written by docs/make_commands.py from asyncdl/cli/. Do not edit. -->

# Commands

`asyncdl` and `python -m asyncdl` are the same. Results go to standard output, all that is for
people (progress, notes) to standard error. `asyncdl COMMAND --help` shows what stands here, and
the examples are run by a test as they stand.

Exit status: **0** done, every file is there and verified · **1** finished, but some files failed
or stayed unresolved, or the command had to stop · **2** wrong usage or config · **3** credentials
or permission refused · **130** interrupted, state saved.

| command | does |
|---|---|
"""
NO_WRAP = "\b\n"
"""With this click is told to leave a paragraph as it stands."""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the whole page."""
    with click.Context(cli, info_name="asyncdl") as context:
        commands = {name: cli.get_command(context, name) for name in COMMANDS}
        found = {name: command for name, command in commands.items() if command}
        rows = "".join(row(name, command) for name, command in found.items())
        return HEAD + rows + "".join(section(name, command) for name, command in found.items())


def row(name: str, command: click.Command) -> str:
    return cells(f"[`{name}`](#asyncdl-{name})", command.get_short_help_str(limit=200))


def section(name: str, command: click.Command) -> str:
    """Return the part about one command."""
    parent = click.get_current_context()
    with click.Context(command, info_name=name, parent=parent) as context:
        usage = " ".join(("asyncdl", name, *command.collect_usage_pieces(context)))
        parts = [f"## asyncdl {name}", text_block(usage), *paragraphs(command)]
        parts += options(command, context)
    if isinstance(command, Command) and command.examples:
        parts.append("For example:\n\n" + text_block("\n".join(command.examples)))
    return "".join(f"\n{part}\n" for part in parts)


def paragraphs(command: click.Command) -> Iterator[str]:
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith(NO_WRAP):
            yield text_block(paragraph.removeprefix(NO_WRAP))
        else:
            yield paragraph


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    records = [
        parameter.get_help_record(context)
        for parameter in command.params
        if isinstance(parameter, click.Option)
    ]
    rows = "".join(cells(f"`{record[0]}`", record[1]) for record in records if record)
    if rows:
        yield f"| option | meaning |\n|---|---|\n{rows}".rstrip()


def cells(*texts: str) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |\n"


def text_block(text: str) -> str:
    return f"```text\n{text}\n```"


if __name__ == "__main__":
    main()
