"""The live display on a terminal: totals, active files, what is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from asyncdl.cli.live import ResizableLive
from asyncdl.cli.printing import plain
from asyncdl.events import Emit, Event, Notice
from asyncdl.progress.board import ActiveFile, Board
from asyncdl.progress.notes import note_of
from asyncdl.progress.words import joined, pace, totals
from asyncdl.text import shortened
from asyncdl.units import size

SHOWN_FILES = 8
"""Lines for active files; with more workers the rest is counted."""
NARROW = 60
"""Below this many columns a file has no bar, and its share stands for its sizes."""
WIDE = 96
"""From so many columns on a file has its sizes as well as its bar and its rate."""
STATE_WIDTH = 20
"""Of ``123.4 MB of 567.8 MB``."""
RATE_WIDTH = 10
DONE = "cyan"
"""What has come; bars in red and yellow would look like trouble."""


@contextmanager
def open_progress() -> Iterator[Emit]:
    """Show a board on stderr until the block ends; give what takes its events."""
    board = Board()
    # The display is drawn by a thread of its own: a busy loop must not freeze
    # it, and drawing must not hold up the loop. Events come from the loop.
    guard = threading.Lock()
    console = Console(stderr=True)

    def draw() -> RenderableType:
        with guard:
            board.tick()
            return render(board, console.width, console.height)

    def show(event: Event) -> None:
        with guard:
            board.take(event)
        if isinstance(event, Notice):
            live.console.print(plain(note_of(event)), highlight=False, markup=False)

    with ResizableLive(draw, console) as live:
        yield show


def render(board: Board, width: int, height: int = 24) -> RenderableType:
    """Draw the board for a terminal of ``width`` columns and ``height`` rows.

    The last line stays empty. There the cursor rests, and there a terminal echoes
    ``^C``: after a full line it would wrap, and all that is drawn next be a row off.
    """
    room = max(2, height - 2)
    head = _head(board, width)
    tail = _tail(board, width)
    if len(head) + len(tail) > room:
        head = [head[0], head[-1]]
    tail = tail[: room - len(head)]
    files = _files(board, width, room - len(head) - len(tail))
    return Group(*head, *files, *tail, Text())


def _head(board: Board, width: int) -> list[RenderableType]:
    lines: list[RenderableType] = [_line(joined(totals(board), width), "bold")]
    if board.share is not None:
        lines.append(_total_bar(board.share))
    return [*lines, _line(joined(pace(board), width))]


def _tail(board: Board, width: int) -> list[RenderableType]:
    lines: list[RenderableType] = []
    if board.in_preparation:
        lines.append(_line(joined(board.in_preparation, width)))
    lines += [_line(outage, "yellow") for outage in board.outages]
    lines += [_line(strain, "yellow") for strain in board.strains]
    lines += [_line(f"waiting: {what}", "yellow") for what in board.waiting]
    return lines


def _line(text: str, style: str = "") -> Text:
    return Text(plain(text), style=style, no_wrap=True, overflow="ellipsis")


def _total_bar(share: float) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1)
    table.add_column(justify="right", width=5)
    table.add_row(
        ProgressBar(total=1.0, completed=share, complete_style=DONE, finished_style=DONE),
        Text(f"{100 * share:.0f} %"),
    )
    return table


def _files(board: Board, width: int, room: int) -> list[RenderableType]:
    """Return a row for each active file, as far as there is room; the rest is counted."""
    active = list(board.active.values())
    all_fit = len(active) <= min(SHOWN_FILES, room)
    shown = active if all_fit else active[: max(0, min(SHOWN_FILES, room - 1))]
    if not shown:
        return []
    lines: list[RenderableType] = [_table(shown, width)]
    if hidden := len(active) - len(shown):
        lines.append(_line(f"… and {hidden} more"))
    return lines


def _table(files: Sequence[ActiveFile], width: int) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    if width < NARROW:
        table.add_column(ratio=1, no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        told = [shortened(plain(file.note), width // 2) or _share(file) for file in files]
        name_width = width - max(map(len, told)) - 1
        for file, what in zip(files, told, strict=True):
            table.add_row(Text(shortened(plain(file.name), name_width)), Text(what))
        return table
    name_width = width - _beside_name(width)
    table.add_column(width=name_width, no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    if width >= WIDE:
        table.add_column(width=STATE_WIDTH, justify="right", no_wrap=True)
    table.add_column(width=RATE_WIDTH, justify="right", no_wrap=True)
    for file in files:
        name = Text(shortened(plain(file.name), name_width))
        between = Text(plain(file.note), style="yellow") if file.note else _bar(file)
        sizes = [Text(_sizes(file))] if width >= WIDE else []
        table.add_row(name, between, *sizes, Text(f"{size(file.rate.per_s)}/s"))
    return table


def _beside_name(width: int) -> int:
    """Return the columns that are not the name's: enough for a bar, at most half of them all."""
    return max(width // 2, STATE_WIDTH + RATE_WIDTH + 16 if width >= WIDE else 0)


def _bar(file: ActiveFile) -> ProgressBar:
    # Without a total the bar pulses: something moves, nobody knows how far.
    return ProgressBar(
        total=file.total_bytes,
        completed=file.done_bytes,
        pulse=file.total_bytes is None,
        complete_style=DONE,
        finished_style=DONE,
        pulse_style=DONE,
    )


def _share(file: ActiveFile) -> str:
    if not file.total_bytes:
        return size(file.done_bytes)
    return f"{100 * file.done_bytes // file.total_bytes} %"


def _sizes(file: ActiveFile) -> str:
    if file.total_bytes is None:
        return size(file.done_bytes)
    return f"{size(file.done_bytes)} of {size(file.total_bytes)}"
