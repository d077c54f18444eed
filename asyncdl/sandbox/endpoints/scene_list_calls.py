"""Endpoints that keep scene lists.

Source: API notes, section 4.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from asyncdl.sandbox.dataset_records import SandboxDataset
from asyncdl.sandbox.endpoints.payload import (
    Endpoint,
    Json,
    Payload,
    alias_in,
    entity_ids,
    named_dataset,
    need,
    whole,
)
from asyncdl.sandbox.geometry import bounds_polygon
from asyncdl.sandbox.lookup import find_secondary
from asyncdl.sandbox.refusal import required
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.served_scene_lists import read_duration


def scene_list_add(state: SandboxState, payload: Payload) -> Json:
    """``scene-list-add``: the number of items added."""
    list_id, found = str(need(payload, "listId")), named_dataset(state, payload)
    wanted = entity_ids(payload)
    if not wanted:
        raise required("entityIds")
    by_display_id = payload.get("idField") == "displayId"
    life = payload.get("timeToLive")
    seconds = read_duration(str(life)) if life else None
    known = (_known_id(state, found, one, by_display_id) for one in wanted)
    added = state.scene_lists.add(list_id, found.alias, (one for one in known if one is not None))
    if seconds is not None:
        state.scene_lists.expire_in(list_id, seconds)
    return added


def _known_id(
    state: SandboxState, found: SandboxDataset, one: str, by_display_id: bool
) -> str | None:
    """Return the entity id if the dataset contains it."""
    if not found.has_scenes:
        return one if find_secondary(state.catalog, one) else None
    scene = state.catalog.find(found.alias, one)
    if scene is None or one != (scene.display_id if by_display_id else scene.entity_id):
        return None
    return scene.entity_id


def scene_list_get(state: SandboxState, payload: Payload) -> Json:
    """``scene-list-get``: the items, page by page if requested."""
    entries = state.listed(str(need(payload, "listId")), alias_in(payload))
    first = max(whole(payload, "startingNumber", 1), 1) - 1
    wanted = whole(payload, "maxResults", len(entries))
    return [
        {"entityId": entity_id, "datasetName": name}
        for name, entity_id in entries[first : first + wanted]
    ]


def scene_list_remove(state: SandboxState, payload: Payload) -> Json:
    """``scene-list-remove``: a list, a dataset's part of it, or some items."""
    list_id = str(need(payload, "listId"))
    state.scene_lists.remove(list_id, alias_in(payload), entity_ids(payload))


def scene_list_summary(state: SandboxState, payload: Payload) -> Json:
    """``scene-list-summary``: how many items, and where."""
    list_id = str(need(payload, "listId"))
    entries = state.listed(list_id, alias_in(payload))
    parts: dict[str, list[tuple[str, str]]] = {}
    for entry in entries:
        parts.setdefault(entry[0], []).append(entry)
    return {
        # Like the service: a string here, a number below.
        "summary": {"sceneCount": str(len(entries)), **_extent(state, entries)},
        "datasets": [
            {
                "sceneCount": len(members),
                "datasetName": name,
                "listTimeout": state.scene_lists.timeout(list_id),
                **_extent(state, members),
            }
            for name, members in parts.items()
        ],
    }


def _extent(state: SandboxState, entries: Iterable[tuple[str, str]]) -> Json:
    """Return bounding box and dates of the scenes in a list; null for an empty list."""
    found = filter(None, (state.catalog.find(name, one) for name, one in entries))
    scenes = list(found)
    if not scenes:
        return {"spatialBounds": None, "temporalExtent": None}
    days = [scene.acquired for scene in scenes]
    return {
        "spatialBounds": bounds_polygon(tuple(p for scene in scenes for p in scene.footprint)),
        "temporalExtent": {"max": f"{max(days)} 00:00:00-05", "min": f"{min(days)} 00:00:00-06"},
    }


def scene_list_types(state: SandboxState, payload: Payload) -> Json:
    """``scene-list-types``: all lists."""
    return [
        {
            "list": name,
            "sceneCount": len(state.scene_lists.entries(name)),
            "listTimeout": state.scene_lists.timeout(name),
        }
        for name in state.scene_lists.names
    ]


ENDPOINTS: Mapping[str, Endpoint] = {
    "scene-list-add": scene_list_add,
    "scene-list-get": scene_list_get,
    "scene-list-remove": scene_list_remove,
    "scene-list-summary": scene_list_summary,
    "scene-list-types": scene_list_types,
}
