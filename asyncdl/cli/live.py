"""Live displays on a terminal whose size may change. Imports rich.

A terminal that gets narrower wraps the lines that are on it, so that a display takes more rows
than were drawn. Going up by the number of drawn rows would leave parts of it behind.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderResult
from rich.control import Control
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.segment import ControlType, Segment

from asyncdl.events import CheckProgress
from asyncdl.units import count

REFRESH_PER_S = 8


class _Measured:
    """A renderable that remembers the widths of its lines."""

    def __init__(self, inner: RenderableType, widths: list[int]) -> None:
        self._inner = inner
        self._widths = widths

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._inner, options, pad=False)
        self._widths[:] = map(Segment.get_line_length, lines)
        for line in lines:
            yield from line
            yield Segment.line()


class ResizableLive(Live):
    """A live display that erases all of itself, also when the terminal has become narrower.

    Args:
        draw: Returns what is shown; may be called at any time from any thread.
        console: The terminal.
    """

    def __init__(self, draw: Callable[[], RenderableType], console: Console) -> None:
        self._widths: list[int] = []
        super().__init__(
            console=console,
            get_renderable=lambda: _Measured(draw(), self._widths),
            refresh_per_second=REFRESH_PER_S,
            transient=True,
        )

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Go up over the rows that wrapping has added, before rich goes up over the drawn ones."""
        extra = rows_added(self._widths, self.console.width) if wraps_lines(os.environ) else 0
        up = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)) * extra
        return [Control(*up), *super().process_renderables(renderables)]


def rows_added(widths: Iterable[int], columns: int) -> int:
    """Return how many more rows than lines a terminal of this width needs.

    Args:
        widths: Of the lines, in columns.
        columns: Of the terminal, 1 or more.
    """
    return sum((max(1, width) - 1) // columns for width in widths)


def wraps_lines(environ: Mapping[str, str]) -> bool:
    """Return whether a terminal wraps lines when it becomes narrower; most do.

    The others cut them off; there, going up further would erase what is above the display.
    """
    term = environ.get("TERM", "")
    cuts: Sequence[bool] = (
        "XTERM_VERSION" in environ,  # xterm itself; other terminals use its TERM
        term == "linux",
        term.startswith("screen") and "TMUX" not in environ,
    )
    return not any(cuts)


class CheckBar:
    """One line on stderr; made by :func:`open_bar`."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, files="")
        self._live = ResizableLive(progress.get_renderable, progress.console)
        self._live.start()

    def show(self, event: CheckProgress) -> None:
        """Show how far the verification is."""
        self._progress.update(
            self._task,
            completed=event.read_bytes,
            total=event.total_bytes,
            files=f"{event.files:,} of {count(event.total_files, 'file')}",
        )

    def close(self) -> None:
        """Erase the line."""
        self._live.stop()


def open_bar() -> CheckBar:
    """Return a bar that is shown until it is closed."""
    return CheckBar(
        Progress(
            TextColumn("{task.fields[files]}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=Console(stderr=True),
        )
    )
