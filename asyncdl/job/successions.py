"""Products that the service has processed anew, and what becomes of those they replace.

Nothing is removed before all files of the new product are there and right, and nothing
but what this job has fetched and nobody has changed since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path

import anyio.to_thread

from asyncdl.events import Notice, SceneSuperseded
from asyncdl.job.itemizing import item_path
from asyncdl.job.journal.records import FinishedFile, SceneRecord, Standing
from asyncdl.job.run import Run
from asyncdl.job.telling.amounts import count
from asyncdl.m2m.naming import acquisition_of, processed_on
from asyncdl.transfer.parts.stable import is_within


def successions(scenes: Iterable[SceneRecord]) -> Iterator[tuple[SceneRecord, SceneRecord]]:
    """Yield pairs of an older product and the one that took its place. Pure.

    The newest product of an acquisition replaces all that were seen last in earlier runs,
    once nothing of it is missing. Products that are seen in the same run are both there.
    """
    by_acquisition: dict[str, list[SceneRecord]] = {}
    for scene in scenes:
        if (acquisition := acquisition_of(scene.product_id)) is not None:
            by_acquisition.setdefault(acquisition, []).append(scene)
    for versions in by_acquisition.values():
        newest = max(versions, key=lambda scene: (scene.run, _made_on(scene)))
        for old in versions:
            if newest.is_settled and old.run < newest.run and _made_on(old) <= _made_on(newest):
                yield old, newest


def _made_on(scene: SceneRecord) -> date:
    return processed_on(scene.product_id) or date.min


async def settle_superseded(run: Run) -> None:
    """Mark what was processed anew, and remove its files if the config says so."""
    known = await run.journal.scenes.all()
    pairs = await anyio.to_thread.run_sync(lambda: list(successions(known)))
    removed_files = await _remove(run, pairs) if run.config.download.superseded == "remove" else {}
    told = [
        SceneSuperseded(old.product_id, new.product_id, removed_files.get(old.product_id, 0))
        for old, new in pairs
        if old.kinds and (not old.superseded_by or removed_files.get(old.product_id))
    ]
    await run.journal.scenes.note_superseded((old.product_id, new.product_id) for old, new in pairs)
    for event in told:
        run.emit(event)
    if told:
        run.emit(Notice(_told(told)))


async def _remove(run: Run, pairs: Iterable[tuple[SceneRecord, SceneRecord]]) -> Mapping[str, int]:
    """Remove the files of kinds that the new product has, too; return how many of each scene."""
    kinds = {old.product_id: new.kinds for old, new in pairs if old.kinds}
    if not kinds:
        return {}
    files = [
        file
        for file in await run.journal.files.finished([Standing.VERIFIED, Standing.UNPACKED])
        if file.kind in kinds.get(file.scene, ())
    ]
    gone = await anyio.to_thread.run_sync(_unlink, run.directory, files)
    await run.journal.files.forget(file.path for file in gone)
    return Counter(file.scene for file in gone if file.is_kept)


def _unlink(directory: Path, files: Iterable[FinishedFile]) -> list[FinishedFile]:
    """Remove files that nobody has changed, and the folders that are empty then. Blocks."""
    gone = []
    for file in files:
        path = directory / file.path
        if not is_within(path, directory):
            continue  # a folder on the way is a link
        if path.exists() and not file.is_at(path):
            continue  # somebody has worked on it
        with suppress(OSError):
            path.unlink(missing_ok=True)
            gone.append(file)
            _prune(path.parent, directory)
            item_path(directory, file.scene).unlink(missing_ok=True)
    return gone


def _prune(folder: Path, top: Path) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _told(events: list[SceneSuperseded]) -> str:
    removed = sum(event.removed_files for event in events)
    what = f"{count(removed, 'old file')} removed" if removed else "the old files are kept"
    return f"Processed anew by the service: {count(len(events), 'scene')}; {what}."
