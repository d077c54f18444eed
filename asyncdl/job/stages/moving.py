"""Files that an earlier run put where the config of that time said, moved to where they go now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import anyio.to_thread

from asyncdl.events import Notice
from asyncdl.job.journal.journal import Journal
from asyncdl.job.journal.records import FinishedFile, KnownPath, Memory
from asyncdl.job.places.extraction import remove_unfinished
from asyncdl.job.places.layout import Aim, Layout
from asyncdl.job.places.unpacking import passes_by, passing_path, unpacking_at
from asyncdl.job.run import Run
from asyncdl.m2m.downloads.selection import BundleWanted, WantedFile
from asyncdl.transfer.parts.sink import part_path, remove_leftovers, state_path
from asyncdl.transfer.parts.stable import make_folders, rename, settle


@dataclass(frozen=True, slots=True)
class Move:
    """A file that is to change its place."""

    old: str
    """Below the download directory, as is the new one."""
    new: str


async def follow_layout(run: Run, files: Sequence[WantedFile]) -> None:
    """Move what the journal knows elsewhere of some files, finished or begun.

    Nothing that lies at a new place is replaced. What cannot be moved stays, and so does
    a finished file that somebody has changed.
    """
    moves = await _moves(run.journal, run.layout, files)
    if not moves:
        return
    directory, durable = run.directory, run.config.download.durable
    known = await run.journal.files.recall(move.old for move in moves)
    await anyio.to_thread.run_sync(_move_parts, directory, moves, durable)
    moved = await anyio.to_thread.run_sync(_move_all, directory, moves, known.finished, durable)
    damaged = [move for move in moves if move.old in known.distrusted]
    await run.journal.files.move((move.old, move.new) for move in (*moved, *damaged))
    if moved:
        told = "1 file moved to where it goes"
        if len(moved) > 1:
            told = f"{len(moved):,} files moved to where they go"
        run.emit(Notice(f"The layout has changed: {told} now."))


async def follow_unpacking(run: Run, files: Sequence[WantedFile]) -> None:
    """Give bundles that an earlier run began the names under which this one goes on with them.

    What that run was killed over is not left behind when bundles are not unpacked any more.
    """
    bundle = BundleWanted.kind
    tars = [aim for aim in run.layout.aims_of(files) if aim[1].kind == bundle and aim[1].is_named]
    if tars:
        await anyio.to_thread.run_sync(_go_on_with, run, tars)


def _go_on_with(run: Run, tars: Iterable[Aim]) -> None:
    durable = run.config.download.durable
    for wanted, place in tars:
        kept = place.under(run.directory)
        passing = passing_path(kept)
        if not any(path.exists() for path in (passing, part_path(passing), part_path(kept))):
            continue
        if passes_by(run.config, place):
            _move_part(kept, passing, durable)
        else:
            _move_part(passing, kept, durable)
            _keep(passing, kept, durable)
        if unpacking_at(run.config, place) is None:
            for folder in _folders_of_members(run, wanted):
                remove_unfinished(folder, wanted.scene)


def _keep(passing: Path, kept: Path, durable: bool) -> None:
    """Let a tar stay that was to be unpacked and removed, unless there is one already."""
    if passing.exists() and not kept.exists():
        _rename(passing, kept, durable)
    with suppress(OSError):
        passing.unlink(missing_ok=True)
        remove_leftovers(passing)


def _folders_of_members(run: Run, wanted: WantedFile) -> set[Path]:
    names = wanted.members or (wanted.scene,)
    return {run.layout.place_of_member(wanted, n).under(run.directory).parent for n in names}


async def recall_elsewhere(journal: Journal, layout: Layout, files: Sequence[WantedFile]) -> Memory:
    """Return what the journal knows of finished files that a run would move, by the new paths."""
    moves = await _moves(journal, layout, files)
    known = await journal.files.recall(move.old for move in moves)
    return Memory(
        {m.new: known.finished[m.old] for m in moves if m.old in known.finished},
        frozenset(),
        {m.new: known.members[m.old] for m in moves if m.old in known.members},
    )


async def _moves(journal: Journal, layout: Layout, files: Sequence[WantedFile]) -> list[Move]:
    known = await journal.files.paths_of({wanted.scene for wanted in files})
    return moves_to(layout, files, known)


def moves_to(layout: Layout, files: Sequence[WantedFile], known: Iterable[KnownPath]) -> list[Move]:
    """Return what has to move.

    Args:
        layout: Where files go now.
        files: All that is wanted of some scenes.
        known: What earlier runs wanted of the same scenes.
    """
    places = {
        (place.kind, wanted.scene, place.relative.name): place
        for wanted, place in layout.aims_of(files)
        if place.is_named
    }
    bundles = {wanted.scene: wanted for wanted in files if BundleWanted.kind in wanted.kinds}
    moves = []
    for row in known:
        name = PurePosixPath(row.path).name
        if row.bundle and row.scene in bundles:
            place = layout.place_of_member(bundles[row.scene], name)
        elif (row.kind, row.scene, name) in places:
            place = places[row.kind, row.scene, name]
        else:
            continue
        if str(place.relative) != row.path:
            moves.append(Move(row.path, str(place.relative)))
    return moves


def _move_parts(directory: Path, moves: Iterable[Move], durable: bool) -> None:
    """Move unfinished files with their notes. Blocks."""
    for move in moves:
        old, new = directory / move.old, directory / move.new
        has_moved = _move_part(old, new, durable)
        if _move_part(passing_path(old), passing_path(new), durable) or has_moved:
            for folder in (old.parent, old.with_suffix("")):  # as most layouts have it
                remove_unfinished(folder, old.stem)
            _remove_empty(old.parent, directory)


def _move_part(old: Path, new: Path, durable: bool) -> bool:
    """Let unfinished bytes go on under another name; tell whether there were any."""
    if not part_path(old).exists():
        return False
    if part_path(old).is_file() and state_path(old).is_file() and not part_path(new).exists():
        _rename(part_path(old), part_path(new), durable)
        _rename(state_path(old), state_path(new), durable)
    # Bytes without their note are of no use, a note without its bytes says nothing.
    with suppress(OSError):
        remove_leftovers(old)
    return True


def _move_all(
    directory: Path, moves: Iterable[Move], finished: Mapping[str, FinishedFile], durable: bool
) -> list[Move]:
    """Move finished files; return what is at its new place now. Blocks."""
    moved = []
    for move in moves:
        file, old, new = finished.get(move.old), directory / move.old, directory / move.new
        if file is None:
            continue
        if not file.is_kept:
            moved.append(move)  # only its members are there, and they move, too
            continue
        if file.is_at(old) and not new.exists():
            _rename(old, new, durable)
            _remove_empty(old.parent, directory)
        # A run that was killed may have moved it already.
        if file.is_at(new) and not old.exists():
            moved.append(move)
    return moved


def _rename(old: Path, new: Path, durable: bool) -> None:
    with suppress(OSError):
        make_folders(new.parent)
        rename(old, new, durable=durable)
        if durable:
            settle(old.parent)


def _remove_empty(folder: Path, directory: Path) -> None:
    with suppress(OSError):  # it is not empty, as most are
        while folder != directory:
            folder.rmdir()
            folder = folder.parent
