"""``download-options``: the products of a scene.

Source: API notes, section 5.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from asyncdl.sandbox.dataset_records import SandboxDataset
from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, entity_ids, named_dataset
from asyncdl.sandbox.landsat_scenes import SandboxScene
from asyncdl.sandbox.lookup import find_scenes, find_secondary
from asyncdl.sandbox.product_rows import ProductRow, rows_of
from asyncdl.sandbox.refusal import required
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.scene_files import BandDataset, SceneFile, band_dataset, files_of
from asyncdl.sandbox.sized_content import Digests


def download_options(state: SandboxState, payload: Payload) -> Json:
    """``download-options``: the products of some scenes; null if no scene is known."""
    found = named_dataset(state, payload)
    list_id = payload.get("listId")
    wanted = (
        [entity_id for _, entity_id in state.listed(str(list_id), found.alias)]
        if list_id
        else entity_ids(payload)
    )
    if not list_id and not wanted:
        raise required("entityIds")
    with_groups = bool(payload.get("includeSecondaryFileGroups"))
    if not found.has_scenes:
        rows = _single_rows(state, wanted, with_groups)
    else:
        rows = [
            row
            for scene in find_scenes(state.catalog, found.alias, wanted)
            for row in _scene_rows(state, found, scene, with_groups)
        ]
    return rows or None


def _single_rows(state: SandboxState, wanted: Iterable[str], with_groups: bool) -> list[Json]:
    found = (find_secondary(state.catalog, entity_id) for entity_id in dict.fromkeys(wanted))
    return [
        _file_row(state, band, scene, file, with_groups)
        for scene, file in filter(None, found)
        if (band := band_dataset(scene.dataset))
    ]


def _scene_rows(
    state: SandboxState, found: SandboxDataset, scene: SandboxScene, with_groups: bool
) -> Iterator[Json]:
    """Yield all product rows of a scene; each repeats the same single files."""
    band = band_dataset(found.alias)
    files = [
        _file_row(state, band, scene, file, with_groups)
        for file in files_of(scene)
        if band and is_offered(state, file.name(scene.display_id))
    ]
    for row in rows_of(found.alias):
        yield _product_row(state, found, scene, row, files)


def _product_row(
    state: SandboxState,
    found: SandboxDataset,
    scene: SandboxScene,
    row: ProductRow,
    files: list[Json],
) -> Json:
    can_be_had = is_available(state, row, scene)
    entry = {
        "id": row.id,
        "downloadName": row.download_name,
        "displayId": scene.display_id,
        "entityId": scene.entity_id,
        "datasetId": found.id,
        "available": can_be_had,
        "filesize": state.contents.product_size(scene, row),
        "productName": row.name,
        "productCode": row.code,
        "bulkAvailable": can_be_had,
        "downloadSystem": row.system,
        "secondaryDownloads": (files if row.has_files else None) if row.holds_files else [],
        "fileGroups": None,
    }
    # Live since 2025, and empty.
    return entry | ({"checksum": [{"id": "sha512", "value": None}]} if row.lists_checksum else {})


def is_available(state: SandboxState, row: ProductRow, scene: SandboxScene) -> bool:
    """Return whether a row can be requested: a bundle is on one of the two hosts, not both."""
    if not scene.is_bulk:
        return False
    if row.system == "folder":
        return True
    name = row.file_name(scene.display_id)
    if not is_offered(state, name):
        return False
    return not row.is_either or state.faults.picks("dds", name) == row.is_on_dds


def is_offered(state: SandboxState, file_name: str) -> bool:
    """Return whether a scene has this file at all."""
    return not state.faults.picks("not_offered", file_name)


def _file_row(
    state: SandboxState, band: BandDataset, scene: SandboxScene, file: SceneFile, with_groups: bool
) -> Json:
    display_id = scene.display_id
    row: dict[str, Json] = {
        "id": band.grouped_product if with_groups else band.plain_product,
        "downloadName": file.suffix if with_groups else None,
        "displayId": file.name(display_id),
        "entityId": file.entity_id(display_id),
        "datasetId": band.id,
        "available": scene.is_bulk,
        "filesize": state.contents.file_size(scene, file),
        "productName": band.product_name,
        "productCode": band.product_code,
        "bulkAvailable": scene.is_bulk,
        "downloadSystem": "ls_s3",
        "secondaryDownloads": [],
        "fileGroups": file.groups or None if with_groups else None,
    }
    if with_groups:
        row["displayOrder"] = file.index
    if state.faults.checksums and (known := state.contents.digests(scene, file)):
        row["checksum"] = _checksum(known)
    return row


def _checksum(known: Digests) -> Json:
    return [{"id": "cksum", "value": known.cksum}, {"id": "sha256sum", "value": known.sha256}]


ENDPOINTS: Mapping[str, Endpoint] = {"download-options": download_options}
