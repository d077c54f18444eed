"""Tables on stdout: aligned on a terminal and in a pipe alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asyncdl.cli.printing import echo, plain


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Print rows that have the same keys, under those keys; numbers to the right."""
    for line in table_lines(rows):
        echo(line)


def table_lines(rows: Sequence[Mapping[str, object]]) -> list[str]:
    """Return a table as lines: a head, and one line for each row."""
    heads = list(rows[0])
    cells = [[_text(row[head]) for head in heads] for row in rows]
    is_number = [all(isinstance(row[head], int | float) for row in rows) for head in heads]
    widths = [max(len(head), *(len(line[i]) for line in cells)) for i, head in enumerate(heads)]

    def lay_out(line: Sequence[str]) -> str:
        parts = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, is_number, strict=True)
        )
        return "  ".join(parts).rstrip()

    return [lay_out(heads), *(lay_out(line) for line in cells)]


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool | str):
        return plain(str(value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
