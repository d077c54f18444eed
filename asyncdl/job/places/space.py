"""Whether a job fits on its disk: what it still needs, compared with what is free.

A job streams: files arrive while scenes are still searched. So the needs of the first batch
of scenes are projected onto all scenes before anything is requested. Later batches make the
projection better: the run stops if certain needs do not fit, and warns if projected ones do not.
"""

from __future__ import annotations

import errno
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from asyncdl.background import unhurried
from asyncdl.config import Config
from asyncdl.errors import DiskError
from asyncdl.events import Event, FileFinished, Notice, ScenesFound, TransferProgress
from asyncdl.job.places.layout import is_archive_transient, layout_of, transient_path, unpacking_at
from asyncdl.job.places.target import placer_of
from asyncdl.journal import Place
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.system import volumes
from asyncdl.transfer.parts.part_file import part_path, source_path
from asyncdl.units import size


class NoRoomError(DiskError):
    """The job does not fit on the disk; the files that do not fit were not requested.

    Args:
        directory: The download directory.
        needed_bytes: What is still needed.
        free_bytes: What is free on the directory's volume.
        is_projected: Whether scenes that are not searched yet are included.
    """

    def __init__(
        self, directory: Path, *, needed_bytes: int, free_bytes: int, is_projected: bool
    ) -> None:
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes
        about = "about " if is_projected else ""
        text = (
            f"the job needs {about}{size(needed_bytes)} more, and {size(free_bytes)} is free there;"
            " free some space, choose another directory, fewer scenes or bands,"
            " or run with --force to fetch what fits"
        )
        super().__init__(directory, OSError(errno.ENOSPC, text))


class Space:
    """Compares what one run needs on disk with what is free.

    Args:
        config: Of the job.
        is_forced: Whether the run goes on even if not everything fits.
    """

    def __init__(self, config: Config, *, is_forced: bool = False) -> None:
        self._placer = placer_of(config)
        self._directory = self._placer.work_directory
        self._limit = config.search.limit
        self._is_forced = is_forced
        self._all_scenes: int | None = None
        self._scenes = 0
        self._seen_bytes = 0
        self._needed: dict[str, int] = {}
        """Bytes by path, until the file has its outcome."""
        self._transient_bytes = 0
        """The most that tars which are not kept take at any moment."""
        self._arrived: dict[str, int] = {}
        """Bytes on disk of unfinished files."""
        self._is_first = True
        self._has_warned = False

    def set_scenes(self, scenes: int | None) -> None:
        """Set the number of scenes; ``None`` if the search has to find it out."""
        self._all_scenes = scenes

    def update(self, event: Event) -> None:
        """Update the account by an event: scenes found, bytes received, files finished."""
        match event:
            case ScenesFound(total_hits=int(hits)):
                self._all_scenes = min(hits, self._limit or hits)
            case TransferProgress():
                self._arrived[event.key] = event.done_bytes
            case FileFinished():
                key = event.key or event.file
                self._needed.pop(key, None)
                self._arrived.pop(key, None)
            case _:
                pass

    async def add_batch(self, scenes: int, needs: SpaceNeeds) -> Notice | None:
        """Compare what is needed, with a further batch of scenes, with what is free.

        Args:
            scenes: Number of scenes in the batch.
            needs: Of the batch, see :func:`needs_of`.
        Returns: A warning, if there is one; only once.
        Raises: NoRoomError, if the first projection exceeds what is free, or certain
            needs do at any time.
        """
        self._scenes += scenes
        self._seen_bytes += sum(needs.permanent.values())
        self._needed |= needs.permanent
        self._transient_bytes = max(self._transient_bytes, needs.transient_bytes)
        free = await anyio.to_thread.run_sync(self._placer.free_bytes)
        return None if free is None else self._compare(free)

    def _compare(self, free: int) -> Notice | None:
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
        """What the files that were found still need, without the bytes that are there."""
        arrived = (min(there, self._needed.get(key, 0)) for key, there in self._arrived.items())
        return sum(self._needed.values()) - sum(arrived) + self._transient_bytes

    @property
    def _projected_bytes(self) -> int:
        """What scenes that were not searched yet will need, if they are like the others."""
        left = max(0, (self._all_scenes or 0) - self._scenes)
        return round(left * self._seen_bytes / self._scenes) if self._scenes else 0


@dataclass(frozen=True, slots=True)
class ExistingFiles:
    """What is there already."""

    places: Container[Place] = ()
    """Places that have their file."""
    unpacked: Container[str] = ()
    """Paths of bundles of which all wanted members are unpacked."""


@dataclass(frozen=True, slots=True)
class SpaceNeeds:
    """What files still need on disk."""

    permanent: Mapping[str, int]
    """Bytes by path below the download directory, without places that need none."""
    transient_bytes: int = 0
    """Of tars that are unpacked and not kept, as many at a time as there are workers."""

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return sum(self.permanent.values()) + self.transient_bytes


def needs_of(
    config: Config, work_directory: Path, files: Iterable[WantedFile], present: ExistingFiles
) -> SpaceNeeds:
    """Return how many bytes the places of some files still need on disk. Blocks.

    A file that two products want is stored twice, and so is a bundle that is unpacked and
    kept. What is there of an unfinished file is deducted.

    Args:
        config: Of the job.
        work_directory: Where unfinished files are.
        files: What is wanted.
        present: What is there.
    """
    needs: dict[str, int] = {}
    transient: list[int] = []
    layout = layout_of(config)
    for wanted in unhurried(files):
        places = layout.places_of(wanted)
        is_fetched = all(place not in present.places for place in places)
        for place in places:
            path, final = str(place.relative), place.under(work_directory)
            is_transient = is_archive_transient(wanted, place)
            need = 0 if place in present.places else wanted.estimate_bytes
            if is_fetched and place is places[0]:
                begun = transient_path(final) if is_transient else final
                begun = source_path(final) if wanted.is_cut else begun
                need = max(0, need - _bytes_of_part(begun))
            if is_transient:
                transient.append(need)
                need = 0
            if unpacking_at(wanted, place) and path not in present.unpacked:
                need += wanted.unpacked_bytes
            if need:
                needs[path] = need
    return SpaceNeeds(needs, sum(sorted(transient)[-config.download.files_at_once :]))


def _bytes_of_part(final: Path) -> int:
    try:
        return volumes.held_bytes(part_path(final).stat())
    except OSError:
        return 0
