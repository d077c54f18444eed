"""What comes out of the bundles of a run: what is ordered of each, and what is noted of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asyncdl.job.journal.records import FinishedFile
from asyncdl.job.places.extraction import Order, UnpackedFile, Unpacker
from asyncdl.job.places.unpacking import Unpacking, unpacking_of
from asyncdl.job.run import Run
from asyncdl.job.stages.proofs import Demand, demand_of
from asyncdl.m2m.downloads.selection import WantedFile


def unpacker_for(run: Run, wanted: WantedFile) -> Unpacker:
    """Return what unpacks a bundle; for any other file it has nothing to do."""
    unpacking = unpacking_of(wanted) or Unpacking()
    order = Order(
        is_wanted=lambda name: bool(unpacking.wanted_of([name], wanted.scene)),
        target_of=lambda name: run.directory / _path_of(run, wanted, name),
        expected_of=_demand(run, wanted).of_member,
        durable=run.config.download.durable,
        most_bytes=run.config.download.max_size,
    )
    return Unpacker(wanted.file_name, order)


def noted_members(
    run: Run, wanted: WantedFile, tar: FinishedFile, files: Iterable[UnpackedFile]
) -> Iterator[FinishedFile]:
    """Yield what the journal keeps of the files that came out of a bundle."""
    demand = _demand(run, wanted)
    for file in files:
        proof = "+".join(("length", *file.proof.checks))
        yield FinishedFile(
            _path_of(run, wanted, file.name),
            tar.kind,
            tar.scene,
            file.size_bytes,
            file.mtime_ns,
            proof,
            demand.source_of(proof),
            file.proof.digests,
            bundle=tar.path,
        )


def _demand(run: Run, wanted: WantedFile) -> Demand:
    return demand_of(wanted, run.config.download.verify)


def _path_of(run: Run, wanted: WantedFile, name: str) -> str:
    return str(run.layout.place_of_member(wanted, name).relative)
