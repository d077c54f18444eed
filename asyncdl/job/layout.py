"""Where each file of a job goes on disk. Pure.

``<directory>/<kind>/<product id>/<USGS file name>``, and bundles as
``<directory>/bundle/<product id>.tar``. Names stay as USGS gives them, because
the tools that come after parse them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from asyncdl.m2m.selection import WantedFile
from asyncdl.transfer.names import safe_name


@dataclass(frozen=True, slots=True)
class Place:
    """One final place of a file."""

    kind: str
    """The product that wants it there."""
    relative: PurePosixPath
    """Below the download directory."""

    def under(self, directory: Path) -> Path:
        """Return the absolute path."""
        return directory.joinpath(*self.relative.parts)


def places_of(wanted: WantedFile) -> tuple[Place, ...]:
    """Return every final place of a file, one for each product that wants it."""
    return tuple(Place(kind, _relative(kind, wanted)) for kind in wanted.kinds)


def _relative(kind: str, wanted: WantedFile) -> PurePosixPath:
    # The service names files and scenes, and a service may be wrong or worse:
    # nothing it says can lead out of the directory.
    name = safe_name(wanted.file_name)
    if kind == "bundle":
        return PurePosixPath(kind, name)
    return PurePosixPath(kind, safe_name(wanted.scene), name)
