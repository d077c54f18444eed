"""Keys, turns and new tries, against a real server."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest

from asyncdl.errors import ApiError, AuthError, EndpointRemoved, ForeignResponse, NetworkError
from asyncdl.events import ApiCalled, ApiRetry, Event
from asyncdl.m2m import ClientOptions, M2MClient
from asyncdl.m2m.calling.call_retries import SERVICE_DOWN, CallRetries
from asyncdl.net.retry import Backoff, Outage
from tests.m2m.fake_m2m import BUSY, DOWN, TOKEN, FakeM2M, Reply

MakeClient = Callable[..., M2MClient]


# --- keys --------------------------------------------------------------------


async def test_the_first_call_logs_in_and_the_next_ones_do_not(
    client: M2MClient, service: FakeM2M
) -> None:
    await client.call("dataset")
    await client.call("dataset")
    assert service.called == ["login-token", "dataset", "dataset"]


async def test_the_key_goes_with_every_call_but_the_login(
    client: M2MClient, service: FakeM2M
) -> None:
    await client.call("dataset")
    service.expire_keys()
    await client.call("dataset")
    logins = [call.key for call in service.calls if call.endpoint == "login-token"]
    assert logins == [None, None]
    assert all(call.key for call in service.calls if call.endpoint != "login-token")


@pytest.mark.parametrize("status", [200, 401, 403, 500])
async def test_an_expired_key_is_renewed_once_and_the_call_repeated(
    client: M2MClient, service: FakeM2M, status: int
) -> None:
    service.expired_status = status
    await client.login()
    service.expire_keys()
    service.will_reply("permissions")
    await client.call("permissions")
    assert service.called == ["login-token", "permissions", "login-token", "permissions"]


async def test_an_unknown_key_is_renewed_like_an_expired_one(
    client: M2MClient, service: FakeM2M
) -> None:
    service.will_reply("dataset", Reply(code="AUTH_KEY_INVALID"))
    await client.call("dataset")
    assert service.counts == {"login-token": 2, "dataset": 2}


async def test_tasks_that_meet_a_dead_key_together_log_in_once(
    client: M2MClient, service: FakeM2M
) -> None:
    await client.login()
    service.expire_keys()
    async with anyio.create_task_group() as tg:
        for _ in range(5):
            tg.start_soon(client.call, "dataset")
    assert service.counts == {"login-token": 2, "dataset": 6}


async def test_a_key_refused_right_after_a_new_login_is_final(
    client: M2MClient, service: FakeM2M
) -> None:
    service.will_reply("dataset", *[Reply(code="AUTH_EXPIRED", text="expired")] * 2)
    with pytest.raises(AuthError, match="refused again right after a new login") as caught:
        await client.call("dataset")
    assert service.counts == {"login-token": 2, "dataset": 2}
    assert not caught.value.retryable


@pytest.mark.parametrize("endpoint", ["login-token", "download-options"])
@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_by_a_page_is_final_at_once_and_blames_no_account(
    client: M2MClient, service: FakeM2M, endpoint: str, status: int
) -> None:
    page = Reply(body=b"<title>Request blocked</title>", status=status)
    service.will_reply(endpoint, page)
    with pytest.raises(ForeignResponse, match="Request blocked") as caught:
        await client.call("download-options")
    assert not isinstance(caught.value, AuthError)
    assert service.counts[endpoint] == service.counts["login-token"] == 1


async def test_a_removed_endpoint_is_called_once(client: M2MClient, service: FakeM2M) -> None:
    service.will_reply("dataset", Reply(code="NOT_FOUND", text="Invalid Endpoint", status=404))
    with pytest.raises(EndpointRemoved, match="newer asyncdl"):
        await client.call("dataset")
    assert service.counts["dataset"] == 1


async def test_403_without_a_code_is_final_after_one_new_login_and_names_the_role(
    client: M2MClient, service: FakeM2M
) -> None:
    service.will_reply("download-options", *[Reply(status=403)] * 2)
    with pytest.raises(AuthError, match="MACHINE"):
        await client.call("download-options")
    assert service.counts == {"login-token": 2, "download-options": 2}


async def test_a_wrong_token_is_refused_at_once(make_client: MakeClient, service: FakeM2M) -> None:
    async with make_client(token="wrong") as client:
        with pytest.raises(AuthError) as caught:
            await client.call("dataset")
    assert caught.value.error_code == "AUTH_INVALID"
    assert service.called == ["login-token"]


async def test_a_role_that_is_refused_costs_no_login_and_the_key_is_given_back(
    make_client: MakeClient, service: FakeM2M
) -> None:
    service.will_reply("download-request", Reply(code="AUTH_UNAUTHROIZED"))
    async with make_client() as client:
        with pytest.raises(AuthError, match="MACHINE"):
            await client.call("download-request")
    assert service.called == ["login-token", "download-request", "logout"]


async def test_a_key_that_is_no_text_is_an_unexpected_reply(
    client: M2MClient, service: FakeM2M
) -> None:
    service.will_reply("login-token", Reply(data={"apiKey": "x"}))
    with pytest.raises(ApiError, match="unexpected response"):
        await client.login()


async def test_logging_in_twice_is_one_login(client: M2MClient, service: FakeM2M) -> None:
    await client.login()
    await client.login()
    assert service.called == ["login-token"]


async def test_logout_without_a_login_sends_nothing(client: M2MClient, service: FakeM2M) -> None:
    await client.logout()
    assert service.called == []


async def test_logout_tolerates_an_expired_key_and_does_not_log_in_for_it(
    client: M2MClient, service: FakeM2M
) -> None:
    await client.login()
    service.expire_keys()
    await client.call("logout")
    assert service.called == ["login-token", "logout"]


async def test_two_tasks_that_log_out_give_the_key_back_once(
    client: M2MClient, service: FakeM2M
) -> None:
    await client.login()
    async with anyio.create_task_group() as tg:
        tg.start_soon(client.logout)
        tg.start_soon(client.logout)
    assert service.called == ["login-token", "logout"]


# --- one at a time -----------------------------------------------------------


async def test_calls_of_many_tasks_never_overlap(client: M2MClient, service: FakeM2M) -> None:
    service.latency_s = 0.002
    async with anyio.create_task_group() as tg:
        for number in range(10):
            tg.start_soon(client.call, "dataset", number)
    assert service.overlaps == 0
    assert [c.payload for c in service.calls if c.endpoint == "dataset"] == list(range(10))


async def test_calls_of_two_clients_of_one_account_never_overlap(
    make_client: MakeClient, service: FakeM2M
) -> None:
    service.latency_s = 0.002
    async with make_client() as one, make_client() as other, anyio.create_task_group() as tg:
        for _ in range(2):
            tg.start_soon(one.call, "dataset")
            tg.start_soon(other.call, "dataset")
    assert service.overlaps == 0
    assert service.counts["dataset"] == 4


async def test_a_cancelled_call_hangs_up_and_frees_the_account(
    client: M2MClient, service: FakeM2M
) -> None:
    service.held["scene-search"] = anyio.Event()
    async with anyio.create_task_group() as tg:
        tg.start_soon(client.call, "scene-search")
        await service.arrived["scene-search"].wait()
        tg.cancel_scope.cancel()
    with anyio.fail_after(60):
        await service.cut["scene-search"].wait()
        await client.call("dataset")
    assert service.overlaps == 0


# --- new tries ---------------------------------------------------------------


async def test_a_busy_account_is_waited_for(
    client: M2MClient, service: FakeM2M, events: list[Event]
) -> None:
    service.will_reply("dataset", *[BUSY] * 8, Reply(data=1))
    assert await client.call("dataset") == 1
    retries = [event for event in events if isinstance(event, ApiRetry)]
    assert [retry.attempt for retry in retries] == list(range(1, 9))
    assert {retry.reason for retry in retries} == {"RATE_LIMIT"}


async def test_a_login_waits_for_a_busy_account_too(client: M2MClient, service: FakeM2M) -> None:
    service.will_reply("login-token", BUSY, BUSY)
    await client.call("dataset")
    assert service.counts["login-token"] == 3


async def test_a_busy_account_is_given_up_when_patience_ends(
    make_client: MakeClient, service: FakeM2M, options: ClientOptions
) -> None:
    service.will_reply("dataset", BUSY)
    async with make_client(options=replace(options, rate_limit_patience_s=0.0)) as client:
        with pytest.raises(ApiError, match="another program") as caught:
            await client.call("dataset")
    assert caught.value.retryable
    assert service.counts["dataset"] == 1


async def test_nobody_overtakes_a_call_that_waits_for_a_busy_account(
    client: M2MClient, service: FakeM2M
) -> None:
    service.will_reply("dataset", *[BUSY] * 3)
    async with anyio.create_task_group() as tg:
        tg.start_soon(client.call, "dataset")
        await service.arrived["dataset"].wait()
        tg.start_soon(client.call, "permissions")
    assert service.called == ["login-token", *["dataset"] * 4, "permissions"]


async def test_a_used_up_quota_is_left_to_the_caller(client: M2MClient, service: FakeM2M) -> None:
    service.will_reply("download-request", Reply(code="RATE_LIMIT_USER_DL"))
    with pytest.raises(ApiError) as caught:
        await client.call("download-request")
    assert caught.value.is_quota
    assert caught.value.retryable
    assert service.counts["download-request"] == 1


@pytest.mark.parametrize(
    "failure",
    [DOWN, replace(DOWN, status=200), Reply(code="SERVER_ERROR"), Reply(code="NEW", status=502)],
    ids=["503", "page with 200", "SERVER_ERROR", "unknown code with 502"],
)
async def test_a_failing_service_is_called_again(
    client: M2MClient, service: FakeM2M, failure: Reply
) -> None:
    service.will_reply("dataset", failure, failure, Reply(data=1))
    assert await client.call("dataset") == 1


async def test_a_service_that_keeps_failing_is_given_up(
    client: M2MClient, service: FakeM2M, options: ClientOptions
) -> None:
    service.will_reply("dataset", *[DOWN] * 9)
    with pytest.raises(ApiError) as caught:
        await client.call("dataset")
    assert caught.value.http_status == 503
    assert service.counts["dataset"] == options.backoff.attempts


async def test_an_order_is_not_placed_twice(client: M2MClient, service: FakeM2M) -> None:
    service.will_reply("order-submit", DOWN)
    with pytest.raises(ApiError):
        await client.call("order-submit")
    assert service.counts["order-submit"] == 1


async def test_other_calls_pass_while_one_waits_to_be_made_again(
    make_client: MakeClient, service: FakeM2M, options: ClientOptions, events: list[Event]
) -> None:
    service.will_reply("dataset", DOWN)
    hour = Backoff(first_s=3600, max_s=3600)
    async with (
        make_client(options=replace(options, backoff=hour)) as client,
        anyio.create_task_group() as tg,
    ):
        tg.start_soon(client.call, "dataset")
        with anyio.fail_after(60):
            while not any(isinstance(event, ApiRetry) for event in events):
                await anyio.lowlevel.checkpoint()
            await client.call("permissions")
        tg.cancel_scope.cancel()
    assert service.called == ["login-token", "dataset", "permissions", "logout"]


async def test_a_failing_search_is_tried_three_times(client: M2MClient, service: FakeM2M) -> None:
    service.will_reply("scene-search", *[Reply(code="SEARCH_UNAVAILABLE")] * 9)
    with pytest.raises(ApiError):
        await client.call("scene-search")
    assert service.counts["scene-search"] == 3


@pytest.mark.parametrize("code", ["INPUT_INVALID", "DATASET_INVALID", "NOT_FOUND", "NEW_CODE"])
async def test_what_cannot_succeed_is_called_once(
    client: M2MClient, service: FakeM2M, code: str
) -> None:
    service.will_reply("dataset", Reply(code=code, status=400))
    with pytest.raises(ApiError) as caught:
        await client.call("dataset")
    assert (caught.value.error_code, caught.value.retryable) == (code, False)
    assert service.counts["dataset"] == 1


async def test_a_wish_to_wait_too_long_is_handed_to_the_caller(
    client: M2MClient, service: FakeM2M
) -> None:
    service.will_reply("dataset", replace(DOWN, headers={"Retry-After": "7200"}))
    with pytest.raises(ApiError) as caught:
        await client.call("dataset")
    assert caught.value.retry_after_s == 7200
    assert service.counts["dataset"] == 1


def test_a_wish_to_wait_is_honoured() -> None:
    error = ApiError("dataset", http_status=503, retryable=True, retry_after_s=120)
    assert CallRetries(ClientOptions()).wait_s(error, Outage(0.0, 1), 0.0) == 120


def test_the_usual_pauses_outlast_minutes_of_refusal() -> None:
    """Windows of one minute in which every connection is refused are on record."""
    error = NetworkError("call dataset", "refused")
    patience = CallRetries(ClientOptions())
    pauses = [patience.wait_s(error, Outage(0.0, failed), 0.0) for failed in range(1, 7)]
    assert pauses[-1] is None
    assert (pauses[0] or 9) <= 1
    assert sum(pause or 0 for pause in pauses) > 120
    assert max(pause or 0 for pause in pauses) <= SERVICE_DOWN.max_s


# --- what is reported, and what is not -----------------------------------------


async def test_every_reply_and_every_new_try_is_an_event(
    client: M2MClient, service: FakeM2M, events: list[Event]
) -> None:
    service.will_reply("dataset", DOWN)
    await client.call("dataset")
    shown = [
        (event.endpoint, event.error_code) if isinstance(event, ApiCalled) else "retry"
        for event in events
    ]
    assert shown == [("login-token", None), ("dataset", "HTTP 503"), "retry", ("dataset", None)]
    assert dict(client.calls) == {"login-token": 1, "dataset": 2}


async def test_token_and_key_appear_nowhere(
    make_client: MakeClient,
    service: FakeM2M,
    events: list[Event],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with make_client() as client:
        await client.login()
        (key,) = service.keys
        service.will_reply("dataset", Reply(code="AUTH_EXPIRED", text=f"bad {key}"))
        service.will_reply("dataset", Reply(code="INPUT_INVALID", text=f"{TOKEN}, {key}"))
        with pytest.raises(ApiError) as caught:
            await client.call("dataset")
    shown = f"{caught.value} {caught.value!r} {events} {caplog.text} {vars(client)}"
    assert "that-nobody-may-see" not in shown.replace(service.url, "")
