"""Events reach a slow reader in order, and do not pile up."""

from __future__ import annotations

import anyio
from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.events import Event, Notice, TransferProgress
from asyncdl.job.reporting.event_stream import EventQueue


def progress(number: int) -> Event:
    return TransferProgress("file", number, number)


async def read_all(queue: EventQueue) -> list[Event]:
    return [event async for event in queue]


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5))
def test_only_progress_is_ever_dropped_and_order_is_kept(kinds: list[bool], bound: int) -> None:
    events = [progress(n) if kind else Notice(str(n)) for n, kind in enumerate(kinds)]
    queue = EventQueue(bound)
    for event in events:
        queue.put(event)
    queue.close()
    read = anyio.run(read_all, queue)
    assert [e for e in read if isinstance(e, Notice)] == [
        e for e in events if isinstance(e, Notice)
    ]
    assert [e for e in events if e in read] == read


async def test_a_maker_of_events_waits_for_a_slow_reader() -> None:
    queue, done = EventQueue(2), 0

    async def work() -> None:
        nonlocal done
        for number in range(5):
            await queue.room()
            queue.put(Notice(str(number)))
            done += 1
        queue.close()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        await wait_all_tasks_blocked()
        assert done == 2, "two wait, and the third is not made"
        assert [str(n) for n in range(5)] == [
            event.text async for event in queue if isinstance(event, Notice)
        ]


async def test_several_makers_go_on_when_there_is_room_again() -> None:
    queue, made = EventQueue(1), 0

    async def work() -> None:
        nonlocal made
        await queue.room()
        queue.put(Notice("x"))
        made += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(work)
        reader = aiter(queue)
        for _ in range(5):
            await anext(reader)
            await checkpoint()
    assert made == 5


async def test_a_reader_that_waits_sees_the_end() -> None:
    queue = EventQueue()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read_all, queue)
        await wait_all_tasks_blocked()
        queue.close()
