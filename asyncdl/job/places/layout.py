"""Where each file of a job goes on disk, and which bundles are unpacked. Pure.

By default ``<directory>/<kind>/<product id>/<USGS file name>``, and bundles as
``<directory>/bundle/<product id>.tar``; ``[download] layout`` changes that. USGS file
names are kept, because other tools parse them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from asyncdl.config import Config
from asyncdl.config.layouts import LayoutTemplate, fields_of
from asyncdl.journal import FilePlace, Place
from asyncdl.m2m.bands import match_bands, stem_of
from asyncdl.m2m.downloads.selection import BundleWanted, WantedFile
from asyncdl.m2m.naming import (
    dataset_of,
    file_suffix,
    parse_ard_id,
    parse_product_id,
    parse_scene_id,
)
from asyncdl.transfer.names import FALLBACK_NAME, UNPACKING, safe_name


@dataclass(frozen=True, slots=True)
class Unpacking:
    """How a bundle is unpacked."""

    words: tuple[str, ...] = ()
    """Band words of the wanted members; empty for all."""
    keeps_archive: bool = False

    def wanted_of(self, names: Sequence[str], scene: str) -> tuple[str, ...]:
        """Return the wanted names of those in a bundle.

        Args:
            names: Of all files in it, with their folders.
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


def is_archive_transient(wanted: WantedFile, place: Place) -> bool:
    """Return whether a bundle is unpacked and its archive not kept."""
    unpacking = unpacking_at(wanted, place)
    return unpacking is not None and not unpacking.keeps_archive


def transient_path(archive: Path) -> Path:
    """Return the name of an archive that will not be kept: files of this name may be removed."""
    return archive.with_name(archive.name.removesuffix(".tar") + UNPACKING)


WHOLE = "whole"
"""What a layout calls files that are no windows."""
UNKNOWN = "unknown"
"""Folder in place of one with fields that the scene's id does not have."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where files go, by the templates of a config."""

    files: LayoutTemplate
    bundles: LayoutTemplate

    def places_of(self, wanted: WantedFile) -> tuple[Place, ...]:
        """Return every final place of a file, one for each product that wants it there."""
        is_named = _is_named(wanted)
        return tuple(
            Place(kind, self.relative(kind, wanted, is_named), is_named) for kind in wanted.kinds
        )

    def file_places(self, files: Iterable[WantedFile]) -> Iterator[FilePlace]:
        """Yield each file with each of its places."""
        return ((wanted, place) for wanted in files for place in self.places_of(wanted))

    def without_duplicates(self, wanted: WantedFile) -> WantedFile:
        """Return a file without the products whose place an earlier product has."""
        kinds: dict[PurePosixPath, str] = {}
        for place in self.places_of(wanted):
            kinds.setdefault(place.relative, place.kind)
        return wanted.replace(kinds=tuple(kinds.values()))

    def place_of_member(self, wanted: WantedFile, name: str) -> Place:
        """Return where a member of a bundle goes: to where a single file would.

        Args:
            wanted: The bundle.
            name: Of the file, with its folders; all of them safe.
        """
        kind, last = BundleWanted.kind, name.rpartition("/")[2]
        folder = self._folder(self.files, kind, wanted, last, _is_named(wanted))
        return Place(kind, folder / name)

    def relative(self, kind: str, wanted: WantedFile, is_named: bool) -> PurePosixPath:
        """Return the path of one place, below the download directory."""
        is_bundle = kind == BundleWanted.kind and is_named
        template = self.bundles if is_bundle else self.files
        name = "" if is_bundle else wanted.file_name
        return self._folder(template, kind, wanted, name, is_named) / file_name_of(wanted)

    def _folder(
        self, template: LayoutTemplate, kind: str, wanted: WantedFile, name: str, is_named: bool
    ) -> PurePosixPath:
        """Return the folder of a file; ``name`` says its band, which a bundle has not."""
        is_chosen = wanted.is_chosen and not is_named
        has_window = bool(wanted.window)
        folders = _folders_of(template, is_named, wanted.is_namesake, is_chosen, has_window)
        band = code = window = ""
        # Facts that no folder is named by would only keep the folders of a scene apart.
        if "band" in folders.fields:
            band = _band_of(name, wanted.scene) if name else kind
        if "product_code" in folders.fields:
            code = wanted.product_code or (wanted.product_id if wanted.is_chosen else "")
        if "window" in folders.fields:
            window = wanted.window
        return _folder(folders, kind, wanted.scene, wanted.scene_id, code, band, window)


def layout_of(config: Config) -> Layout:
    """Return where the files of a job go; keep it, as it takes some work."""
    return Layout(config.download.layout, config.download.template_of_bundles)


def file_name_of(wanted: WantedFile) -> str:
    """Return the name of a file on disk."""
    # The service names files and scenes, and is not trusted: no name can lead out of the
    # directory.
    return safe_name(wanted.file_name) or FALLBACK_NAME


def _is_named(wanted: WantedFile) -> bool:
    # A product that is named like its scene has a file extension that only the host knows.
    return wanted.file_name not in (wanted.scene, wanted.entity_id)


def _band_of(file_name: str, scene: str) -> str:
    return stem_of(file_suffix(file_name, scene))


@dataclass(frozen=True, slots=True, eq=False)
class _Folders:
    """The folders of a template; made once for each, as they are compared by identity."""

    templates: tuple[str, ...]
    fields: frozenset[str]


@lru_cache(maxsize=64)  # a run has one or two templates
def _folders_of(
    template: LayoutTemplate, is_named: bool, is_namesake: bool, is_chosen: bool, has_window: bool
) -> _Folders:
    """Return the folders; more of them for files that their hosts name, or of one display id."""
    folders = template.segments[:-1]
    fields = _fields_of(folders)
    if not is_named and "product_id" not in fields:
        folders = (*folders, "{product_id}")
    if is_namesake and "entity_id" not in fields:
        folders = (*folders, "{entity_id}")
    if is_chosen and "product_code" not in fields:
        folders = (*folders, "{product_code}")
    if has_window and "window" not in fields:
        folders = (*folders, "{window}")
    return _Folders(folders, _fields_of(folders))


def _fields_of(folders: Iterable[str]) -> frozenset[str]:
    return frozenset(field for folder in folders for field in fields_of(folder))


# The place of each file is needed ten times. A batch of scenes has some hundred folders; its
# files are thousands, and as a cache of files they would stay in memory.
@lru_cache(maxsize=1024)
def _folder(
    folders: _Folders, kind: str, scene: str, scene_id: str, code: str, band: str, window: str
) -> PurePosixPath:
    facts = {"kind": kind, "product_id": scene, "band": band, **_facts_of(scene)}
    facts["window"] = window or WHOLE
    if scene_id:
        facts["entity_id"] = scene_id
    if code:
        facts["product_code"] = code
    return PurePosixPath(*_filled_in(folders.templates, facts))


def _filled_in(templates: Sequence[str], facts: Mapping[str, str]) -> Iterator[str]:
    for template in templates:
        try:
            folder = template.format_map(facts)
        except KeyError:
            folder = UNKNOWN
        yield safe_name(folder) or FALLBACK_NAME


# Each scene has several files, and each of them is needed several times.
@lru_cache(maxsize=1024)
def _facts_of(scene: str) -> Mapping[str, str]:
    """Return the fields in a scene's id, as they are written there; dates as in ISO 8601."""
    facts: dict[str, str] = {}
    if dataset := dataset_of(scene):
        facts["dataset"] = dataset
    read = parse_product_id(scene) or parse_ard_id(scene) or parse_scene_id(scene)
    if read is None:
        return MappingProxyType(facts)
    for name, form in _FORMS.items():
        if (value := getattr(read, name, None)) is not None:
            facts[name] = form.format(value)
    for field, part in _PARTS_OF_DATE.items():
        facts[field] = part.format(read.acquired)
    return MappingProxyType(facts)


_FORMS = {
    "sensor": "{}",
    "satellite": "{:02}",
    "level": "{}",
    "path": "{:03}",
    "row": "{:03}",
    "region": "{}",
    "horizontal": "{:03}",
    "vertical": "{:03}",
    "processed": "{}",
    "collection": "{:02}",
    "tier": "{}",
}
_PARTS_OF_DATE = {
    "year": "{0.year:04}",
    "month": "{0.month:02}",
    "day": "{0.day:02}",
    "date": "{}",
}
