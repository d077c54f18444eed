"""Hosts that are down, and come back."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
import pytest

from asyncdl.sandbox import Faults
from tests.sandbox.m2m_caller import BUNDLE, PRODUCT, RED_FILE, SCENE, Caller, open_caller

ITEM = f"/collections/landsat-c2l2-sr/items/{PRODUCT}_SR"


async def get(call: Caller, host: str) -> tuple[int, Mapping[str, str], bytes]:
    """Ask one host for something that it has."""
    if host == "stac":
        return await call.get(call.service.stac_url + ITEM)
    if host == "files":
        return await call.get(call.service.origin + "/gen-bundle")
    async with call.session.post(call.service.url + "permissions") as response:
        return response.status, response.headers, await response.read()


@pytest.mark.parametrize("host", ["api", "files", "stac"])
@pytest.mark.parametrize(("mode", "status"), [("503", 503), ("html", 200)])
async def test_host_that_is_down_responds_with_a_page(host: str, mode: str, status: int) -> None:
    async with open_caller() as call:
        call.service.faults = Faults.parse([f"{host}_down", f"down_mode={mode}"])
        status_got, headers, body = await get(call, host)
        assert (status_got, headers["Content-Type"]) == (status, "text/html; charset=utf-8")
        assert b"Down for maintenance" in body


@pytest.mark.parametrize("host", ["api", "files", "stac"])
async def test_host_that_refuses_does_not_respond(host: str) -> None:
    async with open_caller() as call:
        call.service.faults = Faults.parse([f"{host}_down", "down_mode=refuse"])
        with pytest.raises(aiohttp.ClientConnectionError):
            await get(call, host)


@pytest.mark.parametrize("down", ["api", "files", "stac"])
async def test_outage_of_one_host_leaves_the_others_alone(down: str) -> None:
    async with open_caller() as call:
        setattr(call.service.faults, f"{down}_down", True)
        others = [host for host in ("api", "files", "stac") if host != down]
        assert 503 not in [(await get(call, host))[0] for host in others]


async def test_outage_is_over_when_it_is_switched_off_and_keys_survive_it() -> None:
    async with open_caller() as call:
        call.service.faults.api_down = True
        assert (await get(call, "api"))[0] == 503
        call.service.faults.api_down = False
        assert "download" in await call("permissions")


async def test_calls_and_requests_during_an_outage_are_counted() -> None:
    async with open_caller() as call:
        call.service.faults = Faults(api_down=True, files_down=True)
        await get(call, "api")
        await get(call, "files")
        assert call.service.calls["permissions"] == 1
        assert call.service.call_log[-1].error_code == "down"
        assert call.service.file_log[-1].status == 503


async def test_body_on_its_way_is_cut_when_the_file_host_goes_down() -> None:
    async with open_caller(Faults(rate=20_000)) as call:
        async with call.session.get(await call.url()) as response:
            await response.content.readany()
            call.service.faults.files_down = True
            with pytest.raises(aiohttp.ClientError):
                await response.read()
        call.service.faults = Faults()
        assert (await call.get(await call.url()))[2] == call.service.file_bytes(RED_FILE)


async def test_stac_fails_for_a_share_of_the_requests() -> None:
    async with open_caller(Faults(stac_error=0.5)) as call:
        statuses = [(await get(call, "stac"))[0] for _ in range(40)]
        assert set(statuses) == {200, 500}


async def test_older_stac_items_have_no_digests() -> None:
    async with open_caller(Faults(stac_missing="*_ST")) as call:
        found = {}
        for part in ("SR", "ST"):
            ids = {"ids": [f"{PRODUCT}_{part}"]}
            async with call.session.post(call.service.stac_url + "/search", json=ids) as response:
                [item] = (await response.json())["features"]
            found[part] = sum("file:checksum" in asset for asset in item["assets"].values())
        assert found["SR"] > 0
        assert found["ST"] == 0


async def test_key_is_worn_out_after_so_many_calls_and_a_new_one_is_not() -> None:
    async with open_caller(Faults(key_calls=2)) as call:
        assert [await call.error("permissions") for _ in range(3)] == [
            "None",
            "None",
            "AUTH_EXPIRED",
        ]
        await call.log_in()
        assert await call.error("permissions") == "None"


async def test_good_url_may_be_gone_or_lead_to_the_login_page_of_another_host() -> None:
    async with open_caller(Faults(gone=1.0, strikes=1)) as call:
        url = await call.url()
        assert (await call.get(url))[0] == 410
        call.service.faults = Faults(login_redirect=1.0, strikes=2)
        status, headers, _ = await call.get(url)
        assert status == 302
        assert headers["Location"].startswith("http://localhost:")
        async with call.session.get(headers["Location"]) as page:
            assert (page.status, page.content_type) == (200, "text/html")
        assert (await call.get(await call.url(SCENE, BUNDLE)))[0] == 302
