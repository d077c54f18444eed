"""The one place that prints lines, and the last one that text from outside passes.

File names, messages of the service and replies of hosts come from outside. On a
terminal a few odd characters among them could move the cursor, recolour the
screen, forge a line or turn the reading direction; so all of them are shown as
what they are.
"""

from __future__ import annotations

import click


def echo(line: str, *, err: bool = False) -> None:
    """Print one line to stdout, or to stderr with ``err``."""
    click.echo(plain(line), err=err)  # noqa: TID251 - the one place


def plain(text: str) -> str:
    """Return a text as one line that no terminal acts upon.

    Controls, line ends, bidi marks and lone surrogates become escapes such as
    ``\\x1b``. Idempotent; printable text comes back unchanged.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
