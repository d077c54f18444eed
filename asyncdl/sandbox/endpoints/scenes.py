"""Endpoints that find scenes.

Source: API notes, sections 4.1, 4.5 and 10.
"""

from __future__ import annotations

from collections.abc import Mapping

from asyncdl.sandbox.catalog import Withdrawal
from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, named_dataset, need, whole
from asyncdl.sandbox.filters import read_days, read_scene_filter
from asyncdl.sandbox.geometry import Ring, bounds, rectangle
from asyncdl.sandbox.refusal import Refusal, invalid
from asyncdl.sandbox.scene_metadata import full_metadata, summary_metadata
from asyncdl.sandbox.scenes import Scene
from asyncdl.sandbox.world import World
from asyncdl.sandbox.wrs import PATHS, centre, footprint

DEFAULT_RESULTS = 100
MAX_RESULTS = 50_000
"""Pages reach so far and no further."""


def scene_search(world: World, payload: Payload) -> Json:
    """``scene-search``: one page of the scenes that match."""
    found = named_dataset(world, payload)
    if not found.has_scenes:
        raise Refusal("DATASET_ERROR", f"{found.alias} cannot be searched for scenes")
    numbers = world.catalog.search(read_scene_filter(found.alias, payload.get("sceneFilter")))
    start = whole(payload, "startingNumber", 1)
    wanted = min(whole(payload, "maxResults", DEFAULT_RESULTS), MAX_RESULTS)
    first = max(start, 1) - 1
    page = numbers[first : min(first + wanted, MAX_RESULTS)]
    detail = str(payload.get("metadataType") or "")
    return {
        "results": [_result(world.catalog.scene(n), detail) for n in page],
        "recordsReturned": len(page),
        "totalHits": len(numbers),
        "totalHitsAccuracy": "exact",
        "isCustomized": False,
        "numExcluded": 0,
        "startingNumber": start,
        # One hit: 1, not 2. After the last page: the total. Both are the service's habit.
        "nextRecord": min(start + len(page), len(numbers)),
    }


def scene_search_delete(world: World, payload: Payload) -> Json:
    """``scene-search-delete``: one page of the scenes that were withdrawn in some days."""
    found = named_dataset(world, payload)
    days = read_days(payload.get("temporalFilter"))
    hits = [
        gone
        for gone in world.catalog.withdrawals
        if gone.scene.dataset == found.alias and (days is None or days.holds(gone.day))
    ]
    start = whole(payload, "startingNumber", 1)
    first = max(start, 1) - 1
    page = hits[first : first + whole(payload, "maxResults", DEFAULT_RESULTS)]
    return {
        "results": [_withdrawn(gone) for gone in page],
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


def scene_metadata(world: World, payload: Payload) -> Json:
    """``scene-metadata``: one scene with all its fields."""
    found = named_dataset(world, payload)
    scene = world.catalog.find(found.alias, str(need(payload, "entityId")))
    if scene is None:
        raise Refusal("NOT_FOUND", "Scene not found")
    return _result(scene, "full")


def scene_metadata_list(world: World, payload: Payload) -> Json:
    """``scene-metadata-list``: the scenes of a list, by dataset."""
    scenes: dict[str, list[Json]] = {}
    for name, entity_id in world.listed(str(need(payload, "listId")), payload.get("datasetName")):
        scene = world.catalog.find(name, entity_id)
        if scene is not None:
            scenes.setdefault(name, []).append(_result(scene, "full"))
    return scenes


def _result(scene: Scene, detail: str) -> Json:
    return {
        "browse": [_browse(scene)] if scene.dataset.startswith("landsat_") else [],
        "cloudCover": _cloud(scene),
        "entityId": scene.entity_id,
        "displayId": scene.display_id,
        "orderingId": None,
        "metadata": _METADATA.get(detail, _no_metadata)(scene),
        "hasCustomizedMetadata": None,
        "options": {
            "bulk": scene.is_bulk,
            "download": scene.is_bulk,
            "order": scene.has_order,
            "secondary": False,
        },
        "selected": {"bulk": False, "compare": False, "order": False},
        "spatialBounds": _polygon(rectangle(*bounds(scene.footprint))),
        "spatialCoverage": _polygon(scene.footprint),
        "temporalCoverage": {"endDate": scene.taken, "startDate": scene.taken},
        "publishDate": scene.published,
    }


def _cloud(scene: Scene) -> str | int | None:
    # Numbers and texts are both on record.
    return str(scene.cloud) if scene.cloud is not None and scene.number % 3 == 2 else scene.cloud


def _browse(scene: Scene) -> Json:
    look = "https://landsatlook.usgs.gov/gen-browse?type=refl&product_id=" + scene.display_id
    return {
        "id": "5fb4ba12d7ec307f",
        "browseRotationEnabled": None,
        "browseName": "Reflective Color Preview Image",
        "browsePath": f"{look}&size=rrb",
        "overlayPath": None,
        "overlayType": None,
        "thumbnailPath": f"{look}&size=thumb",
    }


def _no_metadata(scene: Scene) -> list[Json]:
    return []


_METADATA = {"summary": summary_metadata, "full": full_metadata}


def _polygon(ring: Ring) -> Json:
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def grid2ll(world: World, payload: Payload) -> Json:
    """``grid2ll``: where a path and row lie."""
    path, row = whole(payload, "path", 0), whole(payload, "row", 0)
    if need(payload, "gridType") != "WRS2" or not 1 <= path <= PATHS:
        raise invalid("only WRS2, paths 1 to 233 and rows 1 to 248 are known")
    shape = str(payload.get("responseShape") or "point")
    points = footprint(path, row) if shape == "polygon" else (centre(path, row),)
    coordinates = [{"latitude": lat, "longitude": lon} for lon, lat in points]
    return {"shape": shape, "coordinates": coordinates}


ENDPOINTS: Mapping[str, Endpoint] = {
    "scene-search": scene_search,
    "scene-search-delete": scene_search_delete,
    "scene-metadata": scene_metadata,
    "scene-metadata-list": scene_metadata_list,
    "grid2ll": grid2ll,
}
