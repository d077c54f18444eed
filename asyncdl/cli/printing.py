"""The one place that prints lines, and the last one that text from outside passes.

File names, messages of the service and replies of hosts come from outside. On a
terminal a few odd characters among them could move the cursor, recolour the
screen, forge a line or turn the reading direction; so all of them are shown as
what they are.
"""

from __future__ import annotations

import sys

import click

from asyncdl.text import plain as plain


def echo(line: str, *, err: bool = False) -> None:
    """Print one line to stdout, or to stderr with ``err``."""
    # Looked up each time: while a live display is drawn it stands in for stderr,
    # and lets lines pass above what it draws.
    stream, text = sys.stderr if err else sys.stdout, plain(line)
    try:
        click.echo(text, file=stream)  # noqa: TID251 - the one place
    except UnicodeEncodeError:
        # A stream that somebody has put there; those of a process take every character.
        data = text.encode(stream.encoding, "backslashreplace")
        click.echo(data.decode(stream.encoding), file=stream)  # noqa: TID251
