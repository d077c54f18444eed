"""Endpoints about datasets, also those that only programs for browsing need.

Source: API notes, sections 4.3, 4.4, 5.2 and 10; shapes that are not printed there follow the
reference of the service.
"""

from __future__ import annotations

from collections.abc import Mapping

from asyncdl.sandbox.dataset_records import (
    DATASETS,
    SandboxDataset,
    dataset_by_id,
    datasets_named,
    file_groups,
)
from asyncdl.sandbox.endpoints.payload import (
    Endpoint,
    Json,
    Payload,
    find_dataset,
    named_dataset,
    need,
    open_dataset,
)
from asyncdl.sandbox.fields import fields_of
from asyncdl.sandbox.geometry import polygon, rectangle
from asyncdl.sandbox.product_rows import rows_of
from asyncdl.sandbox.refusal import Refusal, no_such_dataset
from asyncdl.sandbox.sandbox_state import SandboxState


def dataset(state: SandboxState, payload: Payload) -> Json:
    """``dataset``: one dataset by alias or id."""
    wanted = payload.get("datasetId") or need(payload, "datasetName")
    found = dataset_by_id(str(wanted)) or find_dataset(wanted)
    if found is None:
        raise no_such_dataset(wanted)
    open_dataset(state, found)
    return found.record(_scene_count(state, found))


def dataset_search(state: SandboxState, payload: Payload) -> Json:
    """``dataset-search``: all datasets whose name contains a text."""
    found = datasets_named(str(payload.get("datasetName") or ""))
    return [d.record(_scene_count(state, d)) for d in found]


def _scene_count(state: SandboxState, found: SandboxDataset) -> int:
    return state.catalog.count(found.alias) if found.has_scenes else 0


def dataset_file_groups(state: SandboxState, payload: Payload) -> Json:
    """``dataset-file-groups``."""
    found = named_dataset(state, payload)
    if not found.has_scenes:
        return {"primary": [], "secondary": []}
    return file_groups(found.alias, state.catalog.suffixes(found.alias))


def dataset_filters(state: SandboxState, payload: Payload) -> Json:
    """``dataset-filters``."""
    found = named_dataset(state, payload)
    return [known.record(found.alias) for known in fields_of(found.alias)]


def dataset_download_options(state: SandboxState, payload: Payload) -> Json:
    """``dataset-download-options``."""
    found = named_dataset(state, payload)
    return [
        {
            "productId": row.id,
            "productCode": row.code,
            "productName": row.name,
            "downloadName": row.download_name,
            "downloadSystem": row.system,
            "fileGroups": None,
        }
        for row in (rows_of(found.alias) if found.has_scenes else ())
    ]


# --- descriptions, for those who browse ---------------------------------------------------

_CATALOGS = {"EE": "EarthExplorer", "GV": "GloVis", "HDDS": "HDDS Explorer"}


def data_owner(state: SandboxState, payload: Payload) -> Json:
    """``data-owner``: contact for a dataset."""
    owner = str(need(payload, "dataOwner"))
    if owner not in {d.record(0)["dataOwner"] for d in DATASETS.values()}:
        raise Refusal("NOT_FOUND", "Data owner not found")
    return {
        "dataOwner": owner,
        "contactName": "Sandbox",
        "organizationName": "asyncdl",
        "address": None,
        "city": None,
        "country": None,
        "emailAddress": None,
        "phoneNumber": None,
        "url": None,
    }


def dataset_browse(state: SandboxState, payload: Payload) -> Json:
    """``dataset-browse``: how the previews of a dataset are shown."""
    if dataset_by_id(str(need(payload, "datasetId"))) is None:
        raise Refusal("NOT_FOUND", "Dataset not found")
    return [
        {
            "id": "5e81f7d39594374",
            "browseName": "Reflective Browse",
            "browseSource": None,
            "browseSourceName": None,
            "isGeolocated": False,
            "overlaySpec": None,
            "overlayType": "ls_chs",
            "overlayTypeName": None,
            "thumbnailSource": None,
            "thumbnailSourceName": None,
            "fileFormatId": None,
            "browseRotationEnabled": False,
        }
    ]


def dataset_bulk_products(state: SandboxState, payload: Payload) -> Json:
    """``dataset-bulk-products``: products for bulk download; of all datasets without a name."""
    wanted = [payload] if payload.get("datasetName") else [{"datasetName": a} for a in DATASETS]
    names = ("productCode", "productName", "downloadName", "fileGroups")
    return [
        {name: row.get(name) for name in names}
        for one in wanted
        for row in dataset_download_options(state, one)
    ]


def dataset_catalogs(state: SandboxState, payload: Payload) -> Json:
    """``dataset-catalogs``: the applications that datasets belong to."""
    return _CATALOGS


def dataset_categories(state: SandboxState, payload: Payload) -> Json:
    """``dataset-categories``: the datasets by category, filtered by a part of their names."""
    wanted = str(payload.get("datasetFilter") or "").lower()
    datasets: dict[str, list[SandboxDataset]] = {}
    for found in DATASETS.values():
        if found.category and wanted in found.alias:
            datasets.setdefault(found.category, []).append(found)
    return {
        str(number): {
            "id": number,
            "categoryName": name,
            "categoryDescription": name,
            "parentCategoryId": None,
            "parentCategoryName": None,
            "referenceLink": None,
            "subCategories": [],
            "datasets": [found.record(0) for found in members],
        }
        for number, (name, members) in enumerate(datasets.items(), start=1)
    } or []


def dataset_coverage(state: SandboxState, payload: Payload) -> Json:
    """``dataset-coverage``: the box around all scenes."""
    bounds = named_dataset(state, payload).record(0)["spatialBounds"]
    if bounds is None:
        return {"bounds": None, "geoJson": None}
    box = rectangle(*(float(bounds[side]) for side in ("west", "south", "east", "north")))
    return {"bounds": bounds, "geoJson": polygon(box)}


def dataset_messages(state: SandboxState, payload: Payload) -> Json:
    """``dataset-messages``: notices about datasets, of which there are none."""
    return []


def dataset_metadata(state: SandboxState, payload: Payload) -> Json:
    """``dataset-metadata``: the fields of each kind of metadata."""
    found = named_dataset(state, payload)
    fields = [
        {
            "id": record["id"],
            "fieldName": record["fieldLabel"],
            "dictionaryLink": record["dictionaryLink"],
        }
        for record in (field.record(found.alias) for field in fields_of(found.alias))
    ]
    return {"export": fields, "full": fields, "res_sum": fields[:4], "shp": fields}


ENDPOINTS: Mapping[str, Endpoint] = {
    "dataset": dataset,
    "dataset-search": dataset_search,
    "dataset-file-groups": dataset_file_groups,
    "dataset-filters": dataset_filters,
    "dataset-download-options": dataset_download_options,
    "data-owner": data_owner,
    "dataset-browse": dataset_browse,
    "dataset-bulk-products": dataset_bulk_products,
    "dataset-catalogs": dataset_catalogs,
    "dataset-categories": dataset_categories,
    "dataset-coverage": dataset_coverage,
    "dataset-messages": dataset_messages,
    "dataset-metadata": dataset_metadata,
}
FIXED = ("data-owner", "dataset-browse", "dataset-catalogs", "dataset-messages")
"""Endpoints whose reply is always the same."""
