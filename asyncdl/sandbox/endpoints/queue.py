"""Endpoints that look after the downloads that were requested.

Source: API notes, sections 5.5 to 5.7.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from asyncdl.sandbox.datasets import DATASETS
from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, need
from asyncdl.sandbox.links import staging_url_of, target_of, url_of
from asyncdl.sandbox.products import band_dataset, rows_of
from asyncdl.sandbox.queue import Item, State
from asyncdl.sandbox.refusal import invalid
from asyncdl.sandbox.world import World


def download_retrieve(world: World, payload: Payload) -> Json:
    """``download-retrieve``: what is ready; each call lets preparations go on by one step."""
    items = world.queue.labelled(payload.get("label"))
    world.queue.poll(items)
    available: list[Json] = []
    requested: list[Json] = []
    for item in items:
        if item.state in (State.FAILED, State.VANISHED):
            continue
        is_new = item.state is State.READY and not item.is_handed_out
        (available if is_new else requested).append(_queue_entry(world, item, with_url=True))
        item.is_handed_out = item.is_handed_out or is_new
    return {
        "eulas": [],
        "available": available,
        "requested": requested,
        "queueSize": sum(1 for item in items if item.state is State.PREPARING),
    }


def _queue_entry(world: World, item: Item, *, with_url: bool) -> Json:
    target = target_of(world, item)
    scene, file = target.scene, target.file
    band = band_dataset(scene.dataset)
    row = next((row for row in rows_of(scene.dataset) if row.id == item.product), None)
    code, text = item.status
    entry = {
        "downloadId": item.download_id,
        "label": item.label,
        "entityId": target.entity_id,
        "displayId": target.signed_name,
        "eulaCode": None,
        "filesize": world.archive.file_size(scene, file)
        if file
        else world.archive.bundle_estimate(scene),
        "datasetId": band.id if file else DATASETS[scene.dataset].id,
        "statusCode": code,
        "statusText": text,
        "productCode": row.code if row else band.product_code,
        "productName": row.name if row else band.product_name,
        "collectionName": DATASETS[band.alias if file else scene.dataset].name,
    }
    if with_url:
        is_ready = item.state is State.READY
        entry["url"] = url_of(world, item) if is_ready else staging_url_of(world, item)
    return entry


def download_search(world: World, payload: Payload) -> Json:
    """``download-search``: the queue without URLs, the failed ones too unless ``activeOnly``."""
    hidden = {State.VANISHED, *((State.FAILED,) if payload.get("activeOnly") else ())}
    items = world.queue.labelled(payload.get("label"))
    return [_queue_entry(world, i, with_url=False) for i in items if i.state not in hidden]


def download_order_remove(world: World, payload: Payload) -> Json:
    """``download-order-remove``: forget a label; how many that were."""
    items = world.queue.labelled(str(need(payload, "label")))
    for item in items:
        world.queue.remove(item)
    return len(items)


def download_remove(world: World, payload: Payload) -> Json:
    """``download-remove``: forget one download; unknown ids are no error."""
    download_id = need(payload, "downloadId")
    if isinstance(download_id, list):
        raise invalid("downloadId must be one number")
    item = world.queue.get(int(download_id))
    if item is not None:
        world.queue.remove(item)
    return True


def download_labels(world: World, payload: Payload) -> Json:
    """``download-labels``: all labels with their counts."""
    items: dict[str, list[Item]] = {}
    for item in world.queue:
        items.setdefault(item.label, []).append(item)
    return [
        {
            "label": label,
            "dateEntered": int(time.time() * 1000),
            "downloadSize": None,
            "downloadCount": len(members),
            "totalComplete": sum(1 for item in members if item.is_fetched),
        }
        for label, members in items.items()
    ]


def download_summary(world: World, payload: Payload) -> Json:
    """``download-summary``: totals of a label."""
    need(payload, "downloadApplication")
    label = str(need(payload, "label"))
    entries = [_queue_entry(world, i, with_url=False) for i in world.queue.labelled(label)]
    total = sum(entry["filesize"] for entry in entries)
    return {
        "label": label,
        "sceneCount": len({entry["entityId"] for entry in entries}),
        "downloadCount": len(entries),
        "totalEstimatedSize": total,
        "collections": [],
    }


def download_complete_proxied(world: World, payload: Payload) -> Json:
    """``download-complete-proxied``: believe what the client says it has fetched."""
    failed, updated = [], 0
    for given in need(payload, "proxiedDownloads"):
        item = world.queue.get(int(given["downloadId"]))
        if item is None:
            failed.append(given)
            continue
        item.is_fetched, updated = True, updated + 1
    return {"failed": failed, "updatedDownloadsCount": updated}


ENDPOINTS: Mapping[str, Endpoint] = {
    "download-retrieve": download_retrieve,
    "download-search": download_search,
    "download-order-load": lambda world, payload: None,
    "download-order-remove": download_order_remove,
    "download-remove": download_remove,
    "download-labels": download_labels,
    "download-summary": download_summary,
    "download-complete-proxied": download_complete_proxied,
    "download-eula": lambda world, payload: [],
}
