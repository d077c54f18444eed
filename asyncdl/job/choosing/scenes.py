"""The scenes of a job, in batches small enough for one call each.

Several scenes may share a display id: not of Landsat, but of film and aerial pictures, whose
display ids are names that people gave. The scene that was seen first keeps the usual place,
whichever run finds the second one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from asyncdl.background import off_loop
from asyncdl.config import Config
from asyncdl.events import Emit, FoundScene, Notice, ScenesFound
from asyncdl.job.choosing.search_plan import Named, SearchPlan
from asyncdl.m2m import M2MClient
from asyncdl.m2m.models import Scene
from asyncdl.m2m.naming import is_display_id
from asyncdl.m2m.searching.area import SearchArea
from asyncdl.m2m.searching.footprints import outlines_of
from asyncdl.m2m.searching.scene_search import MAX_SCENES, SceneBatch, SceneQuery, search_scenes
from asyncdl.units import count, plural


class Namesakes:
    """Knows which scene had a display id first.

    Args:
        first: Entity ids by display id, as earlier runs have it.
    """

    def __init__(self, first: Mapping[str, str] | None = None) -> None:
        self._first = dict(first or {})

    def take(self, scenes: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Add a batch; return its scenes that did not have their display id first.

        Args:
            scenes: Display and entity ids; pairs may be repeated.
        """
        named = {(display, entity) for display, entity in scenes if display and entity}
        for display, entity in sorted(named):  # independent of the service's order
            self._first.setdefault(display, entity)
        return frozenset(pair for pair in named if self._first[pair[0]] != pair[1])


T = TypeVar("T")

_CAPPED = (
    f"A search of the area matches more than the {MAX_SCENES:,} scenes that the service returns "
    "for one: scenes are missing; split it by date."
)


@dataclass(frozen=True, slots=True)
class SceneIds:
    """Scenes of one dataset whose options are requested in one call."""

    dataset: str
    ids: tuple[str, ...]
    id_field: str
    """Which kind of id: ``entityId`` or ``displayId``."""
    is_found: bool = False
    """Whether a search found them, so that the service knows each of these ids."""


async def scene_batches(
    client: M2MClient, search_plan: SearchPlan, config: Config, emit: Emit
) -> AsyncGenerator[SceneIds]:
    """Yield the job's scenes batch by batch, each scene once, while the search goes on.

    Emits :class:`ScenesFound` with every page, and a :class:`Notice` when there
    are more scenes than the job takes.
    """
    size = config.service.scenes_per_call
    for batch in _named_batches(search_plan.named, size):
        yield batch
    if search_plan.query is None:
        emit(ScenesFound(search_plan.named_count, None))
        return
    named = frozenset(id_ for ids in search_plan.named.values() for id_ in ids)
    for note in area_notes(search_plan.query.area):
        emit(note)
    seen, taken, left_out, last = 0, len(named), LeftOut(), None
    async with aclosing(
        search_scenes(client, search_plan.query, page_size=config.service.scenes_per_page)
    ) as pages:
        async for page in pages:
            scenes = await off_loop(len(page.scenes), _newly_found, page.scenes, search_plan, named)
            seen += len(page.scenes)
            taken += len(scenes)
            left_out = left_out.add(page)
            last = page
            total = page.total_hits - seen + taken
            emit(ScenesFound(taken, total, await off_loop(len(scenes), _as_found, scenes)))
            for chunk in chunks([scene.entity_id for scene in scenes], size):
                dataset = search_plan.query.dataset
                yield SceneIds(dataset, tuple(chunk), "entityId", is_found=True)
    for note in search_notes(search_plan.query, last, found=seen, left_out=left_out):
        emit(note)


def _newly_found(
    scenes: Iterable[Scene], search_plan: SearchPlan, named: frozenset[str]
) -> list[Scene]:
    return [scene for scene in scenes if not _is_skipped(scene, search_plan, named)]


def _as_found(scenes: Iterable[Scene]) -> tuple[FoundScene, ...]:
    return tuple(map(found_scene, scenes))


def _is_skipped(scene: Scene, search_plan: SearchPlan, named: frozenset[str]) -> bool:
    """Return whether a found scene is complete, or among the named ones."""
    is_complete = scene.display_id in search_plan.complete
    if is_complete and search_plan.entities and scene.entity_id not in search_plan.entities:
        is_complete = False  # another one of that display id
    return is_complete or not named.isdisjoint((scene.entity_id, scene.display_id))


@dataclass(frozen=True, slots=True)
class DatasetScene:
    """A scene as the service describes it, and the dataset that it was found in."""

    dataset: str
    scene: Scene


@dataclass(frozen=True, slots=True)
class Catalogued:
    """All scenes that a config selects, as the service describes them."""

    scenes: tuple[DatasetScene, ...]
    total_hits: int
    """All scenes that match; more than there are here if a limit cuts them."""


async def catalogued_scenes(
    client: M2MClient, search_plan: SearchPlan, config: Config, emit: Emit
) -> Catalogued:
    """Return every scene of the job, searched or looked up by its id.

    Emits notices as :func:`scene_batches` does, and one for ids that are unknown.
    """
    scenes: list[DatasetScene] = []
    for batch in _named_batches(search_plan.named, config.service.scenes_per_call):
        found = await _described(client, batch)
        scenes += [DatasetScene(batch.dataset, scene) for scene in found]
    if (unknown := search_plan.named_count - len(scenes)) > 0:
        emit(Notice(f"Scenes that the service does not know: {unknown:,}.", "warning"))
    if search_plan.query is None:
        return Catalogued(tuple(scenes), len(scenes))
    for note in area_notes(search_plan.query.area):
        emit(note)
    left_out, last, dataset = LeftOut(), None, search_plan.query.dataset
    async with aclosing(
        search_scenes(client, search_plan.query, page_size=config.service.scenes_per_page)
    ) as pages:
        async for page in pages:
            scenes += [DatasetScene(dataset, scene) for scene in page.scenes]
            left_out, last = left_out.add(page), page
    for note in search_notes(search_plan.query, last, found=len(scenes), left_out=left_out):
        emit(note)
    return Catalogued(tuple(scenes), last.total_hits if last else 0)


async def _described(client: M2MClient, batch: SceneIds) -> list[Scene]:
    """Return what the service has of some ids."""
    async with client.open_scene_list(
        batch.dataset, batch.ids, id_field=batch.id_field
    ) as scene_list:
        return await client.scene_metadata_list(scene_list.list_id, batch.dataset)


async def found_scenes(
    client: M2MClient, search_plan: SearchPlan, config: Config, emit: Emit
) -> list[FoundScene]:
    """Return every scene of the job with its footprint; emits as :func:`catalogued_scenes`."""
    found = await catalogued_scenes(client, search_plan, config, emit)
    return [found_scene(known.scene) for known in found.scenes]


def found_scene(scene: Scene) -> FoundScene:
    """Return a scene as events report it."""
    pictures = (browse.browse_path or "" for browse in scene.browse or ())
    return FoundScene(
        product_id=scene.display_id or scene.entity_id,
        entity_id=scene.entity_id,
        acquired=scene.acquired,
        cloud_cover=scene.cloud_cover,
        footprint=outlines_of(scene.spatial_coverage) or outlines_of(scene.spatial_bounds),
        browse_url=next(filter(None, pictures), ""),
    )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Scenes that a search left out."""

    not_bulk: int = 0
    """They cannot be downloaded in bulk."""
    outside: int = 0
    """They touch the searched area, but not the area itself."""

    def add(self, page: SceneBatch) -> LeftOut:
        """Count those of another page."""
        return LeftOut(self.not_bulk + page.not_bulk, self.outside + page.outside)


def area_notes(area: SearchArea) -> list[Notice]:
    """Return notices on an area before it is searched: parts left out, or a wider search."""
    notes = [Notice(text, "warning") for text in area.notes]
    if area.ground:
        parts = f"{count(len(area.ground), 'part')} and {count(area.corners, 'corner')}"
        searches = plural(len(area.filters), "one search reaches", "the searches reach")
        notes.append(
            Notice(
                f"The area has {parts}, which the service cannot search exactly: "
                f"{searches} up to {area.reach_deg:.2g} degrees beyond it, and scenes whose "
                "footprint does not touch it are left out here."
            )
        )
    return notes


def search_notes(
    query: SceneQuery, last: SceneBatch | None, *, found: int, left_out: LeftOut
) -> list[Notice]:
    """Return notices on scenes that a search did not take.

    Args:
        query: What was searched.
        last: The last page; ``None`` when there was none.
        found: Number of scenes taken.
        left_out: Numbers of scenes that were filtered out.
    """
    not_bulk = left_out.not_bulk
    notes = []
    if not_bulk:
        notes.append(
            Notice(f"Scenes left out, as they cannot be downloaded in bulk: {not_bulk:,}.")
        )
    if left_out.outside:
        notes.append(
            Notice(
                "Scenes left out, as they touch only what was searched around the area: "
                f"{left_out.outside:,}."
            )
        )
    if not found and not not_bulk:
        notes.append(_nothing_found(query))
    if last is None or last.total_hits <= found + not_bulk:
        return notes
    about = "" if last.is_exact else "about "
    if found == query.limit:
        why = f"search.limit is {query.limit}"
    elif last.is_exact:
        why = "the service returns no more for one search; split it by date"
    elif last.is_capped:
        return [*notes, Notice(_CAPPED, "warning")]
    else:
        return notes  # a scene in two areas is counted twice and taken once
    total = f"{about}{last.total_hits:,}"
    notes.append(Notice(f"Taking {found:,} of {total} scenes: {why}.", "warning"))
    return notes


def _nothing_found(query: SceneQuery) -> Notice:
    if query.ingested_since is not None:
        return Notice(f"No scene that matches was taken in since {query.ingested_since}.")
    return Notice("No scene matches the search.", "warning")


def _named_batches(named: Named, size: int) -> Iterator[SceneIds]:
    for dataset, ids in named.items():
        products = [scene for scene in ids if is_display_id(scene)]
        scenes = [scene for scene in ids if not is_display_id(scene)]
        for id_field, group in (("displayId", products), ("entityId", scenes)):
            for chunk in chunks(group, size):
                yield SceneIds(dataset, tuple(chunk), id_field)


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield ``items`` in order, ``size`` at a time; the last may be shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
