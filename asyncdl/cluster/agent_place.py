"""Where an agent receives files, and where it brings them: a shared folder, or a store.

In front of a store each agent has a spool of its own on a disk of its machine. It ends with the
agent: another one rarely gets the orders that this one had, so what it holds is of no use.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree

import anyio.to_thread
from anyio import CancelScope, CapacityLimiter

from asyncdl.cluster.error_records import record_of_error
from asyncdl.cluster.messages import AgentSettings, AgentStore
from asyncdl.cluster.outcomes import DeliveryRecord
from asyncdl.errors import AsyncdlError, DiskError
from asyncdl.job.places.delivery import Deliverer, DeliveryPlan, FileToDeliver, PlannedPlace
from asyncdl.job.places.member_plan import BundleUnpacker
from asyncdl.job.places.placer import FolderPlacer, Placer, free_bytes
from asyncdl.job.places.spool import Spool
from asyncdl.job.places.store_placer import StorePlacer
from asyncdl.transfer import Fetched
from asyncdl.transfer.parts.durable import make_folders
from asyncdl.transfer.parts.part_file import remove_part_files

MOST_OF_DISK = 0.8
"""Part of the free disk that a spool may take, however large it may be."""


@dataclass(frozen=True, slots=True)
class AgentPlace:
    """The place of one agent's files. Made by :func:`open_place`."""

    placer: Placer
    placings: CapacityLimiter | None = None
    """How many files are placed at once; ``None`` for as many as there are threads."""
    room: Spool = field(default_factory=Spool)
    """Bounds what is received and not placed yet."""

    @property
    def spool(self) -> Path | None:
        """The agent's own folder, in which files are received; ``None`` for a shared folder."""
        return None if self.placer.spool_bytes is None else self.placer.work_directory

    async def deliver(
        self, fetched: Fetched, plan: DeliveryPlan, unpacker: BundleUnpacker | None
    ) -> tuple[DeliveryRecord, ...]:
        """Bring a verified file to all its places; return what became of it at each."""
        file = FileToDeliver(
            fetched.path, fetched.proof, fetched.digests, plan.expected_from, plan.download_id
        )
        records = [await self._deliver(file, place, unpacker) for place in plan.places]
        if self.spool is not None:
            # Another attempt is made with another copy: there is no room to keep this one.
            await anyio.to_thread.run_sync(self._release, file.source, records)
        return tuple(records)

    async def _deliver(
        self, file: FileToDeliver, place: PlannedPlace, unpacker: BundleUnpacker | None
    ) -> DeliveryRecord:
        path = place.path_of(file.source.name)
        used = unpacker if place.is_unpacked else None
        try:
            made = await Deliverer(self.placer, self.placings).deliver(file, path, used)
        except AsyncdlError as error:
            return DeliveryRecord(path, error=record_of_error(error))
        return DeliveryRecord(path, made)

    def _release(self, source: Path, records: Sequence[DeliveryRecord]) -> None:
        with suppress(OSError):
            remove_part_files(source)  # what a window was made of
        made = [record.delivered for record in records if record.delivered is not None]
        members = [member.path for delivered in made for member in delivered.members]
        self.placer.release([source, *map(self.placer.work_path, members)])


@asynccontextmanager
async def open_place(
    settings: AgentSettings, scratch: Path, on_wait: Callable[[str], None]
) -> AsyncIterator[AgentPlace]:
    """Yield the place of an agent's files.

    Args:
        settings: Of the agent.
        scratch: Folder on a disk of this machine, for a spool.
        on_wait: Called in a worker thread with why a store is waited for.
    Raises: DiskError, if no spool can be made.
    """
    if settings.store is None:
        yield AgentPlace(FolderPlacer(Path(settings.directory), durable=settings.limits.durable))
        return
    spool = await anyio.to_thread.run_sync(make_spool, scratch)
    try:
        limit = await anyio.to_thread.run_sync(spool_limit, settings.store, spool)
        placer = StorePlacer(settings.store.place(spool, limit), on_wait)
        yield AgentPlace(placer, CapacityLimiter(settings.store.uploads), Spool(limit))
    finally:
        with CancelScope(shield=True):
            await anyio.to_thread.run_sync(rmtree, spool, True)


def make_spool(scratch: Path) -> Path:
    """Make a folder that is no other agent's. Blocks. Raises: DiskError."""
    try:
        make_folders(scratch)
        return Path(tempfile.mkdtemp(prefix="asyncdl-spool-", dir=scratch))
    except OSError as error:
        raise DiskError(scratch, error) from error


def spool_limit(store: AgentStore, spool: Path) -> int:
    """Return how many bytes a spool may hold: as many as are wanted, but not all of a disk."""
    free = free_bytes(spool)
    return store.spool_bytes if free is None else min(store.spool_bytes, int(free * MOST_OF_DISK))
