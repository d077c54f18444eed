"""Endpoints that tell about datasets.

Source: API notes, sections 4.3, 4.4, 5.2 and 10.
"""

from __future__ import annotations

from collections.abc import Mapping

from asyncdl.sandbox.datasets import (
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
from asyncdl.sandbox.product_rows import rows_of
from asyncdl.sandbox.refusal import no_such_dataset
from asyncdl.sandbox.state import SandboxState


def dataset(world: SandboxState, payload: Payload) -> Json:
    """``dataset``: one dataset by alias or id."""
    wanted = payload.get("datasetId") or need(payload, "datasetName")
    found = dataset_by_id(str(wanted)) or find_dataset(wanted)
    if found is None:
        raise no_such_dataset(wanted)
    open_dataset(world, found)
    return found.record(_scene_count(world, found))


def dataset_search(world: SandboxState, payload: Payload) -> Json:
    """``dataset-search``: all datasets whose name holds a text."""
    found = datasets_named(str(payload.get("datasetName") or ""))
    return [d.record(_scene_count(world, d)) for d in found]


def _scene_count(world: SandboxState, found: SandboxDataset) -> int:
    return world.catalog.count(found.alias) if found.has_scenes else 0


def dataset_file_groups(world: SandboxState, payload: Payload) -> Json:
    """``dataset-file-groups``."""
    found = named_dataset(world, payload)
    if not found.has_scenes:
        return {"primary": [], "secondary": []}
    return file_groups(found.alias, world.catalog.suffixes(found.alias))


def dataset_filters(world: SandboxState, payload: Payload) -> Json:
    """``dataset-filters``."""
    found = named_dataset(world, payload)
    return [known.record(found.alias) for known in fields_of(found.alias)]


def dataset_download_options(world: SandboxState, payload: Payload) -> Json:
    """``dataset-download-options``."""
    found = named_dataset(world, payload)
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


ENDPOINTS: Mapping[str, Endpoint] = {
    "dataset": dataset,
    "dataset-search": dataset_search,
    "dataset-file-groups": dataset_file_groups,
    "dataset-filters": dataset_filters,
    "dataset-download-options": dataset_download_options,
}
