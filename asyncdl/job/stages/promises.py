"""What is promised of files before they are looked at or fetched: digests, mainly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from asyncdl.events import FileState
from asyncdl.job.run import Run
from asyncdl.job.stages.proofs import demand_of
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.m2m.models import Checksum
from asyncdl.stac import FileDigest

CHECKSUM_IDS = {"sha256": "sha256sum", "sha512": "sha512sum"}
"""What the catalogue calls a digest, and what the M2M service calls it."""


async def gather_promises(run: Run, files: Sequence[WantedFile]) -> list[WantedFile]:
    """Look up digests; report files that lack the one they need, and return the others."""
    provable = []
    for wanted in await _with_catalogued(run, files):
        if demand_of(wanted, run.config.download.verify).is_possible:
            provable.append(wanted)
        else:
            _end_without_digest(run, wanted)
    return provable


async def _with_catalogued(run: Run, files: Sequence[WantedFile]) -> list[WantedFile]:
    if run.config.download.verify == "size":
        return list(files)
    told = await run.catalog.digests(wanted.scene for wanted in files)
    return [replace(w, catalogued=_checksums_of(w, told.get(w.scene, {}))) for w in files]


def _checksums_of(wanted: WantedFile, told: Mapping[str, FileDigest]) -> dict[str, Checksum]:
    names = (wanted.file_name, *wanted.members)
    return {
        name: Checksum(CHECKSUM_IDS[told[name].algorithm], told[name].value)
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
