"""Files that an earlier run placed by another config, moved to where they go now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TypeAlias

import anyio.to_thread

from asyncdl.background import off_loop, unhurried
from asyncdl.events import Notice
from asyncdl.job.places.extraction import remove_unfinished
from asyncdl.job.places.layout import Layout, is_archive_transient, transient_path, unpacking_at
from asyncdl.job.places.placer import Relocation, move_file
from asyncdl.job.run_context import RunContext
from asyncdl.journal import FilePlace, Journal, KnownPath, Place, RecordedFiles
from asyncdl.m2m.downloads.selection import BundleWanted, WantedFile
from asyncdl.transfer.names import safe_name
from asyncdl.transfer.parts.durable import is_within
from asyncdl.transfer.parts.part_file import (
    part_path,
    remove_part_files,
    source_path,
    state_path,
)
from asyncdl.units import count


async def follow_layout(run: RunContext, files: Sequence[WantedFile]) -> None:
    """Move files, finished or begun, that the journal has at another place than they go to now.

    Nothing at a new place is replaced. Files that cannot be moved stay, and so do finished
    files that somebody has changed.
    """
    moves = await _moves(run.journal, run.layout, files)
    if not moves:
        return
    directory, durable = run.directory, run.config.download.durable
    known = await run.journal.files.recorded(move.old for move in moves)
    await anyio.to_thread.run_sync(_move_parts, directory, moves, durable)
    moved = await anyio.to_thread.run_sync(run.placer.move, moves, known.finished)
    damaged = [move for move in moves if move.old in known.untrusted]
    await run.journal.files.move((move.old, move.new) for move in (*moved, *damaged))
    if moved:
        run.emit(Notice(f"The layout has changed: {count(len(moved), 'file')} moved."))


async def follow_unpacking(run: RunContext, files: Sequence[WantedFile]) -> None:
    """Rename bundles that an earlier run began to the names under which this run continues them.

    What a killed run left of unpacking is removed if bundles are not unpacked any more.
    """
    bundle = BundleWanted.kind
    bundles = [wanted for wanted in files if bundle in wanted.kinds]
    archives = [
        file_place for file_place in run.layout.file_places(bundles) if file_place[1].kind == bundle
    ]
    if archives:
        await anyio.to_thread.run_sync(_rename_unfinished, run, archives)


def _rename_unfinished(run: RunContext, archives: Iterable[FilePlace]) -> None:
    durable = run.config.download.durable
    for wanted, place in archives:
        kept = place.under(run.directory)
        transient = transient_path(kept)
        if not any(path.exists() for path in (transient, part_path(transient), part_path(kept))):
            continue
        if is_archive_transient(wanted, place):
            _move_part(kept, transient, durable)
        elif place.is_named:
            _move_part(transient, kept, durable)
            _keep(transient, kept, durable)
        else:
            _remove_transient(transient)  # its final name is not known yet
        if unpacking_at(wanted, place) is None:
            for folder in _folders_of_members(run, wanted):
                remove_unfinished(folder, wanted.scene if place.is_named else "")


def _keep(transient: Path, kept: Path, durable: bool) -> None:
    """Keep a tar that was to be unpacked and removed, unless there is one already."""
    if transient.exists() and not kept.exists():
        move_file(transient, kept, durable=durable)
    _remove_transient(transient)


def _remove_transient(transient: Path) -> None:
    with suppress(OSError):
        transient.unlink(missing_ok=True)
        remove_part_files(transient)


def _folders_of_members(run: RunContext, wanted: WantedFile) -> set[Path]:
    names = wanted.members or (wanted.scene,)
    return {run.layout.place_of_member(wanted, n).under(run.directory).parent for n in names}


async def recorded_elsewhere(
    journal: Journal, layout: Layout, files: Sequence[WantedFile]
) -> RecordedFiles:
    """Return what the journal has of finished files that a run would move, by their new paths."""
    moves = await _moves(journal, layout, files)
    known = await journal.files.recorded(move.old for move in moves)
    return RecordedFiles(
        {m.new: known.finished[m.old] for m in moves if m.old in known.finished},
        frozenset(),
        {m.new: known.members[m.old] for m in moves if m.old in known.members},
    )


async def _moves(journal: Journal, layout: Layout, files: Sequence[WantedFile]) -> list[Relocation]:
    known = await journal.files.paths_of({wanted.scene for wanted in files})
    if not known:
        return []
    return await off_loop(len(known), planned_moves, layout, files, known)


def planned_moves(
    layout: Layout, files: Sequence[WantedFile], known: Iterable[KnownPath]
) -> list[Relocation]:
    """Return the files that have to move. Pure.

    Files that their host names stay where they are, and so do their members.

    Args:
        layout: Where files go now.
        files: All that is wanted of some scenes.
        known: What earlier runs wanted of the same scenes.
    """
    known = list(known)
    marks = _marks_by_scene(layout.file_places(unhurried(files)))
    places: dict[_Key, Place] = {}
    bundles: dict[_Key, WantedFile] = {}
    for wanted, place in layout.file_places(unhurried(files)):
        whose = (place.kind, wanted.scene, _marks_of(wanted, place), wanted.window)
        is_ours = place.is_named or is_archive_transient(wanted, place)
        if is_ours:
            places[*whose, place.relative.name] = place
        if is_ours and unpacking_at(wanted, place):
            bundles[*whose, ""] = wanted
    member_names = {row.path: row.member_names for row in known if row.member_names}
    moves = []
    for row in unhurried(known):
        of_scene = marks.get(row.scene, frozenset())
        whose = (row.kind, row.scene, _marks_in(row.bundle or row.path, of_scene), row.window)
        bundle = bundles.get((*whose, "")) if row.bundle else None
        if bundle is not None:
            name = _name_in(row.path, member_names.get(row.bundle, ()))
            place = layout.place_of_member(bundle, name)
        elif (found := places.get((*whose, PurePosixPath(row.path).name))) is not None:
            place = found
        else:
            continue
        if str(place.relative) != row.path:
            moves.append(Relocation(row.path, str(place.relative)))
    return moves


_Key: TypeAlias = tuple[str, str, frozenset[str], str, str]
"""Kind, scene, the folders that distinguish files of one display id, window, and name."""


def _marks_of(wanted: WantedFile, place: Place) -> frozenset[str]:
    """Return the folders that distinguish a file from others of the same scene and name."""
    of_scene = [wanted.scene_id] if wanted.is_namesake else []
    is_chosen = wanted.is_chosen and not place.is_named
    of_product = [wanted.product_code or wanted.product_id] if is_chosen else []
    return frozenset(safe_name(mark) for mark in (*of_scene, *of_product))


def _marks_by_scene(file_places: Iterable[FilePlace]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for wanted, place in file_places:
        found[wanted.scene] = found.get(wanted.scene, frozenset()) | _marks_of(wanted, place)
    return found


def _marks_in(path: str, marks: frozenset[str]) -> frozenset[str]:
    return marks.intersection(PurePosixPath(path).parts[:-1]) if marks else marks


def _name_in(path: str, member_names: Iterable[str]) -> str:
    """Return a member's name with its folders in the bundle."""
    names = [name for name in member_names if path.endswith(f"/{name}")]
    return max(names, key=len, default=PurePosixPath(path).name)


def _move_parts(directory: Path, moves: Iterable[Relocation], durable: bool) -> None:
    """Move unfinished files with their state files. Blocks."""
    for move in moves:
        old, new = directory / move.old, directory / move.new
        if not is_within(old, directory):
            continue
        has_moved = _move_part(old, new, durable)
        has_moved |= _move_part(source_path(old), source_path(new), durable)
        if _move_part(transient_path(old), transient_path(new), durable) or has_moved:
            for folder in (old.parent, old.with_suffix("")):  # as most layouts have it
                remove_unfinished(folder, old.stem)
            _remove_empty(old.parent, directory)


def _move_part(old: Path, new: Path, durable: bool) -> bool:
    """Rename an unfinished file; return whether there was one."""
    if not part_path(old).exists():
        return False
    if part_path(old).is_file() and state_path(old).is_file() and not part_path(new).exists():
        move_file(part_path(old), part_path(new), durable=durable)
        move_file(state_path(old), state_path(new), durable=durable)
    # Neither of the two is of any use without the other.
    with suppress(OSError):
        remove_part_files(old)
    return True


def _remove_empty(folder: Path, directory: Path) -> None:
    with suppress(OSError):  # it is not empty, as most are
        while folder != directory:
            folder.rmdir()
            folder = folder.parent
