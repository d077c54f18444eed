"""The only module that prints: lines, notes, JSON and tables.

File names, messages of the service and responses of hosts are untrusted. Control
characters in them could move the cursor, change colours, forge a line or reverse
the reading direction on a terminal; so they are shown as escapes.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence

import click
import orjson

from asyncdl.events import Event
from asyncdl.run_state.messages import message_of
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


def print_message(event: Event) -> None:
    """Print an event that the user has to know, as one line."""
    if note := message_of(event):
        echo(note, err=True)


_ODD = re.compile(r"[^\n -~]")
"""Everything but printable ASCII."""


def echo_json(value: object) -> None:
    """Print a value as one line of JSON to stdout."""
    echo(json_text(value))


def json_text(value: object, *, option: int = 0) -> str:
    """Return equivalent JSON without control characters.

    Args:
        value: Plain data.
        option: Option of orjson, such as ``OPT_INDENT_2``.
    """
    try:
        text = orjson.dumps(value, option=option).decode()
    except orjson.JSONEncodeError:
        # Paths that are not UTF-8 contain lone surrogates, which orjson does not write.
        return json.dumps(value)
    return text if text.isprintable() else _ODD.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return character if character.isprintable() else json.dumps(character)[1:-1]


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
