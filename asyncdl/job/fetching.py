"""The last stage: workers that turn URLs into verified files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anyio.streams.memory import MemoryObjectReceiveStream

from asyncdl.errors import AsyncdlError, DiskError, NetworkError, TransferError
from asyncdl.events import FileFinished, FileState
from asyncdl.job.copies import copy_file
from asyncdl.job.digests import digests_of
from asyncdl.job.journal import FinishedFile
from asyncdl.job.layout import Place, places_of
from asyncdl.job.run import Run
from asyncdl.m2m import DownloadItem
from asyncdl.m2m.matching import match_reply
from asyncdl.m2m.retrieval import Ready
from asyncdl.transfer import Fetched, FileRequest, Form


async def fetch(run: Run, ready_in: MemoryObjectReceiveStream[Ready]) -> None:
    """Fetch files one after the other until the queue is closed and empty.

    Raises: AsyncdlError, when the whole run has to stop: the disk is full or
        the account is refused. What ends a single file does not end the worker.
    """
    async with ready_in:
        async for ready in ready_in:
            await fetch_one(run, ready)
            await run.keep_pace()


async def fetch_one(run: Run, ready: Ready) -> None:
    """Fetch one file into all its places and report one ending for each."""
    first, *others = places_of(ready.wanted)
    try:
        fetched = await run.downloader.fetch(_file_request(run, ready, first))
        paths = [fetched.path, *await _copy_to(run, fetched.path, others)]
    except (TransferError, NetworkError, DiskError) as error:
        if isinstance(error, DiskError) and error.is_full:
            raise
        _report_failure(run, ready, error)
        return
    await run.journal.record(
        [
            _finished(place, path, fetched.proof)
            for place, path in zip((first, *others), paths, strict=True)
        ]
    )
    _report_success(run, ready, fetched)


def _file_request(run: Run, ready: Ready, place: Place) -> FileRequest:
    path = place.under(run.directory)

    async def refresh() -> str:
        return await renew(run, ready)

    return FileRequest(
        url=ready.url,
        directory=path.parent,
        name=path.name,
        size_bytes=ready.wanted.size_bytes,
        digests=digests_of(ready.wanted.checksums),
        form=Form.ANY if run.config.download.verify == "size" else None,
        key=str(place.relative),
        refresh=refresh,
        overwrite=True,  # what is there and right has been sorted out before
    )


async def renew(run: Run, ready: Ready) -> str:
    """Return a new URL for a file whose URL is no longer accepted.

    The same request under the same label gives the same download again, with
    a fresh signature. One that is in preparation again is left to a later run.

    Raises: TransferError, when the service gives none; ApiError, when it refuses.
    Source: endpoints ``download-request``, ``download-retrieve``; API notes §5.4, §7.5.
    """
    wanted = ready.wanted
    item = DownloadItem(wanted.entity_id, wanted.product_id)
    reply = await run.client.download_request([item], label=ready.label)
    for available in match_reply([wanted], reply).available:
        return available.url
    queue = await run.client.download_retrieve(ready.label)
    for entry in queue.entries:
        if entry.download_id == ready.download_id and entry.is_ready and entry.url:
            return entry.url
    raise TransferError(
        ready.url, "the service gives no new URL for it", reason="no-new-url", retryable=False
    )


async def _copy_to(run: Run, source: Path, places: Sequence[Place]) -> list[Path]:
    return [await copy_file(source, place.under(run.directory)) for place in places]


def _finished(place: Place, path: Path, proof: str) -> FinishedFile:
    stat = path.stat()
    return FinishedFile(str(place.relative), stat.st_size, stat.st_mtime_ns, proof)


def _report_success(run: Run, ready: Ready, fetched: Fetched) -> None:
    for index, place in enumerate(places_of(ready.wanted)):
        run.emit(
            FileFinished(
                kind=place.kind,
                product_id=ready.wanted.scene,
                file=str(place.relative),
                state=FileState.SKIPPED if fetched.already_there else FileState.DOWNLOADED,
                size_bytes=fetched.size_bytes,
                # The bytes came over the network once, however many places they go to.
                received_bytes=0 if index else fetched.received_bytes,
                proof=fetched.proof,
                attempts=fetched.attempts,
            )
        )


def _report_failure(run: Run, ready: Ready, error: AsyncdlError) -> None:
    run.finish(
        ready.wanted,
        FileState.FAILED,
        reason=getattr(error, "reason", "network" if isinstance(error, NetworkError) else "disk"),
        detail=str(getattr(error, "detail", error)),
        remedy=getattr(error, "remedy", TransferError.remedy),
        attempts=getattr(error, "attempts", 0),
    )
