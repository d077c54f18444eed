"""Output of a command's events: JSON lines, messages, and the live display."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from asyncdl.cli.event_lines import print_message
from asyncdl.cli.json_lines import echo_json
from asyncdl.cli.printing import echo
from asyncdl.events import Emit, Event, FileFinished

UNABLE = ("dumb", "unknown")
"""Terminals that cannot move their cursor, by ``TERM``."""


@contextmanager
def open_display(*, as_json: bool, quiet: bool, live: bool) -> Iterator[Emit]:
    """Yield an ``Emit`` that shows a run's events until the block ends.

    Args:
        as_json: One JSON line on stdout for each finished file.
        quiet: Nothing for people.
        live: A live display on stderr, if there is a terminal to draw on; else a line now
            and then. Without it, messages alone.
    """
    with _people(quiet=quiet, live=live) as show:
        if not as_json:
            yield show
            return

        def emit(event: Event) -> None:
            if isinstance(event, FileFinished):
                echo_json(as_json_line(event))
            show(event)

        yield emit


def is_live() -> bool:
    """Return whether stderr is a terminal that can be drawn on, outside CI."""
    if os.environ.get("TERM", "").lower() in UNABLE or _is_set("CI"):
        return False
    return sys.stderr.isatty()


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").lower() not in ("", "0", "false")


@contextmanager
def _people(*, quiet: bool, live: bool) -> Iterator[Emit]:
    if quiet:
        yield lambda event: None
    elif not live:
        yield print_message
    elif is_live():
        from asyncdl.cli.run_display import open_progress  # rich takes a while to import

        with open_progress() as show:
            yield show
    else:
        from asyncdl.progress import progress_lines  # only where no terminal is

        yield progress_lines(partial(echo, err=True))


def as_json_line(event: FileFinished) -> dict[str, object]:
    """Return a finished file as ``--json`` shows it."""
    line: dict[str, object] = {
        "event": "file",
        "file": event.file,
        "kind": event.kind,
        "product_id": event.product_id,
        "state": event.state.value,
        "size_bytes": event.size_bytes,
        "proof": event.proof,
        "source": event.source,
    }
    if event.members:
        line["members"] = list(event.members)
    if event.window:
        line |= {"window": event.window, "whole_bytes": event.whole_bytes}
    if event.reason:
        line |= {
            "reason": event.reason,
            "error": event.error,
            "http_status": event.http_status,
            "detail": event.detail,
            "remedy": event.remedy,
            "attempts": event.attempts,
        }
    return line
