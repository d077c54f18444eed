"""A scene search: from a query to the service's filter, and page by page to the scenes.

Pure except for :func:`search_scenes`, which requests one page after the other.

Source: API notes, sections 4.1 (paging), 4.2 and 4.3 (filters).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Protocol

from asyncdl.background import off_loop
from asyncdl.m2m.models import DatasetFilter, DeletedScenePage, Json, Scene, ScenePage
from asyncdl.m2m.searching.area import SearchArea
from asyncdl.m2m.searching.conditions import (
    FieldsByName,
    SceneTraits,
    TraitFilter,
    metadata_filter,
    refuse_double_traits,
    trait_filter,
)
from asyncdl.m2m.searching.cover import SpatialFilter
from asyncdl.m2m.searching.footprints import Footprints

MAX_SCENES = 50_000
"""The service's maximum per search; more scenes need a narrower search."""

PAGE_SIZE = 1_000
"""Scenes per call: well below the 10,000 that the service recommends as maximum."""

MIN_PAGE_SIZE = 100
"""Minimum for small limits: some scenes of a page may not count."""

EARLIEST = date(1900, 1, 1)
"""Start date of a search without one: before every image of the service."""

LATEST = date(2100, 12, 31)
"""End date of a search without one."""


@dataclass(frozen=True, slots=True)
class SceneQuery:
    """Which scenes to search. All conditions have to be met."""

    dataset: str
    """Alias, such as ``landsat_ot_c2_l2``."""
    area: SearchArea = field(default_factory=SearchArea)
    """Scenes have to touch it; everywhere if it has no filters."""
    start: date | None = None
    """First day of acquisition, inclusive."""
    end: date | None = None
    """Last day of acquisition, inclusive."""
    ingested_since: date | None = None
    """First day of ingest by the service, inclusive."""
    cloud_cover: tuple[int, int] | None = None
    """Minimum and maximum percentage. Scenes with unknown cloud cover are included
    only if the maximum is 100."""
    months: tuple[int, ...] = ()
    """Months of acquisition, 1 to 12; all if empty."""
    wrs: tuple[tuple[int, int], ...] = ()
    """Pairs of path and row, of which one has to match."""
    metadata: Mapping[str, object] = field(default_factory=dict)
    """Field name to a value, to a list of values of which one has to match,
    or, for a range field, to ``[lowest, highest]``."""
    limit: int | None = None
    """Maximum number of scenes; ``None`` for as many as the service returns."""
    traits: SceneTraits = field(default_factory=SceneTraits)
    """Tier, satellite, and day or night."""

    @property
    def needs_dataset_filters(self) -> bool:
        """Whether the ids of the dataset's metadata fields have to be requested first."""
        return bool(self.wrs or self.metadata or self.traits)


@dataclass(frozen=True, slots=True)
class SceneBatch:
    """The new scenes of one page."""

    scenes: tuple[Scene, ...]
    """Each scene of a search once, in the service's order; may be empty."""
    not_bulk: int
    """Scenes of this page left out because they cannot be downloaded in bulk."""
    outside: int
    """Scenes of this page left out because they touch only the filter, not the area."""
    total_hits: int
    """Number of scenes that the searches so far match. In the last batch: that of the whole
    query, whether taken or not."""
    is_exact: bool
    """``False`` if the service only estimates, if several areas may count a scene twice, or if
    pages that are not requested may contain scenes of another tier or satellite, or outside."""
    is_capped: bool
    """Whether a search so far matches more than the service returns."""


class SceneSearcher(Protocol):
    """The part of a client that a search needs: two calls, both safe to repeat."""

    async def scene_search(
        self,
        dataset_name: str,
        scene_filter: Json | None,
        *,
        starting_number: int = 1,
        max_results: int = 100,
        metadata_type: str | None = None,
    ) -> ScenePage:
        """Return the page that begins at ``starting_number``, counted from 1."""
        ...

    async def dataset_filters(self, dataset_name: str) -> list[DatasetFilter]:
        """Return the metadata fields that the dataset can be searched by."""
        ...


async def search_scenes(
    client: SceneSearcher, query: SceneQuery, *, page_size: int = PAGE_SIZE
) -> AsyncGenerator[SceneBatch, None]:
    """Search page by page, with one search for each part of the area.

    Once the limit is reached, the remaining parts are only counted, so that
    ``total_hits`` of the last batch is complete. A limit of 0 only counts.

    Args:
        client: Called for the next page only when its scenes are consumed.
        query: What to search.
        page_size: Maximum number of scenes per call.
    Yields: One batch for each page, at least one.
    Raises: ConfigError, if the query names a field or value that the dataset does not have;
        and what the client raises.
    """
    fields = await client.dataset_filters(query.dataset) if query.needs_dataset_filters else ()
    by_id = _traits_in(query, FieldsByName(query.dataset, fields))
    filters = [build_scene_filter(query, fields, part) for part in query.area.filters or (None,)]
    ground = query.area.ground
    footprints = await off_loop(query.area.corners, Footprints, ground) if ground else None
    progress = _SearchProgress(query.limit, by_id, footprints)
    for scene_filter in filters:
        start: int | None = 1
        collected = 0
        while start is not None:
            requested = progress.page_size(page_size)
            page = await client.scene_search(
                query.dataset, scene_filter, starting_number=start, max_results=requested
            )
            collected += len(page.results or ())
            add = partial(progress.add, page, is_first=start == 1, collected=collected)
            # Comparing a footprint with a coast takes as long as ten other checks of a scene.
            weight = 10 if footprints else 1
            yield await off_loop(len(page.results or ()) * weight, add)
            start = (
                None
                if progress.is_full
                else next_start(page, start=start, collected=collected, requested=requested)
            )


class _SearchProgress:
    """The results of one query so far, over all its searches."""

    def __init__(
        self, limit: int | None, traits: TraitFilter, footprints: Footprints | None
    ) -> None:
        self._limit = limit
        self._traits = traits
        self._footprints = footprints
        self._unwanted = 0
        self._seen: set[str] = set()
        self._taken = 0
        self._totals: list[int] = []
        self._is_estimate = False

    @property
    def is_full(self) -> bool:
        return self._limit is not None and self._taken >= self._limit

    def page_size(self, largest: int) -> int:
        if self.is_full:
            return 1  # only the count is needed
        return largest if self._limit is None else min(largest, max(self._limit, MIN_PAGE_SIZE))

    def add(self, page: ScenePage, *, is_first: bool, collected: int) -> SceneBatch:
        if is_first:
            self._totals.append(0)
        # An estimate may change from page to page: the latest one counts.
        self._totals[-1] = collected if page.total_hits is None else page.total_hits
        self._is_estimate |= is_estimate(page)
        scenes, not_bulk, outside = self._take(page.results or ())
        return SceneBatch(
            scenes=tuple(scenes),
            not_bulk=not_bulk,
            outside=outside,
            total_hits=max(sum(self._totals) - self._unwanted, self._taken),
            is_exact=not self._is_estimate and len(self._totals) == 1 and not self._is_incomplete(),
            is_capped=max(self._totals) > MAX_SCENES,
        )

    def _is_incomplete(self) -> bool:
        """Return whether pages that are not read may contain scenes that do not count."""
        return bool(self._traits.tests or self._footprints) and self.is_full

    def _take(self, results: Iterable[Scene]) -> tuple[list[Scene], int, int]:
        scenes: list[Scene] = []
        not_bulk = outside = 0
        for scene in results:
            if self.is_full:
                break
            if scene.entity_id in self._seen:
                continue
            self._seen.add(scene.entity_id)
            if not self._traits.wants(scene.display_id):
                self._unwanted += 1
            elif self._footprints and not self._footprints.touch(scene):
                self._unwanted += 1
                outside += 1
            elif scene.is_bulk:
                scenes.append(scene)
                self._taken += 1
            else:
                not_bulk += 1
        return scenes, not_bulk, outside


def is_estimate(page: ScenePage | DeletedScenePage) -> bool:
    """Return whether the number of scenes is an estimate or missing."""
    return page.total_hits is None or (page.total_hits_accuracy or "").lower() == "approximate"


def next_start(
    page: ScenePage | DeletedScenePage, *, start: int, collected: int, requested: int = PAGE_SIZE
) -> int | None:
    """Return where the next page begins, or ``None`` after the last one.

    Always terminates, whatever the service returns: every page that is followed by
    another contains a scene, and the number of scenes is limited.

    Args:
        page: The page just received.
        start: The starting number that was requested.
        collected: Number of scenes of this search so far, including ``page``.
        requested: Number of scenes requested with the page.
    Source: API notes, section 4.1: after one hit ``nextRecord`` is 1, at the end ``totalHits``.
    """
    if not page.results or collected >= MAX_SCENES:
        return None
    following = page.next_record
    if following is None:
        following = _start_by_count(page, start=start, requested=requested)
    if following is None or following <= start:
        return None
    if page.total_hits is not None and collected >= page.total_hits and not is_estimate(page):
        return None
    return following


def _start_by_count(
    page: ScenePage | DeletedScenePage, *, start: int, requested: int
) -> int | None:
    """Return where the next page begins if the service does not say."""
    brought = max(len(page.results or ()), page.records_returned or 0)
    if page.total_hits is None:
        return start + brought if brought >= requested else None
    return start + brought if start + brought <= page.total_hits else None


def build_scene_filter(
    query: SceneQuery,
    fields: Iterable[DatasetFilter] = (),
    spatial: SpatialFilter | None = None,
) -> dict[str, Json]:
    """Return the ``sceneFilter`` for a query and one part of its area.

    Args:
        query: Its area is ignored; ``spatial`` is used instead.
        fields: The dataset's metadata fields, if the query needs them.
        spatial: One part of the area, or ``None`` for everywhere.
    Raises: ConfigError, naming the key and what is allowed, for a field
        or a value that the dataset does not have.
    """
    scene_filter: dict[str, Json] = {}
    if spatial is not None:
        scene_filter["spatialFilter"] = spatial
    if query.start or query.end:
        scene_filter["acquisitionFilter"] = {
            "start": (query.start or EARLIEST).isoformat(),
            "end": (query.end or LATEST).isoformat(),
        }
    if query.ingested_since:
        scene_filter["ingestFilter"] = {
            "start": query.ingested_since.isoformat(),
            "end": LATEST.isoformat(),
        }
    if query.cloud_cover is not None:
        lowest, highest = query.cloud_cover
        scene_filter["cloudCoverFilter"] = {
            "min": lowest,
            "max": highest,
            "includeUnknown": highest >= 100,
        }
    if query.months:
        scene_filter["seasonalFilter"] = sorted(set(query.months))
    if query.needs_dataset_filters:
        names = FieldsByName(query.dataset, fields)
        conditions = _traits_in(query, names).conditions
        metadata = metadata_filter(names, query.metadata, query.wrs, conditions)
        scene_filter |= {"metadataFilter": metadata} if metadata else {}
    return scene_filter


def _traits_in(query: SceneQuery, fields: FieldsByName) -> TraitFilter:
    refuse_double_traits(fields, query.traits, tuple(query.metadata))
    return trait_filter(query.dataset, fields, query.traits)
