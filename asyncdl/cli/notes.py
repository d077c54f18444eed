"""Notes on stderr."""

from __future__ import annotations

from asyncdl.cli.printing import echo
from asyncdl.events import Event
from asyncdl.progress.notes import note_of


def print_note(event: Event) -> None:
    """Print what people have to know, one line each."""
    if note := note_of(event):
        echo(note, err=True)
