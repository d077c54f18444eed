"""Why there is no window of a file, as kinds that a caller can act on.

::

    WindowError
    ├── NotAGeoTiff         no TIFF, or one that does not say where it lies: take the whole file
    ├── UnsupportedTiff     a TIFF that is not cut here: take the whole file
    ├── BrokenTiff          the file contradicts itself or ends too early
    │   └── DamagedTile     … in one tile: fetch it again
    ├── UnknownProjection   longitude and latitude cannot be made into its coordinates
    ├── EmptyArea           the area encloses nothing that could be cut
    └── AreaOutside         the area and the raster have no pixel in common
"""

from __future__ import annotations

from asyncdl.errors import AsyncdlError


class WindowError(AsyncdlError):
    """There is no window of a file; the text says why.

    Args:
        problem: What is wrong, where, and what would be right.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


class NotAGeoTiff(WindowError):
    """The file is no TIFF, or a TIFF that does not say where it lies."""


class UnsupportedTiff(WindowError):
    """A TIFF that windows are not cut of: too large to be true, or of a rare kind."""


class BrokenTiff(WindowError):
    """The file contradicts itself, or ends before what it points to."""


class DamagedTile(BrokenTiff):
    """A tile is not what its compression or its frame says that it is."""

    retryable = True


class UnknownProjection(WindowError):
    """The raster is in a coordinate system that is not known here."""


class EmptyArea(WindowError):
    """The area has no point, no size that a box can have, or numbers that are none."""


class AreaOutside(WindowError):
    """The area and the raster have no pixel in common."""
