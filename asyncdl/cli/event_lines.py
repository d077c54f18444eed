"""What an event says to the user, as a line on stderr. Imports events, so not at start-up."""

from __future__ import annotations

from asyncdl.cli.printing import echo
from asyncdl.events import Event
from asyncdl.run_state.messages import message_of


def print_message(event: Event) -> None:
    """Print an event that the user has to know, as one line."""
    if note := message_of(event):
        echo(note, err=True)
