"""How calls may come in, and what endpoints say that programs call on their way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from asyncdl.sandbox import Faults
from asyncdl.sandbox.api import ENDPOINTS, KNOWN, LOGINS
from tests.sandbox.m2m_caller import (
    ANCHORAGE,
    ANCHORAGE_SCENES,
    BAND_FILES,
    OT,
    PRODUCT,
    RED,
    SCENE,
    Caller,
    Json,
    open_caller,
)

STUCK = "LC80680182020086LGN00"


async def raw(
    call: Caller, endpoint: str, body: bytes | None, method: str = "POST"
) -> tuple[int, Json]:
    """Return status and envelope of a call with any body."""
    headers = {"X-Auth-Token": call.key or ""}
    url = call.service.url + endpoint
    async with call.session.request(method, url, data=body, headers=headers) as response:
        return response.status, json.loads(await response.read())


# --- the ways a call comes in -----------------------------------------------------------


@pytest.mark.violates
async def test_every_endpoint_but_the_login_takes_a_get_with_a_body() -> None:
    """Its reply is that to a POST."""
    async with open_caller() as call:
        for endpoint in sorted(ENDPOINTS):
            body = json.dumps({"datasetName": OT, "entityId": SCENE, "listId": "a"}).encode()
            status, reply = await raw(call, endpoint, body, "GET")
            again, same = await raw(call, endpoint, body)
            assert (status, reply["errorCode"]) == (again, same["errorCode"]), endpoint
        assert (await raw(call, "logout", b"null", "GET"))[1]["errorCode"] is None
        assert call.service.cleanup_report.open_keys == 0


@pytest.mark.violates
async def test_login_by_get_is_refused() -> None:
    async with open_caller() as call:
        account = {"username": call.service.username, "token": call.service.token}
        call.key = None
        status, reply = await raw(call, "login-token", json.dumps(account).encode(), "GET")
        assert (status, reply["data"]) == (405, None)
        assert call.service.violations == ["login-token called by GET"]


@pytest.mark.parametrize("body", [None, b"", b"null", b"{}", b"[]"])
@pytest.mark.parametrize("ending", ["", "?", "/", "/?"])
async def test_call_without_parameters_has_any_empty_body(body: bytes | None, ending: str) -> None:
    async with open_caller() as call:
        _, reply = await raw(call, f"permissions{ending}", body)
        assert reply["data"] == ["user", "download", "order"]


async def test_dataset_names_have_any_case() -> None:
    async with open_caller() as call:
        upper = OT.upper()
        page = await call("scene-search", datasetName=upper, sceneFilter=ANCHORAGE)
        assert page["totalHits"] == 3
        assert (await call("dataset-filters", datasetName=upper))[0]["id"]
        assert (await call("dataset", datasetName=upper))["datasetAlias"] == OT
        assert OT in {d["datasetAlias"] for d in await call("dataset-search", datasetName=upper)}
        assert await call("scene-list-add", listId="a", datasetName=upper, entityIds=[SCENE]) == 1
        assert await call("scene-list-get", listId="a", datasetName=upper) == [
            {"entityId": SCENE, "datasetName": OT}
        ]
        assert len(await call("download-options", datasetName=upper, entityIds=SCENE)) == 4


async def test_ids_come_as_a_list_or_as_one_text_and_more_fields_do_not_matter() -> None:
    async with open_caller() as call:
        text = ", ".join(ANCHORAGE_SCENES)
        more: Json = {"catalogID": "EE", "displayId": PRODUCT, "includeUnknownCloudCover": False}
        assert await call("scene-list-add", listId="a", datasetName=OT, entityIds=text, **more) == 3
        rows = await call("download-options", datasetName=OT, entityIds=text, **more)
        assert {row["entityId"] for row in rows} == set(ANCHORAGE_SCENES)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"datasetName": 7, "entityId": [], "listId": {}, "label": "x", "downloadId": "x"},
        {"datasetName": OT, "sceneFilter": {"spatialFilter": 3}, "downloads": [3], "products": 3},
        {"datasetName": OT, "listId": "a", "entityIds": {"a": 1}, "startingNumber": "x"},
        {"systemId": "EE", "userPreferences": 3, "proxiedDownloads": 7, "eulaCodes": 3},
    ],
    ids=["empty", "types", "filters", "ids", "more"],
)
@pytest.mark.violates
async def test_nonsense_is_refused_in_the_words_of_the_service(payload: Json) -> None:
    """Never in those of Python, and never by a page."""
    pythonic = ("Error", "object is not", "<", "dict", "NoneType")
    async with open_caller() as call:
        for endpoint in sorted(KNOWN - {"logout"}):
            _, body = await call.reply(endpoint, payload, key=call.key)
            text = str(body["errorMessage"])
            assert (body["errorCode"] is None) == (text == "None"), endpoint
            assert not any(word in text for word in pythonic), (endpoint, text)


async def test_missing_parameter_has_http_500_and_is_named() -> None:
    async with open_caller() as call:
        status, body = await call.reply("download-order-remove", {}, key=call.key)
        assert (status, body["errorCode"]) == (500, "INPUT_PARAMETER_REQUIRED")
        assert body["errorMessage"] == "The parameter label is required and was not supplied"


async def test_account_without_the_role_may_look_at_its_permissions_only() -> None:
    async with open_caller(Faults(no_role=True)) as call:
        status, body = await call.reply("dataset-search", {}, key=call.key)
        assert (status, body["errorCode"]) == (500, "UNAUTHORIZED_USER")
        assert body["errorMessage"] == "Unable to validate user API permissions"
        assert await call("permissions")


async def test_other_logins() -> None:
    """A cookie of the single sign-on, and a guest's token that is good once."""
    async with open_caller() as call:
        token = call.service.token
        cookie = {"Cookie": f"EROS_SSO_production_secure={token}"}
        for headers, code in ((cookie, None), ({}, "AUTH_INVALID")):
            url = call.service.url + "login-sso"
            async with call.session.post(url, headers=headers) as response:
                assert (await response.json())["errorCode"] == code
        guest = {"applicationToken": token, "userToken": "once"}
        for code in (None, "AUTH_INVALID"):
            assert (await call.reply("login-app-guest", guest))[1]["errorCode"] == code
        assert set(LOGINS) <= KNOWN


# --- searches ---------------------------------------------------------------------------


async def search(call: Caller, **more: Any) -> Json:
    return await call("scene-search", datasetName=OT, sceneFilter=ANCHORAGE, **more)


async def test_metadata_are_a_summary_by_default_and_nothing_in_2024() -> None:
    """As recorded: padded texts, no dictionary; before 2025 nothing without a parameter."""
    async with open_caller() as call:
        page = await search(call)
        by_name = {m["fieldName"]: m for m in page["results"][0]["metadata"]}
        assert {name: m["value"] for name, m in by_name.items()} == {
            "ID": PRODUCT,
            "Date Acquired": "2020/03/10",
            "Path": " 068",
            "Row": " 017",
        }
        assert by_name["ID"]["id"] == "5e83d1508031a4a3"
        assert {m["dictionaryLink"] for m in by_name.values()} == {None}
        assert page["totalHitsAccuracy"] == "calculated"
        call.service.faults = Faults(bare_results=True)
        assert (await search(call))["results"][0]["metadata"] == []
        assert len((await search(call, metadataType="summary"))["results"][0]["metadata"]) == 4


async def test_bounds_run_from_the_southwest_over_the_northwest() -> None:
    async with open_caller() as call:
        scene = (await search(call))["results"][0]
        [ring] = scene["spatialBounds"]["coordinates"]
        (west, south), (_, north), (east, _) = ring[0], ring[1], ring[2]
        assert ring == [[west, south], [west, north], [east, north], [east, south], [west, south]]
        assert west < east
        assert south < north


async def test_results_are_sorted_on_request() -> None:
    async with open_caller() as call:
        for field, direction, order in (
            ("cloudCover", "ASC", [1, 0, 2]),
            ("cloudCover", "desc", [2, 0, 1]),
            ("Acquisition Date", "ASC", [2, 0, 1]),
            ("no such field", "DESC", [0, 1, 2]),
        ):
            page = await search(call, sortField=field, sortDirection=direction)
            found = [scene["entityId"] for scene in page["results"]]
            assert found == [ANCHORAGE_SCENES[n] for n in order], field
        custom = [{"field_name": "WRS Path", "direction": "ASC"}]
        page = await search(call, sortCustomization=custom)
        assert page["results"][0]["entityId"] == ANCHORAGE_SCENES[2]
        wrong = await call.error("scene-search", datasetName=OT, sortField="x", sortDirection="up")
        assert wrong == "INPUT_PARAMETER_INVALID"


async def test_lists_leave_out_scenes_and_mark_them() -> None:
    async with open_caller() as call:
        await call("scene-list-add", listId="a", datasetName=OT, entityIds=[SCENE])
        page = await search(call, excludeListName="a")
        assert (page["totalHits"], page["numExcluded"]) == (2, 1)
        page = await search(call, compareListName="a", bulkListName="none")
        marks = [scene["selected"] for scene in page["results"]]
        assert [mark["compare"] for mark in marks] == [True, False, False]
        assert not any(mark["bulk"] or mark["order"] for mark in marks)


async def test_list_lives_as_long_as_it_was_given() -> None:
    async with open_caller() as call:
        for life, seconds in (("P1M", 2_592_000), ("PT1M", 60), ("P1DT2H", 93_600)):
            await call(
                "scene-list-add", listId="a", datasetName=OT, entityId=SCENE, timeToLive=life
            )
            [listed] = await call("scene-list-types")
            assert listed["listTimeout"] in (seconds - 1, seconds)
        await call("scene-list-add", listId="a", datasetName=OT, entityId=SCENE, timeToLive="PT0S")
        assert await call("scene-list-types") == []
        for wrong in ("P", "a month", "PT"):
            error = await call.error(
                "scene-list-add", listId="a", datasetName=OT, entityId=SCENE, timeToLive=wrong
            )
            assert error == "INPUT_PARAMETER_INVALID"


# --- what programs call on their way ----------------------------------------------------


async def test_files_of_a_scene_are_its_secondary_scenes() -> None:
    async with open_caller() as call:
        page = await call("scene-search-secondary", datasetName=OT, entityId=SCENE, maxResults=5)
        assert (page["totalHits"], page["recordsReturned"], page["nextRecord"]) == (22, 5, 6)
        assert page["secondaryDatasetAlias"] == BAND_FILES
        page = await call("scene-search-secondary", datasetName=OT, entityId=SCENE)
        assert RED in {scene["entityId"] for scene in page["results"]}


async def test_metadata_as_xml_name_the_scene() -> None:
    async with open_caller() as call:
        reply = await call("scene-metadata-xml", datasetName=OT, entityId=SCENE)
        assert PRODUCT in reply["exportContent"]


async def test_places_by_name_and_by_grid() -> None:
    async with open_caller() as call:
        [place] = (await call("placename", featureType="US", name="anchor"))["results"]
        assert place["placename"] == "Anchorage"
        corners = await call("grid2ll", gridType="WRS2", path=68, row=17, responseShape="polygon")
        assert len(corners["coordinates"]) == 4
        for wrong in ({"gridType": "MGRS"}, {"gridType": "WRS2", "path": 999, "row": 1}):
            assert await call.error("grid2ll", **wrong) == "INPUT_PARAMETER_INVALID"


async def test_datasets_are_described() -> None:
    async with open_caller() as call:
        assert (await call("dataset-catalogs"))["EE"] == "EarthExplorer"
        assert await call("dataset-messages", catalog="EE", datasetName=OT) == []
        categories = (await call("dataset-categories", catalog="EE")).values()
        assert OT in {d["datasetAlias"] for one in categories for d in one["datasets"]}
        coverage = await call("dataset-coverage", datasetName=OT)
        assert coverage["geoJson"]["type"] == "Polygon"
        assert (await call("dataset-metadata", datasetName=OT))["full"]
        assert (await call("dataset-bulk-products", datasetName=OT))[0]["productCode"] == "D694"
        assert (await call("data-owner", dataOwner="LSAA"))["dataOwner"] == "LSAA"
        assert await call("dataset-browse", datasetId="5e83d14f2fc39685")
        assert await call.error("data-owner", dataOwner="nobody") == "NOT_FOUND"


async def test_preferences_are_kept_and_come_as_a_text() -> None:
    async with open_caller() as call:
        likes = {"map": {"zoomLevel": "7"}, "general": {"defaultDataset": OT}}
        assert await call("user-preference-set", systemId="EE", userPreferences=likes) == 1
        assert json.loads(await call("user-preference-get", systemId="EE")) == likes
        only = await call("user-preference-get", systemId="EE", setting=["map"])
        assert json.loads(only) == {"map": {"zoomLevel": "7"}}
        assert json.loads(await call("user-preference-get", systemId="M2M")) == {}


async def test_what_cannot_be_downloaded_is_ordered() -> None:
    async with open_caller() as call:
        rows = await call("order-products", datasetName=OT, entityIds=[SCENE, STUCK])
        assert [row["entityId"] for row in rows] == [STUCK]
        [number] = (await call("order-submit", products=[{"entityId": STUCK}]))["orderNumbers"]
        assert [o["orderNumber"] for o in await call("tram-order-search")] == [number]
        order = {"orderNumber": number}
        assert (await call("tram-order-status", **order))["statusText"] == "Accepted"
        assert len(await call("tram-order-units", **order)) == 1
        note = {"detailKey": "why", "detailValue": "test"}
        assert await call("tram-order-detail-update", **order, **note) == {"why": "test"}
        assert await call("tram-order-details-remove", **order, detailKey="why") is True
        assert await call("tram-order-details", **order) == []
        assert await call("tram-order-details-clear", **order) is True
        assert await call.error("tram-order-status", orderNumber="1") == "ORDER_INVALID"
