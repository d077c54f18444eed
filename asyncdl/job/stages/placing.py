"""From one verified file to its final places: copied or unpacked, and recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

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
from asyncdl.job.places.extraction import UnpackedFile, Unpacker, UnpackSpec, unpack
from asyncdl.job.places.layout import Unpacking, transient_path, unpacking_at, unpacking_of
from asyncdl.job.run_context import RunContext
from asyncdl.job.stages.requirements import Requirements, requirements_of
from asyncdl.journal import FinishedFile, Place
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.transfer import Digest
from asyncdl.transfer.names import COPY
from asyncdl.transfer.parts.durable import make_folders, read_chunks, rename, write_file
from asyncdl.transfer.parts.part_file import remove_part_files


async def copy_file(source: Path, target: Path, *, durable: bool = False) -> None:
    """Copy a verified file to its second place; the name appears when the copy is whole.

    A copy and not a hard link: tools that write into a raster must not change
    another product's file.

    Args:
        source: The file.
        target: The second place; its folder is made if missing.
        durable: Whether the copy and its name are on stable storage afterwards.
    Raises: DiskError.
    """
    # Not cut short by cancellation: a thread cannot be stopped half way anyhow.
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(_copy, source, target, durable)


def _copy(source: Path, target: Path, durable: bool) -> None:
    # Not the name of a download under way: a note may lie beside that and speak for it.
    partial = target.with_name(f"{target.name}{COPY}")
    try:
        make_folders(target.parent)
        with source.open("rb", buffering=0) as file:
            write_file(partial, read_chunks(file), durable=durable)
        rename(partial, target, durable=durable)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise DiskError(target, error) from error
    # Of an earlier run, whose config had the file fetched to here. The copy is right with it, too.
    with suppress(OSError):
        remove_part_files(target)


def unpacker_for(run: RunContext, wanted: WantedFile) -> Unpacker:
    """Return what unpacks a bundle; for any other file it has nothing to do."""
    unpacking = unpacking_of(wanted) or Unpacking()
    order = UnpackSpec(
        is_wanted=lambda name: bool(unpacking.wanted_of([name], wanted.scene)),
        target_of=lambda name: run.directory / _path_of(run, wanted, name),
        expected_of=_requirements(run, wanted).of_member,
        durable=run.config.download.durable,
        most_bytes=run.config.download.max_size,
    )
    return Unpacker(wanted.file_name, order)


def member_records(
    run: RunContext, wanted: WantedFile, tar: FinishedFile, files: Iterable[UnpackedFile]
) -> Iterator[FinishedFile]:
    """Yield what the journal keeps of the files that came out of a bundle."""
    requirements = _requirements(run, wanted)
    for file in files:
        proof = "+".join(("length", *file.proof.checks))
        yield FinishedFile(
            _path_of(run, wanted, file.name),
            tar.kind,
            tar.scene,
            file.size_bytes,
            file.mtime_ns,
            proof,
            requirements.source_of(proof),
            file.proof.digests,
            bundle=tar.path,
        )


def _requirements(run: RunContext, wanted: WantedFile) -> Requirements:
    return requirements_of(wanted, run.config.download.verify)


def _path_of(run: RunContext, wanted: WantedFile, name: str) -> str:
    return str(run.layout.place_of_member(wanted, name).relative)


Digests: TypeAlias = tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class FileToPlace:
    """A verified file, and one of the places it has to be brought to."""

    wanted: WantedFile
    place: Place
    source: Path
    """Where it is; the place itself, perhaps."""
    ending: FileFinished
    """How the place ends when all goes well."""
    unpacker: Unpacker
    """What unpacks it, if it is a bundle to be unpacked; open."""
    digests: Digests = ()
    """Of the file, for the journal."""


async def place_file(run: RunContext, placement: FileToPlace) -> None:
    """Bring a verified file to one of its places, or unpack it, and report it.

    Raises: DiskError, when the disk is full.
    """
    ending = placement.ending
    try:
        if unpacking_at(placement.wanted, placement.place):
            finished = await _unpack(run, placement)
        else:
            finished = [await _place(run, placement)]
    except (DiskError, TransferError) as error:
        raise_if_full(error)
        run.record_failure(changed(ending, state=FileState.FAILED, **failure_facts(error)))
        return
    # First the memory, then the word: who reads the event may kill the run at once.
    await run.journal.files.record(finished)
    await remove_transient(run.directory, finished)
    run.emit(changed(ending, members=tuple(file.path for file in finished if file.bundle)))


async def _place(run: RunContext, placement: FileToPlace) -> FinishedFile:
    target = placement.place.under(run.directory)
    if target != placement.source:
        await copy_file(placement.source, target, durable=run.config.download.durable)
    return await anyio.to_thread.run_sync(_finished, placement, target)


async def _unpack(run: RunContext, placement: FileToPlace) -> list[FinishedFile]:
    is_kept = placement.source == placement.place.under(run.directory)
    try:
        member_names, files = await unpack(placement.source, placement.unpacker)
    except WrongContent:
        if not is_kept:
            # A sound tar of broken files does not get better; the next run fetches another.
            await anyio.to_thread.run_sync(_remove, placement.source)
        raise
    tar = await anyio.to_thread.run_sync(_finished, placement, placement.source)
    members = member_records(run, placement.wanted, tar, files)
    return [replace(tar, member_names=member_names, is_kept=is_kept), *members]


async def remove_transient(directory: Path, files: Iterable[FinishedFile]) -> None:
    """Remove the tars of bundles that were unpacked and are not to be kept."""
    for file in files:
        if not file.is_kept:
            tar = transient_path(directory / file.path)
            await anyio.to_thread.run_sync(_remove, tar)


def _remove(path: Path) -> None:
    # What cannot be removed stays until the next run, which comes by here, too.
    with suppress(OSError):
        path.unlink(missing_ok=True)


def raise_if_full(error: AsyncdlError) -> None:
    """Raise an error that the whole run has to stop for; let any other one pass."""
    if isinstance(error, DiskError) and error.is_full:
        raise error


def failure_facts(error: AsyncdlError) -> dict[str, Any]:
    """Return what a :class:`FileFinished` tells of a failure."""
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


def _finished(placement: FileToPlace, path: Path) -> FinishedFile:
    place, ending = placement.place, placement.ending
    try:
        stat = path.stat()
    except OSError as error:
        raise DiskError(path, error) from error
    return FinishedFile(
        str(place.relative),
        place.kind,
        ending.product_id,
        stat.st_size,
        stat.st_mtime_ns,
        ending.proof,
        ending.source,
        placement.digests,
        place.requested_as,
    )
