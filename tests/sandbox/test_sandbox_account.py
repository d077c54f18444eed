"""One account, one key, one call at a time."""

from __future__ import annotations

import anyio
import pytest

from asyncdl.sandbox import Faults
from tests.sandbox.m2m_caller import Json, open_caller


@pytest.mark.violates
async def test_overlapping_call_gets_http_500_with_two_fields() -> None:
    """A call that arrives while another one runs is turned away and noted."""
    async with open_caller(Faults(api_latency_s=0.5)) as call:
        replies: list[tuple[int, Json]] = []

        async def send() -> None:
            replies.append(await call.reply("permissions", key=call.key))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            tasks.start_soon(send)
        refused = {"errorCode": "RATE_LIMIT", "errorMessage": replies[0][1]["errorMessage"]}
        assert replies[0] == (500, refused)
        assert replies[1][0] == 200
        assert call.service.violations == [
            "overlapping calls: permissions while permissions was running"
        ]


async def test_wrong_token_is_refused_with_http_200() -> None:
    async with open_caller() as call:
        status, body = await call.reply("login-token", {"username": "sandbox", "token": "x"})
        assert (status, body["errorCode"]) == (200, "AUTH_INVALID")


@pytest.mark.parametrize("status", [200, 401, 403])
@pytest.mark.parametrize("endpoint", ["permissions", "logout", "login-token"])
@pytest.mark.violates
async def test_expired_key_is_refused_everywhere(endpoint: str, status: int) -> None:
    """Even login and logout fail with it; the reply has request number 0 and no version."""
    async with open_caller(Faults(auth_status=status)) as call:
        call.service.expire_keys()
        status_got, body = await call.reply(endpoint, {}, key=call.key)
        assert status_got == status
        assert body["errorCode"] == "AUTH_EXPIRED"
        assert (body["requestId"], body["version"]) == (0, None)


async def test_key_expires_when_it_rests_too_long() -> None:
    async with open_caller() as call:
        call.service.faults.key_idle_s = 0.0
        assert await call.error("permissions") == "AUTH_EXPIRED"


async def test_new_login_without_the_old_key_works_after_expiry() -> None:
    async with open_caller() as call:
        call.service.expire_keys()
        await call.log_in()
        assert await call("permissions") == ["user", "download", "order"]
        assert call.service.violations == []


@pytest.mark.violates
async def test_old_key_at_login_is_noted() -> None:
    async with open_caller() as call:
        credentials = {"username": "sandbox", "token": "sandbox-token"}
        await call.reply("login-token", credentials, key=call.key)
        assert call.service.violations == ["old key sent along with login-token"]


async def test_logout_ends_the_key() -> None:
    async with open_caller() as call:
        assert await call("logout") is None
        assert await call.error("permissions") == "AUTH_KEY_INVALID"


async def test_calls_without_a_key_are_refused() -> None:
    async with open_caller() as call:
        call.key = None
        assert await call.error("permissions") == "AUTH_UNAUTHROIZED"


async def test_unknown_endpoint_and_version() -> None:
    async with open_caller() as call:
        for endpoint in ("login", "no-such", "scene-search/more", "Permissions"):
            for key in (None, call.key):
                status, body = await call.reply(endpoint, {}, key=key)
                assert (status, body["errorCode"]) == (404, "NOT_FOUND")
                assert body["errorMessage"] == "Invalid Endpoint"
        url = call.service.url.replace("stable", "newest") + "permissions"
        async with call.session.post(url) as response:
            assert response.status == 500
            assert (await response.json())["errorCode"] == "VERSION_UNKNOWN"


async def test_body_that_is_no_json_is_refused() -> None:
    async with (
        open_caller() as call,
        call.session.post(call.service.url + "permissions", data=b"{") as response,
    ):
        assert (await response.json())["errorCode"] == "INPUT_FORMAT"


async def test_senseless_parameters_are_refused_not_crashed_on() -> None:
    async with open_caller() as call:
        assert await call.error("download-request", downloads=["x"]) == "INPUT_INVALID"


async def test_session_id_is_sometimes_missing_and_slashes_are_escaped() -> None:
    async with open_caller() as call:
        bodies = [(await call.reply("permissions", key=call.key))[1] for _ in range(3)]
        assert sum("sessionId" not in body for body in bodies) == 1
        url = call.service.url + "dataset-search"
        async with call.session.post(url, headers={"X-Auth-Token": call.key or ""}) as response:
            assert b"OLI\\/TIRS" in await response.read()


async def test_maintenance_page_and_rate_limit_at_random() -> None:
    """Neither is the caller's fault, so neither is noted as a violation."""
    async with open_caller() as call:
        call.service.faults = Faults(api_unavailable=1.0)
        async with call.session.post(call.service.url + "permissions") as response:
            assert (response.status, response.content_type) == (503, "text/html")
        call.service.faults = Faults(api_rate_limit=1.0)
        assert await call.error("permissions") == "RATE_LIMIT"
        assert call.service.violations == []


async def test_no_secret_is_remembered() -> None:
    async with open_caller(token="!very_Secret") as call:
        assert "very_Secret" not in repr((call.service, call.service.call_log))
        assert call.service.call_log[0].payload == {"username": "sandbox", "token": "***"}
