"""What is promised of files before they are looked at or fetched: digests, mainly."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from asyncdl.events import FileState
from asyncdl.job.run import Run
from asyncdl.job.stages.proofs import algorithm_of, demand_of, digests_of
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import Checksum
from asyncdl.stac import FileDigest

log = logging.getLogger("asyncdl.job")


async def gather_promises(run: Run, files: Sequence[WantedFile]) -> list[WantedFile]:
    """Look up digests; report files that lack the one they need, and return the others."""
    _log_empty(files)
    provable = []
    for wanted in await _with_catalogued(run, files):
        if demand_of(wanted, run.config.download.verify).is_possible:
            provable.append(wanted)
        else:
            _end_without_digest(run, wanted)
    return provable


def _log_empty(files: Iterable[WantedFile]) -> None:
    """Say, once for all files, which of the service's checksums promise nothing."""
    if not log.isEnabledFor(logging.DEBUG):
        return
    told = (checksum for wanted in files for checksum in wanted.checksums)
    empty = Counter(_why_empty(checksum) for checksum in told if not digests_of([checksum]))
    for why, times in empty.items():
        log.debug("checksums that promise nothing: %s (%d times)", why, times)


def _why_empty(checksum: Checksum) -> str:
    if algorithm_of(checksum.id) is None:
        return f"the id {checksum.id:.20} is not known"
    return f"{checksum.id} without a value that a file can have"


async def _with_catalogued(run: Run, files: Sequence[WantedFile]) -> list[WantedFile]:
    if run.config.download.verify == "size":
        return list(files)
    told = await run.catalog.digests(wanted.scene for wanted in files)
    return [replace(w, catalogued=_checksums_of(w, told.get(w.scene, {}))) for w in files]


def _checksums_of(wanted: WantedFile, told: Mapping[str, FileDigest]) -> dict[str, Checksum]:
    names = (wanted.file_name, *wanted.members)
    return {
        name: Checksum(id=told[name].algorithm, value=told[name].value)
        for name in names
        if name in told
    }


def _end_without_digest(run: Run, wanted: WantedFile) -> None:
    run.finish(
        wanted,
        FileState.FAILED,
        reason="no-digest",
        detail="neither the service nor the catalogue offers a digest for it",
        remedy='Use verify = "auto": it checks every digest there is, and the structure.',
    )
