"""All scenes of the sandbox, by number, by id and by search; they can be added and deleted."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from asyncdl.m2m.naming import dataset_of, parse_ard_id
from asyncdl.sandbox.granules import fixed_granules
from asyncdl.sandbox.landsat_scenes import (
    GENERATED_DATASET,
    GeneratedScenes,
    SandboxScene,
    cloud_of,
    fixed_scene,
    fixed_scenes,
)
from asyncdl.sandbox.scene_files import files_of
from asyncdl.sandbox.scene_filter import SceneFilter
from asyncdl.sandbox.tiles import fixed_tile, fixed_tiles
from asyncdl.sandbox.wrs import footprint, land_places

_KEPT_SEARCHES = 16
"""Cached search results, which pages are cut from; four bytes per hit."""

_KEPT_SCENES = 1024
"""Cached computed scenes: files of one scene are requested one after the other."""


_FIRST_TILE = 2**30
"""First number of tiles and granules; Landsat scenes have lower ones."""
_FIRST_PUBLISHED = 2**31
"""First number of scenes that were published later."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A scene that was deleted."""

    scene: SandboxScene
    day: date


class Catalog:
    """The real Anchorage scenes, some others, and any number of computed ones.

    Also some tiles, elevation models, photos and films, as the service has them.

    Args:
        generated: Number of scenes to compute.
        extra: Ids of further scenes and tiles.
    Raises: ValueError, for an id in ``extra`` that is neither.
    """

    def __init__(self, generated: int = 0, extra: tuple[str, ...] = ()) -> None:
        extra_tiles = tuple(filter(parse_ard_id, extra))
        self._fixed = fixed_scenes(tuple(id_ for id_ in extra if id_ not in extra_tiles))
        tiles = fixed_tiles(_FIRST_TILE, extra_tiles)
        self.granules = fixed_granules(_FIRST_TILE + len(tiles))
        """Entries of datasets that are not Landsat."""
        self._others: tuple[SandboxScene, ...] = (*tiles, *self.granules)
        self._published: list[SandboxScene] = []
        self.withdrawals: list[Withdrawal] = []
        """All scenes that were deleted, in that order."""
        self._gone: set[int] = set()
        self._by_id: dict[tuple[str, str], SandboxScene] = {}
        for scene in self._fixed:
            self._enter(scene)
        for other in self._others:
            # Of those that share a display id, the first one is found by it.
            self._by_id.setdefault((other.dataset, other.display_id), other)
            self._by_id[other.dataset, other.entity_id] = other
        self._generated = GeneratedScenes(len(self._fixed), generated)
        self._matches = lru_cache(maxsize=_KEPT_SEARCHES)(self._match)
        self._made = lru_cache(maxsize=_KEPT_SCENES)(self._generated.scene)
        self._found = lru_cache(maxsize=_KEPT_SCENES)(self._generated.find)

    def __len__(self) -> int:
        """Number of Landsat scenes at the start; their numbers begin at 0."""
        return len(self._fixed) + len(self._generated)

    def publish(self, product_id: str) -> SandboxScene:
        """Add a scene or a tile; it is ingested on the day of its processing.

        Raises: ValueError, if ``product_id`` is neither a Landsat product id nor a tile's.
        """
        number = _FIRST_PUBLISHED + len(self._published)
        make = fixed_tile if parse_ard_id(product_id) else fixed_scene
        scene: SandboxScene = make(number, product_id)
        self._published.append(scene)
        self._enter(scene)
        self._matches.cache_clear()
        return scene

    def withdraw(self, product_id: str, day: date) -> None:
        """Delete a scene. Raises: KeyError, if there is none with this id."""
        dataset = dataset_of(product_id)
        scene = self.find(dataset, product_id) if dataset else None
        if scene is None:
            raise KeyError(product_id)
        self._gone.add(scene.number)
        self.withdrawals.append(Withdrawal(scene, day))
        self._matches.cache_clear()

    def _enter(self, scene: SandboxScene) -> None:
        # A reprocessed scene keeps its entity id, which finds the latest.
        self._by_id |= {(scene.dataset, id_): scene for id_ in (scene.entity_id, scene.display_id)}

    def scene(self, number: int) -> SandboxScene:
        """Return the scene with a number from a search, even if it was deleted since."""
        if number >= _FIRST_PUBLISHED:
            return self._published[number - _FIRST_PUBLISHED]
        if number >= _FIRST_TILE:
            return self._others[number - _FIRST_TILE]
        if number < len(self._fixed):
            return self._fixed[number]
        return self._made(number - len(self._fixed))

    def find(self, dataset: str, entity_or_display_id: str) -> SandboxScene | None:
        """Return the scene of a dataset that has this id."""
        known = self._by_id.get((dataset, entity_or_display_id))
        if known is None and dataset == GENERATED_DATASET:
            known = self._found(entity_or_display_id)
        return None if known is None or known.number in self._gone else known

    def count(self, dataset: str) -> int:
        """Return how many scenes a dataset has."""
        single: tuple[SandboxScene, ...] = (
            *self._fixed,
            *self._others,
            *self._published,
            *(gone.scene for gone in self.withdrawals),
        )
        of_dataset = sum(
            -1 if scene.number in self._gone else 1 for scene in single if scene.dataset == dataset
        )
        return of_dataset + (len(self._generated) if dataset == GENERATED_DATASET else 0)

    def search(self, scene_filter: SceneFilter) -> Sequence[int]:
        """Return the numbers of all scenes that match, in a stable order."""
        return self._matches(scene_filter)

    def suffixes(self, dataset: str) -> dict[str, tuple[str, ...]]:
        """Return the file groups of each file suffix that scenes of a dataset have."""
        return {
            file.suffix: file.groups
            for scene in self._fixed
            if scene.dataset == dataset
            for file in files_of(scene)
        }

    def _match(self, scene_filter: SceneFilter) -> Sequence[int]:
        found = array("L", self._match_fixed(scene_filter))
        if scene_filter.dataset == GENERATED_DATASET and len(self._generated):
            found.extend(self._match_generated(scene_filter))
        return array("L", (n for n in found if n not in self._gone)) if self._gone else found

    def _match_fixed(self, scene_filter: SceneFilter) -> Iterator[int]:
        single: tuple[SandboxScene, ...] = (*self._fixed, *self._others, *self._published)
        for scene in single:
            if (
                scene.dataset == scene_filter.dataset
                and scene_filter.accepts(scene)
                and scene_filter.covers(scene.footprint)
            ):
                yield scene.number

    def _match_generated(self, scene_filter: SceneFilter) -> Iterator[int]:
        """Filter the places first: the footprint of a place is the same on every pass."""
        made, places = self._generated, land_places()
        covered = [n for n, place in enumerate(places) if self._covers(scene_filter, place)]
        for visit in range(-(-len(made) // len(places))):
            for place in covered:
                index = visit * len(places) + place
                if index >= len(made):
                    break
                day = made.day_of(places[place][0], visit)
                # Making the whole scene takes most of the time, so that comes last.
                if scene_filter.may_accept(day, cloud_of(index)) and (
                    not scene_filter.needs_whole_scene or scene_filter.accepts(made.scene(index))
                ):
                    yield made.first_number + index

    @staticmethod
    def _covers(scene_filter: SceneFilter, place: tuple[int, int]) -> bool:
        return scene_filter.area is None or scene_filter.covers(footprint(*place))
