"""Which files of a job are fetched as windows, and how that is asked of the engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

import msgspec

from asyncdl.job.choosing.windows import AreaWindow
from asyncdl.job.places.raster_cut import RasterCut
from asyncdl.job.run_context import ByteWindow, whole_file
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.transfer import Fetched, FileFetcher, FileRequest
from asyncdl.transfer.slots import Slot


def windows_in(window: AreaWindow | None) -> Callable[[WantedFile], ByteWindow | None]:
    """Return what says of each file which part of it is wanted. Blocks: it may import a room."""
    if window is None:
        return whole_file
    import_module("asyncdl.job.places.raster_excerpt")  # not with the first file, on the loop
    if window.is_exact:
        import_module("rasterio")

    def window_of(wanted: WantedFile) -> ByteWindow | None:
        if not wanted.is_cut:
            return None
        return RasterWindow(RasterCut(window.rings, wanted.file_name, window.is_exact))

    return window_of


class RasterWindow:
    """A :class:`~asyncdl.job.run_context.ByteWindow` of one raster.

    Args:
        cut: What is wanted of it.
    """

    def __init__(self, cut: RasterCut) -> None:
        self._cut = cut
        self._record = ""

    async def fetch(
        self, fetcher: FileFetcher, request: FileRequest, slot: Slot | None = None
    ) -> Fetched:
        """Fetch the tiles that touch the area, and make a file of them.

        Raises: as :meth:`asyncdl.transfer.FileFetcher.fetch`, with the reasons ``outside-window``
            and ``no-window`` besides.
        """
        request = replace(request, excerpt=self._cut.begin, keeps_source=True)
        fetched = await fetcher.fetch(request, slot)
        self._record = fetched.excerpt
        return fetched

    @property
    def record(self) -> str:
        """What was cut from what, as JSON."""
        return self._record


def source_bytes_of(cut: str) -> int | None:
    """Return how long the file was that a window was cut from; ``None`` if it is not known."""
    try:
        return msgspec.json.decode(cut, type=_CutSource).source_bytes
    except (msgspec.MsgspecError, UnicodeError):
        return None


class _CutSource(msgspec.Struct):
    source_bytes: int
