"""From one verified file to a final place: copied or unpacked, and noted."""

from __future__ import annotations

from collections.abc import Iterable
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
from asyncdl.job.journal.records import FinishedFile
from asyncdl.job.places.extraction import Unpacker, unpack
from asyncdl.job.places.layout import Place
from asyncdl.job.places.unpacking import passing_path, unpacking_at
from asyncdl.job.run import Run
from asyncdl.job.stages.copies import copy_file
from asyncdl.job.stages.unpacking import noted_members
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.transfer import Digest

Digests: TypeAlias = tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
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


async def bring(run: Run, arrival: Arrival) -> None:
    """Bring a verified file to one of its places, or unpack it, and report it.

    Raises: DiskError, when the disk is full.
    """
    ending = arrival.ending
    try:
        if unpacking_at(arrival.wanted, arrival.place):
            finished = await _unpack(run, arrival)
        else:
            finished = [await _place(run, arrival)]
    except (DiskError, TransferError) as error:
        stop_if_full(error)
        run.end(changed(ending, state=FileState.FAILED, **facts_of(error)))
        return
    # First the memory, then the word: who reads the event may kill the run at once.
    await run.journal.files.record(finished)
    await remove_passing(run.directory, finished)
    run.emit(changed(ending, members=tuple(file.path for file in finished if file.bundle)))


async def _place(run: Run, arrival: Arrival) -> FinishedFile:
    target = arrival.place.under(run.directory)
    if target != arrival.source:
        await copy_file(arrival.source, target, durable=run.config.download.durable)
    return await anyio.to_thread.run_sync(_finished, arrival, target)


async def _unpack(run: Run, arrival: Arrival) -> list[FinishedFile]:
    is_kept = arrival.source == arrival.place.under(run.directory)
    try:
        held, files = await unpack(arrival.source, arrival.unpacker)
    except WrongContent:
        if not is_kept:
            # A sound tar of broken files does not get better; the next run fetches another.
            await anyio.to_thread.run_sync(_remove, arrival.source)
        raise
    tar = await anyio.to_thread.run_sync(_finished, arrival, arrival.source)
    members = noted_members(run, arrival.wanted, tar, files)
    return [replace(tar, held=held, is_kept=is_kept), *members]


async def remove_passing(directory: Path, files: Iterable[FinishedFile]) -> None:
    """Remove the tars of bundles that were unpacked and are not to be kept."""
    for file in files:
        if not file.is_kept:
            tar = passing_path(directory / file.path)
            await anyio.to_thread.run_sync(_remove, tar)


def _remove(path: Path) -> None:
    # What cannot be removed stays until the next run, which comes by here, too.
    with suppress(OSError):
        path.unlink(missing_ok=True)


def stop_if_full(error: AsyncdlError) -> None:
    """Raise an error that the whole run has to stop for; let any other one pass."""
    if isinstance(error, DiskError) and error.is_full:
        raise error


def facts_of(error: AsyncdlError) -> dict[str, Any]:
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


def _finished(arrival: Arrival, path: Path) -> FinishedFile:
    place, ending = arrival.place, arrival.ending
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
        arrival.digests,
        place.asked_as,
    )
