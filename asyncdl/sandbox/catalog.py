"""All scenes the sandbox has, by number, by id and by search."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from functools import lru_cache

from asyncdl.sandbox.filters import SceneFilter
from asyncdl.sandbox.products import files_of
from asyncdl.sandbox.scenes import GENERATED_DATASET, GeneratedScenes, Scene, cloud_of, fixed_scenes
from asyncdl.sandbox.wrs import footprint, land_places

_KEPT_SEARCHES = 16
"""The pages of so many searches are cut from one result; four bytes for each hit are kept."""

_KEPT_SCENES = 1024
"""Computed scenes that are kept: files of one scene are asked for one after the other."""


class Catalog:
    """The real Anchorage scenes, some others, and any number of computed ones.

    Args:
        generated: How many scenes to compute beside the real ones.
        extra: Product ids of further scenes.
    """

    def __init__(self, generated: int = 0, extra: tuple[str, ...] = ()) -> None:
        self._fixed = fixed_scenes(extra)
        self._by_id = {
            (scene.dataset, key): scene
            for scene in self._fixed
            for key in (scene.entity_id, scene.display_id)
        }
        self._generated = GeneratedScenes(len(self._fixed), generated)
        self._matches = lru_cache(maxsize=_KEPT_SEARCHES)(self._match)
        self._made = lru_cache(maxsize=_KEPT_SCENES)(self._generated.scene)
        self._found = lru_cache(maxsize=_KEPT_SCENES)(self._generated.find)

    def __len__(self) -> int:
        return len(self._fixed) + len(self._generated)

    def scene(self, number: int) -> Scene:
        """Return the scene of a number, 0 or more and less than the length."""
        if number < len(self._fixed):
            return self._fixed[number]
        return self._made(number - len(self._fixed))

    def find(self, dataset: str, entity_or_display_id: str) -> Scene | None:
        """Return the scene of a dataset that has this id."""
        known = self._by_id.get((dataset, entity_or_display_id))
        if known is not None or dataset != GENERATED_DATASET:
            return known
        return self._found(entity_or_display_id)

    def count(self, dataset: str) -> int:
        """Return how many scenes a dataset has."""
        fixed = sum(1 for scene in self._fixed if scene.dataset == dataset)
        return fixed + (len(self._generated) if dataset == GENERATED_DATASET else 0)

    def search(self, scene_filter: SceneFilter) -> Sequence[int]:
        """Return the numbers of all scenes that match, in a steady order."""
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
        return found

    def _match_fixed(self, scene_filter: SceneFilter) -> Iterator[int]:
        for scene in self._fixed:
            if (
                scene.dataset == scene_filter.dataset
                and scene_filter.accepts(scene)
                and scene_filter.covers(scene.footprint)
            ):
                yield scene.number

    def _match_generated(self, scene_filter: SceneFilter) -> Iterator[int]:
        """Go over the places first: the footprint of a place is the same at every pass."""
        made, places = self._generated, land_places()
        covered = [n for n, place in enumerate(places) if self._covers(scene_filter, place)]
        for visit in range(-(-len(made) // len(places))):
            for place in covered:
                index = visit * len(places) + place
                if index >= len(made):
                    break
                day = made.day_of(places[place][0], visit)
                # Making the whole scene takes most of the time, so that comes last.
                if scene_filter.suits(day, cloud_of(index)) and (
                    not scene_filter.looks_closer or scene_filter.accepts(made.scene(index))
                ):
                    yield made.first_number + index

    @staticmethod
    def _covers(scene_filter: SceneFilter, place: tuple[int, int]) -> bool:
        return scene_filter.area is None or scene_filter.covers(footprint(*place))
