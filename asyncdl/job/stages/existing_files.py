"""Files that are there already, and are right: they are not fetched again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import anyio.to_thread
from anyio.lowlevel import checkpoint
from msgspec.structs import replace as changed

from asyncdl.background import in_turns, off_loop, unhurried
from asyncdl.config import Config
from asyncdl.errors import TransferError
from asyncdl.events import FileFinished, FileState
from asyncdl.job.places.layout import Layout, Unpacking, layout_of, unpacking_at
from asyncdl.job.places.placer import Placer
from asyncdl.job.places.space import ExistingFiles, needs_of
from asyncdl.job.run_context import RunContext, window_facts
from asyncdl.job.stages.cutting import source_bytes_of
from asyncdl.job.stages.path_conflicts import drop_blocked
from asyncdl.job.stages.placing import (
    FileToPlace,
    place_file,
    release,
    remove_source,
    remove_transient,
    unpacker_for,
)
from asyncdl.job.stages.requirements import Requirements, look_up_digests, requirements_of
from asyncdl.journal import FinishedFile, Journal, Place, RecordedFiles
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.transfer import Digest, form_of
from asyncdl.transfer.parts.part_file import remove_part_files
from asyncdl.transfer.verification.checks import Expected, verify_file

Found: TypeAlias = Mapping[Place, FinishedFile]
Examine: TypeAlias = Callable[[Place, WantedFile, Requirements], FinishedFile | None]
"""Returns what is known of the file at a place; ``None`` if it has to be fetched."""


async def skip_existing(
    run: RunContext, files: Sequence[WantedFile], *, scenes: int
) -> list[WantedFile]:
    """Report the files that are there and right; return those that have to be fetched.

    A file that one product has and another wants too is copied, not fetched. Files that
    cannot be verified as the config demands, or cannot be placed, are reported as failed.

    Args:
        run: The run.
        files: All that is wanted of a batch of scenes.
        scenes: Number of scenes in the batch.
    Raises: NoRoomError, before anything is written, when the rest cannot fit on the disk.
    """
    recorded = await load_recorded(run.journal, run.config, run.placer, files)
    unchanged = await find_unchanged(run.config, run.placer, files, recorded)
    run.journal.files.keep_wanted(
        [*unchanged.values(), *chain.from_iterable(recorded.members.values())]
    )
    windows = [run.placer.work_path(file.path) for file in unchanged.values() if file.cut]
    await anyio.to_thread.run_sync(_remove_sources, windows)
    copies = await _find_copies(run, files, recorded, unchanged)
    await anyio.to_thread.run_sync(_remove_leftovers, run.directory, copies.values())
    await run.journal.files.record(copies.values())
    unchanged |= copies
    verifiable = await look_up_digests(run, await _missing(run, unchanged, files))
    verified = await verify_unrecorded(run.config, run.placer, verifiable, recorded)
    await anyio.to_thread.run_sync(_remove_leftovers, run.directory, verified.values())
    await run.journal.files.record(verified.values())
    missing = await drop_blocked(run, await _missing(run, verified, verifiable))
    spooled = await anyio.to_thread.run_sync(_received, run, missing)
    existing = ExistingFiles(unchanged.keys() | verified.keys(), recorded.members.keys())
    await _check_space(run, scenes, files, existing)
    await run.journal.files.note_wanted(run.layout.file_places(missing))
    await _complete_all(run, files, unchanged, recorded)
    await _complete_all(run, verifiable, verified, recorded)
    await _place_all(run, spooled)
    return [wanted for wanted in missing if wanted not in spooled]


async def _check_space(
    run: RunContext, scenes: int, files: Sequence[WantedFile], existing: ExistingFiles
) -> None:
    needs = await anyio.to_thread.run_sync(needs_of, run.config, run.directory, files, existing)
    if notice := await run.space.add_batch(scenes, needs):
        run.emit(notice)


async def _missing(run: RunContext, found: Found, files: Sequence[WantedFile]) -> list[WantedFile]:
    return await off_loop(len(files), missing_from, found, run.layout, files)


def missing_from(found: Found, layout: Layout, files: Iterable[WantedFile]) -> list[WantedFile]:
    """Return the files that were found in none of their places."""
    return [
        wanted for wanted in unhurried(files) if found.keys().isdisjoint(layout.places_of(wanted))
    ]


# --- what the journal has --------------------------------------------------------------


async def load_recorded(
    journal: Journal, config: Config, placer: Placer, files: Sequence[WantedFile]
) -> RecordedFiles:
    """Return what the journal knows of the places of some files.

    Bundles that were unpacked are included only if all wanted members are there.
    """
    layout = layout_of(config)
    places = [place async for wanted in in_turns(files) for place in layout.places_of(wanted)]
    recorded = await journal.files.recorded(
        [str(place.relative) for place in places if place.is_named],
        folders=[str(place.relative.parent) for place in places if not place.is_named],
    )
    return await anyio.to_thread.run_sync(drop_incomplete_bundles, config, placer, files, recorded)


def drop_incomplete_bundles(
    config: Config, placer: Placer, files: Iterable[WantedFile], recorded: RecordedFiles
) -> RecordedFiles:
    """Drop bundles of which wanted members, or the wanted archive itself, are gone. Blocks.

    Args:
        config: Says where files go.
        placer: Knows which files are there.
        files: What is wanted, and how it is unpacked.
        recorded: From the journal.
    """
    unpackings = _Unpackings(layout_of(config), files)
    there = placer.unchanged(chain.from_iterable(recorded.members.values()))
    members = {
        path: of_bundle
        for path, of_bundle in recorded.members.items()
        if (unpacking := unpackings.of(path)) is not None
        and _has_all(
            recorded.finished[path], [f.path for f in of_bundle if f.path in there], unpacking
        )
    }
    finished = {
        path: file
        for path, file in recorded.finished.items()
        if file.is_kept or (path in members and not _keeps_archive(unpackings.of(path)))
    }
    return replace(recorded, finished=finished, members=members)


class _Unpackings:
    """How the bundles of some files are unpacked, by their paths."""

    def __init__(self, layout: Layout, files: Iterable[WantedFile]) -> None:
        self._by_path: dict[str, Unpacking | None] = {}
        for wanted, place in layout.file_places(unhurried(files)):
            # A file that its host names has a folder of its own.
            at = place.relative if place.is_named else place.relative.parent
            self._by_path[str(at)] = unpacking_at(wanted, place)

    def of(self, path: str) -> Unpacking | None:
        """Return how the bundle at a path is unpacked; ``None`` when it is not."""
        return self._by_path.get(path) or self._by_path.get(path.rpartition("/")[0])


def _keeps_archive(unpacking: Unpacking | None) -> bool:
    return unpacking is None or unpacking.keeps_archive


def _has_all(bundle: FinishedFile, members: Iterable[str], unpacking: Unpacking) -> bool:
    names = {name for path in members for name in _endings_of(path)}
    return names.issuperset(unpacking.wanted_of(bundle.member_names, bundle.scene))


def _endings_of(path: str) -> Iterator[str]:
    """Yield the name of a file alone, then with one folder after the other in front of it."""
    parts = path.split("/")
    return ("/".join(parts[at:]) for at in range(len(parts)))


# --- what is on disk ---------------------------------------------------------------------


async def find_unchanged(
    config: Config, placer: Placer, files: Sequence[WantedFile], recorded: RecordedFiles
) -> dict[Place, FinishedFile]:
    """Return the places whose files nobody has changed since they were verified."""
    return await anyio.to_thread.run_sync(_find_unchanged, config, placer, files, recorded)


def _find_unchanged(
    config: Config, placer: Placer, files: Sequence[WantedFile], recorded: RecordedFiles
) -> dict[Place, FinishedFile]:
    kept = [file for file in recorded.finished.values() if file.is_kept]
    there = placer.unchanged(kept)
    valid = {
        path: file
        for path, file in recorded.finished.items()
        if not file.is_kept or file.path in there
    }

    def examine(place: Place, wanted: WantedFile, required: Requirements) -> FinishedFile | None:
        if not place.is_named:
            return _unchanged_in(str(place.relative.parent), valid)
        known = valid.get(str(place.relative))
        if known is None or not required.is_met_by(known):
            return None
        # The service may have a newer one of another length.
        size_bytes = source_bytes_of(known.cut) if wanted.is_cut else known.size_bytes
        return known if wanted.size_bytes in (None, size_bytes) else None

    return _examine_all(examine, config, files)


def _unchanged_in(folder: str, valid: Mapping[str, FinishedFile]) -> FinishedFile | None:
    # Without a name only the journal knows which file in the folder it was.
    in_folder = (f for f in valid.values() if f.path.rpartition("/")[0] == folder)
    return next((file for file in in_folder if not file.bundle), None)


async def _find_copies(
    run: RunContext, files: Sequence[WantedFile], recorded: RecordedFiles, unchanged: Found
) -> dict[Place, FinishedFile]:
    """Return the second places of unchanged files that have a copy the journal does not know.

    A run that was killed right after it made the copy has left it there.
    """

    def examine(place: Place, wanted: WantedFile, required: Requirements) -> FinishedFile | None:
        known = next((unchanged[p] for p in run.layout.places_of(wanted) if p in unchanged), None)
        if known is None or place in unchanged:
            return None
        return _copy_of(known, place, run.placer, recorded)

    return await anyio.to_thread.run_sync(_examine_all, examine, run.config, files)


async def verify_unrecorded(
    config: Config, placer: Placer, files: Sequence[WantedFile], recorded: RecordedFiles
) -> dict[Place, FinishedFile]:
    """Verify files that are there though the journal does not know them; return the right ones."""

    def examine(place: Place, wanted: WantedFile, required: Requirements) -> FinishedFile | None:
        return _verify(place, placer, wanted, recorded, required)

    return await anyio.to_thread.run_sync(_examine_all, examine, config, files)


def _examine_all(
    examine: Examine, config: Config, files: Sequence[WantedFile]
) -> dict[Place, FinishedFile]:
    found, layout = {}, layout_of(config)
    for wanted in unhurried(files):
        required = requirements_of(wanted, config.download.verify)
        for place in layout.places_of(wanted):
            if (there := examine(place, wanted, required)) is not None:
                found[place] = there
    return found


def _copy_of(
    known: FinishedFile, place: Place, placer: Placer, recorded: RecordedFiles
) -> FinishedFile | None:
    key = str(place.relative)
    if not place.is_named or key in recorded.untrusted:
        return None
    copy = placer.copy_at(key, known)
    if copy is None:
        return None
    return replace(known, path=key, kind=place.kind, mtime_ns=copy.mtime_ns, tag=copy.tag)


def _verify(
    place: Place,
    placer: Placer,
    wanted: WantedFile,
    recorded: RecordedFiles,
    required: Requirements,
) -> FinishedFile | None:
    key = str(place.relative)
    # Nothing in a file says that it is the right window of the right raster.
    if not place.is_named or wanted.is_cut or key in recorded.untrusted:
        return None
    try:
        found, proof = placer.verify(key, _expected(key, wanted, required))
    except (TransferError, OSError):
        return None
    checks = "+".join(("present", *proof.checks))
    return FinishedFile(
        key,
        place.kind,
        wanted.scene,
        found.size_bytes,
        found.mtime_ns,
        checks,
        required.source_of(checks),
        proof.digests,
        tag=found.tag,
    )


def _expected(path: str, wanted: WantedFile, required: Requirements) -> Expected:
    return Expected(
        required.form or form_of(path.rpartition("/")[2]),
        wanted.size_bytes,
        digests=required.digests,
        members=required.members,
        fingerprint=required.fingerprint,
    )


# --- received, and not placed yet ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """A whole file that an earlier run received and could not place."""

    wanted: WantedFile
    source: Path
    """Where it is."""
    outcome: FileFinished
    """For its first place."""
    digests: tuple[Digest, ...]


def _received(run: RunContext, files: Iterable[WantedFile]) -> dict[WantedFile, ReceivedFile]:
    """Return the files that are received and right. Blocks."""
    found = {}
    for wanted in files:
        place = run.layout.places_of(wanted)[0]
        path = str(place.relative)
        # Nothing in a file says that it is the right window of the right raster.
        may_be_known = place.is_named and not wanted.is_cut
        source = run.placer.received(path) if may_be_known else None
        if source is None:
            continue
        required = requirements_of(wanted, run.config.download.verify)
        try:
            proof = verify_file(source, _expected(path, wanted, required), url=path)
        except (TransferError, OSError):
            continue  # it is fetched again
        checks = "+".join(("present", *proof.checks))
        outcome = FileFinished(
            kind=place.kind,
            product_id=wanted.scene,
            file=path,
            state=FileState.DOWNLOADED,
            size_bytes=source.stat().st_size,
            proof=checks,
            source=required.source_of(checks),
        )
        found[wanted] = ReceivedFile(wanted, source, outcome, proof.digests)
    return found


async def _place_all(run: RunContext, files: Mapping[WantedFile, ReceivedFile]) -> None:
    """Place received files in all their places, some at a time."""
    async with anyio.create_task_group() as tasks:
        for file in files.values():
            tasks.start_soon(_place_everywhere, run, file)


async def _place_everywhere(run: RunContext, file: ReceivedFile) -> None:
    wanted = file.wanted
    is_placed = True
    async with unpacker_for(run, wanted) as unpacker:
        for place in run.layout.places_of(wanted):
            outcome = changed(file.outcome, kind=place.kind, file=str(place.relative))
            to_place = FileToPlace(wanted, place, file.source, outcome, unpacker, file.digests)
            is_placed &= await place_file(run, to_place)
    if is_placed:
        await release(run, [file.source])


def _remove_sources(windows: Iterable[Path]) -> None:
    """Remove what a run may have left that was killed right after it recorded its windows."""
    for path in windows:
        remove_source(path)


def _remove_leftovers(directory: Path, files: Iterable[FinishedFile]) -> None:
    """Remove what a killed run may have left beside files that it had no time to record."""
    for file in files:
        with suppress(OSError):
            remove_part_files(directory / file.path)


# --- files that are in one of their places -------------------------------------------------


async def _complete_all(
    run: RunContext, files: Iterable[WantedFile], found: Found, recorded: RecordedFiles
) -> None:
    for wanted in files:
        # There may be thousands: other tasks get their turn in between.
        await checkpoint()
        if not found.keys().isdisjoint(run.layout.places_of(wanted)):
            await _complete(run, wanted, found, recorded)


async def _complete(
    run: RunContext, wanted: WantedFile, found: Found, recorded: RecordedFiles
) -> None:
    """Report the places that have the file, and copy it to those that do not."""
    places = run.layout.places_of(wanted)
    there = next(found[place] for place in places if place in found)
    name = there.path.rpartition("/")[2]
    for place in places:
        is_there = place in found
        named = place.called(name)
        outcome = FileFinished(
            kind=place.kind,
            product_id=wanted.scene,
            file=str(named.relative),
            state=FileState.SKIPPED if is_there else FileState.DOWNLOADED,
            size_bytes=there.size_bytes,
            proof=there.proof,
            source=there.source,
            **window_facts(wanted),
        )
        members = recorded.members.get(there.path, ())
        if is_there and (members or not unpacking_at(wanted, place)):
            await remove_transient(run.directory, [there])
            run.emit(changed(outcome, members=tuple(file.path for file in members)))
            continue
        path = str(named.relative) if is_there else there.path
        source = await anyio.to_thread.run_sync(run.placer.fetch_back, path)
        async with unpacker_for(run, wanted) as unpacker:
            file = FileToPlace(wanted, named, source, outcome, unpacker, there.digests, there.cut)
            await place_file(run, file)
        await release(run, [source])
