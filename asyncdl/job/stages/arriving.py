"""From one verified file to a final place: copied, unpacked, noted."""

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
    TransferError,
    WrongContent,
    reason_of,
)
from asyncdl.events import FileFinished, FileState
from asyncdl.job.journal import FinishedFile
from asyncdl.job.places.extraction import (
    Order,
    UnpackedFile,
    Unpacking,
    passing_path,
    unpack,
    unpacking_at,
)
from asyncdl.job.places.layout import Place
from asyncdl.job.run import Run
from asyncdl.job.stages.copies import copy_file
from asyncdl.job.stages.proofs import Demand, demand_of
from asyncdl.m2m.selection import WantedFile
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
    digests: Digests = ()
    """Of the file, for the journal."""


async def bring(run: Run, arrival: Arrival) -> None:
    """Bring a verified file to one of its places, or unpack it, and report it.

    Raises: DiskError, when the disk is full.
    """
    ending = arrival.ending
    try:
        if unpacking := unpacking_at(run.config, arrival.place):
            finished = await _unpack(run, arrival, unpacking)
        else:
            finished = [await _place(run, arrival)]
    except (DiskError, TransferError) as error:
        stop_if_full(error)
        run.end(changed(ending, state=FileState.FAILED, **facts_of(error)))
        return
    # First the memory, then the word: who reads the event may kill the run at once.
    await run.journal.record(finished)
    await remove_passing(run.directory, finished)
    run.emit(changed(ending, members=tuple(file.path for file in finished if file.bundle)))


async def _place(run: Run, arrival: Arrival) -> FinishedFile:
    target = arrival.place.under(run.directory)
    if target != arrival.source:
        await copy_file(arrival.source, target, durable=run.config.download.durable)
    return await anyio.to_thread.run_sync(_finished, arrival, target)


async def _unpack(run: Run, arrival: Arrival, unpacking: Unpacking) -> list[FinishedFile]:
    wanted, scene = arrival.wanted, arrival.wanted.scene
    demand = demand_of(wanted, run.config.download.verify)

    def path_of(name: str) -> str:
        return str(run.layout.place_of_member(wanted, name).relative)

    order = Order(
        choose=lambda names: unpacking.wanted_of(names, scene),
        target_of=lambda name: run.directory / path_of(name),
        expected_of=demand.of_member,
        durable=run.config.download.durable,
    )
    is_kept = arrival.source == arrival.place.under(run.directory)
    try:
        held, files = await unpack(arrival.source, order)
    except WrongContent:
        if not is_kept:
            # A sound tar of broken files does not get better; the next run fetches another.
            await anyio.to_thread.run_sync(_remove, arrival.source)
        raise
    tar = await anyio.to_thread.run_sync(_finished, arrival, arrival.source)
    members = [_member(path_of(file.name), file, tar, demand) for file in files]
    return [replace(tar, held=held, is_kept=is_kept), *members]


def _member(path: str, file: UnpackedFile, tar: FinishedFile, demand: Demand) -> FinishedFile:
    proof = "+".join(("length", *file.proof.checks))
    return FinishedFile(
        path,
        tar.kind,
        tar.scene,
        file.size_bytes,
        file.mtime_ns,
        proof,
        demand.source_of(proof),
        file.proof.digests,
        bundle=tar.path,
    )


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
        remedy = error.remedy if isinstance(error, DiskError) else TransferError.remedy
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
