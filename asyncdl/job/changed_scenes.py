"""Scenes that changed at the service: processed anew (superseded), or deleted.

Nothing is removed before all files of the new product are there and verified, and nothing
but files that this job has fetched and nobody has changed since.

Source: endpoint ``scene-search-delete``; API notes, section 10.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import date, timedelta

import anyio.to_thread

from asyncdl.events import Notice, SceneSuperseded, SceneWithdrawn
from asyncdl.job.deferred_calls import best_effort
from asyncdl.job.places.placer import Placer
from asyncdl.job.run_context import RunContext
from asyncdl.journal import FileStatus, FinishedFile, SceneRecord
from asyncdl.m2m.models import DeletedScene
from asyncdl.m2m.naming import acquisition_of, parse_ard_id, parse_product_id, processed_on
from asyncdl.m2m.searching.scene_search import next_start
from asyncdl.units import count


def superseded_pairs(scenes: Iterable[SceneRecord]) -> Iterator[tuple[SceneRecord, SceneRecord]]:
    """Yield pairs of an older product and the one that superseded it. Pure.

    The newest product of an acquisition supersedes all that were last seen in earlier runs,
    once nothing of it is missing. Products that are seen in the same run both exist.
    """
    by_acquisition: dict[str, list[SceneRecord]] = {}
    for scene in scenes:
        if (acquisition := acquisition_of(scene.product_id)) is not None:
            by_acquisition.setdefault(acquisition, []).append(scene)
    for versions in by_acquisition.values():
        newest = max(versions, key=lambda scene: (scene.run, _made_on(scene)))
        for old in versions:
            if newest.is_complete and old.run < newest.run and _made_on(old) <= _made_on(newest):
                yield old, newest


def _made_on(scene: SceneRecord) -> date:
    return processed_on(scene.product_id) or date.min


async def mark_superseded(run: RunContext) -> None:
    """Mark scenes that were superseded, and remove their files if the config says so."""
    known = await run.journal.scenes.all()
    pairs = await anyio.to_thread.run_sync(lambda: list(superseded_pairs(known)))
    removed_files = await _remove(run, pairs) if run.config.download.superseded == "remove" else {}
    events = [
        SceneSuperseded(old.product_id, new.product_id, removed_files.get(old.product_id, 0))
        for old, new in pairs
        if old.kinds and (not old.superseded_by or removed_files.get(old.product_id))
    ]
    await run.journal.scenes.note_superseded((old.product_id, new.product_id) for old, new in pairs)
    for event in events:
        run.emit(event)
    if events:
        run.emit(Notice(_notice_of(events)))


async def _remove(
    run: RunContext, pairs: Iterable[tuple[SceneRecord, SceneRecord]]
) -> Mapping[str, int]:
    """Remove the files of kinds that the new product also has; return how many of each scene."""
    kinds = {old.product_id: new.kinds for old, new in pairs if old.kinds}
    if not kinds:
        return {}
    files = [
        file
        for file in await run.journal.files.finished([FileStatus.VERIFIED, FileStatus.UNPACKED])
        # Another window, or the whole file, is not replaced by this one.
        if file.kind in kinds.get(file.scene, ()) and file.window == run.window_name
    ]
    gone = await anyio.to_thread.run_sync(run.placer.remove, files)
    await anyio.to_thread.run_sync(_remove_items, run.placer, gone)
    await run.journal.files.forget(file.path for file in gone)
    return Counter(file.scene for file in gone if file.is_kept)


def _remove_items(placer: Placer, gone: Iterable[FinishedFile]) -> None:
    from asyncdl.job.itemizing import item_path  # Few runs have files removed.

    for path in {item_path(file.scene, file.window) for file in gone}:
        placer.remove_text(path)


def _notice_of(events: list[SceneSuperseded]) -> str:
    removed = sum(event.removed_files for event in events)
    what = f"{count(removed, 'old file')} removed" if removed else "the old files are kept"
    return f"Processed anew by the service: {count(len(events), 'scene')}; {what}."


FIRST_DAY = date(1972, 7, 23)
"""Launch of Landsat 1."""


async def mark_withdrawn(
    run: RunContext, datasets: Iterable[str], since: date | None, today: date
) -> None:
    """Mark scenes that the service has deleted; their files are kept.

    A call that fails does not fail the run.

    Args:
        run: Its journal has the scenes.
        datasets: Whose deletions are queried.
        since: First day of deletion that was not queried yet; ``None`` if that is not known,
            and then every day on which one of the scenes may have been deleted is queried.
        today: By the service's clock.
    """
    known = {
        scene.product_id: scene
        for scene in await run.journal.scenes.all()
        if scene.kinds and not (scene.superseded_by or scene.withdrawn)
    }
    if not known:
        return
    days = _days(run, known, since, today)
    found: dict[str, str] = {}
    with best_effort("deleted scenes could not be queried"):
        for dataset in datasets:
            async for deleted in _deleted(run, dataset, *days):
                if deleted.display_id in known:
                    found[deleted.display_id] = deleted.deletion_date or "on an unknown day"
    await run.journal.scenes.note_withdrawn(found.items())
    for product_id, day in found.items():
        run.emit(SceneWithdrawn(product_id, day))
    if found:
        scenes = count(len(found), "scene")
        run.emit(Notice(f"Withdrawn by the service: {scenes}; the files are kept.", "warning"))


def _days(
    run: RunContext, known: Iterable[str], since: date | None, today: date
) -> tuple[date, date]:
    """Return the first and the last day to query."""
    products = [product for id_ in known if (product := parse_product_id(id_) or parse_ard_id(id_))]
    acquired = [product.acquired for product in products]
    if run.config.service.deletions_by == "deletion":
        # Nothing is deleted before it was acquired.
        return since or min(acquired, default=FIRST_DAY), today + timedelta(days=1)
    return min(acquired, default=since or FIRST_DAY), max(acquired, default=today)


async def _deleted(
    run: RunContext, dataset: str, start: date, end: date
) -> AsyncIterator[DeletedScene]:
    number: int | None = 1
    collected, page_size = 0, run.config.service.scenes_per_page
    while number is not None:
        page = await run.client.scene_search_delete(
            dataset,
            start=start.isoformat(),
            end=end.isoformat(),
            starting_number=number,
            max_results=page_size,
        )
        for deleted in page.results or ():
            yield deleted
        collected += len(page.results or ())
        number = next_start(page, start=number, collected=collected, requested=page_size)
