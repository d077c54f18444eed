"""Endpoints that describe datasets to those who browse: owners, catalogues, coverage, fields.

Few programs need them, some call them on their way. Source: API notes, section 10; shapes
that are not printed there follow the reference of the service.
"""

from __future__ import annotations

from collections.abc import Mapping

from asyncdl.sandbox.datasets import DATASETS, SandboxDataset, dataset_by_id
from asyncdl.sandbox.endpoints.datasets import dataset_download_options
from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, named_dataset, need
from asyncdl.sandbox.fields import fields_of
from asyncdl.sandbox.geometry import polygon, rectangle
from asyncdl.sandbox.refusal import Refusal
from asyncdl.sandbox.state import SandboxState

_CATALOGS = {"EE": "EarthExplorer", "GV": "GloVis", "HDDS": "HDDS Explorer"}


def data_owner(world: SandboxState, payload: Payload) -> Json:
    """``data-owner``: whom to ask about a dataset."""
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


def dataset_browse(world: SandboxState, payload: Payload) -> Json:
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


def dataset_bulk_products(world: SandboxState, payload: Payload) -> Json:
    """``dataset-bulk-products``: what can be had in bulk; of all datasets without a name."""
    wanted = [payload] if payload.get("datasetName") else [{"datasetName": a} for a in DATASETS]
    names = ("productCode", "productName", "downloadName", "fileGroups")
    return [
        {name: row.get(name) for name in names}
        for one in wanted
        for row in dataset_download_options(world, one)
    ]


def dataset_catalogs(world: SandboxState, payload: Payload) -> Json:
    """``dataset-catalogs``: the applications that datasets belong to."""
    return _CATALOGS


def dataset_categories(world: SandboxState, payload: Payload) -> Json:
    """``dataset-categories``: the datasets by category, a part of whose names may be given."""
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


def dataset_coverage(world: SandboxState, payload: Payload) -> Json:
    """``dataset-coverage``: the box around all scenes."""
    bounds = named_dataset(world, payload).record(0)["spatialBounds"]
    if bounds is None:
        return {"bounds": None, "geoJson": None}
    box = rectangle(*(float(bounds[side]) for side in ("west", "south", "east", "north")))
    return {"bounds": bounds, "geoJson": polygon(box)}


def dataset_messages(world: SandboxState, payload: Payload) -> Json:
    """``dataset-messages``: notices about datasets, of which there are none."""
    return []


def dataset_metadata(world: SandboxState, payload: Payload) -> Json:
    """``dataset-metadata``: the fields of each kind of metadata."""
    found = named_dataset(world, payload)
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
"""Those whose reply is always the same."""
