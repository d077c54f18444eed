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
    TransferError,
    WrongContent,
    reason_of,
)
from asyncdl.events import FileFinished, FileState
from asyncdl.job.places.extraction import UnpackedFile, Unpacker, unpack
from asyncdl.job.places.layout import transient_path, unpacking_at
from asyncdl.job.places.member_plan import BundleUnpacker, MemberPlan
from asyncdl.job.places.placer import PlacedFile
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


async def place_file(run: RunContext, file: FileToPlace) -> None:
    """Place a verified file, or unpack it, and report it.

    Raises: DiskError, when the disk is full.
    """
    outcome = file.outcome
    try:
        if unpacking_at(file.wanted, file.place):
            finished = await _unpack(run, file)
        else:
            finished = [_record_of(file, await _place(run, file))]
    except (DiskError, TransferError) as error:
        raise_if_full(error)
        run.record_failure(changed(outcome, state=FileState.FAILED, **failure_facts(error)))
        return
    # Recorded before it is reported: a reader of the event may kill the run at once.
    await run.journal.files.record(finished)
    await remove_transient(run.directory, finished)
    if file.cut:
        await anyio.to_thread.run_sync(remove_source, file.source)
    run.emit(changed(outcome, members=tuple(f.path for f in finished if f.bundle)))


async def _place(run: RunContext, file: FileToPlace) -> PlacedFile:
    # A thread cannot be stopped half way, so cancellation waits for it.
    with anyio.CancelScope(shield=True):
        path = str(file.place.relative)
        placed = await anyio.to_thread.run_sync(run.placer.place, file.source, path)
    return placed


async def _unpack(run: RunContext, file: FileToPlace) -> list[FinishedFile]:
    is_kept = file.source == run.placer.work_path(str(file.place.relative))
    try:
        member_names, members = await unpack(file.source, file.unpacker)
    except WrongContent:
        if not is_kept:
            # A sound tar of broken files does not get better; the next run fetches another.
            await anyio.to_thread.run_sync(_remove, file.source)
        raise
    if is_kept:
        placed = await _place(run, file)
    else:
        placed = await anyio.to_thread.run_sync(PlacedFile.on_disk, file.source)
    tar = replace(_record_of(file, placed), member_names=member_names, is_kept=is_kept)
    return [tar, *member_records(run, file.wanted, tar, members)]


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
    run: RunContext, wanted: WantedFile, tar: FinishedFile, members: Iterable[UnpackedFile]
) -> Iterator[FinishedFile]:
    """Yield what the journal keeps of the files that came out of a bundle."""
    requirements = _requirements(run, wanted)
    for member in members:
        proof = "+".join(("length", *member.proof.checks))
        yield FinishedFile(
            _path_of(run, wanted, member.name),
            tar.kind,
            tar.scene,
            member.size_bytes,
            member.mtime_ns,
            proof,
            requirements.source_of(proof),
            member.proof.digests,
            bundle=tar.path,
        )


def _requirements(run: RunContext, wanted: WantedFile) -> Requirements:
    return requirements_of(wanted, run.config.download.verify)


def _path_of(run: RunContext, wanted: WantedFile, name: str) -> str:
    return str(run.layout.place_of_member(wanted, name).relative)


# --- failures -----------------------------------------------------------------------------


def raise_if_full(error: AsyncdlError) -> None:
    """Raise the error if the whole run has to stop for it: the disk is full."""
    if isinstance(error, DiskError) and error.is_full:
        raise error


def failure_facts(error: AsyncdlError) -> dict[str, Any]:
    """Return what a :class:`FileFinished` says of a failure."""
    if isinstance(error, TransferError):
        detail, remedy = error.detail, error.remedy
    else:
        detail = str(error)
        remedy = (
            error.remedy if isinstance(error, DiskError | NetworkError) else TransferError.remedy
        )
    return {
        "reason": reason_of(error),
        "error": type(error).__name__,
        "http_status": error.status if isinstance(error, HttpStatusError) else None,
        "detail": detail,
        "remedy": remedy,
        "attempts": getattr(error, "attempts", 0),
    }
