"""A bound on what is received and not placed yet."""

from __future__ import annotations

import anyio
import pytest
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.job.places.spool import Spool


async def hold(spool: Spool, size_bytes: int, begun: list[int], go: anyio.Event) -> None:
    async with spool.room(size_bytes):
        begun.append(size_bytes)
        await go.wait()


async def test_a_file_waits_until_there_is_room() -> None:
    spool, begun, go = Spool(10), list[int](), anyio.Event()
    async with anyio.create_task_group() as tasks:
        for size_bytes in (6, 4, 5, 1):
            tasks.start_soon(hold, spool, size_bytes, begun, go)
        await wait_all_tasks_blocked()
        assert begun == [6, 4], "those that come later do not overtake"
        go.set()
    assert begun == [6, 4, 5, 1] and spool.used_bytes == 0


async def test_a_file_larger_than_the_spool_has_it_for_itself() -> None:
    spool, begun, go = Spool(10), list[int](), anyio.Event()
    async with anyio.create_task_group() as tasks:
        for size_bytes in (3, 100, 3):
            tasks.start_soon(hold, spool, size_bytes, begun, go)
        await wait_all_tasks_blocked()
        assert begun == [3]
        go.set()
    assert begun == [3, 100, 3] and spool.used_bytes == 0


async def test_one_that_is_cancelled_while_it_waits_lets_the_next_go() -> None:
    spool, begun, go = Spool(10), list[int](), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold, spool, 6, begun, go)
        await wait_all_tasks_blocked()
        with anyio.move_on_after(0.001):
            await hold(spool, 5, begun, go)
        tasks.start_soon(hold, spool, 4, begun, go)
        await wait_all_tasks_blocked()
        assert begun == [6, 4]
        go.set()
    assert spool.used_bytes == 0


@given(sizes=st.lists(st.integers(0, 30), max_size=20), limit=st.integers(1, 20))
def test_all_get_room_and_the_bound_holds(sizes: list[int], limit: int) -> None:
    async def run() -> None:
        spool = Spool(limit)

        async def work(size_bytes: int) -> None:
            async with spool.room(size_bytes):
                assert spool.used_bytes <= max(limit, *sizes)
                await checkpoint()

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for size_bytes in sizes:
                    tasks.start_soon(work, size_bytes)
        assert spool.used_bytes == 0

    anyio.run(run)


@pytest.mark.parametrize("sizes", [[1], [10**12, 10**12]])
async def test_a_folder_has_no_bound(sizes: list[int]) -> None:
    spool, begun, go = Spool(), list[int](), anyio.Event()
    async with anyio.create_task_group() as tasks:
        for size_bytes in sizes:
            tasks.start_soon(hold, spool, size_bytes, begun, go)
        await wait_all_tasks_blocked()
        assert begun == sizes
        go.set()
