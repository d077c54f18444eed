"""What a killed run has left in a spool, of files that are in the store by now.

A file leaves the spool last: it is uploaded, noted in the journal, and removed. A run that is
killed in between leaves it, or its parts, and the next one has no need of them: it finds the file
in the store. The journal says which files these are, so that the store is not asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread

from asyncdl.background import unhurried
from asyncdl.job.places.placer import Placer
from asyncdl.journal import Journal
from asyncdl.transfer.names import PART_ENDINGS, SOURCE, UNPACKING

_TAR = ".tar"


@asynccontextmanager
async def swept_spool(placer: Placer, journal: Journal) -> AsyncIterator[None]:
    """Remove from the spool what is in the store: before the block, and after its normal end.

    Before it, so that runs that are killed again and again do not fill the disk; after it,
    because the run itself finds out what the one before had no time to note.

    Args:
        placer: Of the job; one without a spool has nothing to remove.
        journal: Of the job, whose lock keeps other runs away from the spool.
    """
    await remove_placed(placer, journal)
    yield
    await remove_placed(placer, journal)


async def remove_placed(placer: Placer, journal: Journal) -> None:
    """Remove the files of a spool that the journal has as verified and placed.

    What it does not know, or not as verified, stays: a run goes on with it, and be it one of
    another config for the same place.
    """
    if placer.spool_bytes is None:
        return
    spooled = await anyio.to_thread.run_sync(_spooled, placer.work_directory)
    recorded = await journal.files.recorded(spooled)
    placed = [file for path in recorded.finished for file in spooled[path]]
    if placed:
        await anyio.to_thread.run_sync(placer.release, placed)


def _spooled(spool: Path) -> Mapping[str, list[Path]]:
    """Return the files of a spool by the paths that they may be for. Blocks."""
    found = defaultdict[str, list[Path]](list)
    for file in unhurried(spool.rglob("*")):
        if file.is_file():
            for path in paths_for(file.relative_to(spool).as_posix()):
                found[path].append(file)
    return found


def paths_for(name: str) -> Iterator[str]:
    """Yield the paths that a file may be for: its own name, without what working on it adds.

    Args:
        name: Of a file in a spool, with its folders.
    """
    name = _without(name, *PART_ENDINGS)
    name = _without(name, SOURCE)
    if not name.endswith(UNPACKING):
        yield name
        return
    archive = name.removesuffix(UNPACKING)
    yield archive
    yield archive + _TAR


def _without(name: str, *endings: str) -> str:
    longest = max((ending for ending in endings if name.endswith(ending)), key=len, default="")
    return name.removesuffix(longest)
