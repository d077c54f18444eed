"""``download-request``: items become downloads.

Source: API notes, sections 5.3, 5.4 and 6.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from asyncdl.sandbox.datasets import DATASETS
from asyncdl.sandbox.endpoints.limits import charge, remaining_limits, standing_room
from asyncdl.sandbox.endpoints.options import is_available, is_offered
from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, named_dataset, need
from asyncdl.sandbox.eulas import eula_code
from asyncdl.sandbox.links import staging_url_of, url_of
from asyncdl.sandbox.lookup import Requestable, find_secondary
from asyncdl.sandbox.product_rows import find_row
from asyncdl.sandbox.products import band_dataset
from asyncdl.sandbox.queue import EARLIER_LABEL, Item, ServedState
from asyncdl.sandbox.refusal import Refusal, required
from asyncdl.sandbox.state import SandboxState

MAX_LABEL = 50
"""Characters."""
_DISABLED = (
    "This download has been temporarily disabled. Please try again at a later time. "
    "We apologize for any inconvenience."
)


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """One item of a request that can be had."""

    target: Requestable
    product: str
    given: Json
    """The item as it was asked for."""

    @property
    def key(self) -> tuple[int, int, str]:
        """The same for items that ask for the same."""
        file = self.target.file
        return self.target.scene.number, file.index if file else -1, self.product


@dataclass(slots=True)
class Request:
    """What ``download-request`` has found out so far."""

    label: str
    wishes: dict[tuple[int, int, str], RequestedItem] = field(default_factory=dict)
    failed: list[Json] = field(default_factory=list)
    invalid: int = 0


def download_request(world: SandboxState, payload: Payload) -> Json:
    """``download-request``: take items into the queue and hand out the URLs that are ready."""
    request = Request(_label(world, payload.get("label")))
    downloads, groups = payload.get("downloads") or [], payload.get("dataGroups") or []
    if not downloads and not groups:
        raise required("downloads")
    for given in downloads:
        _take(world, request, given)
    for group in groups:
        _take_group(world, request, group)
    wishes = request.wishes.values()
    _recall_earlier(world, wishes)
    standing = [(wish, _standing(world, wish, request.label)) for wish in wishes]
    charge(world, sum(item is None for _, item in standing))
    room = standing_room(world)
    items = [(wish, item or _enqueue(world, wish, request.label)) for wish, item in standing]
    if world.faults.repeats == "old":
        for _, item in items:
            item.label = request.label
    reply = _reply(world, request, items)
    if not world.faults.early_replies:
        # On record they are not yet lowered by what has just been requested.
        reply["remainingLimits"] = remaining_limits(world, room)
    return reply


def _standing(world: SandboxState, wish: RequestedItem, label: str) -> Item | None:
    """Return the download that a repeated request means; ``None`` for one that is new.

    Source: API notes, section 5.4: three forms are on record, and what decides is not known.
    """
    entries, repeats = world.queue.find(*wish.key), world.faults.repeats
    if own := next((item for item in entries if item.label == label), None):
        return own
    if repeats == "anew":
        return next((item for item in entries if not item.is_done_with), None)
    return next((item for item in entries if not item.is_complete), None)


def _label(world: SandboxState, given: Json) -> str:
    if given is None:
        return f"m2m_{world.requests}_{time.strftime('%Y%m%d%H%M%S')}"
    if len(str(given)) > MAX_LABEL:
        world.ledger.blame(f"label of {len(str(given))} characters")
        raise Refusal("INPUT_INVALID", f"Label exceeds the maximum of {MAX_LABEL} characters")
    return str(given)


def _take(world: SandboxState, request: Request, given: Json) -> None:
    """Sort one asked-for item into wishes, failures and the invalid, which are only counted."""
    entity_id, product = str(given.get("entityId")), str(given.get("productId"))
    target = _find_wanted(world, entity_id, product)
    if target is None:
        request.invalid += 1
        return
    _wish(world, request, RequestedItem(target, product, given))


def _wish(world: SandboxState, request: Request, wish: RequestedItem) -> None:
    name = wish.target.file_name
    if world.faults.picks("invalid_scenes", name):
        request.invalid += 1
    elif wish.key in request.wishes:
        world.ledger.blame(f"{name} stands twice in one request")
    elif _is_disabled(world, wish):
        request.failed.append({**wish.given, "errorMessage": _DISABLED})
    else:
        request.wishes[wish.key] = wish


def _is_disabled(world: SandboxState, wish: RequestedItem) -> bool:
    if not world.faults.picks("disabled", wish.target.file_name):
        return False
    times = world.ledger.spoilt.count(f"disabled {wish.target.file_name}")
    return world.faults.strikes == 0 or times <= world.faults.strikes


def _find_wanted(world: SandboxState, entity_id: str, product: str) -> Requestable | None:
    """Return what an (entity, product) pair means; notes pairs that the service would not take."""
    pair = find_secondary(world.catalog, entity_id)
    if pair:
        scene, file = pair
        if product in _file_products(scene.dataset) and scene.is_bulk:
            target = Requestable(scene, file)
            return target if is_offered(world, target.file_name) else None
        world.ledger.blame(f"file {entity_id} requested with product {product} of something else")
        return None
    return _find_bundle(world, entity_id, product)


def _file_products(dataset: str) -> tuple[str, ...]:
    """Return the products of the single files of a scene dataset."""
    band = band_dataset(dataset)
    return (band.plain_product, band.grouped_product) if band else ()


def _find_bundle(world: SandboxState, entity_id: str, product: str) -> Requestable | None:
    for alias in (d.alias for d in DATASETS.values() if d.has_scenes):
        scene = world.catalog.find(alias, entity_id)
        if scene is None:
            continue
        if product in _file_products(alias):
            world.ledger.blame(f"scene {entity_id} requested with product {product} of its files")
        row = find_row(alias, product)
        if row is not None and row.system == "folder":
            world.ledger.blame(f"folder {row.code} of {entity_id} requested")
        elif row is not None and is_available(world, row, scene):
            return Requestable(scene, None, row)
    return None


def _take_group(world: SandboxState, request: Request, group: Json) -> None:
    """Take all files of a scene list that belong to one of the wanted groups."""
    found, list_id = named_dataset(world, group), str(need(group, "listId"))
    wanted = set(need(group, "fileGroups"))
    for _, entity_id in world.listed(list_id, found.alias):
        pair = find_secondary(world.catalog, entity_id)
        if pair is None:
            request.invalid += 1
            continue
        scene, file = pair
        band = band_dataset(scene.dataset)
        if band and wanted.intersection(file.groups):
            product = band.grouped_product
            given = {"entityId": entity_id, "productId": product}
            _wish(world, request, RequestedItem(Requestable(scene, file), product, given))


def _recall_earlier(world: SandboxState, wishes: Iterable[RequestedItem]) -> None:
    """Let files be in the queue already that an earlier job has asked for; once each."""
    for wish in wishes:
        name = wish.target.file_name
        if (
            world.faults.picks("duplicates", name)
            and not world.queue.find(*wish.key)
            and world.ledger.spoilt.count(f"duplicates {name}") == 1
        ):
            _enqueue(world, wish, EARLIER_LABEL)


def _enqueue(world: SandboxState, wish: RequestedItem, label: str) -> Item:
    item = world.queue.add(*wish.key, label)
    name, faults = wish.target.file_name, world.faults
    item.by_dds = wish.target.is_on_dds or faults.picks("dds", name)
    item.is_proxied = faults.picks("proxied", name)
    if faults.picks("vanishes", name):
        item.state = ServedState.VANISHED
    elif faults.picks("fails", name):
        item.state = ServedState.FAILED
    elif faults.picks("never", name):
        item.state, item.polls = ServedState.PREPARING, -1
    elif faults.picks("preparing", name):
        item.state, item.polls, item.by_dds = ServedState.PREPARING, max(faults.polls, 1), True
    return item


def _reply(world: SandboxState, request: Request, items: list[tuple[RequestedItem, Item]]) -> Json:
    ready: list[Json] = []
    preparing: list[Json] = []
    records: dict[str, str] = {}
    duplicates: dict[str, str] = {}
    for wish, item in items:
        if item.label != request.label:
            duplicates[str(item.download_id)] = item.label
            continue
        records[str(item.download_id)] = item.label
        (ready if item.state is ServedState.READY else preparing).append(_handed(world, item, wish))
    return {
        "availableDownloads": ready,
        "duplicateProducts": duplicates or [],
        "preparingDownloads": preparing,
        "failed": request.failed,
        # PHP writes an empty map as a list.
        "newRecords": records or [],
        "numInvalidScenes": request.invalid,
    }


def _handed(world: SandboxState, item: Item, wish: RequestedItem) -> Json:
    is_ready = item.state is ServedState.READY
    entity = {} if world.faults.early_replies else {"entityId": wish.target.entity_id}
    return {
        "downloadId": item.download_id,
        "eulaCode": eula_code(world, wish.target.file_name),
        **entity,
        "url": url_of(world, item) if is_ready else staging_url_of(world, item),
    }


ENDPOINTS: Mapping[str, Endpoint] = {"download-request": download_request}
