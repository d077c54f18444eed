"""From one verified file to a final place: copied, unpacked, noted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio.to_thread

from asyncdl.config import BundleProduct, Config
from asyncdl.errors import AsyncdlError, DiskError, NetworkError, TransferError
from asyncdl.events import FileFinished, FileState
from asyncdl.job.copies import copy_file
from asyncdl.job.extraction import unpack
from asyncdl.job.journal import FinishedFile
from asyncdl.job.layout import Place
from asyncdl.job.run import Run
from asyncdl.m2m.selection import BundleWanted


async def bring(run: Run, place: Place, source: Path, ending: FileFinished) -> FinishedFile | None:
    """Bring a verified file to one of its places, and unpack it there if that is wanted.

    Args:
        run: The run.
        place: May be where the file is already.
        source: The verified file.
        ending: How the place ends when all goes well; the caller reports it.
    Returns: What the journal should remember; ``None`` after a failure, which is reported.
    Raises: DiskError, when the disk is full.
    """
    target = place.under(run.directory)
    try:
        if target != source:
            await copy_file(source, target)
        if is_unpacked(run.config, place):
            await unpack(target)
        return await anyio.to_thread.run_sync(_finished, place, target, ending.proof)
    except (DiskError, TransferError) as error:
        stop_if_full(error)
        run.emit(replace(ending, state=FileState.FAILED, **facts_of(error)))
        return None


def is_unpacked(config: Config, place: Place) -> bool:
    """Tell whether the file of a place is to be unpacked beside itself."""
    return place.kind == BundleWanted.kind and any(
        isinstance(product, BundleProduct) and product.extract for product in config.products
    )


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
        detail, remedy = str(error), TransferError.remedy
    attempts = getattr(error, "attempts", 0)
    return {"reason": reason, "detail": detail, "remedy": remedy, "attempts": attempts}


def _finished(place: Place, path: Path, proof: str) -> FinishedFile:
    try:
        stat = path.stat()
    except OSError as error:
        raise DiskError(path, error) from error
    return FinishedFile(str(place.relative), stat.st_size, stat.st_mtime_ns, proof)
