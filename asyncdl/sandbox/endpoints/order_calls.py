"""Endpoints for orders: what can be ordered, and the orders of the account.

An order stays as it was entered and is never processed.
Source: API notes, section 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from asyncdl.sandbox.endpoints.payload import (
    Endpoint,
    Json,
    Payload,
    entity_ids,
    named_dataset,
    need,
    whole,
)
from asyncdl.sandbox.lookup import find_scenes
from asyncdl.sandbox.refusal import Refusal, invalid
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.scene_files import hashed_id

_CODE, _NAME = "W001", "On-Demand Order"
_FIRST_ORDER = 500_001


def order_products(state: SandboxState, payload: Payload) -> Json:
    """``order-products``: of scenes that can be ordered, or only be ordered."""
    found, list_id = named_dataset(state, payload), payload.get("listId")
    wanted = (
        [entity_id for _, entity_id in state.listed(str(list_id), found.alias)]
        if list_id
        else entity_ids(payload)
    )
    return [
        {
            "id": hashed_id(found.alias, _CODE),
            "price": "0",
            "entityId": scene.entity_id,
            "available": True,
            "datasetId": found.id,
            "productCode": _CODE,
            "productName": _NAME,
        }
        for scene in find_scenes(state.catalog, found.alias, wanted)
        if scene.has_order or not scene.is_bulk
    ]


def dataset_order_products(state: SandboxState, payload: Payload) -> Json:
    """``dataset-order-products``: the one product that can be ordered."""
    named_dataset(state, payload)
    return [{"productCode": _CODE, "productName": _NAME}]


def order_submit(state: SandboxState, payload: Payload) -> Json:
    """``order-submit``: one order of all products."""
    products = need(payload, "products")
    if not isinstance(products, list):
        raise invalid("The parameter products must be a list")
    number = str(_FIRST_ORDER + len(state.orders))
    entered = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}+00"
    state.orders[number] = {"entered": entered, "products": products, "details": {}}
    return {"failed": [], "orderNumbers": [number]}


def tram_order_search(state: SandboxState, payload: Payload) -> Json:
    """``tram-order-search``: all orders, or those whose number contains ``orderId``."""
    wanted = str(payload.get("orderId") or "").replace("%", "")
    numbers = [number for number in state.orders if wanted in number]
    return [
        {
            "orderNumber": number,
            "orderComment": None,
            "priority": 0,
            "source": "M2M",
            "statusCode": "A",
            "statusCodeText": "Accepted",
            "dateEntered": state.orders[number]["entered"],
        }
        for number in numbers[: whole(payload, "maxResults", 25)]
    ]


def tram_order_status(state: SandboxState, payload: Payload) -> Json:
    """``tram-order-status``: status of an order and its units."""
    number, order = _order(state, payload)
    return {
        "orderNumber": number,
        "statusCode": "A",
        "statusText": "Accepted",
        "units": _units(order),
    }


def tram_order_units(state: SandboxState, payload: Payload) -> Json:
    """``tram-order-units``: the units of an order."""
    return _units(_order(state, payload)[1])


def _units(order: Mapping[str, Json]) -> Json:
    return [
        {
            "unitNumber": number,
            "orderingId": product.get("entityId") if isinstance(product, Mapping) else None,
            "productCode": _CODE,
            "productDescription": _NAME,
            "statusCode": "A",
            "statusText": "Accepted",
        }
        for number, product in enumerate(order["products"], start=1)
    ]


def tram_order_details(state: SandboxState, payload: Payload) -> Json:
    """``tram-order-details``: the details stored with an order."""
    return _order(state, payload)[1]["details"] or []


def tram_order_detail_update(state: SandboxState, payload: Payload) -> Json:
    """``tram-order-detail-update``: store a detail with an order."""
    details = _order(state, payload)[1]["details"]
    details[str(need(payload, "detailKey"))] = need(payload, "detailValue")
    return details


def tram_order_details_remove(state: SandboxState, payload: Payload) -> Json:
    """``tram-order-details-remove``: remove one detail."""
    _order(state, payload)[1]["details"].pop(str(need(payload, "detailKey")), None)
    return True


def tram_order_details_clear(state: SandboxState, payload: Payload) -> Json:
    """``tram-order-details-clear``: remove all details."""
    _order(state, payload)[1]["details"].clear()
    return True


def _order(state: SandboxState, payload: Payload) -> tuple[str, dict[str, Json]]:
    number = str(need(payload, "orderNumber"))
    if number not in state.orders:
        raise Refusal("ORDER_INVALID", "Order not found")
    return number, state.orders[number]


ENDPOINTS: Mapping[str, Endpoint] = {
    "order-products": order_products,
    "order-submit": order_submit,
    "dataset-order-products": dataset_order_products,
    "tram-order-search": tram_order_search,
    "tram-order-status": tram_order_status,
    "tram-order-units": tram_order_units,
    "tram-order-details": tram_order_details,
    "tram-order-detail-update": tram_order_detail_update,
    "tram-order-details-remove": tram_order_details_remove,
    "tram-order-details-clear": tram_order_details_clear,
}
FIXED = ("dataset-order-products",)
"""Endpoints whose reply is always the same."""
