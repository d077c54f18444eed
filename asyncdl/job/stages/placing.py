"""From one verified file to its final places: copied or unpacked, and recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
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
    WrongContent,
    reason_of,
)
from asyncdl.events import FileFinished, FileState
from asyncdl.job.places.extraction import UnpackedFile, Unpacker, unpack
from asyncdl.job.places.layout import transient_path, unpacking_at
from asyncdl.job.places.member_plan import BundleUnpacker, MemberPlan
from asyncdl.job.places.placer import PlacedFile, Provenance
from asyncdl.job.run_context import RunContext
from asyncdl.job.stages.requirements import Requirements, requirements_of
from asyncdl.journal import FinishedFile, Place
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
    unpacker: Unpacker
    """Unpacks it, if it is a bundle to be unpacked; open."""
    digests: tuple[Digest, ...] = ()
    """Of the file, for the journal."""
    cut: str = ""
    """Of a window, for the journal: what it was cut from."""
    download_id: int | None = None
    """Of its download at the service."""

    @property
    def provenance(self) -> Provenance:
        """What its place may keep with it."""
        outcome = self.outcome
        return Provenance(outcome.proof, self.digests, outcome.source, self.download_id)


async def place_file(run: RunContext, file: FileToPlace) -> bool:
    """Place a verified file, or unpack it, and report it; return whether it is placed.

    Raises: DiskError, when the disk is full; StoreError, when the store takes nothing more.
    """
    outcome = file.outcome
    try:
        if unpacking_at(file.wanted, file.place):
            finished = await _unpack(run, file)
        else:
            placed = await _place(run, file.source, str(file.place.relative), file.provenance)
            finished = [_record_of(file, placed)]
    except (DiskError, StoreError, TransferError) as error:
        raise_if_full(error)
        run.record_failure(changed(outcome, state=FileState.FAILED, **failure_facts(error)))
        return False
    # Recorded before it is reported: a reader of the event may kill the run at once.
    await run.journal.files.record(finished)
    await remove_transient(run.directory, finished)
    if file.cut:
        await anyio.to_thread.run_sync(remove_source, file.source)
    await release(run, (run.placer.work_path(f.path) for f in finished if f.bundle))
    run.emit(changed(outcome, members=tuple(f.path for f in finished if f.bundle)))
    return True


async def _place(run: RunContext, source: Path, path: str, provenance: Provenance) -> PlacedFile:
    # Cancellation waits for the thread; where that may take long, the placer looks for it.
    return await anyio.to_thread.run_sync(
        run.placer.place, source, path, provenance, limiter=run.placings
    )


async def release(run: RunContext, received: Iterable[Path]) -> None:
    """Remove received files that are in all their places now, if these are elsewhere."""
    if run.placer.spool_bytes is not None:
        await anyio.to_thread.run_sync(run.placer.release, list(received))


async def _unpack(run: RunContext, file: FileToPlace) -> list[FinishedFile]:
    is_kept = file.source == run.placer.work_path(str(file.place.relative))
    try:
        member_names, members = await unpack(file.source, file.unpacker)
    except WrongContent:
        if not is_kept:
            # A sound tar of broken files does not get better; the next run fetches another.
            await anyio.to_thread.run_sync(_remove, file.source)
        raise
    recorded = [await _place_member(run, record) for record in member_records(run, file, members)]
    if is_kept:
        placed = await _place(run, file.source, str(file.place.relative), file.provenance)
    else:
        placed = await anyio.to_thread.run_sync(PlacedFile.on_disk, file.source)
    tar = replace(_record_of(file, placed), member_names=member_names, is_kept=is_kept)
    return [tar, *recorded]


async def _place_member(run: RunContext, file: FinishedFile) -> FinishedFile:
    source = run.placer.work_path(file.path)
    if run.placer.spool_bytes is None:
        return file  # it is in its place since it was unpacked
    provenance = Provenance(file.proof, file.digests, file.source)
    placed = await _place(run, source, file.path, provenance)
    return replace(file, size_bytes=placed.size_bytes, mtime_ns=placed.mtime_ns, tag=placed.tag)


def _record_of(file: FileToPlace, placed: PlacedFile) -> FinishedFile:
    place, outcome = file.place, file.outcome
    return FinishedFile(
        str(place.relative),
        place.kind,
        outcome.product_id,
        placed.size_bytes,
        placed.mtime_ns,
        outcome.proof,
        outcome.source,
        file.digests,
        place.requested_as,
        window=file.wanted.window,
        cut=file.cut,
        tag=placed.tag,
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


# --- unpacking ----------------------------------------------------------------------------


def unpacker_for(run: RunContext, wanted: WantedFile) -> BundleUnpacker:
    """Return what unpacks a bundle; for any other file it has nothing to do."""
    requirements, layout = _requirements(run, wanted), run.layout
    plan = MemberPlan(
        bundle=wanted,
        files=str(layout.files),
        bundles=str(layout.bundles),
        form=requirements.form,
        digests=dict(requirements.members),
        fingerprint=requirements.fingerprint,
        max_bytes=run.config.download.max_size,
        durable=run.config.download.durable,
    )
    return BundleUnpacker(plan, run.placer.work_path)


def member_records(
    run: RunContext, file: FileToPlace, members: Iterable[UnpackedFile]
) -> Iterator[FinishedFile]:
    """Yield what the journal keeps of the files that came out of a bundle."""
    wanted = file.wanted
    requirements = _requirements(run, wanted)
    for member in members:
        proof = "+".join(("length", *member.proof.checks))
        yield FinishedFile(
            _path_of(run, wanted, member.name),
            file.place.kind,
            file.outcome.product_id,
            member.size_bytes,
            member.mtime_ns,
            proof,
            requirements.source_of(proof),
            member.proof.digests,
            bundle=str(file.place.relative),
        )


def _requirements(run: RunContext, wanted: WantedFile) -> Requirements:
    return requirements_of(wanted, run.config.download.verify)


def _path_of(run: RunContext, wanted: WantedFile, name: str) -> str:
    return str(run.layout.place_of_member(wanted, name).relative)


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
