"""From one verified file to its final places: copied or unpacked, and recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread
from msgspec.structs import replace as changed

from asyncdl.errors import (
    AsyncdlError,
    DiskError,
    HttpStatusError,
    NetworkError,
    StoreError,
    TransferError,
    reason_of,
)
from asyncdl.events import FileFinished, FileState
from asyncdl.job.places.delivery import (
    DeliveredFile,
    DeliveryPlan,
    FileDelivery,
    FileToDeliver,
    PlannedPlace,
    source_of_digest,
)
from asyncdl.job.places.layout import (
    is_archive_transient,
    transient_path,
    unpacking_at,
    unpacking_of,
)
from asyncdl.job.places.member_plan import BundleUnpacker, MemberPlan
from asyncdl.job.run_context import RunContext
from asyncdl.job.stages.requirements import Requirements, requirements_of
from asyncdl.journal import FinishedFile, Place
from asyncdl.m2m.downloads.pending import Ready
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.transfer import Digest
from asyncdl.transfer.parts.part_file import remove_part_files


@dataclass(frozen=True, slots=True)
class FileToPlace:
    """A verified file, and one of the places that it goes to."""

    wanted: WantedFile
    place: Place
    source: Path
    """Where it is now; this may be the place itself."""
    outcome: FileFinished
    """What is reported if all goes well."""
    unpacker: BundleUnpacker
    """Unpacks it, if it is a bundle to be unpacked; open."""
    digests: tuple[Digest, ...] = ()
    """Of the file, for the journal."""
    cut: str = ""
    """Of a window, for the journal: what it was cut from."""
    download_id: int | None = None
    """Of its download at the service."""
    delivery: FileDelivery | None = None
    """Says whether another process has brought it there."""

    @property
    def path(self) -> str:
        """The place, below the top of the layout."""
        return str(self.place.relative)


async def place_file(run: RunContext, file: FileToPlace) -> bool:
    """Place a verified file, or unpack it, and report it; return whether it is placed.

    Raises: DiskError, when the disk is full; StoreError, when the store takes nothing more.
    """
    outcome = file.outcome
    try:
        delivered = await _delivered(run, file)
    except (DiskError, StoreError, TransferError) as error:
        raise_if_full(error)
        run.record_failure(changed(outcome, state=FileState.FAILED, **failure_facts(error)))
        return False
    finished = [_record_of(file, delivered), *_member_records(run, file, delivered)]
    # Recorded before it is reported: a reader of the event may kill the run at once.
    await run.journal.files.record(finished)
    await remove_transient(run.directory, finished)
    if file.cut:
        await anyio.to_thread.run_sync(remove_source, file.source)
    members = [member.path for member in delivered.members]
    await release(run, map(run.placer.work_path, members))
    run.emit(changed(outcome, members=tuple(members)))
    return True


async def _delivered(run: RunContext, file: FileToPlace) -> DeliveredFile:
    """Bring a file to its place, unless that was done elsewhere."""
    if file.delivery is not None and (made := file.delivery.made_elsewhere(file.path)):
        if made.is_kept:
            run.placer.note_placed(file.path, made.placed)
        for member in made.members:
            run.placer.note_placed(member.path, member.placed)
        return made
    expected_from = _requirements(run, file.wanted).source
    outcome = file.outcome
    to_deliver = FileToDeliver(
        file.source, outcome.proof, file.digests, expected_from, file.download_id
    )
    unpacker = file.unpacker if unpacking_at(file.wanted, file.place) else None
    return await run.deliverer.deliver(to_deliver, file.path, unpacker)


async def release(run: RunContext, received: Iterable[Path]) -> None:
    """Remove received files that are in all their places now, if these are elsewhere."""
    await run.deliverer.release(list(received))


def _record_of(file: FileToPlace, delivered: DeliveredFile) -> FinishedFile:
    place, outcome, placed = file.place, file.outcome, delivered.placed
    return FinishedFile(
        file.path,
        place.kind,
        outcome.product_id,
        placed.size_bytes,
        placed.mtime_ns,
        outcome.proof,
        outcome.source,
        file.digests,
        place.requested_as,
        member_names=delivered.member_names,
        is_kept=delivered.is_kept,
        window=file.wanted.window,
        cut=file.cut,
        tag=placed.tag,
    )


def _member_records(
    run: RunContext, file: FileToPlace, delivered: DeliveredFile
) -> Iterator[FinishedFile]:
    """Yield what the journal keeps of the files that came out of a bundle."""
    expected_from = _requirements(run, file.wanted).source
    for member in delivered.members:
        yield FinishedFile(
            member.path,
            file.place.kind,
            file.outcome.product_id,
            member.placed.size_bytes,
            member.placed.mtime_ns,
            member.proof,
            source_of_digest(member.proof, expected_from),
            member.verification.digests,
            bundle=file.path,
            tag=member.placed.tag,
        )


async def remove_transient(directory: Path, files: Iterable[FinishedFile]) -> None:
    """Remove the tars of bundles that were unpacked and are not to be kept."""
    for file in files:
        if not file.is_kept:
            await anyio.to_thread.run_sync(_remove, transient_path(directory / file.path))


def remove_source(path: Path) -> None:
    """Remove what a window was made of, which is kept until the window is recorded. Blocks."""
    with suppress(OSError):
        remove_part_files(path)


def _remove(path: Path) -> None:
    # What cannot be removed stays until the next run, which does the same.
    with suppress(OSError):
        path.unlink(missing_ok=True)


# --- what is to be done -------------------------------------------------------------------


def delivery_of(run: RunContext, ready: Ready, places: Iterable[Place]) -> FileDelivery:
    """Return the way of a file to its places."""
    wanted = ready.wanted
    is_unpacked = unpacking_of(wanted) is not None
    plan = DeliveryPlan(
        places=tuple(_planned(wanted, place) for place in places),
        expected_from=_requirements(run, wanted).source,
        download_id=ready.download_id,
        spool_bytes=spool_bytes_of(wanted),
        members=member_plan_of(run, wanted) if is_unpacked else None,
    )
    return FileDelivery(plan)


def _planned(wanted: WantedFile, place: Place) -> PlannedPlace:
    # An archive that is not kept has a name that we chose, whatever its host calls it.
    takes_host_name = not place.is_named and not is_archive_transient(wanted, place)
    is_unpacked = unpacking_at(wanted, place) is not None
    return PlannedPlace(str(place.relative), takes_host_name, is_unpacked)


def spool_bytes_of(wanted: WantedFile) -> int:
    """Return what a file takes until it is placed, as far as that is known."""
    return wanted.estimate_bytes + (wanted.unpacked_bytes if unpacking_of(wanted) else 0)


def unpacker_for(run: RunContext, wanted: WantedFile) -> BundleUnpacker:
    """Return what unpacks a bundle; for any other file it has nothing to do."""
    return BundleUnpacker(member_plan_of(run, wanted), run.placer.work_path)


def member_plan_of(run: RunContext, wanted: WantedFile) -> MemberPlan:
    """Return how a bundle is unpacked."""
    requirements, layout = _requirements(run, wanted), run.layout
    return MemberPlan(
        bundle=wanted,
        files=str(layout.files),
        bundles=str(layout.bundles),
        form=requirements.form,
        digests=dict(requirements.members),
        fingerprint=requirements.fingerprint,
        max_bytes=run.config.download.max_size,
        durable=run.config.download.durable,
    )


def _requirements(run: RunContext, wanted: WantedFile) -> Requirements:
    return requirements_of(wanted, run.config.download.verify)


# --- failures -----------------------------------------------------------------------------


def raise_if_full(error: AsyncdlError) -> None:
    """Raise the error if the whole run has to stop for it: nothing more can be written."""
    if (isinstance(error, DiskError) and error.is_full) or (
        isinstance(error, StoreError) and error.stops_run
    ):
        raise error


def failure_facts(error: AsyncdlError) -> dict[str, Any]:
    """Return what a :class:`FileFinished` says of a failure."""
    if isinstance(error, TransferError):
        detail, remedy = error.detail, error.remedy
    else:
        detail = str(error)
        remedy = (
            error.remedy
            if isinstance(error, DiskError | NetworkError | StoreError)
            else TransferError.remedy
        )
    return {
        "reason": reason_of(error),
        "error": type(error).__name__,
        "http_status": error.status if isinstance(error, HttpStatusError) else None,
        "detail": detail,
        "remedy": remedy,
        "attempts": getattr(error, "attempts", 0),
    }
