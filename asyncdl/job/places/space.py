"""Whether a job fits on its disk: what is still to come, held against what is free.

A job streams: files arrive while scenes are still searched. So the first batch of scenes
is projected onto all of them before anything is requested, and each later batch tells
more: what is certain not to fit stops the run, what only seems so is told.
"""

from __future__ import annotations

import errno
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from asyncdl.config import Config
from asyncdl.errors import DiskError
from asyncdl.events import Event, FileFinished, Notice, ScenesFound, TransferProgress
from asyncdl.job.places.layout import is_archive_transient, layout_of, transient_path, unpacking_at
from asyncdl.job.places.placer import placer_of
from asyncdl.journal import Place
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.system import volumes
from asyncdl.transfer.parts.part_file import part_path
from asyncdl.units import size


class NoRoomError(DiskError):
    """The job does not fit on the disk; nothing of it was requested for that.

    Args:
        directory: The download directory.
        needed_bytes: What is still to come.
        free_bytes: What is free on the directory's volume.
        is_projected: Whether the need of scenes that are not searched yet is in it.
    """

    def __init__(
        self, directory: Path, *, needed_bytes: int, free_bytes: int, is_projected: bool
    ) -> None:
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes
        about = "about " if is_projected else ""
        text = (
            f"the job needs {about}{size(needed_bytes)} more, and {size(free_bytes)} is free there;"
            " make room, choose another directory, ask for fewer scenes or bands,"
            " or run with --force to fetch what fits"
        )
        super().__init__(directory, OSError(errno.ENOSPC, text))


class Space:
    """Keeps the account of one run's room.

    Args:
        config: Of the job.
        is_forced: Whether the run goes on though it will not fit.
    """

    def __init__(self, config: Config, *, is_forced: bool = False) -> None:
        self._directory = config.directory
        self._placer = placer_of(config)
        self._limit = config.search.limit
        self._is_forced = is_forced
        self._all_scenes: int | None = None
        self._scenes = 0
        self._seen_bytes = 0
        self._to_come: dict[str, int] = {}
        """Bytes by path, until it has its ending."""
        self._transient_bytes = 0
        """What no batch exceeds at any moment with tars that are not kept."""
        self._arriving: dict[str, int] = {}
        """Bytes on disk of files under way."""
        self._is_first = True
        self._has_warned = False

    def begin(self, scenes: int | None) -> None:
        """Take note of how many scenes there will be; ``None`` while a search has to tell."""
        self._all_scenes = scenes

    def take(self, event: Event) -> None:
        """Follow what is found and what arrives."""
        match event:
            case ScenesFound(total_hits=int(hits)):
                self._all_scenes = min(hits, self._limit or hits)
            case TransferProgress():
                self._arriving[event.key] = event.done_bytes
            case FileFinished():
                key = event.key or event.file
                self._to_come.pop(key, None)
                self._arriving.pop(key, None)
            case _:
                pass

    async def expect(self, scenes: int, needs: SpaceNeeds) -> Notice | None:
        """Hold what a batch of scenes needs, and what may follow, against what is free.

        Args:
            scenes: In the batch.
            needs: Of the batch, see :func:`needs_of`.
        Returns: What a person should know, if anything; once.
        Raises: NoRoomError, when the first projection exceeds what is free, or any
            later sum of what is certain to come.
        """
        self._scenes += scenes
        self._seen_bytes += sum(needs.permanent.values())
        self._to_come |= needs.permanent
        self._transient_bytes = max(self._transient_bytes, needs.transient_bytes)
        free = await anyio.to_thread.run_sync(self._placer.free_bytes)
        return None if free is None else self._judge(free)

    def _judge(self, free: int) -> Notice | None:
        is_first, self._is_first = self._is_first, False
        certain, rest = self._certain_bytes, self._projected_bytes
        is_certain = certain > free
        if certain + rest <= free:
            return None
        error = NoRoomError(
            self._directory,
            needed_bytes=certain if is_certain else certain + rest,
            free_bytes=free,
            is_projected=rest > 0 and not is_certain,
        )
        if (is_first or is_certain) and not self._is_forced:
            raise error
        return self._warning(error)

    def _warning(self, error: NoRoomError) -> Notice | None:
        if self._has_warned:
            return None
        self._has_warned = True
        text = (
            f"The disk will be full before the job is done: it needs about"
            f" {size(error.needed_bytes)} more, and {size(error.free_bytes)} is free in"
            f" {self._directory}. The run stops then, and continues once there is room."
        )
        return Notice(text, "warning")

    @property
    def _certain_bytes(self) -> int:
        """What files that were found still need; what has arrived of them is there already."""
        arrived = (min(there, self._to_come.get(key, 0)) for key, there in self._arriving.items())
        return sum(self._to_come.values()) - sum(arrived) + self._transient_bytes

    @property
    def _projected_bytes(self) -> int:
        """What scenes that were not searched yet will need, if they are like those before."""
        left = max(0, (self._all_scenes or 0) - self._scenes)
        return round(left * self._seen_bytes / self._scenes) if self._scenes else 0


@dataclass(frozen=True, slots=True)
class ExistingFiles:
    """What is on disk already."""

    places: Container[Place] = ()
    """Those that are filled."""
    unpacked: Container[str] = ()
    """Paths of bundles of which all that is wanted is unpacked."""


@dataclass(frozen=True, slots=True)
class SpaceNeeds:
    """What is still to come."""

    permanent: Mapping[str, int]
    """Bytes by path below the download directory; places that need none are left out."""
    transient_bytes: int = 0
    """Of tars that are unpacked and not kept, so many at a time as there are workers."""

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return sum(self.permanent.values()) + self.transient_bytes


def needs_of(config: Config, files: Iterable[WantedFile], present: ExistingFiles) -> SpaceNeeds:
    """Return how many bytes the places of some files still need on disk. Blocks.

    A file that two products want is stored twice, a bundle that is unpacked and kept as
    well; what an earlier run left of an unfinished file is there already.

    Args:
        config: Of the job.
        files: What is wanted.
        present: What is there.
    """
    needs: dict[str, int] = {}
    transient: list[int] = []
    layout = layout_of(config)
    for wanted in files:
        places = layout.places_of(wanted)
        is_fetched = all(place not in present.places for place in places)
        for place in places:
            path, final = str(place.relative), place.under(config.directory)
            is_transient = is_archive_transient(wanted, place)
            need = 0 if place in present.places else wanted.estimate_bytes
            if is_fetched and place is places[0]:
                need = max(
                    0, need - _bytes_of_part(transient_path(final) if is_transient else final)
                )
            if is_transient:
                transient.append(need)
                need = 0
            if unpacking_at(wanted, place) and path not in present.unpacked:
                need += wanted.unpacked_bytes
            if need:
                needs[path] = need
    return SpaceNeeds(needs, sum(sorted(transient)[-config.download.workers :]))


def _bytes_of_part(final: Path) -> int:
    try:
        return volumes.held_bytes(part_path(final).stat())
    except OSError:
        return 0
