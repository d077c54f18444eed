"""The only module that prints: lines and tables.

File names, messages of the service and responses of hosts are untrusted. Control
characters in them could move the cursor, change colours, forge a line or reverse
the reading direction on a terminal; so they are shown as escapes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

import click

from asyncdl.text import plain as plain


def echo(line: str, *, err: bool = False) -> None:
    """Print one line to stdout, or to stderr with ``err``."""
    # Looked up each time: a live display replaces stderr, to print lines above itself.
    stream, text = sys.stderr if err else sys.stdout, plain(line)
    try:
        click.echo(text, file=stream)  # noqa: TID251 - the one place
    except UnicodeEncodeError:
        # A replaced stream; those of a process accept every character.
        data = text.encode(stream.encoding, "backslashreplace")
        click.echo(data.decode(stream.encoding), file=stream)  # noqa: TID251


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows with the same keys as a table; numbers are right-aligned."""
    for line in table_lines(rows):
        echo(line)


def table_lines(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return a table as lines: a header, and one line per row."""
    heads = list(rows[0])
    cells = [[_text(row[head]) for head in heads] for row in rows]
    is_number = [all(isinstance(row[head], int | float) for row in rows) for head in heads]
    widths = [max(len(head), *(len(line[i]) for line in cells)) for i, head in enumerate(heads)]

    def aligned(line: Sequence[str]) -> str:
        parts = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, is_number, strict=True)
        )
        return "  ".join(parts).rstrip()

    return [aligned(heads), *(aligned(line) for line in cells)]


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool | str):
        return plain(str(value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
