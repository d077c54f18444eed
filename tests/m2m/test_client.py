"""What each endpoint is sent and gives, and how a client ends."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import orjson
import pytest
from aiohttp import ClientResponse, ClientSession
from aioresponses import aioresponses

from asyncdl.errors import ApiError, ConfigError
from asyncdl.m2m import (
    DEFAULT_URL,
    ClientOptions,
    Credentials,
    DownloadGroup,
    DownloadItem,
    M2MClient,
)
from asyncdl.m2m.models import Json
from tests.m2m.fake_m2m import DOWN, FakeM2M, Reply
from tests.sandbox.test_sandbox_doubles import METHODS

MakeClient = Callable[..., M2MClient]

DATA = Path(__file__).parent.parent / "data"

Check = Callable[[Any], object]
Make = Callable[[M2MClient], Awaitable[object]]

LANDSAT = "landsat_ot_c2_l2"


# Read on import: a test with a loop may not block it.
SAMPLES: dict[str, Json] = {p.name: orjson.loads(p.read_bytes()) for p in DATA.glob("*.json")}


def sample(name: str) -> Json:
    """Return the envelope of a recorded reply; some were stored without theirs."""
    reply = SAMPLES[name]
    return reply if "errorCode" in reply else {"data": reply, "errorCode": None}


# endpoint, recorded reply, the call, what the recording says
RECORDED: list[tuple[str, str, Make, Check]] = [
    (
        "permissions",
        "recorded_permissions.json",
        lambda c: c.permissions(),
        lambda got: got == ["user", "download", "order"],
    ),
    (
        "dataset",
        "reconstructed_dataset_landsat_band_files_c2_l2.json",
        lambda c: c.dataset(dataset_id="5f85f041c828327a"),
        lambda got: got.dataset_alias == "landsat_band_files_c2_l2",
    ),
    (
        "dataset-search",
        "recorded_dataset-search_trimmed.json",
        lambda c: c.dataset_search("landsat"),
        lambda got: len(got) == 18 and got[0].dataset_alias == "landsat_ot_c2_l1",
    ),
    (
        "dataset-file-groups",
        "reconstructed_dataset-file-groups_l2.json",
        lambda c: c.dataset_file_groups(LANDSAT),
        lambda got: (
            set(got.secondary["5f85f041c828327a"]) == {"ls_c2l2_sr_band", "ls_c2l2_st_band"}
        ),
    ),
    (
        "dataset-filters",
        "recorded_dataset-filters.json",
        lambda c: c.dataset_filters("landsat_8_c1"),
        lambda got: all(f.id and f.field_label for f in got),
    ),
    (
        "scene-search",
        "reconstructed_scene-search_landsat_ot_c2_l2.json",
        lambda c: c.scene_search(LANDSAT, {}),
        lambda got: got.results[0].cloud_cover == 9 and got.results[0].acquired == "2020-03-10",
    ),
    (
        "scene-list-get",
        "reconstructed_scene-list-get.json",
        lambda c: c.scene_list_get("x"),
        lambda got: len(got) == 3 and got[0].entity_id == "LC80680172020070LGN00",
    ),
    (
        "scene-list-summary",
        "documented_scene-list-summary.json",
        lambda c: c.scene_list_summary("x"),
        lambda got: got.summary.scene_count == 7 and got.datasets[0].scene_count == 4,
    ),
    (
        "download-options",
        "reconstructed_download-options_l2_with-file-groups.json",
        lambda c: c.download_options(LANDSAT, list_id="x", include_secondary_file_groups=True),
        lambda got: [len(o.secondary_downloads) for o in got] == [22] * 4,
    ),
    (
        "download-request",
        "recorded_download-request_200-preparing_trimmed.json",
        lambda c: c.download_request([DownloadItem("1", "2")], label="job"),
        lambda got: (
            got.preparing_downloads[0].download_id == 46233750
            and not got.duplicate_products
            and "46233750" in got.new_records
        ),
    ),
    (
        "download-retrieve",
        "recorded_download-retrieve_199-requested_trimmed.json",
        lambda c: c.download_retrieve("job"),
        lambda got: len(got.entries) == 7 and all(e.is_ready for e in got.entries),
    ),
    (
        "download-search",
        "documented_download-search.json",
        lambda c: c.download_search("test"),
        lambda got: (got[0].status_code, got[0].url) == ("P", None),
    ),
    (
        "download-order-remove",
        "documented_download-order-remove.json",
        lambda c: c.download_order_remove("job"),
        lambda got: got == 2,
    ),
    (
        "download-remove",
        "documented_download-remove.json",
        lambda c: c.download_remove(7),
        lambda got: got is True,
    ),
    (
        "download-labels",
        "documented_download-labels.json",
        lambda c: c.download_labels(),
        lambda got: [(g.label, g.total_complete) for g in got] == [("123456", 8), ("1234567", 7)],
    ),
    (
        "download-summary",
        "documented_download-summary.json",
        lambda c: c.download_summary("test"),
        lambda got: got.collections[0].total_estimated_size == got.total_estimated_size > 0,
    ),
    (
        "download-eula",
        "documented_download-eula.json",
        lambda c: c.download_eula(["HDDS"]),
        lambda got: [eula.eula_code for eula in got] == ["HDDS"],
    ),
    (
        "download-complete-proxied",
        "documented_download-complete-proxied.json",
        lambda c: c.download_complete_proxied({1: 2}),
        lambda got: (got.failed, got.updated_downloads_count) == ([], 3),
    ),
    (
        "download-order-load",
        "documented_download-order-load.json",
        lambda c: c.download_order_load("123456"),
        lambda got: got[0].is_complete and not got[0].is_proxied,
    ),
    (
        "scene-search-delete",
        "documented_scene-search-delete.json",
        lambda c: c.scene_search_delete(LANDSAT),
        lambda got: got.results[0].deletion_date.startswith("2021-03-11") and got.next_record == 2,
    ),
    (
        "scene-list-types",
        "documented_scene-list-types.json",
        lambda c: c.scene_list_types(),
        lambda got: (got[0].list_id, got[0].scene_count) == ("my_scene_list", 3),
    ),
    (
        "dataset-download-options",
        "documented_dataset-download-options.json",
        lambda c: c.dataset_download_options(LANDSAT),
        lambda got: (got[0].product_code, got[0].checksum_types) == ("D622", None),
    ),
    (
        "dataset-download-options",
        "recorded_dataset-download-options.json",
        lambda c: c.dataset_download_options(LANDSAT),
        lambda got: len(got) == 5 and got[4].product_code == "D217",
    ),
    (
        "rate-limit-summary",
        "documented_rate-limit-summary.json",
        lambda c: c.rate_limit_summary(),
        lambda got: got.room == 14999,
    ),
    (
        "notifications",
        "documented_notifications.json",
        lambda c: c.notifications(),
        lambda got: got[0].subject == "Test Informational Notification",
    ),
]


@pytest.mark.parametrize(
    ("endpoint", "file", "make", "check"), RECORDED, ids=[row[1] for row in RECORDED]
)
async def test_recorded_replies_are_understood(
    endpoint: str,
    file: str,
    make: Make,
    check: Check,
    mocked: aioresponses,
    response_class: type[ClientResponse],
    options: ClientOptions,
) -> None:
    for name, reply in [
        ("login-token", sample("documented_login-token.json")),
        (endpoint, sample(file)),
        ("logout", {"data": None}),
    ]:
        mocked.post(f"{DEFAULT_URL}{name}", payload=reply, response_class=response_class)
    async with M2MClient(Credentials("ann", "token"), options=options) as client:
        assert check(await make(client))


# endpoint, the call, what the service is sent
SENT: list[tuple[str, Make, Json]] = [
    ("permissions", lambda c: c.permissions(), None),
    ("dataset-search", lambda c: c.dataset_search(), {}),
    ("notifications", lambda c: c.notifications(), {"systemId": "M2M"}),
    (
        "scene-search",
        lambda c: c.scene_search(LANDSAT, starting_number=101, sort_direction="ASC"),
        {
            "datasetName": LANDSAT,
            "startingNumber": 101,
            "maxResults": 100,
            "sortDirection": "ASC",
        },
    ),
    (
        "scene-list-add",
        lambda c: c.scene_list_add("x", LANDSAT, ["A"], id_field="displayId"),
        {
            "listId": "x",
            "datasetName": LANDSAT,
            "idField": "displayId",
            "entityIds": ["A"],
            "timeToLive": "P1D",
        },
    ),
    (
        "scene-list-remove",
        lambda c: c.scene_list_remove("x", LANDSAT, ("A",)),
        {"listId": "x", "datasetName": LANDSAT, "entityIds": ["A"]},
    ),
    (
        "download-options",
        lambda c: c.download_options(LANDSAT, entity_ids=["A"]),
        {
            "datasetName": LANDSAT,
            "entityIds": ["A"],
            "includeSecondaryFileGroups": False,
        },
    ),
    (
        "download-request",
        lambda c: c.download_request(
            [DownloadItem("A", "p")],
            label="job",
            data_groups=[DownloadGroup("files", ("g",), "list")],
        ),
        {
            "downloads": [{"entityId": "A", "productId": "p"}],
            "dataGroups": [{"datasetName": "files", "fileGroups": ["g"], "listId": "list"}],
            "label": "job",
        },
    ),
    ("download-retrieve", lambda c: c.download_retrieve(), {}),
    ("download-remove", lambda c: c.download_remove(7), {"downloadId": 7}),
    ("download-labels", lambda c: c.download_labels(), {}),
    (
        "download-summary",
        lambda c: c.download_summary("job"),
        {"downloadApplication": "M2M", "label": "job"},
    ),
    ("download-eula", lambda c: c.download_eula(("A", "B")), {"eulaCodes": ["A", "B"]}),
    (
        "download-complete-proxied",
        lambda c: c.download_complete_proxied({7: 100}),
        {"proxiedDownloads": [{"downloadId": 7, "downloadedSize": 100}]},
    ),
    ("download-order-load", lambda c: c.download_order_load(), {}),
    (
        "scene-search-delete",
        lambda c: c.scene_search_delete(LANDSAT, start="2021-01-01"),
        {
            "datasetName": LANDSAT,
            "temporalFilter": {"start": "2021-01-01"},
            "startingNumber": 1,
            "maxResults": 100,
        },
    ),
    ("scene-list-types", lambda c: c.scene_list_types(), {}),
    (
        "dataset-download-options",
        lambda c: c.dataset_download_options(LANDSAT, {"seasonalFilter": [7]}),
        {"datasetName": LANDSAT, "sceneFilter": {"seasonalFilter": [7]}},
    ),
    (
        "download-search",
        lambda c: c.download_search("job", active_only=False),
        {"label": "job", "activeOnly": False},
    ),
    (
        "rate-limit-summary",
        lambda c: c.rate_limit_summary(["192.0.2.1"]),
        {"ipAddress": ["192.0.2.1"]},
    ),
]


def test_every_endpoint_of_the_client_is_called_here() -> None:
    called = {row[0] for row in RECORDED} | {row[0] for row in SENT}
    endpoints = {name for names in METHODS.values() for name in names}
    assert endpoints - called == {"scene-metadata-list"}, "see test_scene_lists.py"


@pytest.mark.parametrize(("endpoint", "make", "payload"), SENT, ids=[row[0] for row in SENT])
async def test_calls_send_what_is_given_and_nothing_else(
    endpoint: str, make: Make, payload: Json, client: M2MClient, service: FakeM2M
) -> None:
    await make(client)
    assert service.calls[-1].endpoint == endpoint
    assert service.calls[-1].payload == payload


async def test_null_is_an_empty_reply(client: M2MClient) -> None:
    """The service writes null where there is nothing, and that is no error."""
    assert await client.download_options(LANDSAT, list_id="x") == []
    assert await client.scene_list_get("x") == []
    assert (await client.download_retrieve("job")).entries == []
    assert (await client.scene_search(LANDSAT, {})).results is None
    assert await client.download_order_load("job") == []
    assert await client.download_eula(["A"]) == []
    assert (await client.download_complete_proxied({})).updated_downloads_count == 0


async def test_one_agreement_may_come_without_a_list(client: M2MClient, service: FakeM2M) -> None:
    reply = {"eulaCode": "A", "agreementContent": "text"}
    service.will_reply("download-eula", Reply(data=reply))
    assert [eula.agreement_content for eula in await client.download_eula(["A"])] == ["text"]


async def test_a_dataset_that_is_null_is_an_unexpected_reply(client: M2MClient) -> None:
    with pytest.raises(ApiError, match="dataset: unexpected response"):
        await client.dataset(dataset_name="nothing")


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (SAMPLES["documented_scene-list-add.json"]["stable"]["data"], 1),
        ({"sceneCount": "2", "failed": []}, 2),
        (None, 0),
    ],
    ids=["stable", "development", "null"],
)
async def test_both_forms_of_scene_list_add_give_a_count(
    client: M2MClient, service: FakeM2M, data: Json, count: int
) -> None:
    service.will_reply("scene-list-add", Reply(data=data))
    assert await client.scene_list_add("x", LANDSAT, ["A"]) == count


async def test_an_unexpected_reply_names_the_place_and_quotes_nothing(
    client: M2MClient, service: FakeM2M
) -> None:
    reply = [{"downloadId": "https://host/?requestSignature=secret"}]
    service.will_reply("download-search", Reply(data=reply))
    with pytest.raises(ApiError, match=r"\$\[0\]\.downloadId") as caught:
        await client.download_search()
    assert "secret" not in str(caught.value)


async def test_what_is_left_out_is_logged_by_its_place_and_never_by_its_value(
    client: M2MClient, service: FakeM2M, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "https://host/?requestSignature=secret"
    entries = [{"downloadId": 1, "url": [secret], "filesize": secret}, {"downloadId": secret}]
    service.will_reply("download-retrieve", Reply(data={"available": entries}))
    with caplog.at_level(logging.DEBUG, "asyncdl.m2m"):
        reply = await client.download_retrieve()
    assert [entry.download_id for entry in reply.entries] == [1]
    logged = [line for line in caplog.messages if "left out" in line]
    assert [line.split(" is ")[0] for line in logged] == [
        "download-retrieve: $.available[0].url",
        "download-retrieve: $.available[0].filesize",
        "download-retrieve: $.available[1]",
    ]
    assert "$.available[1].downloadId" in logged[2]
    assert "secret" not in "".join(caplog.messages)


@pytest.mark.parametrize("endpoint", ["scene-list-add", "download-order-remove", "download-remove"])
@pytest.mark.parametrize("data", ["soon", -1, {}, [1], 10**18])
async def test_a_bare_value_of_no_use_counts_for_nothing(
    client: M2MClient, service: FakeM2M, endpoint: str, data: Json
) -> None:
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "scene-list-add": lambda: client.scene_list_add("x", LANDSAT, ["A"]),
        "download-order-remove": lambda: client.download_order_remove("x"),
        "download-remove": lambda: client.download_remove(1),
    }
    service.will_reply(endpoint, Reply(data=data))
    assert await calls[endpoint]() == 0


@pytest.mark.parametrize("data", ["page", 7, {"totalHits": 5}, {"results": "none"}])
async def test_a_search_without_results_is_not_taken_for_an_empty_one(
    client: M2MClient, service: FakeM2M, data: Json
) -> None:
    service.will_reply("scene-search", Reply(data=data))
    with pytest.raises(ApiError, match=r"scene-search.*unexpected response"):
        await client.scene_search(LANDSAT, {})


async def test_arguments_that_cannot_be_right_are_refused_before_any_call(
    client: M2MClient, service: FakeM2M
) -> None:
    with pytest.raises(ValueError, match="50 characters"):
        await client.download_request(label="x" * 51)
    with pytest.raises(ValueError, match="dataset_id or dataset_name"):
        await client.dataset()
    with pytest.raises(ValueError, match="list_id or entity_ids"):
        await client.download_options(LANDSAT, list_id="x", entity_ids=["A"])
    with pytest.raises(TypeError):
        await client.call("grid2ll", object())
    assert service.called == []


@pytest.mark.parametrize(
    "url", ["m2m.cr.usgs.gov", "ftp://host/", "https://", "http://[", "http://a..b/", ""]
)
def test_an_address_that_is_none_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"service\.url"):
        M2MClient(Credentials("ann", "token"), url=url)


# --- the end -----------------------------------------------------------------


async def test_the_end_of_the_block_logs_out(make_client: MakeClient, service: FakeM2M) -> None:
    async with make_client() as client:
        await client.login()
    assert service.called == ["login-token", "logout"]
    assert not service.keys


async def test_an_unused_client_sends_nothing(make_client: MakeClient, service: FakeM2M) -> None:
    async with make_client():
        pass
    assert service.called == []


async def test_an_error_in_the_block_logs_out_and_passes(
    make_client: MakeClient, service: FakeM2M
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with make_client() as client:
            await client.login()
            raise ZeroDivisionError
    assert service.called[-1] == "logout"


async def test_a_cancelled_block_logs_out_too(make_client: MakeClient, service: FakeM2M) -> None:
    with anyio.CancelScope() as scope:
        async with make_client() as client:
            await client.login()
            scope.cancel()
            await anyio.sleep_forever()
    assert service.called == ["login-token", "logout"]


async def test_a_call_cut_off_by_the_end_is_not_in_the_way_of_the_logout(
    make_client: MakeClient, service: FakeM2M
) -> None:
    service.held["scene-search"] = anyio.Event()
    with anyio.CancelScope() as scope:
        async with make_client() as client, anyio.create_task_group() as tg:
            tg.start_soon(client.call, "scene-search")
            await service.arrived["scene-search"].wait()
            scope.cancel()
    assert service.called == ["login-token", "scene-search", "logout"]


async def test_a_failing_logout_is_not_an_error(make_client: MakeClient, service: FakeM2M) -> None:
    service.will_reply("logout", DOWN, DOWN)
    async with make_client() as client:
        await client.login()
    assert service.called == ["login-token", "logout", "logout"]


@pytest.mark.slow
async def test_a_logout_that_hangs_ends_at_the_deadline(
    make_client: MakeClient, service: FakeM2M, options: ClientOptions
) -> None:
    service.held["logout"] = anyio.Event()
    with anyio.fail_after(60):
        async with make_client(options=replace(options, exit_deadline_s=1.0)) as client:
            await client.login()
    assert service.called == ["login-token", "logout", "logout"]


async def test_closing_twice_is_closing_once(make_client: MakeClient, service: FakeM2M) -> None:
    async with make_client() as client:
        await client.login()
        await client.aclose()
    assert service.called == ["login-token", "logout"]


async def test_a_session_that_was_handed_in_stays_open(
    make_client: MakeClient, service: FakeM2M
) -> None:
    async with ClientSession() as session:
        async with make_client(session=session) as client:
            await client.login()
        assert not session.closed
    assert service.called == ["login-token", "logout"]
