"""STAC items of the scenes in a directory, and a collection for each dataset.

They are in ``<directory>/stac/<dataset>/`` and point to the files by relative paths, so the
directory can be moved as a whole. Items that others wrote or edited are never changed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import anyio.to_thread
import orjson

from asyncdl.errors import DiskError, StoreError
from asyncdl.events import Emit, Notice
from asyncdl.items.collection import make_collection
from asyncdl.items.facts import SceneFacts, plausible_footprint
from asyncdl.items.item import (
    COLLECTION_NAME,
    ItemFile,
    Json,
    Retired,
    SearchFacts,
    is_known,
    item_id_of,
    make_item,
)
from asyncdl.items.item_owner import Owner, basis_of, is_made_from, marked, owner_of
from asyncdl.items.metadata import footprint_of, read_angles, read_facts
from asyncdl.items.published_item import read_item
from asyncdl.items.raster_head import georeference_in, samples_in
from asyncdl.job.places.placer import Placer
from asyncdl.journal import FileStatus, FinishedFile, FoundSceneRecord, Journal
from asyncdl.m2m.naming import dataset_of
from asyncdl.m2m.searching.footprints import Outline
from asyncdl.outside import check_values
from asyncdl.transfer.names import safe_name
from asyncdl.units import count

FOLDER = "stac"
_METADATA = ("_MTL.json", "_MTL.txt", "_MTL.xml")
_LONGEST_ITEM_BYTES = 8 << 20
_PUBLISHED = ("_SR_stac.json", "_ST_stac.json", "_stac.json")
_ANGLES = "_ANG.txt"
_LONGEST_TEXT_BYTES = 1 << 20
_ROOT = f"./{COLLECTION_NAME}"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the journal knows of scenes as such."""

    replaced: Mapping[str, str]
    """By the product ids of what the service replaced or deleted, the new ones; empty for
    what was deleted."""
    first: Mapping[str, str]
    """Entity ids by display id, where they differ: of the scene that had it first."""
    namesakes: Mapping[str, tuple[str, ...]]
    """Entity ids of the other scenes, by display id."""
    found_scenes: Mapping[str, FoundSceneRecord]
    """By entity id."""


@dataclass(frozen=True, slots=True)
class _Scene:
    """One scene of which files are there."""

    display_id: str
    search_facts: SearchFacts
    footprint: tuple[Outline, ...]
    files: Mapping[str, FinishedFile]
    """By file name."""
    retired: Retired | None

    @property
    def item_id(self) -> str:
        return item_id_of(self.display_id, self.search_facts)


async def write_items(
    journal: Journal, placer: Placer, emit: Emit, *, is_absolute: bool = False
) -> None:
    """Write an item for each scene whose files are there; those that are up to date stay.

    Items that cannot be written are reported and do not fail the run.

    Args:
        journal: Has the files.
        placer: Holds them.
        emit: Takes a :class:`Notice` about items that are not written.
        is_absolute: Whether items name files by their whole paths, for tools that take
            relative ones from where they were started.
    Raises: DiskError, when the journal cannot be read.
    """
    files = await journal.files.finished([FileStatus.VERIFIED])
    known = _Known(
        {scene.product_id: scene.superseded_by for scene in await journal.scenes.replaced()},
        await journal.scenes.first_entities(),
        await journal.scenes.namesakes(),
        await journal.found_scenes.all(),
    )
    try:
        kept = await anyio.to_thread.run_sync(_write_all, placer, files, known, is_absolute)
    except OSError as error:
        why = DiskError(placer.work_directory, error)
        emit(Notice(f"The STAC items could not be written: {why}"))
        return
    except StoreError as error:
        emit(Notice(f"The STAC items could not be written: {error}"))
        return
    if kept:
        emit(Notice(_notice_of_kept(kept), "warning"))


def item_path(scene: str, window: str = "") -> str:
    """Return the path of the item of a scene, or of its window, below the download directory."""
    item_id = item_id_of(scene, SearchFacts(window=window))
    return str(PurePosixPath(FOLDER, dataset_of(scene) or "", f"{safe_name(item_id)}.json"))


def _notice_of_kept(kept: list[str]) -> str:
    shown = ", ".join(kept[:3]) + (" …" if len(kept) > 3 else "")
    return (
        f"STAC items left unchanged, because somebody wrote or edited them: "
        f"{count(len(kept), 'item')} ({shown}). Remove them to have them written again."
    )


def _write_all(
    placer: Placer, files: Iterable[FinishedFile], known: _Known, is_absolute: bool = False
) -> list[str]:
    """Write all items and collections; return the ids of items that are not ours. Blocks."""
    kept: list[str] = []
    is_absolute = is_absolute or placer.spool_bytes is not None
    for dataset, scenes in _by_dataset(placer, files, known).items():
        folder = PurePosixPath(FOLDER, dataset)
        start = None if is_absolute else folder
        items = [_write_item(placer, folder, start, scene, kept) for scene in scenes]
        _write(placer, str(folder / COLLECTION_NAME), make_collection(dataset, items))
    return kept


def _by_dataset(
    placer: Placer, files: Iterable[FinishedFile], known: _Known
) -> Mapping[str, list[_Scene]]:
    """Return the scenes of which files are there, in the order of their ids."""
    grouped: dict[tuple[str, str, str], dict[str, FinishedFile]] = {}
    of_scenes = [file for file in files if is_known(file.scene)]
    as_they_were = placer.unchanged(of_scenes)
    for file in of_scenes:
        if file.path in as_they_were:
            # Of files that two products have, the first one.
            whose = (file.scene, _namesake(file, known), file.window)
            of_scene = grouped.setdefault(whose, {})
            of_scene.setdefault(file.path.rpartition("/")[2], file)
    there = {scene for scene, _, _ in grouped}
    found: dict[str, list[_Scene]] = {}
    for (scene, namesake, window), of_scene in sorted(grouped.items(), key=lambda pair: pair[0]):
        entity = namesake or known.first.get(scene, scene)
        seen = known.found_scenes.get(entity, FoundSceneRecord())
        search_facts = SearchFacts(entity, bool(namesake), seen.browse_url, window)
        successor = known.replaced.get(scene)
        retired = None if successor is None else Retired(successor if successor in there else "")
        found.setdefault(dataset_of(scene) or "", []).append(
            _Scene(scene, search_facts, seen.footprint, of_scene, retired)
        )
    return found


def _namesake(file: FinishedFile, known: _Known) -> str:
    """Return the entity id of a file's scene, if another one had its display id first."""
    folders = file.path.split("/")[:-1]
    # The layout has a folder of that name whenever two scenes share a display id.
    return next(
        (id_ for id_ in known.namesakes.get(file.scene, ()) if safe_name(id_) in folders), ""
    )


def _write_item(
    placer: Placer,
    folder: PurePosixPath,
    start: PurePosixPath | None,
    scene: _Scene,
    kept: list[str],
) -> Json:
    """Write one item, if need be and if it is ours; return what is, or would be, there."""
    path = str(folder / f"{safe_name(scene.item_id)}.json")
    plain = [
        _item_file(name, _href(placer, file.path, start), file)
        for name, file in scene.files.items()
    ]
    basis = basis_of(
        scene.item_id,
        sorted((f.name, f.href, f.size_bytes, dict(f.digests)) for f in plain),
        scene.footprint,
        scene.search_facts.browse_url,
        scene.search_facts.entity_id,
        scene.retired.successor if scene.retired else None,
    )
    known = _read(placer, path)
    owner = owner_of(known, scene.item_id, _ROOT)
    if isinstance(known, dict) and owner is Owner.OURS and is_made_from(known, basis):
        return known
    located = [_located(file, placer, scene.files[file.name].path) for file in plain]
    facts = _facts(placer, scene.files, scene.footprint)
    item = make_item(scene.display_id, facts, located, scene.retired, scene.search_facts)
    if owner in (Owner.EDITED, Owner.OTHERS):
        kept.append(scene.item_id)
        return item
    item = marked(item, basis)
    _write(placer, path, item)
    return item


def _href(placer: Placer, path: str, start: PurePosixPath | None) -> str:
    """Return a file's path from some folder on, or its whole address."""
    return placer.address_of(path) if start is None else posixpath.relpath(path, start)


def _item_file(name: str, href: str, file: FinishedFile) -> ItemFile:
    digests = {digest.algorithm: digest.value for digest in file.digests}
    return ItemFile(name, href, file.size_bytes, digests)


def _located(file: ItemFile, placer: Placer, path: str) -> ItemFile:
    if not file.name.upper().endswith(".TIF"):
        return file
    with placer.open(path) as raster:
        return replace(file, georeference=georeference_in(raster), samples=samples_in(raster))


# --- facts --------------------------------------------------------------------------------


def _facts(
    placer: Placer, files: Mapping[str, FinishedFile], footprint: tuple[Outline, ...]
) -> SceneFacts:
    """Read the files one after the other until nothing is missing.

    The footprint is that of the product's own item, else of the search, else of the angle
    coefficients; the frame of the raster is the last resort, and up to twice as large.
    """
    facts = SceneFacts()
    for text in _texts(placer, files, _METADATA):
        facts = facts.or_else(read_facts(text))
    for text in _texts(placer, files, _PUBLISHED):
        facts = facts.or_else(read_item(text))
    facts = facts.or_else(SceneFacts(footprint=plausible_footprint(footprint)))
    for text in _texts(placer, files, (_ANGLES,)):
        facts = facts.or_else(read_angles(text))
        facts = facts.or_else(SceneFacts(footprint=footprint_of(text, facts.grid)))
    return facts


def _texts(
    placer: Placer, files: Mapping[str, FinishedFile], suffixes: Iterable[str]
) -> Iterator[str]:
    """Yield the texts of the files with these suffixes, in the order of the suffixes."""
    for suffix in suffixes:
        for name, file in files.items():
            if name.endswith(suffix):
                with suppress(FileNotFoundError), placer.open(file.path) as content:
                    yield content.read(_LONGEST_TEXT_BYTES).decode(errors="replace")


# --- on disk ------------------------------------------------------------------------------


def _read(placer: Placer, path: str) -> object:
    """Return the JSON of a file; ``None`` if there is none, or it cannot be read."""
    try:
        return orjson.loads(_content_of(placer, path))
    except (OSError, ValueError):
        return None


def _content_of(placer: Placer, path: str) -> bytes:
    """Return the bytes of an item. Raises: OSError, ValueError, if it is not one."""
    data = placer.read_text(path, _LONGEST_ITEM_BYTES)
    if data is None:
        raise FileNotFoundError(path)
    check_values(data)
    return data


def _write(placer: Placer, path: str, value: Json) -> None:
    data = orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"
    with suppress(OSError, ValueError):
        if _content_of(placer, path) == data:
            return
    placer.write_text(path, data)
