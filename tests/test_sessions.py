"""Whatever the way out, and however often somebody is cancelled: the client logs out."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import pytest
from anyio.lowlevel import checkpoint

from asyncdl.errors import ApiError, AsyncdlError, MisuseError
from asyncdl.m2m import ClientOptions, Credentials, M2MClient
from asyncdl.net.retry import Backoff
from asyncdl.sandbox import Service

QUICK = Backoff(first_s=0.001, factor=1.0, max_s=0.001, attempts=10)
OPTIONS = ClientOptions(backoff=QUICK, busy_backoff=QUICK)
POINTS = 16
"""Turns of the loop at which each test cuts in, spread over the whole run."""

pytestmark = pytest.mark.slow


def client_of(service: Service) -> M2MClient:
    account = Credentials(service.username, service.token)
    return M2MClient(account, url=service.url, options=OPTIONS)


async def use(service: Service) -> None:
    async with client_of(service) as client:
        await client.permissions()
        service.expire_keys()  # so that there are two logins
        async with client.open_scene_list("landsat_ot_c2_l2", ["LC80680172020070LGN00"]):
            await client.permissions()


async def turns_of(task: asyncio.Task[None], at_turn: Callable[[int], None]) -> int:
    """Call ``at_turn`` with each turn of the loop until a task has ended; return their number."""
    turn = 0
    while not task.done():
        at_turn(turn)
        turn += 1
        await checkpoint()
    with suppress(asyncio.CancelledError, AsyncdlError):
        await task
    return turn


async def points(make: Callable[[], Awaitable[None]]) -> range:
    """Return turns that are spread over a run."""

    async def run() -> None:
        await make()

    turns = await turns_of(asyncio.create_task(run()), lambda _: None)
    return range(0, turns, max(1, turns // POINTS))


def check_nothing_is_left(service: Service, where: str) -> None:
    left = service.cleanup_report
    assert (left.open_keys, left.scene_lists) == (0, ()), where


@pytest.mark.parametrize("again_after", [math.inf, 1, 7, 50])
async def test_a_task_that_is_cancelled_anywhere_and_again_logs_out(
    service: Service, again_after: float
) -> None:
    for point in await points(lambda: use(service)):
        task = asyncio.create_task(use(service))

        def cancel(turn: int, point: int = point, task: asyncio.Task[None] = task) -> None:
            after = turn - point
            if after == 0 or (after > 0 and after % again_after == 0):
                task.cancel()

        await turns_of(task, cancel)
        check_nothing_is_left(service, f"cancelled at turn {point}, then each {again_after}")


async def test_a_scope_that_is_cancelled_anywhere_logs_out(service: Service) -> None:
    for point in await points(lambda: use(service)):
        scope = anyio.CancelScope()

        async def run(scope: anyio.CancelScope = scope) -> None:
            with scope:
                await use(service)

        def cancel(turn: int, point: int = point, scope: anyio.CancelScope = scope) -> None:
            if turn == point:
                scope.cancel()

        await turns_of(asyncio.create_task(run()), cancel)
        check_nothing_is_left(service, f"cancelled at turn {point}")


async def test_a_block_that_is_left_while_another_task_calls_logs_out(service: Service) -> None:
    async def leave_after(turns: int) -> None:
        async with client_of(service) as client:
            others = [asyncio.create_task(client.permissions()) for _ in range(2)]
            for _ in range(turns):
                await checkpoint()
        for other in others:
            with suppress(MisuseError):
                assert "download" in await other

    for turns in range(0, 5 * POINTS, 5):
        await leave_after(turns)
        check_nothing_is_left(service, f"left after {turns} turns")


async def test_a_call_that_goes_on_at_the_end_of_the_block_says_so(service: Service) -> None:
    is_called = asyncio.Event()

    def watch(moment: str) -> None:
        if moment == "permissions called":
            is_called.set()

    service.watch = watch
    service.faults.api_latency_s = 1.0
    async with client_of(service) as client:
        call = asyncio.create_task(client.permissions())
        await is_called.wait()
    with pytest.raises(MisuseError, match="permissions: the client's block was left"):
        await call


async def test_a_client_is_not_used_after_its_block(service: Service) -> None:
    async with client_of(service) as client:
        await client.permissions()
    for call in (client.permissions, client.login, client.__aenter__):
        with pytest.raises(MisuseError, match="after its `async with` block"):
            await call()
    await client.logout()
    await client.aclose()
    check_nothing_is_left(service, "used afterwards")


async def test_a_login_that_is_refused_is_told_as_it_is(service: Service) -> None:
    account = Credentials(service.username, "wrong")
    async with M2MClient(account, url=service.url, options=OPTIONS) as client:
        with pytest.raises(ApiError, match="AUTH_INVALID"):
            await client.login()
