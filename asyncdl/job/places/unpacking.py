"""Which bundles of a job are unpacked, what is wanted of them, and where their archives stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncdl.journal.records import Place
from asyncdl.m2m.bands import match_bands
from asyncdl.m2m.downloads.selection import BundleWanted, WantedFile
from asyncdl.m2m.naming import file_suffix
from asyncdl.transfer.names import PASSING


@dataclass(frozen=True, slots=True)
class Unpacking:
    """How a bundle is unpacked."""

    words: tuple[str, ...] = ()
    """Band words of the wanted members; empty for all."""
    keeps_archive: bool = False

    def wanted_of(self, names: Sequence[str], scene: str) -> tuple[str, ...]:
        """Return the names that are wanted of those in a bundle.

        Args:
            names: Of all files in it, with the folders that they are in.
            scene: Display id of its scene.
        """
        if not self.words:
            return tuple(names)
        by_suffix: dict[str, list[str]] = {}
        for name in names:
            by_suffix.setdefault(file_suffix(name.rpartition("/")[2], scene), []).append(name)
        found = match_bands(self.words, by_suffix, scene).values()
        wanted = {suffix for suffixes in found for suffix in suffixes}
        return tuple(name for suffix in by_suffix if suffix in wanted for name in by_suffix[suffix])


def unpacking_of(wanted: WantedFile) -> Unpacking | None:
    """Return how a file is unpacked; ``None`` when it is not."""
    if wanted.unpacked is None:
        return None
    return Unpacking(wanted.unpacked, wanted.keeps_archive)


def unpacking_at(wanted: WantedFile, place: Place) -> Unpacking | None:
    """Return how a file is unpacked at one of its places; ``None`` when it is not."""
    return unpacking_of(wanted) if place.kind == BundleWanted.kind else None


def passes_by(wanted: WantedFile, place: Place) -> bool:
    """Tell whether a bundle is unpacked and not kept."""
    unpacking = unpacking_at(wanted, place)
    return unpacking is not None and not unpacking.keeps_archive


def passing_path(archive: Path) -> Path:
    """Return where an archive is that will not be kept: what has this name is ours to remove."""
    return archive.with_name(archive.name.removesuffix(".tar") + PASSING)
