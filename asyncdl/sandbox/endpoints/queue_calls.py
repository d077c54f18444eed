"""Endpoints for the downloads that were requested.

Source: API notes, sections 5.3 and 5.5 to 5.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress
from typing import Any

from asyncdl.sandbox.dataset_records import DATASETS, dataset_by_id
from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, need
from asyncdl.sandbox.links import staging_url_of, target_of, url_of
from asyncdl.sandbox.refusal import Refusal, invalid
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.scene_files import band_dataset
from asyncdl.sandbox.served_queue import Item, ServedState


def download_retrieve(state: SandboxState, payload: Payload) -> Json:
    """``download-retrieve``: what is ready; each call advances preparations by one step."""
    items = state.queue.labelled(payload.get("label"))
    state.queue.poll(items)
    available: list[Json] = []
    requested: list[Json] = []
    for item in items:
        if item.is_listed:
            into = available if item.is_new else requested
            into.append(_queue_entry(state, item, with_url=True))
            item.is_handed_out = True
        elif item.state is ServedState.PREPARING and state.faults.preparing_listed:
            requested.append(_queue_entry(state, item, with_url=True))
    return {
        # A non-empty list is not on record.
        "eulas": [],
        "available": available,
        "requested": requested,
        "queueSize": sum(1 for item in items if item.state is ServedState.PREPARING),
    }


def _queue_entry(state: SandboxState, item: Item, *, with_url: bool) -> Json:
    target = target_of(state, item)
    alias = target.scene.dataset
    band = band_dataset(alias) if target.file else None
    source, product = DATASETS[band.alias if band else alias], target.row
    code, text = item.status
    entry = {
        "downloadId": item.download_id,
        "label": item.label,
        "entityId": target.entity_id,
        "displayId": target.display_id,
        "eulaCode": eula_code(state, target.file_name),
        "filesize": state.contents.size(target),
        "datasetId": source.id,
        "statusCode": code,
        "statusText": text,
        "productCode": product.code if product else band and band.product_code,
        "productName": product.name if product else band and band.product_name,
        "collectionName": source.name,
    }
    if with_url:
        is_ready = item.state is ServedState.READY
        entry["url"] = url_of(state, item) if is_ready else staging_url_of(state, item)
    return entry


def download_search(state: SandboxState, payload: Payload) -> Json:
    """``download-search``: the queue without URLs; with ended ones unless ``activeOnly``."""
    items = state.queue.labelled(payload.get("label"))
    wanted = (
        item.is_active if payload.get("activeOnly") else item.state is not ServedState.VANISHED
        for item in items
    )
    return [_queue_entry(state, item, with_url=False) for item in compress(items, wanted)]


def download_order_remove(state: SandboxState, payload: Payload) -> Json:
    """``download-order-remove``: remove a label; returns the number of downloads."""
    items = state.queue.labelled(str(need(payload, "label")))
    for item in items:
        state.queue.remove(item)
    return len(items)


def download_remove(state: SandboxState, payload: Payload) -> Json:
    """``download-remove``: remove one download; unknown ids are not an error."""
    download_id = need(payload, "downloadId")
    if isinstance(download_id, list):
        raise invalid("downloadId must be one number")
    item = state.queue.get(int(download_id))
    if item is not None:
        state.queue.remove(item)
    return True


def download_labels(state: SandboxState, payload: Payload) -> Json:
    """``download-labels``: all labels with their counts."""
    items: dict[str, list[Item]] = {}
    for item in state.queue:
        items.setdefault(item.label, []).append(item)
    return [_label_entry(label, members) for label, members in items.items()]


def _label_entry(label: str, members: list[Item]) -> Json:
    complete = sum(1 for item in members if item.is_fetched or item.is_complete)
    return {
        "label": label,
        "dateEntered": int(1000 * min(item.entered_s for item in members)),
        "downloadSize": None,
        # The documented reply has 0 with a total of 8: those that are still pending.
        "downloadCount": len(members) - complete,
        "totalComplete": complete,
    }


def download_summary(state: SandboxState, payload: Payload) -> Json:
    """``download-summary``: totals of a label."""
    need(payload, "downloadApplication")
    label = str(need(payload, "label"))
    collections: dict[str, list[Json]] = {}
    for item in state.queue.labelled(label):
        entry = _queue_entry(state, item, with_url=False)
        collections.setdefault(entry["datasetId"], []).append(entry)
    every = [entry for entries in collections.values() for entry in entries]
    return {
        "label": label,
        **_totals(every),
        "collections": [
            {
                **_totals(entries),
                "collectionName": entries[0]["collectionName"],
                "datasetName": _alias_of(dataset_id),
                # Like the service: a string here, a number above.
                "totalEstimatedSize": str(_totals(entries)["totalEstimatedSize"]),
            }
            for dataset_id, entries in collections.items()
        ],
    }


def _alias_of(dataset_id: str) -> str | None:
    found = dataset_by_id(dataset_id)
    return found.alias if found else None


def _totals(entries: list[Json]) -> dict[str, int]:
    return {
        "sceneCount": len({entry["entityId"] for entry in entries}),
        "downloadCount": len(entries),
        "totalEstimatedSize": sum(entry["filesize"] for entry in entries),
    }


def download_complete_proxied(state: SandboxState, payload: Payload) -> Json:
    """``download-complete-proxied``: mark downloads that the client reports as complete."""
    failed, updated = [], 0
    for given in need(payload, "proxiedDownloads"):
        item = state.queue.get(int(given["downloadId"]))
        if item is None:
            failed.append(given)
            continue
        item.is_complete, updated = True, updated + 1
    return {"failed": failed, "updatedDownloadsCount": updated}


def download_eula(state: SandboxState, payload: Payload) -> Json:
    """``download-eula``: agreements; an object for one code, a list for several."""
    if payload.get("eulaCodes"):
        return [agreement(code) for code in payload["eulaCodes"] if code == EULA_CODE]
    if need(payload, "eulaCode") != EULA_CODE:
        raise Refusal("NOT_FOUND", "There is no such agreement")
    return agreement(EULA_CODE)


ENDPOINTS: Mapping[str, Endpoint] = {
    "download-retrieve": download_retrieve,
    "download-search": download_search,
    "download-order-load": lambda state, payload: None,
    "download-order-remove": download_order_remove,
    "download-remove": download_remove,
    "download-labels": download_labels,
    "download-summary": download_summary,
    "download-complete-proxied": download_complete_proxied,
    "download-eula": download_eula,
}


EULA_CODE = "HDDS"
"""As in the documented reply of ``download-eula``."""


def eula_code(state: SandboxState, file_name: str) -> str | None:
    """Return the EULA code of a download."""
    return EULA_CODE if state.faults.picks("eula", file_name) else None


def agreement(code: str) -> dict[str, Any]:
    """Return an agreement as ``download-eula`` returns it."""
    text = "These data are for a trial of the asyncdl sandbox, and for nothing else."
    return {"eulaCode": code, "agreementContent": text}
