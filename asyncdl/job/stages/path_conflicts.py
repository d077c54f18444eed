"""Places where a file cannot go, found before it is asked for: that costs no quota."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import anyio.to_thread

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
"""Makes one text of all spellings that a volume does not tell apart."""

_OTHER_DIRECTORY = "or choose another download directory"


@dataclass(frozen=True, slots=True)
class PathConflict:
    """Why a file cannot go to a place, and what can be done about it."""

    detail: str
    remedy: str


Blocked: TypeAlias = dict[FilePlace, PathConflict]


# --- one place ------------------------------------------------------------------------


async def drop_blocked(run: RunContext, files: Sequence[WantedFile]) -> list[WantedFile]:
    """Report the places that no file can go to; return the files for the others."""
    found = await anyio.to_thread.run_sync(_conflicts, run.directory, run.layout.file_places(files))
    return _report_blocked(run, files, found)


def conflict_at(directory: Path, place: Place) -> PathConflict | None:
    """Tell what is in the way of a file. Blocks.

    Args:
        directory: The download directory; exists.
        place: Where the file is to go.
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
            f"a name in it takes {longest} bytes while it is under way; this volume takes {most}",
            "Choose a download directory on a volume that takes longer names.",
        )
    whole, most_chars = len(str(path)) + len(STATE_TEMPORARY), longest_path()
    if most_chars is not None and whole > most_chars:
        return PathConflict(
            f"its path takes {whole} characters while it is under way; Windows takes {most_chars}",
            "Choose a shorter download directory or layout, or switch on LongPathsEnabled.",
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
                f"{at} is {what}, and a folder has to be there",
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
            "its name is that of a link to nothing",
            "Remove the link, or bring back what it leads to.",
        )
    for ours in (part_path(path), state_path(path)):
        with suppress(OSError):
            if not stat.S_ISREG(ours.lstat().st_mode):
                return PathConflict(
                    f"{ours.name} beside it is no plain file, and the unfinished file goes there",
                    "Remove it.",
                )
    return None


# --- two places -----------------------------------------------------------------------


@dataclass
class PathConflicts:
    """Who has which path, also where a volume does not tell all names apart.

    All files of a scene come in one batch, so their paths are remembered for that long,
    and for the whole run only their beginnings up to where the scene is told. A path
    that does not tell its scene is remembered for the whole run.
    """

    fold: Fold
    _beginnings: dict[str, str] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def drop_taken(self, run: RunContext, files: Sequence[WantedFile]) -> list[WantedFile]:
        """Report the places that others have already; return the files for the rest."""
        names: dict[str, str] = {}
        found: Blocked = {}
        for wanted, place in run.layout.file_places(files):
            path = str(place.relative)
            other = self._other_than(path, safe_name(wanted.scene), names)
            if other is not None:
                found[wanted, place] = _clash(path, other)
        return _report_blocked(run, files, found)

    def _other_than(self, path: str, scene: str, names: dict[str, str]) -> str | None:
        """Claim a path; return the one that has it already, if there is one."""
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
        f"on this volume its name is that of {other}",
        "Choose a download directory on a volume that tells the two names apart.",
    )


async def detect_fold(directory: Path) -> Fold:
    """Find out which spellings of a name a volume takes for one.

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
        path.unlink(missing_ok=True)  # a run that was killed, or a link that somebody has put there
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


# --- ends -------------------------------------------------------------------------------


def _report_blocked(
    run: RunContext, files: Iterable[WantedFile], blocked: Blocked
) -> list[WantedFile]:
    """Report blocked places; return each file for the products whose places are free."""
    if not blocked:
        return [wanted for wanted in files if wanted.kinds]
    for (wanted, place), conflict in blocked.items():
        run.record_failure(_ending(wanted, place, conflict))
    narrowed = (_narrowed(run, wanted, blocked) for wanted in files)
    return [wanted for wanted in narrowed if wanted.kinds]


def _narrowed(run: RunContext, wanted: WantedFile, blocked: Blocked) -> WantedFile:
    places = run.layout.places_of(wanted)
    free = [place.kind for place in places if (wanted, place) not in blocked]
    return replace(wanted, kinds=tuple(free))


def _ending(wanted: WantedFile, place: Place, conflict: PathConflict) -> FileFinished:
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
