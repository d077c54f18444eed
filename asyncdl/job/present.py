"""Files that are there already: told apart from those that only look like it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anyio.to_thread

from asyncdl.config import Config
from asyncdl.errors import TransferError
from asyncdl.events import FileFinished, FileState
from asyncdl.job.copies import copy_file
from asyncdl.job.digests import digests_of
from asyncdl.job.journal import FinishedFile, Memory
from asyncdl.job.layout import Place, places_of
from asyncdl.job.run import Run
from asyncdl.m2m.selection import WantedFile
from asyncdl.transfer import Form, form_of
from asyncdl.transfer.verify import prove_file


async def settle_present(run: Run, files: Sequence[WantedFile]) -> list[WantedFile]:
    """Report the files that are there and right; return those that have to be fetched.

    A file that one product has and another wants too is copied, not fetched.
    """
    paths = [str(place.relative) for wanted in files for place in places_of(wanted)]
    memory = await run.journal.recall(paths)
    found = await find_present(run.config, files, memory)
    await run.journal.record([f for f in found.values() if memory.finished.get(f.path) != f])
    absent = []
    for wanted in files:
        there = [place for place in places_of(wanted) if str(place.relative) in found]
        if there:
            await _complete(run, wanted, there, found)
        else:
            absent.append(wanted)
    return absent


async def find_present(
    config: Config, files: Sequence[WantedFile], memory: Memory
) -> dict[str, FinishedFile]:
    """Look for files on disk. Changes nothing.

    Returns: What is there and right, by path below the download directory.
    """
    form = Form.ANY if config.download.verify == "size" else None
    return await anyio.to_thread.run_sync(_look, config.directory, files, memory, form)


async def _complete(
    run: Run, wanted: WantedFile, there: Sequence[Place], found: dict[str, FinishedFile]
) -> None:
    source = found[str(there[0].relative)]
    for place in places_of(wanted):
        is_there = place in there
        if not is_there:
            path = await copy_file(there[0].under(run.directory), place.under(run.directory))
            copied = FinishedFile(
                str(place.relative), source.size_bytes, path.stat().st_mtime_ns, source.proof
            )
            await run.journal.record([copied])
        run.emit(
            FileFinished(
                kind=place.kind,
                product_id=wanted.scene,
                file=str(place.relative),
                state=FileState.SKIPPED if is_there else FileState.DOWNLOADED,
                size_bytes=source.size_bytes,
                proof=source.proof,
            )
        )


def _look(
    directory: Path, files: Sequence[WantedFile], memory: Memory, form: Form | None
) -> dict[str, FinishedFile]:
    found = {}
    for wanted in files:
        for place in places_of(wanted):
            there = _examine(place, directory, wanted, memory, form)
            if there is not None:
                found[there.path] = there
    return found


def _examine(
    place: Place, directory: Path, wanted: WantedFile, memory: Memory, form: Form | None
) -> FinishedFile | None:
    """Return what is proven about a file on disk; ``None`` when it has to be fetched."""
    path, key = place.under(directory), str(place.relative)
    if key in memory.foreign:
        return None  # another service's file of the same name, such as the sandbox's
    try:
        stat = path.stat()
    except OSError:
        return None
    remembered = memory.finished.get(key)
    if remembered and (remembered.size_bytes, remembered.mtime_ns) == (
        stat.st_size,
        stat.st_mtime_ns,
    ):
        # Nobody has written to it since it was verified. The service may have
        # a newer one of another length, though.
        is_current = wanted.size_bytes in (None, stat.st_size)
        return remembered if is_current else None
    try:
        proof = prove_file(
            path,
            url=key,
            form=form or form_of(path.name),
            size_bytes=wanted.size_bytes,
            digests=digests_of(wanted.checksums),
        )
    except (TransferError, OSError):
        return None
    return FinishedFile(key, stat.st_size, stat.st_mtime_ns, "+".join(("present", *proof.checks)))
