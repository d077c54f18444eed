"""The live display on a terminal: totals, active files, what is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from asyncdl.cli.board import ActiveFile, Board
from asyncdl.cli.notes import note_of
from asyncdl.cli.printing import plain
from asyncdl.cli.quantities import count, duration, size
from asyncdl.events import Emit, Event, Notice

REFRESH_PER_S = 8
SHOWN_FILES = 8
"""Lines for active files; with more workers the rest is counted."""
NARROW = 80
"""Below this many columns the bars and the rate per file are left out."""


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
            return render(board, console.width)

    def show(event: Event) -> None:
        with guard:
            board.take(event)
        if isinstance(event, Notice):
            live.console.print(plain(note_of(event)), highlight=False, markup=False)

    with Live(
        console=console,
        get_renderable=draw,
        refresh_per_second=REFRESH_PER_S,
        transient=True,
    ) as live:
        yield show


def render(board: Board, width: int) -> RenderableType:
    """Draw the board for a terminal of ``width`` columns."""
    lines: list[RenderableType] = [Text(_totals(board), no_wrap=True, overflow="ellipsis")]
    lines.append(Text(_pace(board), no_wrap=True, overflow="ellipsis"))
    if board.active:
        lines.append(_files(board, width))
    if board.preparing:
        lines.append(Text(f"{count(board.preparing, 'file')} still being prepared by USGS"))
    lines += [Text(outage, style="yellow", no_wrap=True) for outage in board.outages]
    if board.waiting:
        lines.append(Text(plain(f"waiting: {board.waiting}"), style="yellow", no_wrap=True))
    return Group(*lines)


def _totals(board: Board) -> str:
    scenes = count(board.scenes, "scene")
    if board.total_hits is not None and board.total_hits != board.scenes:
        scenes += f" of {board.total_hits:,}"
    finished = sum(board.finished.values())
    parts = [scenes, f"{finished:,} of {count(board.wanted_files, 'file')}"]
    bad = board.finished["failed"] + board.finished["unresolved"]
    if bad:
        parts.append(f"{bad:,} failed")
    return " · ".join(parts)


def _pace(board: Board) -> str:
    parts = [
        f"{size(board.done_bytes)} of {size(board.wanted_bytes)}",
        f"{size(board.rate_bytes_s)}/s",
        duration(board.elapsed_s),
    ]
    if board.remaining_s is not None:
        parts.append(f"{duration(board.remaining_s)} to go")
    return " · ".join(parts)


def _files(board: Board, width: int) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    if width >= NARROW:
        table.add_column(width=20)
    table.add_column(justify="right", no_wrap=True)
    shown = list(board.active.values())[:SHOWN_FILES]
    for file in shown:
        bar = [_bar(file)] if width >= NARROW else []
        table.add_row(Text(plain(file.name)), *bar, Text(plain(file.note or _state(file))))
    hidden = len(board.active) - len(shown)
    if hidden:
        table.add_row(Text(f"… and {hidden} more"))
    return table


def _bar(file: ActiveFile) -> ProgressBar:
    # Without a total the bar pulses: something moves, nobody knows how far.
    return ProgressBar(
        total=file.total_bytes, completed=file.done_bytes, pulse=file.total_bytes is None
    )


def _state(file: ActiveFile) -> str:
    if file.total_bytes is None:
        return size(file.done_bytes)
    return f"{size(file.done_bytes)} of {size(file.total_bytes)}"
