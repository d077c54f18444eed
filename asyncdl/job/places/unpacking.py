"""Which bundles of a job are unpacked, what is wanted of them, and where their tars stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncdl.config import BundleProduct, Config
from asyncdl.job.places.layout import Place
from asyncdl.m2m.bands import match_bands
from asyncdl.m2m.downloads.selection import BundleWanted
from asyncdl.m2m.naming import file_suffix
from asyncdl.transfer.names import PASSING


@dataclass(frozen=True, slots=True)
class Unpacking:
    """How a job unpacks its bundles."""

    words: tuple[str, ...] = ()
    """Band words of the wanted members; empty for all."""
    keeps_tar: bool = False

    def wanted_of(self, names: Sequence[str], scene: str) -> tuple[str, ...]:
        """Return the names that are wanted of those in a bundle.

        Args:
            names: Of all files in it.
            scene: Display id of its scene.
        """
        if not self.words:
            return tuple(names)
        by_suffix = {file_suffix(name, scene): name for name in names}
        found = match_bands(self.words, by_suffix, scene).values()
        wanted = {suffix for suffixes in found for suffix in suffixes}
        return tuple(name for suffix, name in by_suffix.items() if suffix in wanted)


def unpacking_of(config: Config) -> Unpacking | None:
    """Return how the bundles of a job are unpacked; ``None`` when they are not."""
    bundles = [product for product in config.products if isinstance(product, BundleProduct)]
    unpacked = [product for product in bundles if product.extract]
    if not unpacked:
        return None
    takes_all = any(product.members is None for product in unpacked)
    words = () if takes_all else tuple(w for p in unpacked for w in p.members or ())
    # One that is wanted as it is stays, too.
    keeps_tar = any(product.keep_tar or not product.extract for product in bundles)
    return Unpacking(words, keeps_tar)


def unpacking_at(config: Config, place: Place) -> Unpacking | None:
    """Return how the file of a place is unpacked; ``None`` when it is not."""
    return unpacking_of(config) if place.kind == BundleWanted.kind else None


def passes_by(config: Config, place: Place) -> bool:
    """Tell whether a bundle is unpacked and not kept; one that its host names always is."""
    unpacking = unpacking_at(config, place)
    return unpacking is not None and not unpacking.keeps_tar and place.is_named


def passing_path(tar: Path) -> Path:
    """Return where a tar is that will not be kept: whatever has this name is ours to remove."""
    return tar.with_suffix(PASSING)
