"""What is drawn again and again on a terminal whose size may change. Imports rich.

A terminal that gets narrower breaks the lines that are on it, so that what was drawn takes more
rows than it was drawn with. Whoever goes up as many rows as were drawn leaves the rest behind.
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
    """A drawing that remembers how wide its lines became."""

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
    """A live display that takes all of itself away, also when the terminal has got narrower.

    Args:
        draw: Gives what is shown, at any time and from any thread.
        console: Of the terminal.
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
        """Go up over the rows that breaking lines has made, before rich goes up over the rest."""
        extra = rows_added(self._widths, self.console.width) if breaks_lines(os.environ) else 0
        up = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)) * extra
        return [Control(*up), *super().process_renderables(renderables)]


def rows_added(widths: Iterable[int], columns: int) -> int:
    """Return how many rows more than there are lines a terminal of this width shows them in.

    Args:
        widths: Of the lines, in columns.
        columns: Of the terminal, 1 or more.
    """
    return sum((max(1, width) - 1) // columns for width in widths)


def breaks_lines(environ: Mapping[str, str]) -> bool:
    """Tell whether a terminal breaks lines anew when it gets narrower; most do.

    The others cut them off. There, going up further would take away what stands above.
    """
    term = environ.get("TERM", "")
    cuts: Sequence[bool] = (
        "XTERM_VERSION" in environ,  # xterm itself; others only call themselves so
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
        """Draw how far the reading is."""
        self._progress.update(
            self._task,
            completed=event.read_bytes,
            total=event.total_bytes,
            files=f"{event.files:,} of {count(event.total_files, 'file')}",
        )

    def close(self) -> None:
        """Take the line away."""
        self._live.stop()


def open_bar() -> CheckBar:
    """Return a bar that is drawn until it is closed."""
    return CheckBar(
        Progress(
            TextColumn("{task.fields[files]}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=Console(stderr=True),
        )
    )
