"""An outage is waited for with one try at a time, and is reported to all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web

from asyncdl.errors import ApiError, AuthError, NetworkError
from asyncdl.events import ApiRetry, Event, ServiceBack, ServiceWait
from asyncdl.m2m import ClientOptions, Credentials, M2MClient
from asyncdl.m2m.calling.call_retries import SERVICE_DOWN, CallRetries
from asyncdl.m2m.downloads.pending import Ready, Waiting
from asyncdl.m2m.downloads.retrieval import SharedPolls, resolutions
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.net.retry import Outage
from tests.clock import simulated
from tests.m2m.fake_m2m import BUSY, DOWN, TOKEN, USERNAME, FakeM2M, Reply

pytestmark = pytest.mark.slow

HOUR = 3600.0
QUARTER = HOUR / 4


@dataclass
class Bench:
    """A client, the service that it calls, and its events."""

    service: FakeM2M
    client: M2MClient
    events: list[Event] = field(default_factory=list)

    def emitted(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def outage(self, seconds: float, *replies: Reply) -> None:
        """Let every call fail for a while."""
        self.service.outage = list(replies) or [DOWN]
        await anyio.sleep(seconds)
        self.service.outage = []


@asynccontextmanager
async def bench(state_dir: Path, **options: Any) -> AsyncIterator[Bench]:
    service, events = FakeM2M(), list[Event]()
    app = web.Application()
    app.router.add_post("/api/{endpoint}", service.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    patience = replace(ClientOptions(state_dir=state_dir, max_wait_s=6 * HOUR), **options)
    account, url = Credentials(USERNAME, TOKEN), f"http://{host}:{port}/api/"
    async with M2MClient(account, url=url, options=patience, emit=events.append) as client:
        await client.login()
        yield Bench(service, client, events)
    await runner.cleanup()


@simulated
async def test_an_hour_of_waiting_is_reported(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, anyio.create_task_group() as tasks:
        tasks.start_soon(b.outage, HOUR)
        await b.client.call("dataset")
    waits = [event for event in b.events if isinstance(event, ServiceWait)]
    assert {event.reason for event in waits} == {"HTTP 503"}
    assert len(waits) < 35, "about one try in five minutes, or in half of them"
    (back,) = b.emitted(ServiceBack)
    assert isinstance(back, ServiceBack) and HOUR - 10 < back.after_s < HOUR + 300
    assert len(b.emitted(ApiRetry)) == 1, "the first failure might have been that call's alone"


@simulated
async def test_all_callers_wait_for_the_outcome_of_one_try(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, anyio.create_task_group() as tasks:
        tasks.start_soon(b.outage, HOUR)
        async with anyio.create_task_group() as callers:
            for number in range(20):
                callers.start_soon(b.client.call, "dataset", number)
    served = [call.payload for call in b.service.calls if call.endpoint == "dataset"][-20:]
    assert sorted(served) == list(range(20))
    assert len(b.service.calls) < 120, (
        "20 served, 20 at most before it was known to be down, then tries and a light call each"
    )


@simulated
async def test_the_wait_comes_to_an_end_and_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path, max_wait_s=600) as b, anyio.create_task_group() as tasks:
        tasks.start_soon(b.outage, HOUR)
        began_s = anyio.current_time()
        with pytest.raises(NetworkError, match=r"down for 6\d\d s.*max_wait.*HTTP 503"):
            await b.client.call("dataset")
        assert 600 <= anyio.current_time() - began_s < 700
        tasks.cancel_scope.cancel()


@simulated
async def test_a_busy_account_is_waited_for_longer_than_its_usual_patience(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b, anyio.create_task_group() as tasks:
        tasks.start_soon(b.outage, QUARTER, BUSY)
        await b.client.call("dataset")
    assert "RATE_LIMIT" in {event.reason for event in b.events if isinstance(event, ServiceWait)}


@simulated
async def test_a_key_that_died_during_the_outage_is_nothing_special(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, anyio.create_task_group() as tasks:
        tasks.start_soon(b.outage, HOUR)
        b.service.expire_keys()
        await b.client.call("dataset")
    assert b.service.called[-4:] == ["dataset", "login-token", "dataset", "logout"]


@simulated
async def test_an_outage_of_the_login_itself_is_waited_for(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, anyio.create_task_group() as tasks:
        b.service.expire_keys()
        b.service.will_reply("login-token", DOWN, DOWN, DOWN)
        tasks.start_soon(b.client.call, "dataset")
    assert b.service.counts["login-token"] == 5


@simulated
async def test_a_refusal_ends_a_wait_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        refused = Reply(code="AUTH_UNAUTHROIZED")
        b.service.will_reply("dataset", DOWN, DOWN, refused)
        b.service.will_reply("permissions", DOWN)
        with pytest.raises(AuthError):
            await b.client.call("dataset")
    assert len(b.emitted(ServiceBack)) == 1, "what refuses is there"


@simulated
async def test_a_call_that_fails_alone_is_given_up_while_others_succeed(tmp_path: Path) -> None:
    """Its failures are no outage, so it gets its tries and not hours."""
    async with bench(tmp_path, backoff=replace(SERVICE_DOWN, attempts=4)) as b:
        b.service.will_reply("dataset", *[Reply(code="SERVER_ERROR")] * 1000)

        async def others() -> None:
            while True:
                await b.client.call("permissions")
                await anyio.sleep(1.0)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(others)
            with pytest.raises(ApiError, match="SERVER_ERROR"):
                await b.client.call("dataset")
            tasks.cancel_scope.cancel()
    assert b.service.counts["dataset"] == 4
    assert b.emitted(ServiceWait) == []


ALONE = {
    "a page": Reply(body=b"<html><title>Oops", headers={"Content-Type": "text/html"}),
    "503": DOWN,
    "500": Reply(code="UNKNOWN", status=500),
}


@pytest.mark.parametrize("reply", ALONE.values(), ids=ALONE)
@simulated
async def test_a_call_that_fails_alone_is_given_up_though_nobody_else_calls(
    tmp_path: Path, reply: Reply
) -> None:
    """A light call shows that the service is well, so this one gets its tries and not hours."""
    async with bench(tmp_path) as b:
        b.service.will_reply("download-options", *[reply] * 1000)
        began_s = anyio.current_time()
        with pytest.raises(ApiError) as failed:
            await b.client.call("download-options")
        assert anyio.current_time() - began_s < QUARTER
        await b.client.call("dataset")
    assert failed.value.endpoint == "download-options"
    assert b.service.counts["download-options"] <= SERVICE_DOWN.attempts + 1
    assert b.emitted(ServiceWait) == []


@simulated
async def test_an_outage_of_everything_is_no_fault_of_the_call_that_met_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as b, anyio.create_task_group() as tasks:
        tasks.start_soon(b.outage, 2 * HOUR, ALONE["a page"])
        await b.client.call("download-options")
    assert len(b.emitted(ServiceBack)) == 1
    assert b.service.counts["permissions"] < 70


@simulated
async def test_a_failing_search_keeps_its_few_tries(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.service.will_reply("scene-search", *[Reply(code="SEARCH_UNAVAILABLE")] * 9)
        with pytest.raises(ApiError):
            await b.client.call("scene-search")
    assert b.service.counts["scene-search"] == 3


@simulated
async def test_no_call_is_made_during_a_backoff(tmp_path: Path) -> None:
    rest = Reply(body=b"later", status=503, headers={"Retry-After": "1000"})
    async with bench(tmp_path) as b, anyio.create_task_group() as tasks:
        b.service.will_reply("dataset", rest)
        began_s = anyio.current_time()
        tasks.start_soon(b.client.call, "dataset")
        await b.service.arrived["dataset"].wait()
        await anyio.sleep(1.0)
        await b.client.call("permissions")
        assert anyio.current_time() - began_s >= 1000


def test_a_rest_beyond_what_is_left_is_not_waited_for() -> None:
    error = ApiError("dataset", http_status=503, retryable=True, retry_after_s=500)
    patience, outage = CallRetries(ClientOptions(max_wait_s=600)), Outage(0.0, 1)
    assert patience.wait_s(error, outage, 50.0) == 500
    assert patience.wait_s(error, outage, 150.0) is None
    assert patience.is_out_of_time(error, outage)


def test_without_a_longest_wait_tries_are_counted_and_all_callers_share_them() -> None:
    error, outage = NetworkError("call", "refused"), Outage(0.0, 5)
    assert CallRetries(ClientOptions()).wait_s(error, outage, 0.0) is not None
    outage.fail(1.0)
    assert CallRetries(ClientOptions()).wait_s(error, outage, 0.0) is None


@simulated
async def test_an_outage_takes_nothing_off_the_time_for_preparation(tmp_path: Path) -> None:
    """The file was ready within its hour; an outage of two hours does not count."""
    red = WantedFile("E4", "p", "S", "S_SR_B4.TIF", ("bands",), None, 0)
    ready = {"available": [{"downloadId": 7, "url": "https://host/f", "statusCode": "A"}]}
    async with bench(tmp_path) as b, anyio.create_task_group() as tasks:
        waiting_out, waiting_in = anyio.create_memory_object_stream[Waiting](1)
        await waiting_out.send(Waiting("label", {7: red}))
        waiting_out.close()
        tasks.start_soon(b.outage, 2 * HOUR)
        b.service.will_reply("download-retrieve", Reply(data=ready))
        looks = SharedPolls(b.client, 30)
        polls = resolutions(looks, waiting_in, label="job", deadline_s=HOUR)
        assert [type(ending) async for ending in polls] == [Ready]
