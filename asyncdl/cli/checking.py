"""A progress bar for files that are read again. Imports rich, so only for a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from asyncdl.cli.live import ResizableLive
from asyncdl.cli.quantities import count
from asyncdl.events import CheckProgress


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
