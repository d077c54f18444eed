"""Runs that take only part of a job: what failed, or what is new since the last run.

The service's clock decides what is new, since a search is by its days of ingest. This
machine's clock may be wrong by any amount.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePosixPath

from asyncdl.events import Emit, Notice
from asyncdl.job.choosing.search_plan import SearchPlan
from asyncdl.job.choosing.selecting import Selected
from asyncdl.job.places.layout import file_name_of
from asyncdl.journal import FileStatus, Journal, LastSearch
from asyncdl.m2m.downloads.selection import Missing, WantedFile

FAILED = (FileStatus.FAILED, FileStatus.UNRESOLVED)
"""Files that ``run --retry-failed`` fetches."""
DAMAGED = (FileStatus.DAMAGED,)
"""Files that ``verify --repair`` fetches again."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Files that the journal names; a run fetches nothing else."""

    scenes: Mapping[str, tuple[str, ...]]
    """Entity ids by dataset; empty when there is nothing to do."""
    files: frozenset[tuple[str, str, str]]
    """Kinds, scenes and names of files, independent of their places."""
    whole: frozenset[tuple[str, str]]
    """Kinds and scenes for which nothing was offered: all their files."""
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
        return wanted.replace(kinds=tuple(k for k in wanted.kinds if self._takes(k, wanted)))

    def _takes(self, kind: str, wanted: WantedFile) -> bool:
        named = (kind, wanted.scene, file_name_of(wanted))
        return named in self.files or (kind, wanted.scene) in self.whole

    def _takes_missing(self, missing: Missing) -> bool:
        return (missing.kind, missing.scene) in self.whole


async def scope_of(journal: Journal, states: Iterable[FileStatus]) -> Scope:
    """Return the files that the journal has in one of some states."""
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


OVERLAP = timedelta(days=1)
"""The service's time zone is unknown; scenes that are found twice cost nothing."""
SKEW_S = 600.0
"""The clocks of one service may differ by this much."""


@dataclass(frozen=True, slots=True)
class Now:
    """The present, in seconds since 1970."""

    service: float | None
    """As the service states it in this run; ``None`` if it does not."""
    local: float
    """By this machine's clock."""

    @classmethod
    def of(cls, service: float | None) -> Now:
        """Return the present with this machine's clock beside the service's."""
        return cls(service, time.time())

    @property
    def best(self) -> float:
        """By the service's clock if it is known."""
        return self.local if self.service is None else self.service

    @property
    def day(self) -> date:
        """The day today."""
        return day_of(self.best)


def day_of(at: float) -> date:
    """Return the day in UTC; times out of range give the first or last usable day."""
    try:
        day = datetime.fromtimestamp(at, UTC).date()
    except (OverflowError, ValueError, OSError):
        day = date.max if at > 0 else date.min
    return min(max(day, date(1970, 1, 1)), date(9999, 1, 1))


def first_new_day(last: LastSearch, now: Now) -> date | None:
    """Return the first day of ingest that the last search may not have seen whole.

    Returns: ``None`` if that is not known, so that all days count.
    """
    if not last.is_service_time or _is_in_future(last, now):
        return None
    return day_of(min(last.at, now.best)) - OVERLAP


def _is_in_future(last: LastSearch, now: Now) -> bool:
    return not last.at <= now.best + SKEW_S


def clock_warning(last: LastSearch, now: Now) -> Notice | None:
    """Return the notice for a time of the last search that is not trusted."""
    if _is_in_future(last, now):
        who = "this machine's clock" if now.service is None else "the service"
        return Notice(
            f"The last search is recorded as of {day_of(last.at)}, but {who} says that today is "
            f"{now.day}: a clock is or was wrong. All matching scenes are checked, "
            "except for those that are complete.",
            "warning",
        )
    if not last.is_service_time:
        return Notice(
            "The time of the last search is that of this machine's clock, which may have been "
            "wrong: all matching scenes are checked once, except for those that are complete."
        )
    return None


async def narrow_to_new(
    journal: Journal, search_plan: SearchPlan, last: LastSearch | None, now: Now, emit: Emit
) -> SearchPlan:
    """Leave out of a search plan what the last run has completed.

    Args:
        journal: Of the job.
        search_plan: Of the whole config; a search.
        last: The last search for the same; ``None`` if there was none, and then
            everything counts as new.
        now: The present.
        emit: Takes notices on what is searched, and on clocks that are not trusted.
    """
    if last is None or search_plan.query is None:
        return search_plan
    since = first_new_day(last, now)
    narrowed = SearchPlan(
        replace(search_plan.query, ingested_since=since),
        window=search_plan.window,
        named=await journal.scenes.incomplete(),
        complete=await journal.scenes.complete(),
        entities=await journal.scenes.entities(),
    )
    if (doubt := clock_warning(last, now)) is not None:
        emit(doubt)
    if since is not None:
        left = f", and {narrowed.named_count:,} that are not complete" if narrowed.named else ""
        emit(Notice(f"Searching scenes that the service took in since {since}{left}."))
    return narrowed
