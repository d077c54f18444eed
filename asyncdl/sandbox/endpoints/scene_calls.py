"""Endpoints that find scenes.

Source: API notes, sections 4.1, 4.5, 10 and 12a.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asyncdl.sandbox.dataset_records import SandboxDataset, dataset_by_id
from asyncdl.sandbox.endpoints.download_options import download_options
from asyncdl.sandbox.endpoints.payload import (
    Endpoint,
    Json,
    Payload,
    alias_in,
    named_dataset,
    need,
    whole,
)
from asyncdl.sandbox.fields import fields_of
from asyncdl.sandbox.landsat_scenes import SandboxScene
from asyncdl.sandbox.refusal import Refusal, invalid
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.scene_catalog import Withdrawal
from asyncdl.sandbox.scene_filter import read_days, read_scene_filter
from asyncdl.sandbox.scene_results import Detail, export_of, result_of


@dataclass(frozen=True, slots=True)
class SortOrder:
    """A sort key and its direction; ascending, scenes without a value come first."""

    read: Callable[[SandboxScene], Any]
    is_down: bool

    def key(self, scene: SandboxScene) -> tuple[int, float, str]:
        """Return the sort key of a scene: numbers before texts."""
        value = self.read(scene)
        if isinstance(value, int | float):
            return 1, float(value), ""
        return (0, 0.0, "") if value is None else (2, 0.0, str(value))


def read_order(payload: Payload, dataset: str) -> SortOrder | None:
    """Read ``sortField`` and ``sortDirection``, or the first of ``sortCustomization``.

    Returns: ``None`` without a field, or for an unknown one: the service's own order.
    Raises: Refusal, for an invalid direction.
    """
    name, direction = payload.get("sortField"), payload.get("sortDirection")
    customized = payload.get("sortCustomization")
    if not name and isinstance(customized, list) and customized:
        name, direction = customized[0].get("field_name"), customized[0].get("direction")
    way = str(direction or "ASC").upper()
    if way not in ("ASC", "DESC"):
        raise invalid("The sort direction must be ASC or DESC")
    read = _reader(name, dataset) if name else None
    return SortOrder(read, way == "DESC") if read else None


def _reader(name: Json, dataset: str) -> Callable[[SandboxScene], Any] | None:
    """Return the reader of a field: a common one, or one of the dataset by label or id."""
    wanted = str(name).lower().replace(" ", "").replace("_", "")
    if wanted in _COMMON:
        return _COMMON[wanted]
    for field in fields_of(dataset):
        if str(name) in (field.id_in(dataset), field.label):
            return field.read
    return None


_COMMON: dict[str, Callable[[SandboxScene], Any]] = {
    "acquisitiondate": lambda scene: str(scene.acquired),
    "dateacquired": lambda scene: str(scene.acquired),
    "publishdate": lambda scene: scene.published,
    "cloudcover": lambda scene: scene.cloud,
    "displayid": lambda scene: scene.display_id,
    "entityid": lambda scene: scene.entity_id,
}


DEFAULT_RESULTS = 100
_SELECTIONS = ("bulk", "compare", "order")
"""A search may name a scene list for each; its reply marks the scenes that are in it."""
MAX_RESULTS = 50_000
"""Pages end here."""


def scene_search(state: SandboxState, payload: Payload) -> Json:
    """``scene-search``: one page of the scenes that match."""
    found = _searched(state, payload)
    given = payload.get("sceneFilter")
    matching = state.catalog.search(read_scene_filter(found.alias, given))
    numbers = _without_excluded(state, payload, _in_order(state, payload, found, matching))
    start, page = _page(payload, numbers)
    detail = _detail(state, payload)
    with_null = bool(payload.get("includeNullMetadataValues"))
    lists = {kind: _listed_ids(state, payload, f"{kind}ListName") for kind in _SELECTIONS}
    results = [result_of(state.catalog.scene(n), detail, with_null=with_null) for n in page]
    for result in results:
        result["selected"] = {kind: result["entityId"] in ids for kind, ids in lists.items()}
    return {
        "results": results,
        "recordsReturned": len(page),
        "totalHits": len(numbers),
        # Without a filter the service returns an earlier count.
        "totalHitsAccuracy": "calculated" if given else "approximate",
        "isCustomized": False,
        "numExcluded": len(matching) - len(numbers),
        "startingNumber": start,
        # Like the service: 1 (not 2) for one hit, and the total after the last page.
        "nextRecord": min(start + len(page), len(numbers)),
    }


def _searched(state: SandboxState, payload: Payload) -> SandboxDataset:
    found = named_dataset(state, payload)
    if not found.has_scenes:
        raise Refusal("DATASET_ERROR", f"{found.alias} cannot be searched for scenes")
    return found


def _page(payload: Payload, numbers: Sequence[int]) -> tuple[int, Sequence[int]]:
    """Return the number of the first requested hit, and the hits of the page."""
    start = whole(payload, "startingNumber", 1)
    wanted = whole(payload, "maxResults", DEFAULT_RESULTS)
    first = max(start, 1) - 1
    return start, numbers[first : min(first + max(wanted, 0), MAX_RESULTS)]


def _in_order(
    state: SandboxState, payload: Payload, found: SandboxDataset, numbers: Sequence[int]
) -> Sequence[int]:
    order = read_order(payload, found.alias)
    if order is None:
        return numbers
    return sorted(
        numbers, key=lambda number: order.key(state.catalog.scene(number)), reverse=order.is_down
    )


def _without_excluded(
    state: SandboxState, payload: Payload, numbers: Sequence[int]
) -> Sequence[int]:
    excluded = _listed_ids(state, payload, "excludeListName")
    if not excluded:
        return numbers
    return [n for n in numbers if state.catalog.scene(n).entity_id not in excluded]


def _listed_ids(state: SandboxState, payload: Payload, name: str) -> frozenset[str]:
    list_id = payload.get(name)
    entries = state.scene_lists.entries(str(list_id)) if list_id else ()
    return frozenset(entity_id for _, entity_id in entries)


def _detail(state: SandboxState, payload: Payload) -> Detail:
    """Return how much metadata a search returns; the default has changed over the years."""
    wanted = str(payload.get("metadataType") or "").lower()
    if wanted == "full":
        return Detail.FULL
    return Detail.NONE if not wanted and state.faults.bare_results else Detail.SUMMARY


def scene_search_secondary(state: SandboxState, payload: Payload) -> Json:
    """``scene-search-secondary``: the single files of a scene, as scenes of their own."""
    found, entity_id = _searched(state, payload), str(need(payload, "entityId"))
    scene = state.catalog.find(found.alias, entity_id)
    if scene is None:
        raise Refusal("NOT_FOUND", "Scene not found")
    rows = _secondary_rows(state, found, scene)
    start, page = _page(payload, range(len(rows)))
    band = dataset_by_id(rows[0]["datasetId"]) if rows else None
    base = result_of(scene, Detail.NONE)
    return {
        "results": [
            base | {"entityId": rows[n]["entityId"], "displayId": rows[n]["displayId"]}
            for n in page
        ],
        "recordsReturned": len(page),
        "totalHits": len(rows),
        "totalHitsAccuracy": "calculated",
        "isCustomized": False,
        "numExcluded": 0,
        "startingNumber": start,
        "nextRecord": min(start + len(page), len(rows)),
        "secondaryDatasetId": band.id if band else None,
        "secondaryDatasetAlias": band.alias if band else None,
    }


def _secondary_rows(state: SandboxState, found: SandboxDataset, scene: SandboxScene) -> list[Json]:
    wanted = {"datasetName": found.alias, "entityIds": [scene.entity_id]}
    lists = (row["secondaryDownloads"] for row in download_options(state, wanted) or ())
    return next(filter(None, lists), [])


def scene_search_delete(state: SandboxState, payload: Payload) -> Json:
    """``scene-search-delete``: one page of the scenes that were deleted in a date range."""
    found = named_dataset(state, payload)
    days = read_days(payload.get("temporalFilter"))
    hits = [
        gone
        for gone in state.catalog.withdrawals
        if gone.scene.dataset == found.alias and (days is None or days.holds(gone.day))
    ]
    start, page = _page(payload, range(len(hits)))
    return {
        "results": [_withdrawn(hits[n]) for n in page],
        "totalHits": len(hits),
        "recordsReturned": len(page),
        "nextRecord": min(start + len(page), len(hits)),
    }


def _withdrawn(gone: Withdrawal) -> Json:
    return {
        "entityId": gone.scene.entity_id,
        "displayId": gone.scene.display_id,
        "deletionDate": f"{gone.day} 13:00:02-06",
        "acquisitionDate": f"{gone.scene.acquired} 01:44:19",
    }


def scene_metadata(state: SandboxState, payload: Payload) -> Json:
    """``scene-metadata``: one scene with all its fields, or with a summary."""
    scene = _named_scene(state, payload)
    is_short = str(payload.get("metadataType") or "").lower() == "summary"
    with_null = bool(payload.get("includeNullMetadataValues"))
    return result_of(scene, Detail.SUMMARY if is_short else Detail.FULL, with_null=with_null)


def _named_scene(state: SandboxState, payload: Payload) -> SandboxScene:
    """Return the scene of a call. Raises: Refusal, if the dataset has no such scene."""
    found, wanted = named_dataset(state, payload), str(need(payload, "entityId"))
    scene = state.catalog.find(found.alias, wanted)
    if scene is None:
        raise Refusal("NOT_FOUND", "Scene not found")
    return scene


def scene_metadata_list(state: SandboxState, payload: Payload) -> Json:
    """``scene-metadata-list``: the scenes of a list, by dataset."""
    scenes: dict[str, list[Json]] = {}
    for name, entity_id in state.listed(str(need(payload, "listId")), alias_in(payload)):
        scene = state.catalog.find(name, entity_id)
        if scene is not None:
            scenes.setdefault(name, []).append(result_of(scene, Detail.FULL))
    # PHP writes an empty map as a list.
    return scenes or []


def scene_metadata_xml(state: SandboxState, payload: Payload) -> Json:
    """``scene-metadata-xml``: one scene with all its fields as XML."""
    scene = _named_scene(state, payload)
    return {
        "entityId": scene.entity_id,
        "displayId": scene.display_id,
        "exportContent": export_of(scene),
    }


ENDPOINTS: Mapping[str, Endpoint] = {
    "scene-search": scene_search,
    "scene-search-delete": scene_search_delete,
    "scene-search-secondary": scene_search_secondary,
    "scene-metadata": scene_metadata,
    "scene-metadata-list": scene_metadata_list,
    "scene-metadata-xml": scene_metadata_xml,
}
