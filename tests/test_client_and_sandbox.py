"""Every endpoint of the client against the embedded service, in the order of a job."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from asyncdl.errors import ApiError
from asyncdl.m2m import Credentials, DownloadItem, M2MClient
from asyncdl.m2m.m2m_client import DownloadGroup
from asyncdl.m2m.models import DownloadRequestReply
from asyncdl.sandbox import Faults, Service

L2 = "landsat_ot_c2_l2"
ANCHORAGE = {
    "spatialFilter": {
        "filterType": "mbr",
        "lowerLeft": {"latitude": 61.0031, "longitude": -150.9495},
        "upperRight": {"latitude": 61.4834, "longitude": -148.9555},
    },
    "acquisitionFilter": {"start": "2020-03-01", "end": "2020-03-15"},
    "cloudCoverFilter": {"min": 0, "max": 60},
}


@pytest.fixture
async def client(service: Service) -> AsyncIterator[M2MClient]:
    credentials = Credentials(service.username, service.token)
    async with M2MClient(credentials, url=service.url) as client:
        yield client


async def anchorage(client: M2MClient) -> list[str]:
    page = await client.scene_search(L2, ANCHORAGE)
    return [scene.entity_id for scene in page.results or ()]


async def test_the_account(client: M2MClient) -> None:
    assert "download" in await client.permissions()
    limits = await client.rate_limit_summary()
    assert limits.room == 15_000
    assert all(notice.subject for notice in await client.notifications())


async def test_datasets(client: M2MClient) -> None:
    dataset = await client.dataset(dataset_name=L2)
    assert dataset.dataset_alias == L2
    assert await client.dataset(dataset_id=dataset.dataset_id) == dataset
    assert L2 in {found.dataset_alias for found in await client.dataset_search("landsat_ot")}
    groups = await client.dataset_file_groups(L2)
    [secondary] = groups.secondary
    assert set(groups.secondary[secondary]) == {"ls_c2l2_sr_band", "ls_c2l2_st_band"}
    assert "WRS Path" in {field.field_label for field in await client.dataset_filters(L2)}


async def test_an_unknown_dataset_is_an_error_with_its_code(client: M2MClient) -> None:
    with pytest.raises(ApiError) as caught:
        await client.dataset_filters("landsat_99")
    assert caught.value.error_code == "DATASET_INVALID"
    assert caught.value.request_id


async def test_scenes_and_scene_lists(client: M2MClient, service: Service) -> None:
    ids = await anchorage(client)
    assert len(ids) == 3
    async with client.open_scene_list(L2, ids) as scene_list:
        assert scene_list.added == 3
        entries = await client.scene_list_get(scene_list.list_id)
        assert [entry.entity_id for entry in entries] == ids
        summary = await client.scene_list_summary(scene_list.list_id)
        assert summary.summary is not None
        assert summary.summary.scene_count == 3
    assert len(service.scene_lists) == 0


async def test_options_requests_and_the_queue(client: M2MClient) -> None:
    ids = await anchorage(client)
    options = await client.download_options(L2, entity_ids=ids)
    bundles = [o for o in options if o.download_system == "ls_zip"]
    items = [DownloadItem(o.entity_id, o.id) for o in bundles]
    reply = await client.download_request(items, label="a-label")
    assert len(reply.available_downloads or ()) == 3
    assert set(reply.new_records.values()) == {"a-label"}
    again = await client.download_request(items, label="a-label")
    assert again.new_records == reply.new_records, "the same label gives the same downloads"
    other = await client.download_request(items, label="another")
    assert other.duplicate_products == reply.new_records
    assert len((await client.download_retrieve("a-label")).entries) == 3
    assert len(await client.download_search("a-label", active_only=False)) == 3
    assert await client.download_order_remove("a-label") == 3


async def test_the_queue_is_looked_through_and_cleared(client: M2MClient) -> None:
    reply = await request_bundles(client)
    [label] = await client.download_labels()
    assert (label.label, label.download_count) == ("a-label", 3)
    summary = await client.download_summary("a-label")
    assert (summary.download_count, summary.collections[0].dataset_name) == (3, L2)
    first = next(iter(reply.available_downloads or ())).download_id
    assert await client.download_remove(first)
    assert await client.download_order_remove("a-label") == 2
    assert await client.download_labels() == []
    assert await client.download_order_load("a-label") == []
    assert await client.scene_list_types() == []


async def test_agreements_and_proxied_downloads(client: M2MClient, service: Service) -> None:
    service.faults = Faults(eula=1.0, proxied=1.0)
    reply = await request_bundles(client)
    assert reply.eula_codes == {"HDDS"}
    assert [e.eula_code for e in await client.download_eula(["HDDS"])] == ["HDDS"]
    await client.download_retrieve("a-label")
    found = await client.download_search("a-label", active_only=False)
    assert all(entry.is_proxied for entry in found)
    reported = await client.download_complete_proxied({e.download_id: 1 for e in found})
    assert reported.updated_downloads_count == 3
    assert all(entry.is_complete for entry in await client.download_search("a-label"))


async def test_products_of_a_dataset(client: M2MClient) -> None:
    products = await client.dataset_download_options(L2)
    assert {"D694", "D806"} <= {product.product_code for product in products}


async def request_bundles(client: M2MClient) -> DownloadRequestReply:
    """Request the bundles of all Anchorage scenes."""
    options = await client.download_options(L2, entity_ids=await anchorage(client))
    bundles = [o for o in options if o.download_system == "ls_zip"]
    items = [DownloadItem(o.entity_id, o.id) for o in bundles]
    return await client.download_request(items, label="a-label")


async def test_a_group_request_takes_a_list_of_secondary_entities(client: M2MClient) -> None:
    ids = await anchorage(client)
    options = await client.download_options(L2, entity_ids=ids, include_secondary_file_groups=True)
    files = {f.entity_id for o in options for f in o.secondary_downloads or ()}
    secondary = next(f.dataset_id for o in options for f in o.secondary_downloads or ())
    alias = (await client.dataset(dataset_id=secondary)).dataset_alias
    async with client.open_scene_list(alias, sorted(files)) as scene_list:
        group = DownloadGroup(alias, ("ls_c2l2_sr_band",), scene_list.list_id)
        reply = await client.download_request(label="groups", data_groups=[group])
    assert len(reply.available_downloads or ()) == 3 * 13


async def test_tasks_of_one_client_never_overlap_at_the_service(
    client: M2MClient, service: Service
) -> None:
    service.faults = Faults.parse(["api_latency_s=0.01"])
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(client.permissions)
    assert service.calls["permissions"] == 5
    assert service.violations == []


@pytest.mark.parametrize("status", [200, 401, 403])
async def test_an_expired_key_is_replaced_once(
    client: M2MClient, service: Service, status: int
) -> None:
    service.faults = Faults.parse([f"auth_status={status}"])
    await client.permissions()
    service.expire_keys()
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(client.permissions)
    assert service.calls["login-token"] == 2
