"""Scenes of ours that the service has deleted. Their files stay; that is for people to decide.

Source: endpoint ``scene-search-delete``; API notes, section 10.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import date, timedelta

from asyncdl.events import Notice, SceneWithdrawn
from asyncdl.job.manners import courtesy
from asyncdl.job.run import Run
from asyncdl.job.telling.amounts import count
from asyncdl.m2m.models import DeletedScene
from asyncdl.m2m.naming import parse_ard_id, parse_product_id
from asyncdl.m2m.searching.search import next_start

FIRST_DAY = date(1972, 7, 23)
"""Landsat 1 was launched."""


async def note_withdrawn(
    run: Run, datasets: Iterable[str], since: date | None, today: date
) -> None:
    """Mark scenes that the service has deleted; their files are kept.

    A service that does not tell is no reason to fail.

    Args:
        run: Of the job, whose scenes count.
        datasets: To ask for.
        since: The first day of deletion that was not asked for yet; ``None`` if nobody
            knows, and then all days count on which one of the scenes may have been deleted.
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
    with courtesy("what the service has deleted is not known"):
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


def _days(run: Run, known: Iterable[str], since: date | None, today: date) -> tuple[date, date]:
    """Return the first and the last day to ask for."""
    products = [product for id_ in known if (product := parse_product_id(id_) or parse_ard_id(id_))]
    acquired = [product.acquired for product in products]
    if run.config.service.deletions_by == "deletion":
        # Nothing is deleted before it was acquired.
        return since or min(acquired, default=FIRST_DAY), today + timedelta(days=1)
    return min(acquired, default=since or FIRST_DAY), max(acquired, default=today)


async def _deleted(run: Run, dataset: str, start: date, end: date) -> AsyncIterator[DeletedScene]:
    number: int | None = 1
    collected, asked = 0, run.config.service.scenes_per_page
    while number is not None:
        page = await run.client.scene_search_delete(
            dataset,
            start=start.isoformat(),
            end=end.isoformat(),
            starting_number=number,
            max_results=asked,
        )
        for deleted in page.results or ():
            yield deleted
        collected += len(page.results or ())
        number = next_start(page, start=number, collected=collected, asked=asked)
