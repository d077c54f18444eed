"""Which files of a job are fetched as windows, and by what. Imports little.

How a raster is cut is in :mod:`asyncdl.job.stages.raster_windows`, which is imported once a job
wants windows: most jobs want whole files.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from asyncdl.job.choosing.windows import AreaWindow
from asyncdl.job.run_context import ByteWindow, whole_file
from asyncdl.m2m.downloads.selection import WantedFile


def windows_in(window: AreaWindow | None) -> Callable[[WantedFile], ByteWindow | None]:
    """Return what says of each file which part of it is wanted. Blocks: it may import a room."""
    if window is None:
        return whole_file
    from asyncdl.job.stages.raster_windows import RasterWindow

    def window_of(wanted: WantedFile) -> ByteWindow | None:
        return RasterWindow(window, wanted.file_name) if wanted.is_cut else None

    return window_of


def source_bytes_of(cut: str) -> int | None:
    """Return how long the file was that a window was cut from; ``None`` if it is not known."""
    try:
        return msgspec.json.decode(cut, type=_CutSource).source_bytes
    except (msgspec.MsgspecError, UnicodeError):
        return None


class _CutSource(msgspec.Struct):
    source_bytes: int
