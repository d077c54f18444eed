"""The sandbox's replies are of the shape of those on record, field by field."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from asyncdl.sandbox import Faults
from tests.sandbox.m2m_caller import (
    ANCHORAGE_SCENES,
    BUNDLE,
    OT,
    PLAIN,
    PRODUCT,
    RED,
    SCENE,
    Caller,
    open_caller,
)
from tests.sandbox.shapes import differences

Json: TypeAlias = Any
Call: TypeAlias = Callable[[Caller], Awaitable[Json]]

DATA = Path(__file__).parents[1] / "data"
L1 = "landsat_ot_c2_l1"
STUCK = "LC80680182020086LGN00"
"""A scene that cannot be downloaded."""

ENVELOPE = frozenset({"sessionId", "requestId", "version", "data"})
"""Some recordings lack them."""
SINCE_2022 = frozenset({"downloadName", "checksum", "totalHitsAccuracy", "allowInKmz"})
"""Fields that older replies do not have, or that come at times."""
GROUPED = frozenset({"displayOrder", "fileGroups"})


def call(endpoint: str, **payload: Json) -> Call:
    async def reply(caller: Caller) -> Json:
        return (await caller.reply(endpoint, payload, key=caller.key))[1]

    return reply


def after(first: Call, then: Call) -> Call:
    async def reply(caller: Caller) -> Json:
        await first(caller)
        return await then(caller)

    return reply


async def sign_on(caller: Caller) -> Json:
    cookies = {"Cookie": f"EROS_SSO_production_secure={caller.service.token}"}
    async with caller.session.post(caller.service.url + "login-sso", headers=cookies) as response:
        return await response.json()


async def log_in(caller: Caller) -> Json:
    account = {"username": caller.service.username, "token": caller.service.token}
    return (await caller.reply("login-token", account))[1]


def list_of(*entity_ids: str, **more: Json) -> Call:
    return call("scene-list-add", listId="a", datasetName=OT, entityIds=entity_ids, **more)


def request(*pairs: tuple[str, str]) -> Call:
    downloads = [{"entityId": entity, "productId": product} for entity, product in pairs]
    return call("download-request", downloads=downloads, label="job")


BOTH = request((RED, PLAIN), (SCENE, BUNDLE))
L2_OPTIONS = call("download-options", datasetName=OT, entityIds=ANCHORAGE_SCENES)
GROUPED_OPTIONS = call(
    "download-options", datasetName=OT, entityIds=ANCHORAGE_SCENES, includeSecondaryFileGroups=True
)
ONE_DAY = {"acquisitionFilter": {"start": "2020-03-10", "end": "2020-03-10"}}

SAMPLES: dict[str, Call] = {
    "documented_dataset-download-options": call("dataset-download-options", datasetName=OT),
    "documented_dataset-file-groups": call("dataset-file-groups", datasetName=L1),
    "documented_download-complete-proxied": call(
        "download-complete-proxied", proxiedDownloads=[{"downloadId": 1, "downloadedSize": 2}]
    ),
    "documented_download-eula": call("download-eula", eulaCodes=["HDDS"]),
    "documented_download-labels": after(BOTH, call("download-labels")),
    "documented_download-options_secondary": call(
        "download-options",
        datasetName=L1,
        entityIds=[SCENE],
        includeSecondaryFileGroups=True,
    ),
    "documented_download-order-load": call("download-order-load", label="job"),
    "documented_download-order-remove": call("download-order-remove", label="job"),
    "documented_download-remove": call("download-remove", downloadId=1),
    "documented_download-request": BOTH,
    "documented_download-retrieve": after(BOTH, call("download-retrieve", label="job")),
    "documented_download-search": after(BOTH, call("download-search", label="job")),
    "documented_download-summary": after(
        BOTH, call("download-summary", label="job", downloadApplication="M2M")
    ),
    "documented_grid2ll": call("grid2ll", gridType="WRS2", path=68, row=17),
    "documented_login-sso": sign_on,
    "documented_login-token": log_in,
    "documented_notifications": call("notifications", systemId="M2M"),
    "documented_order-products": call("order-products", datasetName=OT, entityIds=[STUCK]),
    "documented_order-submit": call("order-submit", products=[{"entityId": STUCK}]),
    "documented_permissions": call("permissions"),
    "documented_rate-limit-summary": after(BOTH, call("rate-limit-summary")),
    "documented_scene-list-add": list_of(SCENE),
    "documented_scene-list-get": after(list_of(SCENE), call("scene-list-get", listId="a")),
    "documented_scene-list-remove": after(list_of(SCENE), call("scene-list-remove", listId="a")),
    "documented_scene-list-summary": after(list_of(SCENE), call("scene-list-summary", listId="a")),
    "documented_scene-list-types": after(list_of(SCENE), call("scene-list-types")),
    "documented_scene-search-delete": call("scene-search-delete", datasetName=OT),
    "documented_scene-search_page": call("scene-search", datasetName=OT, metadataType="full"),
    "recorded_dataset-download-options": call("dataset-download-options", datasetName=OT),
    "recorded_dataset-filters": call("dataset-filters", datasetName=OT),
    "recorded_dataset-search_trimmed": call("dataset-search"),
    "recorded_dataset_landsat_ot_c2_l1_2023-11": call("dataset", datasetName=L1),
    "recorded_download-options": L2_OPTIONS,
    "recorded_download-options_landsat_ot_c2_l1_2025-10": call(
        "download-options", datasetName=L1, entityIds=[SCENE]
    ),
    "recorded_download-request_2023-11-14": BOTH,
    "recorded_download-request_2024-08": BOTH,
    "recorded_download-request_frb_2025-05": BOTH,
    "recorded_download-request_preparing": BOTH,
    "recorded_download-retrieve_5-available": after(BOTH, call("download-retrieve", label="job")),
    "recorded_permissions": call("permissions"),
    "recorded_scene-metadata": call("scene-metadata", datasetName=OT, entityId=SCENE),
    "recorded_scene-search_one-hit": call("scene-search", datasetName=OT, maxResults=1),
    "recorded_scene-search_summary_2023-11": call(
        "scene-search", datasetName=L1, metadataType="summary", sceneFilter=ONE_DAY
    ),
    "reconstructed_dataset-file-groups_l2": call("dataset-file-groups", datasetName=OT),
    "reconstructed_dataset_landsat_band_files_c2_l2": call(
        "dataset", datasetName="landsat_band_files_c2_l2"
    ),
    "reconstructed_download-options_l2_no-file-groups": L2_OPTIONS,
    "reconstructed_download-options_l2_with-file-groups": GROUPED_OPTIONS,
    "reconstructed_scene-list-get": after(list_of(SCENE), call("scene-list-get", listId="a")),
}
UNPRINTED = frozenset({"filesize", "productCode", "productName", "downloadSystem"})
OPTIONAL: dict[str, frozenset[str]] = {
    # In 2023 these three were all there was.
    "recorded_dataset-download-options": frozenset({"downloadSystem", "fileGroups"}),
    # The page of the reference shows fewer than the service gives.
    "documented_scene-search_page": frozenset({"id", "orderingId", "hasCustomizedMetadata"}),
    "recorded_dataset-filters": frozenset({"numElements", "valueList", "size", "multiple"}),
    "recorded_download-request_2023-11-14": frozenset({"entityId", "remainingLimits"}),
    "recorded_download-request_2024-08": frozenset({"entityId"}),
    "recorded_download-request_preparing": frozenset({"entityId", "remainingLimits"}),
    # The notebook did not print everything of these.
    "reconstructed_dataset-file-groups_l2": frozenset({"productIds", "productName"}),
    "reconstructed_download-options_l2_no-file-groups": UNPRINTED,
    "reconstructed_download-options_l2_with-file-groups": UNPRINTED,
}


@pytest.mark.parametrize("name", SAMPLES)
async def test_reply_is_of_the_recorded_shape(name: str) -> None:
    sample = sample_of(name)
    async with open_caller(Faults(preparing="*_SR_B4.TIF", eula="*.tar")) as caller:
        if name.endswith("-delete"):
            caller.service.withdraw(PRODUCT)
        reply = await SAMPLES[name](caller)
    assert reply["errorCode"] is None
    optional = ENVELOPE | SINCE_2022 | GROUPED | OPTIONAL.get(name, frozenset())
    assert list(differences(sample, reply, optional)) == []


def sample_of(name: str) -> Json:
    """Return a sample in its envelope."""
    sample = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    if "stable" in sample:
        sample = sample["stable"]
    is_bare = isinstance(sample, list) or "errorCode" not in sample
    return {"data": sample, "errorCode": None, "errorMessage": None} if is_bare else sample


WITHOUT_CALL = {
    # Fragments, and what other tests judge.
    "documented_checksum-fragments",
    "recorded_dataset-filter-entries_2024",
    "recorded_dataset-filters_landsat_ard_tile_c2_2024",
    "recorded_dataset-filters_landsat_ot_c2_l1_2025-10",
    "recorded_dataset-filters_landsat_ot_c2_l2_2024",
    "recorded_download-options_naip_trimmed",
    "recorded_download-request_200-preparing_trimmed",
    "recorded_download-request_same-files_2023-11-18",
    "recorded_download-retrieve_199-requested_trimmed",
    "recorded_scene-search-result_naip",
    "reconstructed_download-request_available",
    "reconstructed_scene-search_landsat_ot_c2_l2",
}


def test_every_sample_has_its_call() -> None:
    names = {path.stem for path in DATA.glob("*_*.json")}
    others = {name for name in names if name.startswith(("recorded_error_", "recorded_stac-item"))}
    assert names == SAMPLES.keys() | WITHOUT_CALL | others


def test_a_missing_field_and_another_type_are_seen() -> None:
    sample = {"data": [{"a": 1, "newRecords": {"1": "x"}}]}
    assert list(differences(sample, {"data": [{"a": "1", "b": 1}]}, frozenset())) == [
        ".data[].b: not on record",
        ".data[].newRecords: missing",
        ".data[].a: a text in place of a number",
    ]
    assert not list(differences(sample, {"data": [{"a": None, "newRecords": []}]}, frozenset()))
