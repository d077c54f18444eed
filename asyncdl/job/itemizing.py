"""STAC items of the scenes in a directory, and a collection for each dataset.

They stand in ``<directory>/stac/<dataset>/`` and point to the files from there, so the
directory can be moved as a whole.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio.to_thread
import orjson

from asyncdl.errors import DiskError
from asyncdl.events import Emit, Notice
from asyncdl.items.collection import make_collection
from asyncdl.items.georeference import read_georeference
from asyncdl.items.item import COLLECTION_NAME, ItemFile, Json, Retired, is_known, make_item
from asyncdl.items.metadata import SceneFacts, read_facts
from asyncdl.items.samples import read_samples
from asyncdl.job.journal.journal import Journal
from asyncdl.job.journal.records import FinishedFile, Standing
from asyncdl.m2m.naming import dataset_of
from asyncdl.outside import check_values, read_at_most
from asyncdl.transfer.names import safe_name
from asyncdl.transfer.parts.stable import make_folders, rename, write_anew

FOLDER = "stac"
_METADATA = ("_MTL.json", "_MTL.txt", "_MTL.xml")
_LONGEST_METADATA_BYTES = 1 << 20
_LONGEST_ITEM_BYTES = 8 << 20


async def write_items(journal: Journal, directory: Path, emit: Emit) -> None:
    """Write an item for each scene whose files are there; those that have not changed stay.

    What cannot be written is told and fails nothing: the files are what a run is for.

    Raises: DiskError, when the journal cannot be read.
    """
    files = await journal.files.finished([Standing.VERIFIED])
    replaced = {scene.product_id: scene.superseded_by for scene in await journal.scenes.replaced()}
    try:
        await anyio.to_thread.run_sync(_write_all, directory, files, replaced)
    except OSError as error:
        emit(Notice(f"The STAC items could not be written: {DiskError(directory, error)}"))


def item_path(directory: Path, scene: str) -> Path:
    """Return where the item of a scene is, or would be."""
    return directory / FOLDER / (dataset_of(scene) or "") / f"{safe_name(scene)}.json"


def _write_all(directory: Path, files: Iterable[FinishedFile], replaced: Mapping[str, str]) -> None:
    """Write all items and collections. Blocks.

    Args:
        directory: Of the job.
        files: Those that are verified.
        replaced: By the product ids of what the service replaced or deleted, the new ones; empty
            for what was deleted.
    """
    by_dataset: dict[str, dict[str, list[FinishedFile]]] = {}
    for file in files:
        dataset = dataset_of(file.scene)
        if dataset is not None and is_known(file.scene) and file.is_at(directory / file.path):
            by_dataset.setdefault(dataset, {}).setdefault(file.scene, []).append(file)
    for dataset, scenes in by_dataset.items():
        folder = directory / FOLDER / dataset
        make_folders(folder)
        items = [
            _write_item(
                directory, folder, scene, _each_once(of_scene), _retired(scene, replaced, scenes)
            )
            for scene, of_scene in sorted(scenes.items())
        ]
        _write(folder / COLLECTION_NAME, make_collection(dataset, items))


def _retired(scene: str, replaced: Mapping[str, str], there: Container[str]) -> Retired | None:
    successor = replaced.get(scene)
    if successor is None:
        return None
    return Retired(successor if successor in there else "")


def _each_once(files: Iterable[FinishedFile]) -> Mapping[str, FinishedFile]:
    """Return files by name: of those that two products have, the first one."""
    by_name: dict[str, FinishedFile] = {}
    for file in files:
        by_name.setdefault(file.path.rpartition("/")[2], file)
    return by_name


def _write_item(
    directory: Path,
    folder: Path,
    scene: str,
    files: Mapping[str, FinishedFile],
    retired: Retired | None,
) -> Json:
    path = item_path(directory, scene)
    hrefs = {
        name: Path(os.path.relpath(directory / file.path, folder)).as_posix()
        for name, file in files.items()
    }
    plain = [_item_file(name, hrefs[name], file) for name, file in files.items()]
    known = _read(path)
    wanted = make_item(scene, SceneFacts(), plain, retired)
    if known is not None and _told_of(known) == _told_of(wanted):
        return known
    located = [_located(file, directory / files[file.name].path) for file in plain]
    item = make_item(scene, _facts(directory, files), located, retired)
    _write(path, item)
    return item


def _told_of(item: Mapping[str, Any]) -> set[tuple[object, ...]]:
    """Return what an item says that may change while its scene stays: its files, its standing."""
    files = {
        (asset["href"], asset["file:size"], asset.get("file:checksum", ""))
        for asset in item["assets"].values()
    }
    links = {(link["rel"], link["href"]) for link in item["links"]}
    return files | links | {("deprecated", item["properties"].get("deprecated", False))}


def _item_file(name: str, href: str, file: FinishedFile) -> ItemFile:
    digests = {digest.algorithm: digest.value for digest in file.digests}
    return ItemFile(name, href, file.size_bytes, digests)


def _located(file: ItemFile, path: Path) -> ItemFile:
    if not file.name.upper().endswith(".TIF"):
        return file
    return replace(file, georeference=read_georeference(path), samples=read_samples(path))


def _facts(directory: Path, files: Mapping[str, FinishedFile]) -> SceneFacts:
    """Ask one metadata file after the other, as long as something is missing."""
    facts = SceneFacts()
    for path in _metadata_paths(directory, files):
        if facts.is_complete:
            break
        if not path.is_file():  # a pipe in its place would be waited for
            continue
        with path.open("rb") as file:
            text = file.read(_LONGEST_METADATA_BYTES).decode(errors="replace")
        facts = facts.or_else(read_facts(text))
    return facts


def _metadata_paths(directory: Path, files: Mapping[str, FinishedFile]) -> Iterator[Path]:
    for ending in _METADATA:
        for name, file in files.items():
            if name.endswith(ending):
                yield directory / file.path


def _read(path: Path) -> Json | None:
    """Return the item of an earlier run; ``None`` if there is none to go on with."""
    try:
        item = orjson.loads(_content_of(path))
        _told_of(item)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(item)


def _content_of(path: Path) -> bytes:
    """Return an item as it stands on the disk. Raises: OSError, ValueError, for what is none."""
    if not path.is_file():
        raise FileNotFoundError(path)
    with path.open("rb") as file:
        data = read_at_most(file, _LONGEST_ITEM_BYTES)
    check_values(data)
    return data


def _write(path: Path, value: Json) -> None:
    data = orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n"
    with suppress(OSError, ValueError):
        if _content_of(path) == data:
            return
    partial = path.with_name(f"{path.name}.part")
    write_anew(partial, [data], durable=False)
    rename(partial, path, durable=False)
