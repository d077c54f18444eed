"""Places where a file cannot go, found before it is requested: that costs no quota."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import anyio.to_thread

from asyncdl.background import in_turns, unhurried
from asyncdl.errors import DiskError
from asyncdl.events import FileFinished, FileState
from asyncdl.job.run_context import RunContext
from asyncdl.journal import STATE_FOLDER, FilePlace, Place
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.system.volumes import longest_name, longest_path
from asyncdl.transfer.names import STATE_TEMPORARY, safe_name
from asyncdl.transfer.parts.durable import write_file
from asyncdl.transfer.parts.part_file import part_path, state_path

Fold: TypeAlias = Callable[[str], str]
"""Maps all spellings that a volume takes for one name to one text."""

_OTHER_DIRECTORY = "or choose another download directory"


@dataclass(frozen=True, slots=True)
class PathConflict:
    """Why a file cannot be placed, and what can be done about it."""

    detail: str
    remedy: str


Blocked: TypeAlias = dict[FilePlace, PathConflict]


# --- one place ------------------------------------------------------------------------


async def drop_blocked(run: RunContext, files: Sequence[WantedFile]) -> list[WantedFile]:
    """Report the places that are blocked; return the files for the other places."""
    found = await anyio.to_thread.run_sync(
        _conflicts, run.directory, run.layout.file_places(unhurried(files))
    )
    return _report_blocked(run, files, found)


def conflict_at(directory: Path, place: Place) -> PathConflict | None:
    """Return what prevents a file from being placed, if anything. Blocks.

    Args:
        directory: The download directory; exists.
        place: Where the file goes.
    """
    path = place.under(directory)
    return (
        _too_long(directory, path)
        or _folder_in_the_way(directory, path.parent)
        or (_name_in_the_way(path) if place.is_named else None)
    )


def _conflicts(directory: Path, file_places: Iterable[FilePlace]) -> Blocked:
    found = ((file_place, conflict_at(directory, file_place[1])) for file_place in file_places)
    return {file_place: conflict for file_place, conflict in found if conflict is not None}


def _too_long(directory: Path, path: Path) -> PathConflict | None:
    names = [*path.parent.relative_to(directory).parts, f"{path.name}{STATE_TEMPORARY}"]
    longest, most = max(len(os.fsencode(name)) for name in names), longest_name(directory)
    if longest > most:
        return PathConflict(
            f"a name in its path has {longest} bytes while it is fetched; the volume allows {most}",
            "Choose a download directory on a volume that allows longer names.",
        )
    whole, most_chars = len(str(path)) + len(STATE_TEMPORARY), longest_path()
    if most_chars is not None and whole > most_chars:
        return PathConflict(
            f"its path takes {whole} characters while it is fetched; Windows allows {most_chars}",
            "Choose a shorter download directory or layout, or enable LongPathsEnabled.",
        )
    return None


def _folder_in_the_way(directory: Path, folder: Path) -> PathConflict | None:
    parts = folder.relative_to(directory).parts
    last = directory
    for depth in range(1, len(parts) + 1):
        at = directory.joinpath(*parts[:depth])
        if not os.path.lexists(at):
            break
        if not at.is_dir():
            what = "a link to nothing" if at.is_symlink() and not at.exists() else "a file"
            return PathConflict(
                f"{at} is {what}, where a folder has to be",
                f"Move it away, {_OTHER_DIRECTORY}.",
            )
        last = at
    if os.access(last, os.W_OK | os.X_OK):
        return None
    return PathConflict(
        f"{last} cannot be written to",
        f"Make sure you may write there, {_OTHER_DIRECTORY}.",
    )


def _name_in_the_way(path: Path) -> PathConflict | None:
    if path.is_dir():
        return PathConflict("a folder has its name", f"Move that folder away, {_OTHER_DIRECTORY}.")
    if path.is_symlink() and not path.exists():
        return PathConflict(
            "a link to nothing has its name",
            "Remove the link, or restore its target.",
        )
    for ours in (part_path(path), state_path(path)):
        with suppress(OSError):
            if not stat.S_ISREG(ours.lstat().st_mode):
                return PathConflict(
                    f"{ours.name} is not a regular file, and the unfinished file goes there",
                    "Remove it.",
                )
    return None


# --- two places -----------------------------------------------------------------------


@dataclass
class PathConflicts:
    """Finds files that would get the same path, also on volumes that fold names.

    All files of a scene come in one batch, so their paths are kept for that batch, and
    for the whole run only the part up to the first name that begins with the scene. A path
    without the scene in it is kept for the whole run.
    """

    fold: Fold
    _beginnings: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    async def drop_taken(self, run: RunContext, files: Sequence[WantedFile]) -> list[WantedFile]:
        """Report the places that another file has; return the files for the other places."""
        names: dict[str, str] = {}
        found: Blocked = {}
        async for wanted in in_turns(files):
            for place in run.layout.places_of(wanted):
                path = str(place.relative)
                other = self._other_than(path, safe_name(wanted.scene), names)
                if other is not None:
                    found[wanted, place] = _clash(path, other)
        return _report_blocked(run, files, found)

    def _other_than(self, path: str, scene: str, names: dict[str, str]) -> str | None:
        """Take a path; return the path that has it already, if there is one."""
        beginning = _beginning(path, scene)
        if beginning and self.fold is not str:
            known = self._beginnings.setdefault(self.fold(beginning), beginning)
            if known != beginning:
                return known
        names = names if beginning else self._names
        key = self.fold(path)
        if key in names:
            return names[key]
        names[key] = path
        return None


def _beginning(path: str, scene: str) -> str:
    """Return a path up to the first folder or name that begins with its scene, if one does."""
    parts = path.split("/")
    for depth, part in enumerate(parts, 1):
        if scene and part.startswith(scene):
            return "/".join(parts[:depth])
    return ""


def _clash(path: str, other: str) -> PathConflict:
    if path == other:
        return PathConflict(
            "another file of the job goes to the same place",
            "Put {product_id} or {entity_id} into download.layout.",
        )
    return PathConflict(
        f"on this volume {other} has the same name",
        "Choose a download directory on a volume that distinguishes the two names.",
    )


async def detect_fold(directory: Path) -> Fold:
    """Find out which spellings of a name a volume takes for the same.

    Args:
        directory: On the volume; a file in it, or in its state folder, is made and removed.
    """
    return await anyio.to_thread.run_sync(_detect_fold, directory)


def _detect_fold(directory: Path) -> Fold:
    state = directory / STATE_FOLDER
    folder = state if state.is_dir() else directory
    name = "Name-\N{LATIN SMALL LETTER E WITH ACUTE}"
    try:
        os.fsencode(name)
    except UnicodeEncodeError:  # a locale without such letters, where no name has them
        name = "Name-e"
    other = unicodedata.normalize("NFD", name)
    path = folder / name
    with suppress(OSError):
        path.unlink(missing_ok=True)  # of a killed run, or a link that somebody made
        write_file(path, (), durable=False, is_new=True)
        try:
            return _fold_of(
                case=(folder / name.swapcase()).exists(),
                marks=other != name and (folder / other).exists(),
            )
        finally:
            path.unlink(missing_ok=True)
    return str


def _fold_of(*, case: bool, marks: bool) -> Fold:
    if not case and not marks:
        return str

    def fold(text: str) -> str:
        same = unicodedata.normalize("NFC", text) if marks else text
        return same.casefold() if case else same

    return fold


# --- reports -------------------------------------------------------------------------------


def _report_blocked(
    run: RunContext, files: Iterable[WantedFile], blocked: Blocked
) -> list[WantedFile]:
    """Report the blocked places; return each file for the products whose places are free."""
    if not blocked:
        return [wanted for wanted in files if wanted.kinds]
    for (wanted, place), conflict in blocked.items():
        run.record_failure(_failure(wanted, place, conflict))
    narrowed = (_narrowed(run, wanted, blocked) for wanted in files)
    return [wanted for wanted in narrowed if wanted.kinds]


def _narrowed(run: RunContext, wanted: WantedFile, blocked: Blocked) -> WantedFile:
    places = run.layout.places_of(wanted)
    free = [place.kind for place in places if (wanted, place) not in blocked]
    return wanted.replace(kinds=tuple(free))


def _failure(wanted: WantedFile, place: Place, conflict: PathConflict) -> FileFinished:
    return FileFinished(
        kind=place.kind,
        product_id=wanted.scene,
        file=str(place.relative),
        state=FileState.FAILED,
        reason="disk",
        error=DiskError.__name__,
        detail=conflict.detail,
        remedy=conflict.remedy,
    )
