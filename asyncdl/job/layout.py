"""Where each file of a job goes on disk. Pure.

``<directory>/<kind>/<product id>/<USGS file name>``, and bundles as
``<directory>/bundle/<product id>.tar``. Names stay as USGS gives them, because
the tools that come after parse them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from asyncdl.m2m.selection import BundleWanted, WantedFile
from asyncdl.transfer.names import FALLBACK_NAME, safe_name


@dataclass(frozen=True, slots=True)
class Place:
    """One final place of a file."""

    kind: str
    """The product that wants it there."""
    relative: PurePosixPath
    """Below the download directory."""
    is_named: bool = True
    """False while only the host knows the name; the folder is the file's alone then."""
    asked_as: str = ""
    """The path before the host named it; empty if it has always been this one."""

    def under(self, directory: Path) -> Path:
        """Return the absolute path."""
        return directory.joinpath(*self.relative.parts)

    def called(self, name: str) -> Place:
        """Return the place with the name that the file really has."""
        if name == self.relative.name:
            return replace(self, is_named=True)
        asked_as = str(self.relative)
        return replace(
            self, relative=self.relative.with_name(name), is_named=True, asked_as=asked_as
        )


@lru_cache(maxsize=10_000)  # two batches of scenes; each file's places are asked for ten times
def places_of(wanted: WantedFile) -> tuple[Place, ...]:
    """Return every final place of a file, one for each product that wants it."""
    is_named = _is_named(wanted)
    return tuple(Place(kind, _relative(kind, wanted, is_named), is_named) for kind in wanted.kinds)


def _is_named(wanted: WantedFile) -> bool:
    # A product that is called like its scene has an ending that the service does not tell.
    return wanted.file_name not in (wanted.scene, wanted.entity_id)


def _relative(kind: str, wanted: WantedFile, is_named: bool) -> PurePosixPath:
    # The service names files and scenes, and a service may be wrong or worse:
    # nothing it says can lead out of the directory.
    name = safe_name(wanted.file_name) or FALLBACK_NAME
    if kind == BundleWanted.kind and is_named:
        return PurePosixPath(kind, name)
    return PurePosixPath(kind, safe_name(wanted.scene) or FALLBACK_NAME, name)
