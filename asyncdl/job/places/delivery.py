"""From one verified file to its places: unpacked, copied or uploaded.

That happens where the file was received: in this process, or on a worker of a cluster. What is
to be done is plain data, a :class:`DeliveryPlan`, and so is what came of it, a
:class:`DeliveredFile`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import anyio.to_thread
from anyio import CapacityLimiter
from msgspec import Struct

from asyncdl.errors import AsyncdlError, WrongContent
from asyncdl.job.places.extraction import UnpackedFile, unpack
from asyncdl.job.places.member_plan import BundleUnpacker, MemberPlan
from asyncdl.job.places.placer import PlacedFile, Placer
from asyncdl.job.places.provenance import Provenance
from asyncdl.transfer import Digest, FileRequest
from asyncdl.transfer.verification.checks import Verification
from asyncdl.transfer.verification.digests import ALGORITHMS

_ALGORITHMS = frozenset(ALGORITHMS)


def source_of_digest(proof: str, expected_from: str) -> str:
    """Return where the digest in a proof is from; empty if there is none in it.

    Args:
        proof: Checks that a file passed, such as ``length+sha512``.
        expected_from: Who stated the digests that were expected; empty if nobody did, so that
            they are the file host's.
    """
    # A member's digest is last in its word, such as "members-some-sha512".
    names = (check.rpartition("-")[2] for check in proof.split("+"))
    return (expected_from or "host") if not _ALGORITHMS.isdisjoint(names) else ""


class PlannedPlace(Struct, frozen=True, array_like=True):
    """One of the places of a file."""

    path: str
    """Below the top of the layout."""
    takes_host_name: bool = False
    """Whether the host names the file, within the folder of the path."""
    is_unpacked: bool = False
    """Whether it is a bundle that is unpacked there."""

    def path_of(self, name: str) -> str:
        """Return the path, once it is known how the host calls the file."""
        return str(PurePosixPath(self.path).with_name(name)) if self.takes_host_name else self.path


class DeliveryPlan(Struct, frozen=True):
    """What is done with one file once it is verified."""

    places: tuple[PlannedPlace, ...]
    expected_from: str = ""
    """Who stated the digests that it has to have."""
    download_id: int | None = None
    """Of its download at the service."""
    spool_bytes: int = 0
    """What it takes on a local disk until it is placed, as far as that is known."""
    members: MemberPlan | None = None
    """What is unpacked, if anything is."""


class DeliveredMember(Struct, frozen=True, array_like=True):
    """A file that was unpacked from a bundle, at its place."""

    path: str
    placed: PlacedFile
    verification: Verification

    @property
    def proof(self) -> str:
        """The checks that it passed."""
        return "+".join(("length", *self.verification.checks))


class DeliveredFile(Struct, frozen=True, array_like=True):
    """A file at one of its places."""

    placed: PlacedFile
    is_kept: bool = True
    """Whether the file itself is there, and not only what was unpacked from it."""
    member_names: tuple[str, ...] = ()
    """Of all files in it, if it was unpacked."""
    members: tuple[DeliveredMember, ...] = ()


@dataclass(frozen=True, slots=True)
class FileToDeliver:
    """A verified file on a local disk."""

    source: Path
    proof: str
    """The checks that it passed."""
    digests: tuple[Digest, ...]
    expected_from: str
    """As in :attr:`DeliveryPlan.expected_from`."""
    download_id: int | None = None

    def provenance_of(self, proof: str, digests: tuple[Digest, ...]) -> Provenance:
        """Return what is kept with a file that came out of this one."""
        return Provenance(proof, digests, source_of_digest(proof, self.expected_from))

    @property
    def provenance(self) -> Provenance:
        """What is kept with the file itself."""
        source = source_of_digest(self.proof, self.expected_from)
        return Provenance(self.proof, self.digests, source, self.download_id)


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Brings verified files to their places."""

    placer: Placer
    placings: CapacityLimiter | None = None
    """How many files are placed at once; ``None`` for as many as there are threads."""

    async def deliver(
        self, file: FileToDeliver, path: str, unpacker: BundleUnpacker | None
    ) -> DeliveredFile:
        """Bring a file to one place.

        Args:
            file: It stays where it is: it may have to go to other places, too.
            path: The place.
            unpacker: Unpacks it; open. ``None`` if it is not unpacked.
        Raises: DiskError, StoreError; TransferError, if it cannot be unpacked.
        """
        if unpacker is None:
            return DeliveredFile(await self._place(file.source, path, file.provenance))
        is_kept = file.source == self.placer.work_path(path)
        try:
            names, unpacked = await unpack(file.source, unpacker)
        except WrongContent:
            if not is_kept:
                # A sound tar of broken files does not get better; another one is fetched.
                await anyio.to_thread.run_sync(_remove, file.source)
            raise
        members = [await self._place_member(file, member, unpacker) for member in unpacked]
        if is_kept:
            placed = await self._place(file.source, path, file.provenance)
        else:
            placed = await anyio.to_thread.run_sync(PlacedFile.on_disk, file.source)
        return DeliveredFile(placed, is_kept, names, tuple(members))

    async def _place_member(
        self, file: FileToDeliver, member: UnpackedFile, unpacker: BundleUnpacker
    ) -> DeliveredMember:
        path = unpacker.plan.path_of(member.name)
        placed = PlacedFile(member.size_bytes, member.mtime_ns)
        delivered = DeliveredMember(path, placed, member.proof)
        if self.placer.spool_bytes is None:
            return delivered  # it is in its place since it was unpacked
        provenance = file.provenance_of(delivered.proof, member.proof.digests)
        placed = await self._place(self.placer.work_path(path), path, provenance)
        return DeliveredMember(path, placed, member.proof)

    async def _place(self, source: Path, path: str, provenance: Provenance) -> PlacedFile:
        # Cancellation waits for the thread; where that may take long, the placer looks for it.
        return await anyio.to_thread.run_sync(
            self.placer.place, source, path, provenance, limiter=self.placings
        )

    async def release(self, received: Sequence[Path]) -> None:
        """Remove received files that are in all their places now, if these are elsewhere."""
        if self.placer.spool_bytes is not None:
            await anyio.to_thread.run_sync(self.placer.release, received)


def _remove(path: Path) -> None:
    # What cannot be removed stays until the next run, which does the same.
    with suppress(OSError):
        path.unlink(missing_ok=True)


class FileDelivery:
    """One file's way to its places, which another process may go.

    Args:
        plan: What is done with it.
    """

    def __init__(self, plan: DeliveryPlan) -> None:
        self.plan = plan
        self.elsewhere: Mapping[str, DeliveredFile | AsyncdlError] | None = None
        """By place, what another process has made of it; ``None`` if none has."""

    def made_elsewhere(self, path: str) -> DeliveredFile | None:
        """Return what another process has brought to a place. Raises: why it could not."""
        if self.elsewhere is None:
            return None
        made = self.elsewhere[path]
        if isinstance(made, AsyncdlError):
            raise made
        return made


@dataclass(frozen=True, slots=True)
class DeliveryRequest(FileRequest):
    """A request for a file of a job, with the way to its places."""

    delivery: FileDelivery | None = field(default=None, repr=False, compare=False)
