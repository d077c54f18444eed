"""A run that takes only some of a job's files: those that failed, or were found damaged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from asyncdl.job.choosing.selecting import Selected
from asyncdl.job.places.layout import file_name_of
from asyncdl.journal.journal import Journal
from asyncdl.journal.records import FileStatus
from asyncdl.m2m.downloads.selection import Missing, WantedFile

FAILED = (FileStatus.FAILED, FileStatus.UNRESOLVED)
"""What ``run --retry-failed`` takes."""
DAMAGED = (FileStatus.DAMAGED,)
"""What ``verify --repair`` fetches again."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Files that the journal names."""

    scenes: Mapping[str, tuple[str, ...]]
    """Entity ids by dataset; empty when there is nothing to do."""
    files: frozenset[tuple[str, str, str]]
    """Kinds, scenes and names of files, wherever they are or were to go."""
    whole: frozenset[tuple[str, str]]
    """Kinds and scenes of which nothing more is known, as nothing was offered: all their files."""
    kinds: Mapping[str, frozenset[str]]
    """Kinds in scope by scene, which goes by either of its ids."""

    def narrow(self, selected: Selected) -> Selected:
        """Leave out of a batch what is not in scope."""
        files = (self._narrow_file(wanted) for wanted in selected.files)
        return replace(
            selected,
            files=tuple(wanted for wanted in files if wanted.kinds),
            not_offered=tuple(m for m in selected.not_offered if self._takes_missing(m)),
        )

    def _narrow_file(self, wanted: WantedFile) -> WantedFile:
        return replace(wanted, kinds=tuple(k for k in wanted.kinds if self._takes(k, wanted)))

    def _takes(self, kind: str, wanted: WantedFile) -> bool:
        named = (kind, wanted.scene, file_name_of(wanted))
        return named in self.files or (kind, wanted.scene) in self.whole

    def _takes_missing(self, missing: Missing) -> bool:
        return (missing.kind, missing.scene) in self.whole


async def scope_of(journal: Journal, states: Iterable[FileStatus]) -> Scope:
    """Return what the journal knows to be in one of some states."""
    scenes: dict[str, dict[str, None]] = {}
    kinds: dict[str, set[str]] = {}
    files, whole = set(), set()
    namesakes = await journal.scenes.namesakes()
    for file in await journal.files.known(states):
        for scene in (file.scene, file.scene_id):
            kinds.setdefault(scene, set()).add(file.kind)
        if file.dataset:
            # The file may be of any of those that share a display id.
            of_dataset = scenes.setdefault(file.dataset, {})
            of_dataset |= dict.fromkeys((file.scene_id, *namesakes.get(file.scene, ())))
        if file.entity_id:
            files.add((file.kind, file.scene, PurePosixPath(file.path).name))
        else:
            whole.add((file.kind, file.scene))
    return Scope(
        {dataset: tuple(names) for dataset, names in scenes.items()},
        frozenset(files),
        frozenset(whole),
        {scene: frozenset(names) for scene, names in kinds.items()},
    )
