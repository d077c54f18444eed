"""The live display on a terminal: totals, active files, and what delays the run."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from asyncdl.cli.live import ResizableLive
from asyncdl.cli.printing import plain
from asyncdl.events import Emit, Event, Notice
from asyncdl.progress.run_progress import RunProgress, join_fitting
from asyncdl.run_state.messages import at_work, message_of, retry_of
from asyncdl.run_state.transfers import ActiveFile
from asyncdl.text import shortened
from asyncdl.units import count, rate, size

SHOWN_FILES = 8
"""Lines for active files; any more are counted."""
SHOWN_WORKERS = 8
"""Lines for workers of a cluster; any more are counted."""
NARROW = 60
"""Below this many columns a file has no bar, and its share stands for its sizes."""
WIDE = 96
"""From so many columns on a file has its sizes as well as its bar and its rate."""
STATE_WIDTH = 20
"""Of ``123.4 MB of 567.8 MB``."""
RATE_WIDTH = 10
DONE = "cyan"
"""Of bars; red and yellow would look like trouble."""


@contextmanager
def open_progress() -> Iterator[Emit]:
    """Show a run on stderr until the block ends; give what takes its events."""
    progress = RunProgress()
    # The display is drawn by a thread of its own: a busy loop must not freeze
    # it, and drawing must not hold up the loop. Events come from the loop.
    guard = threading.Lock()
    console = Console(stderr=True)

    def draw() -> RenderableType:
        with guard:
            progress.tick()
            return render(progress, console.width, console.height)

    def show(event: Event) -> None:
        with guard:
            progress.take(event)
        if isinstance(event, Notice):
            live.console.print(plain(message_of(event)), highlight=False, markup=False)

    with ResizableLive(draw, console) as live:
        yield show


def render(progress: RunProgress, width: int, height: int = 24) -> RenderableType:
    """Draw a run for a terminal of ``width`` columns and ``height`` rows.

    The last line stays empty: the cursor is there, and a terminal echoes ``^C`` there, which
    after a full line would wrap and shift all that is drawn next by a row.
    """
    room = max(2, height - 2)
    head = _head(progress, width)
    tail = _tail(progress, width)
    if len(head) + len(tail) > room:
        head = [head[0], head[-1]]
    tail = tail[: room - len(head)]
    tail += _workers(progress, room - len(head) - len(tail))
    files = _files(progress, width, room - len(head) - len(tail))
    return Group(*head, *files, *tail, Text())


def _head(progress: RunProgress, width: int) -> list[RenderableType]:
    lines: list[RenderableType] = [_line(join_fitting(progress.totals, width), "bold")]
    if progress.share is not None:
        lines.append(_total_bar(progress.share))
    return [*lines, _line(join_fitting(progress.speed, width))]


def _tail(progress: RunProgress, width: int) -> list[RenderableType]:
    lines: list[RenderableType] = []
    if progress.preparation:
        lines.append(_line(join_fitting(progress.preparation, width)))
    return lines + [_line(delay, "yellow") for delay in progress.delays]


def _workers(progress: RunProgress, room: int) -> list[RenderableType]:
    """Return a line for each worker of a cluster, as far as half of the room allows."""
    lines = at_work(progress.state)
    shown = min(SHOWN_WORKERS, room // 2)
    if len(lines) > shown:
        more = len(lines) - max(0, shown - 1)
        lines = [*lines[: max(0, shown - 1)], f"… and {count(more, 'more worker')}"]
    return [_line(line) for line in lines[:shown]]


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


def _files(progress: RunProgress, width: int, room: int) -> list[RenderableType]:
    """Return a row for each active file, as far as there is room, and the number of the others."""
    active = progress.state.transfers.active
    all_fit = len(active) <= min(SHOWN_FILES, room)
    shown = len(active) if all_fit else max(0, min(SHOWN_FILES, room - 1))
    if not shown:
        return []
    rows = [
        FileRow(file, progress.file_rate_bytes_s(key))
        for key, file in islice(active.items(), shown)
    ]
    lines: list[RenderableType] = [_table(rows, width)]
    if hidden := len(active) - shown:
        lines.append(_line(f"… and {hidden} more"))
    return lines


@dataclass(frozen=True, slots=True)
class FileRow:
    """An active file, as a row shows it."""

    file: ActiveFile
    rate_bytes_s: float

    @property
    def note(self) -> str:
        """Why it does not move; empty when it does."""
        return plain(retry_of(self.file.retry)) if self.file.retry else ""

    @property
    def share(self) -> str:
        """How much of it is there, in a word."""
        file = self.file
        if not file.total_bytes:
            return size(file.done_bytes)
        return f"{100 * file.done_bytes // file.total_bytes} %"

    @property
    def sizes(self) -> str:
        """How much of it is there, in bytes."""
        done = size(self.file.done_bytes)
        total_bytes = self.file.total_bytes
        return done if total_bytes is None else f"{done} of {size(total_bytes)}"

    def name(self, width: int) -> Text:
        """Return its name, as much of it as fits."""
        return Text(shortened(plain(self.file.name), width))


def _table(rows: Sequence[FileRow], width: int) -> RenderableType:
    return _narrow_table(rows, width) if width < NARROW else _wide_table(rows, width)


def _narrow_table(rows: Sequence[FileRow], width: int) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=1, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    states = [shortened(row.note, width // 2) or row.share for row in rows]
    name_width = width - max(map(len, states)) - 1
    for row, state in zip(rows, states, strict=True):
        table.add_row(row.name(name_width), Text(state))
    return table


def _wide_table(rows: Sequence[FileRow], width: int) -> RenderableType:
    table = Table.grid(padding=(0, 1), expand=True)
    name_width = width - _beside_name(width)
    table.add_column(width=name_width, no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    if width >= WIDE:
        table.add_column(width=STATE_WIDTH, justify="right", no_wrap=True)
    table.add_column(width=RATE_WIDTH, justify="right", no_wrap=True)
    for row in rows:
        between = Text(row.note, style="yellow") if row.note else _bar(row.file)
        sizes = [Text(row.sizes)] if width >= WIDE else []
        table.add_row(row.name(name_width), between, *sizes, Text(rate(row.rate_bytes_s)))
    return table


def _beside_name(width: int) -> int:
    """Return the columns that are not the name's: enough for a bar, at most half of them all."""
    return max(width // 2, STATE_WIDTH + RATE_WIDTH + 16 if width >= WIDE else 0)


def _bar(file: ActiveFile) -> ProgressBar:
    # Without a total the bar pulses.
    return ProgressBar(
        total=file.total_bytes,
        completed=file.done_bytes,
        pulse=file.total_bytes is None,
        complete_style=DONE,
        finished_style=DONE,
        pulse_style=DONE,
    )
