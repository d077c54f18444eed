"""Files that are there already: told apart from those that only look like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio.to_thread

from asyncdl.config import Config
from asyncdl.errors import TransferError
from asyncdl.events import FileFinished, FileState
from asyncdl.job.arriving import bring, is_unpacked
from asyncdl.job.journal import FinishedFile, Journal, Memory
from asyncdl.job.layout import Place, places_of
from asyncdl.job.proofs import Demand, demand_of
from asyncdl.job.run import Run
from asyncdl.m2m.selection import WantedFile
from asyncdl.transfer import form_of
from asyncdl.transfer.verify import prove_file


async def settle_present(run: Run, files: Sequence[WantedFile]) -> list[WantedFile]:
    """Report the files that are there and right; return those that have to be fetched.

    A file that one product has and another wants too is copied, not fetched.
    """
    memory = await recall(run.journal, files)
    found = await find_present(run.config, files, memory)
    absent = [wanted for wanted in files if found.keys().isdisjoint(places_of(wanted))]
    run.journal.keep(f for f in found.values() if memory.finished.get(f.path) == f)
    await run.journal.record(f for f in found.values() if memory.finished.get(f.path) != f)
    await run.journal.want(absent)
    for wanted in files:
        if not found.keys().isdisjoint(places_of(wanted)):
            await _complete(run, wanted, found)
    return absent


async def recall(journal: Journal, files: Sequence[WantedFile]) -> Memory:
    """Return what the journal knows of the places of some files."""
    places = [place for wanted in files for place in places_of(wanted)]
    return await journal.recall(
        [str(place.relative) for place in places if place.is_named],
        folders=[str(place.relative.parent) for place in places if not place.is_named],
    )


async def find_present(
    config: Config, files: Sequence[WantedFile], memory: Memory
) -> dict[Place, FinishedFile]:
    """Look for files on disk. Changes nothing.

    Returns: What is there and right, by its place.
    """
    return await anyio.to_thread.run_sync(_look, config, files, memory)


async def _complete(run: Run, wanted: WantedFile, found: Mapping[Place, FinishedFile]) -> None:
    """Report the places that are there, and copy the file to those where it is not."""
    places = places_of(wanted)
    there = next(found[place] for place in places if place in found)
    source = run.directory / there.path
    for place in places:
        is_there = place in found
        named = place.called(source.name)
        ending = FileFinished(
            kind=place.kind,
            product_id=wanted.scene,
            file=str(named.relative),
            state=FileState.SKIPPED if is_there else FileState.DOWNLOADED,
            size_bytes=there.size_bytes,
            proof=there.proof,
            source=there.source,
        )
        if is_there and not is_unpacked(run.config, place):
            run.emit(ending)
            continue
        here = named.under(run.directory) if is_there else source
        await bring(run, named, here, ending, there.digests)


def _look(config: Config, files: Sequence[WantedFile], memory: Memory) -> dict[Place, FinishedFile]:
    found = {}
    for wanted in files:
        demand = demand_of(wanted, config.download.verify)
        for place in places_of(wanted):
            there = _examine(place, config.directory, wanted, memory, demand)
            if there is not None:
                found[place] = there
    return found


def _examine(
    place: Place, directory: Path, wanted: WantedFile, memory: Memory, demand: Demand
) -> FinishedFile | None:
    """Return what is proven about a file on disk; ``None`` when it has to be fetched."""
    if not place.is_named:
        return _remembered_in(place, directory, memory)
    path, key = place.under(directory), str(place.relative)
    if key in memory.distrusted:
        return None
    remembered = memory.finished.get(key)
    if remembered and demand.is_met_by(remembered.proof) and _is_untouched(remembered, directory):
        # The service may have a newer one of another length.
        is_current = wanted.size_bytes in (None, remembered.size_bytes)
        return remembered if is_current else None
    return _prove(place, path, wanted, demand)


def _remembered_in(place: Place, directory: Path, memory: Memory) -> FinishedFile | None:
    # Without a name only the journal knows which file in the folder it was.
    folder = str(place.relative.parent)
    for remembered in memory.finished.values():
        if remembered.path.rpartition("/")[0] == folder and _is_untouched(remembered, directory):
            return remembered
    return None


def _is_untouched(remembered: FinishedFile, directory: Path) -> bool:
    """Tell whether nobody has written to a file since it was verified."""
    try:
        stat = (directory / remembered.path).stat()
    except OSError:
        return False
    return (remembered.size_bytes, remembered.mtime_ns) == (stat.st_size, stat.st_mtime_ns)


def _prove(place: Place, path: Path, wanted: WantedFile, demand: Demand) -> FinishedFile | None:
    key = str(place.relative)
    try:
        stat = path.stat()
        proof = prove_file(
            path,
            url=key,
            form=demand.form or form_of(path.name),
            size_bytes=wanted.size_bytes,
            digests=demand.digests,
        )
    except (TransferError, OSError):
        return None
    checks = "+".join(("present", *proof.checks))
    return FinishedFile(key, place.kind, wanted.scene, stat.st_size, stat.st_mtime_ns, checks)
