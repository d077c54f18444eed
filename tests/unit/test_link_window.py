"""No more links are asked for than are used up while one may wait."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.config import ByteCount, ServiceConfig
from asyncdl.job.queue.link_window import DECAY_S, GUESS_BYTES_S, LinkBudget, LinkWindow
from asyncdl.job.stages.requesting import request_batches
from asyncdl.m2m.downloads.selection import WantedFile

WAIT_S = 1200.0
MB = 10**6


def fetch(pace: LinkBudget, rate_bytes_s: float, *, since_s: float, seconds: int) -> float:
    """Use up links of 100 MB at a steady rate; return the time afterwards."""
    now_s = since_s
    for _ in range(round(seconds * rate_bytes_s / (100 * MB))):
        pace.add(100 * MB, now_s)
        now_s += 100 * MB / rate_bytes_s
        pace.remove(100 * MB, now_s, is_fetched=True)
    return now_s


def test_before_anything_came_a_guess_bounds_the_first_call() -> None:
    assert LinkBudget(WAIT_S).room_bytes(0.0) == GUESS_BYTES_S * WAIT_S


@pytest.mark.parametrize("rate_bytes_s", [1 * MB, 10 * MB, 200 * MB])
def test_the_rate_is_that_of_the_last_minutes(rate_bytes_s: float) -> None:
    pace = LinkBudget(WAIT_S)
    now_s = fetch(pace, 40 * MB, since_s=0.0, seconds=3600)
    now_s = fetch(pace, rate_bytes_s, since_s=now_s, seconds=int(6 * DECAY_S))
    assert pace.rate_bytes_s(now_s) == pytest.approx(rate_bytes_s, rel=0.2)
    assert pace.room_bytes(now_s) == pytest.approx(rate_bytes_s * WAIT_S, rel=0.2)


def test_time_in_which_nothing_was_wanted_says_nothing() -> None:
    pace = LinkBudget(WAIT_S)
    now_s = fetch(pace, 40 * MB, since_s=0.0, seconds=3600)
    assert pace.rate_bytes_s(now_s + 86_400) == pace.rate_bytes_s(now_s)


def test_time_in_which_nothing_came_is_slowness() -> None:
    pace = LinkBudget(WAIT_S)
    now_s = fetch(pace, 40 * MB, since_s=0.0, seconds=3600)
    pace.add(100 * MB, now_s)
    assert pace.rate_bytes_s(now_s + 3600) < 1 * MB


def test_what_failed_was_not_fetched() -> None:
    pace, other = LinkBudget(WAIT_S), LinkBudget(WAIT_S)
    for one, is_fetched in ((pace, False), (other, True)):
        one.add(100 * MB, 0.0)
        one.remove(100 * MB, 10.0, is_fetched=is_fetched)
    assert pace.rate_bytes_s(10.0) < other.rate_bytes_s(10.0)


@given(st.lists(st.tuples(st.integers(1, 10**12), st.floats(0.01, 10**5)), max_size=30))
def test_a_link_waits_no_longer_than_it_may_at_the_rate_that_was_measured(
    steps: list[tuple[int, float]],
) -> None:
    """Whatever came before: what has room is used up in time, and there always is room again."""
    pace, now_s = LinkBudget(WAIT_S), 0.0
    for size_bytes, pause_s in steps:
        if pace.room_bytes(now_s) >= size_bytes:
            pace.add(size_bytes, now_s)
            assert pace.waiting_bytes <= pace.rate_bytes_s(now_s) * WAIT_S
        now_s += pause_s
        if pace.files:
            pace.remove(pace.waiting_bytes / pace.files, now_s, is_fetched=True)
    while pace.files:
        pace.remove(pace.waiting_bytes / pace.files, now_s, is_fetched=True)
    assert pace.is_request_due(now_s)


# --- as the request stage uses it ---------------------------------------------------


def wanted(number: int, size_bytes: int) -> WantedFile:
    return WantedFile(f"E{number}", "p", "S", f"S_B{number}.TIF", ("bands",), None, size_bytes)


async def test_the_next_call_waits_until_most_links_are_used() -> None:
    files = [wanted(number, 600 * MB) for number in range(8)]
    links, groups = LinkWindow(WAIT_S), list[list[WantedFile]]()
    send, receive = anyio.create_memory_object_stream[list[WantedFile]](1)

    async def ask() -> None:
        async for group in request_batches(receive, ServiceConfig(), links):
            links.add(group)
            groups.append(group)

    async with send, receive, anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await send.send(files)
        send.close()
        for done in range(8):
            for _ in range(5):
                await checkpoint()
            assert sum(len(group) for group in groups) <= done + 4, "2.4 GB are the first guess"
            # Nothing is learned of the rate from what fails.
            links.remove(files[done], is_fetched=False)
    assert [file for group in groups for file in group] == files
    assert 2 <= len(groups) <= 4


async def test_a_file_that_is_larger_than_there_ever_is_room_is_asked_for_alone() -> None:
    send, receive = anyio.create_memory_object_stream[list[WantedFile]](1)
    async with send, receive:
        await send.send([wanted(number, 10**13) for number in range(3)])
        send.close()
        sizes = [
            len(group) async for group in request_batches(receive, ServiceConfig(), LinkWindow())
        ]
    assert sizes == [1, 1, 1]


async def test_no_worker_is_idle_for_the_sake_of_pacing() -> None:
    """Large files are asked for while there are workers for them: those links do not wait."""
    send, receive = anyio.create_memory_object_stream[list[WantedFile]](1)
    async with send, receive:
        await send.send([wanted(number, 10**12) for number in range(7)])
        send.close()
        links = LinkWindow(WAIT_S, workers=3)
        bounds = ServiceConfig(bytes_per_request=ByteCount(10**15))
        sizes = [len(group) async for group in request_batches(receive, bounds, links)]
    assert sizes == [3, 3, 1]
