"""From one verified file to a final place: copied, unpacked, noted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import anyio.to_thread
from msgspec.structs import replace

from asyncdl.errors import AsyncdlError, DiskError, HttpStatusError, NetworkError, TransferError
from asyncdl.events import FileFinished, FileState
from asyncdl.job.copies import copy_file
from asyncdl.job.extraction import is_unpacked, unpack
from asyncdl.job.journal import FinishedFile
from asyncdl.job.layout import Place
from asyncdl.job.run import Run
from asyncdl.transfer import Digest

Digests: TypeAlias = tuple[Digest, ...]


async def bring(
    run: Run, place: Place, source: Path, ending: FileFinished, digests: Digests = ()
) -> None:
    """Bring a verified file to one of its places, unpack it there if that is wanted, report it.

    Args:
        run: The run.
        place: May be where the file is already.
        source: The verified file.
        ending: How the place ends when all goes well.
        digests: Of the file, for the journal.
    Raises: DiskError, when the disk is full.
    """
    target, durable = place.under(run.directory), run.config.download.durable
    try:
        if target != source:
            await copy_file(source, target, durable=durable)
        if is_unpacked(run.config, place):
            await unpack(target, durable=durable)
        finished = await anyio.to_thread.run_sync(_finished, place, target, ending, digests)
    except (DiskError, TransferError) as error:
        stop_if_full(error)
        run.end(replace(ending, state=FileState.FAILED, **facts_of(error)))
        return
    # First the memory, then the word: who reads the event may kill the run at once.
    await run.journal.record([finished])
    run.emit(ending)


def stop_if_full(error: AsyncdlError) -> None:
    """Raise an error that the whole run has to stop for; let any other one pass."""
    if isinstance(error, DiskError) and error.is_full:
        raise error


def facts_of(error: AsyncdlError) -> dict[str, Any]:
    """Return what a :class:`FileFinished` tells of a failure."""
    if isinstance(error, TransferError):
        reason, detail, remedy = error.reason, error.detail, error.remedy
    else:
        reason = "network" if isinstance(error, NetworkError) else "disk"
        detail = str(error)
        remedy = error.remedy if isinstance(error, DiskError) else TransferError.remedy
    return {
        "reason": reason,
        "error": type(error).__name__,
        "http_status": error.status if isinstance(error, HttpStatusError) else None,
        "detail": detail,
        "remedy": remedy,
        "attempts": getattr(error, "attempts", 0),
    }


def _finished(place: Place, path: Path, ending: FileFinished, digests: Digests) -> FinishedFile:
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
        digests,
        place.asked_as,
    )
