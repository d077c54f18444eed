"""Endpoints that keep scene lists.

Source: API notes, section 4.6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from asyncdl.sandbox.datasets import Dataset
from asyncdl.sandbox.endpoints.payload import (
    Endpoint,
    Json,
    Payload,
    entity_ids,
    named_dataset,
    need,
    whole,
)
from asyncdl.sandbox.lookup import find_secondary
from asyncdl.sandbox.refusal import required
from asyncdl.sandbox.world import World


def scene_list_add(world: World, payload: Payload) -> Json:
    """``scene-list-add``: the number of items added."""
    list_id, found = str(need(payload, "listId")), named_dataset(world, payload)
    wanted = entity_ids(payload)
    if not wanted:
        raise required("entityIds")
    by_display_id = payload.get("idField") == "displayId"
    known = (_known_id(world, found, one, by_display_id) for one in wanted)
    return world.scene_lists.add(list_id, found.alias, (one for one in known if one is not None))


def _known_id(world: World, found: Dataset, one: str, by_display_id: bool) -> str | None:
    """Return the entity id if the dataset holds it."""
    if not found.has_scenes:
        return one if find_secondary(world.catalog, one) else None
    scene = world.catalog.find(found.alias, one)
    if scene is None or one != (scene.display_id if by_display_id else scene.entity_id):
        return None
    return scene.entity_id


def scene_list_get(world: World, payload: Payload) -> Json:
    """``scene-list-get``: the items, page by page if asked for."""
    entries = world.listed(str(need(payload, "listId")), payload.get("datasetName"))
    first = max(whole(payload, "startingNumber", 1), 1) - 1
    wanted = whole(payload, "maxResults", len(entries))
    return [
        {"entityId": entity_id, "datasetName": name}
        for name, entity_id in entries[first : first + wanted]
    ]


def scene_list_remove(world: World, payload: Payload) -> Json:
    """``scene-list-remove``: a list, a dataset's part of it, or some items."""
    list_id = str(need(payload, "listId"))
    world.scene_lists.remove(list_id, payload.get("datasetName"), entity_ids(payload))


def scene_list_summary(world: World, payload: Payload) -> Json:
    """``scene-list-summary``: how many items, and where."""
    entries = world.listed(str(need(payload, "listId")), payload.get("datasetName"))
    counts = Counter(name for name, _ in entries)
    return {
        "summary": {"sceneCount": str(len(entries)), "spatialBounds": None, "temporalExtent": None},
        "datasets": [
            {
                "sceneCount": count,
                "datasetName": name,
                "listTimeout": None,
                "spatialBounds": None,
                "temporalExtent": None,
            }
            for name, count in counts.items()
        ],
    }


def scene_list_types(world: World, payload: Payload) -> Json:
    """``scene-list-types``: all lists."""
    return [
        {"list": name, "sceneCount": len(world.scene_lists.entries(name)), "listTimeout": None}
        for name in world.scene_lists.names
    ]


ENDPOINTS: Mapping[str, Endpoint] = {
    "scene-list-add": scene_list_add,
    "scene-list-get": scene_list_get,
    "scene-list-remove": scene_list_remove,
    "scene-list-summary": scene_list_summary,
    "scene-list-types": scene_list_types,
}
