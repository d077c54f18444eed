"""The clock of simulated tests jumps when nothing else can happen, and only then."""

from __future__ import annotations

import asyncio
import threading
import time

import anyio
import pytest
from anyio import to_thread

from tests.clock import simulated


@simulated
async def test_a_day_passes_in_a_moment() -> None:
    before, real_before = anyio.current_time(), time.monotonic()
    await anyio.sleep(86_400)
    assert anyio.current_time() - before >= 86_400
    assert time.monotonic() - real_before < 60


@simulated
async def test_timers_end_in_their_order() -> None:
    ended: list[int] = []

    async def wait(seconds: int) -> None:
        await anyio.sleep(seconds)
        ended.append(seconds)

    async with anyio.create_task_group() as tasks:
        for seconds in (3000, 1000, 2000):
            tasks.start_soon(wait, seconds)
    assert ended == [1000, 2000, 3000]


@simulated
async def test_what_a_socket_brings_comes_before_a_timeout() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        with anyio.fail_after(1.0):
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
        writer.close()


@pytest.mark.parametrize("way", ["anyio", "executor"])
def test_work_in_a_thread_comes_before_a_timeout(way: str) -> None:
    """The thread is let go by a timer of real time, long after the loop has fallen silent."""
    let_go = threading.Event()

    @simulated
    async def test() -> None:
        threading.Timer(0.05, let_go.set).start()
        with anyio.fail_after(10):
            if way == "anyio":
                await to_thread.run_sync(let_go.wait)
            else:
                await asyncio.get_running_loop().run_in_executor(None, let_go.wait)

    test()
