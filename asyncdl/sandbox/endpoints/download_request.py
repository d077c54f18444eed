"""``download-request``: items become downloads.

Source: API notes, sections 5.3, 5.4 and 6.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from asyncdl.sandbox.dataset_records import DATASETS
from asyncdl.sandbox.endpoints.account_calls import charge, queue_room, remaining_limits
from asyncdl.sandbox.endpoints.download_options import is_available, is_offered
from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, named_dataset, need
from asyncdl.sandbox.endpoints.queue_calls import eula_code
from asyncdl.sandbox.links import staging_url_of, url_of
from asyncdl.sandbox.lookup import Requestable, find_secondary
from asyncdl.sandbox.product_rows import find_row
from asyncdl.sandbox.refusal import Refusal, required
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.scene_files import band_dataset
from asyncdl.sandbox.served_queue import EARLIER_LABEL, Item, ServedState

MAX_LABEL = 50
"""Characters."""
_DISABLED = (
    "This download has been temporarily disabled. Please try again at a later time. "
    "We apologize for any inconvenience."
)


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """One valid item of a request."""

    target: Requestable
    product: str
    given: Json
    """The item as it was requested."""

    @property
    def key(self) -> tuple[int, int, str]:
        """Equal for items that request the same."""
        file = self.target.file
        return self.target.scene.number, file.index if file else -1, self.product


@dataclass(slots=True)
class Request:
    """The items of one ``download-request``, sorted by outcome."""

    label: str
    items: dict[tuple[int, int, str], RequestedItem] = field(default_factory=dict)
    failed: list[Json] = field(default_factory=list)
    invalid: int = 0


def download_request(state: SandboxState, payload: Payload) -> Json:
    """``download-request``: add items to the queue and return the URLs that are ready."""
    request = Request(_label(state, payload.get("label")))
    downloads, groups = payload.get("downloads") or [], payload.get("dataGroups") or []
    if not downloads and not groups:
        raise required("downloads")
    for given in downloads:
        _add_download(state, request, given)
    for group in groups:
        _add_group(state, request, group)
    requested = request.items.values()
    _add_duplicates(state, requested)
    earlier = [(item, _find_earlier(state, item, request.label)) for item in requested]
    charge(state, sum(entry is None for _, entry in earlier))
    left = queue_room(state)
    entries = [(item, entry or _enqueue(state, item, request.label)) for item, entry in earlier]
    if state.faults.repeats == "old":
        for _, entry in entries:
            entry.label = request.label
    reply = _reply(state, request, entries)
    if not state.faults.early_replies:
        # In recorded replies they do not count the request itself yet.
        reply["remainingLimits"] = remaining_limits(state, left)
    return reply


def _find_earlier(state: SandboxState, item: RequestedItem, label: str) -> Item | None:
    """Return the existing download that a repeated request refers to; ``None`` for a new one.

    Source: API notes, section 5.4: three forms are on record; which one applies when is unknown.
    """
    entries, repeats = state.queue.find(*item.key), state.faults.repeats
    if own := next((entry for entry in entries if entry.label == label), None):
        return own
    if repeats == "anew":
        return next((entry for entry in entries if not entry.is_done_with), None)
    return next((entry for entry in entries if not entry.is_complete), None)


def _label(state: SandboxState, given: Json) -> str:
    if given is None:
        return f"m2m_{state.requests}_{time.strftime('%Y%m%d%H%M%S')}"
    if len(str(given)) > MAX_LABEL:
        state.request_log.record_violation(f"label of {len(str(given))} characters")
        raise Refusal("INPUT_INVALID", f"Label exceeds the maximum of {MAX_LABEL} characters")
    return str(given)


def _add_download(state: SandboxState, request: Request, given: Json) -> None:
    """Add one requested item: to the items, the failed ones, or the count of invalid ones."""
    entity_id, product = str(given.get("entityId")), str(given.get("productId"))
    target = _find_wanted(state, entity_id, product)
    if target is None:
        request.invalid += 1
        return
    _add_item(state, request, RequestedItem(target, product, given))


def _add_item(state: SandboxState, request: Request, item: RequestedItem) -> None:
    name = item.target.file_name
    if state.faults.picks("invalid_scenes", name):
        request.invalid += 1
    elif item.key in request.items:
        state.request_log.record_violation(f"{name} appears twice in one request")
    elif _is_disabled(state, item):
        request.failed.append({**item.given, "errorMessage": _DISABLED})
    else:
        request.items[item.key] = item


def _is_disabled(state: SandboxState, item: RequestedItem) -> bool:
    if not state.faults.picks("disabled", item.target.file_name):
        return False
    times = state.request_log.fault_counts.count(f"disabled {item.target.file_name}")
    return state.faults.strikes == 0 or times <= state.faults.strikes


def _find_wanted(state: SandboxState, entity_id: str, product: str) -> Requestable | None:
    """Return the target of an (entity, product) pair; pairs the service refuses are violations."""
    pair = find_secondary(state.catalog, entity_id)
    if pair:
        scene, file = pair
        if product in _file_products(scene.dataset) and scene.is_bulk:
            target = Requestable(scene, file)
            return target if is_offered(state, target.file_name) else None
        state.request_log.record_violation(
            f"file {entity_id} requested with product {product} of something else"
        )
        return None
    return _find_bundle(state, entity_id, product)


def _file_products(dataset: str) -> tuple[str, ...]:
    """Return the products of the single files of a scene dataset."""
    band = band_dataset(dataset)
    return (band.plain_product, band.grouped_product) if band else ()


def _find_bundle(state: SandboxState, entity_id: str, product: str) -> Requestable | None:
    for alias in (d.alias for d in DATASETS.values() if d.has_scenes):
        scene = state.catalog.find(alias, entity_id)
        if scene is None:
            continue
        if product in _file_products(alias):
            state.request_log.record_violation(
                f"scene {entity_id} requested with product {product} of its files"
            )
        row = find_row(alias, product)
        if row is not None and row.system == "folder":
            state.request_log.record_violation(f"folder {row.code} of {entity_id} requested")
        elif row is not None and is_available(state, row, scene):
            return Requestable(scene, None, row)
    return None


def _add_group(state: SandboxState, request: Request, group: Json) -> None:
    """Add all files of a scene list that belong to one of the requested groups."""
    found, list_id = named_dataset(state, group), str(need(group, "listId"))
    wanted = set(need(group, "fileGroups"))
    for _, entity_id in state.listed(list_id, found.alias):
        pair = find_secondary(state.catalog, entity_id)
        if pair is None:
            request.invalid += 1
            continue
        scene, file = pair
        band = band_dataset(scene.dataset)
        if band and wanted.intersection(file.groups):
            product = band.grouped_product
            given = {"entityId": entity_id, "productId": product}
            _add_item(state, request, RequestedItem(Requestable(scene, file), product, given))


def _add_duplicates(state: SandboxState, requested: Iterable[RequestedItem]) -> None:
    """Put files into the queue as if an earlier job had requested them; once each."""
    for item in requested:
        name = item.target.file_name
        if (
            state.faults.picks("duplicates", name)
            and not state.queue.find(*item.key)
            and state.request_log.fault_counts.count(f"duplicates {name}") == 1
        ):
            _enqueue(state, item, EARLIER_LABEL)


def _enqueue(state: SandboxState, item: RequestedItem, label: str) -> Item:
    entry = state.queue.add(*item.key, label)
    name, faults = item.target.file_name, state.faults
    entry.by_dds = item.target.is_on_dds or faults.picks("dds", name)
    entry.is_proxied = faults.picks("proxied", name)
    if faults.picks("vanishes", name):
        entry.state = ServedState.VANISHED
    elif faults.picks("fails", name):
        entry.state = ServedState.FAILED
    elif faults.picks("never", name):
        entry.state, entry.polls = ServedState.PREPARING, -1
    elif faults.picks("preparing", name):
        entry.state, entry.polls, entry.by_dds = ServedState.PREPARING, max(faults.polls, 1), True
    return entry


def _reply(
    state: SandboxState, request: Request, entries: list[tuple[RequestedItem, Item]]
) -> Json:
    ready: list[Json] = []
    preparing: list[Json] = []
    records: dict[str, str] = {}
    duplicates: dict[str, str] = {}
    for item, entry in entries:
        if entry.label != request.label:
            duplicates[str(entry.download_id)] = entry.label
            continue
        records[str(entry.download_id)] = entry.label
        (ready if entry.state is ServedState.READY else preparing).append(
            _url_entry(state, entry, item)
        )
    return {
        "availableDownloads": ready,
        "duplicateProducts": duplicates or [],
        "preparingDownloads": preparing,
        "failed": request.failed,
        # PHP writes an empty map as a list.
        "newRecords": records or [],
        "numInvalidScenes": request.invalid,
    }


def _url_entry(state: SandboxState, entry: Item, item: RequestedItem) -> Json:
    is_ready = entry.state is ServedState.READY
    entity = {} if state.faults.early_replies else {"entityId": item.target.entity_id}
    return {
        "downloadId": entry.download_id,
        "eulaCode": eula_code(state, item.target.file_name),
        **entity,
        "url": url_of(state, entry) if is_ready else staging_url_of(state, entry),
    }


ENDPOINTS: Mapping[str, Endpoint] = {"download-request": download_request}
