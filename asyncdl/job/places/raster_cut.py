"""What is wanted of one raster: plain data, which can be sent to another process. Imports little.

How it is cut is in :mod:`asyncdl.job.places.raster_excerpt`, which is imported with the first one:
most jobs want whole files.
"""

from __future__ import annotations

from msgspec import Struct

from asyncdl.transfer.excerpts import Excerpt


class RasterCut(Struct, frozen=True):
    """The tiles of a raster that touch an area."""

    rings: tuple[tuple[tuple[float, float], ...], ...]
    """Outer rings of the area's parts, in longitude and latitude."""
    source: str
    """Name of the raster, for the record of what was cut from what."""
    is_exact: bool = False
    """Whether the window is cut to the area's pixels."""

    def begin(self, url: str) -> Excerpt:
        """Begin to cut the raster at a URL; what a request has as its ``excerpt``."""
        from asyncdl.job.places.raster_excerpt import RasterExcerpt

        return RasterExcerpt(self.rings, self.source, url, is_exact=self.is_exact)
