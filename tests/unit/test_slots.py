"""Places, and who waits for one."""

import asyncio
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.limits import files_at_once
from asyncdl.transfer.slots import Alarms, FairLimiter, Slot, Slots, files_beside


async def stand(
    limiter: FairLimiter, name: str, served: list[str], *, is_new: bool = False
) -> None:
    await limiter.acquire(is_new=is_new)
    served.append(name)


async def wait_in(tasks: TaskGroup, limiter: FairLimiter, served: list[str], *names: str) -> None:
    """Have them wait in this order; names that begin with ``new`` are new."""
    for name in names:
        waiting = limiter.waiting
        tasks.start_soon(partial(stand, limiter, name, served, is_new=name.startswith("new")))
        while limiter.waiting == waiting:
            await anyio.lowlevel.checkpoint()


async def settle() -> None:
    await anyio.wait_all_tasks_blocked()


async def test_places_go_to_those_who_wait_in_their_order() -> None:
    limiter, served = FairLimiter(1), list[str]()
    await limiter.acquire()
    async with anyio.create_task_group() as tasks:
        await wait_in(tasks, limiter, served, "a", "b", "c")
        assert not limiter.try_acquire()
        for count in (1, 2, 3):
            limiter.release()
            await settle()
            assert served == ["a", "b", "c"][:count]


async def test_a_line_can_prefer_those_who_never_asked() -> None:
    limiter, served = FairLimiter(1), list[str]()
    limiter.prefers_new = True
    await limiter.acquire()
    async with anyio.create_task_group() as tasks:
        await wait_in(tasks, limiter, served, "old", "new")
        limiter.release()
        await settle()
        assert served == ["new"]
        limiter.release()


async def test_a_place_beyond_the_number_is_waited_off() -> None:
    limiter, served = FairLimiter(1), list[str]()
    await limiter.acquire()
    limiter.force_acquire()
    async with anyio.create_task_group() as tasks:
        await wait_in(tasks, limiter, served, "a")
        limiter.release()
        await settle()
        assert served == []
        limiter.release()
    assert served == ["a"]


async def test_whoever_is_cancelled_takes_no_place() -> None:
    limiter, served = FairLimiter(1), list[str]()
    await limiter.acquire()
    waiting = asyncio.ensure_future(limiter.acquire())
    while not limiter.waiting:
        await anyio.lowlevel.checkpoint()
    limiter.release()
    waiting.cancel()  # served, and cancelled before it knows
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (limiter.in_use, limiter.waiting) == (0, 0)
    await limiter.acquire()
    async with anyio.create_task_group() as tasks:
        await wait_in(tasks, limiter, served, "b")
        tasks.cancel_scope.cancel()
    assert (limiter.in_use, limiter.waiting, served) == (1, 0, [])


async def test_more_places_serve_those_who_wait_and_fewer_take_none_away() -> None:
    limiter, served = FairLimiter(1), list[str]()
    await limiter.acquire()
    async with anyio.create_task_group() as tasks:
        await wait_in(tasks, limiter, served, "a", "b")
        limiter.capacity = 3
        await settle()
    assert served == ["a", "b"]
    limiter.capacity = 1
    assert limiter.in_use == 3 and not limiter.has_free


async def test_who_comes_back_goes_before_who_has_not_begun() -> None:
    slots = Slots(1)
    slot, served = Slot(slots), list[str]()
    async with anyio.create_task_group() as tasks:
        async with slot.released():
            assert slots.has_free and slots.waiting == 1
            other = Slot(slots)

            async def end_other() -> None:
                while not slots.limiter.waiting:
                    await anyio.lowlevel.checkpoint()
                assert not slots.has_free
                other.close()
                assert not slots.has_free, "it is for the one who waits"
                served.append("other")

            tasks.start_soon(end_other)
        served.append("slot")
    slot.close()
    assert served == ["other", "slot"]
    assert (slots.limiter.in_use, slots.waiting) == (0, 0)


async def test_an_answer_that_comes_late_goes_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncdl.transfer.slots.SILENT_AFTER_S", 0.0)
    slots, told = Slots(1), list[str]()

    def fall_silent() -> bool:
        told.append("silent")
        return True

    slot = Slot(slots)
    with slot.released_while_silent(fall_silent, lambda: told.append("answered")):
        while not slot.is_silent:
            await anyio.lowlevel.checkpoint()
        other = Slot(slots)
    assert told == ["silent", "answered"]
    assert (slots.limiter.in_use, slot.is_waiting, slot.is_new) == (2, False, False)
    other.close()
    assert not slots.has_free, "one too many are gone first"
    slot.close()
    assert slots.has_free


# --- files and segments share one budget ------------------------------------------------


BUDGETS = st.integers(1, 256)


@given(BUDGETS, st.integers(1, 256))
def test_a_number_is_a_number_and_auto_is_the_budget(connections: int, workers: int) -> None:
    assert files_at_once(workers, connections) == workers
    assert files_at_once("auto", connections) == connections


@given(BUDGETS, st.integers(0, 1000), st.integers(0, 1000))
def test_large_files_take_no_more_than_half_of_what_files_need(
    connections: int, extra: int, more: int
) -> None:
    files = files_beside(extra, connections)
    assert files_beside(0, connections) == connections
    assert connections / 2 <= files <= connections, "some file may always start"
    assert files + min(extra, connections // 2) == connections, "none is left over"
    assert files_beside(extra + more, connections) <= files


@given(BUDGETS, st.lists(st.tuples(st.integers(0, 3), st.integers(0, 64)), max_size=30))
def test_files_at_once_follow_what_large_ones_have(
    connections: int, changes: list[tuple[int, int]]
) -> None:
    noted = 0

    def note() -> None:
        nonlocal noted
        noted += 1

    slots = Slots(connections, note, is_shared=True)
    files, extra = [Slot(slots) for _ in range(4)], dict.fromkeys(range(4), 0)
    for file, count in changes:
        files[file].set_extra(count)
        extra[file] = count
        assert slots.limiter.capacity == files_beside(sum(extra.values()), connections)
    for slot in files:
        slot.set_extra(0)
    assert slots.limiter.capacity == connections
    assert bool(noted) == any(count for _, count in changes), "another file may be able to start"


def test_a_number_of_files_does_not_depend_on_their_connections() -> None:
    slots = Slots(5)
    Slot(slots).set_extra(3)
    assert slots.limiter.capacity == 5


async def test_a_file_that_has_its_bytes_leaves_its_slot_to_the_next() -> None:
    slots = Slots(1, is_shared=True)
    first = Slot(slots)
    free = [slots.has_free]
    assert first.release_for_end()
    free.append(slots.has_free)
    assert free == [False, True]
    second = Slot(slots)
    assert not second.release_for_end(), "no more than there are slots"
    first.close()
    counts = [slots.ending]
    assert second.release_for_end()
    second.close()
    counts.append(slots.ending)
    assert counts == [0, 0]
    assert slots.limiter.in_use == 0


async def test_a_file_that_needs_a_connection_after_all_waits_for_a_slot() -> None:
    slots, held = Slots(1, is_shared=True), list[str]()
    first = Slot(slots)
    assert first.release_for_end()
    second = Slot(slots)

    async def hold() -> None:
        await first.hold()
        held.append("first")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold)
        await settle()
        assert not held
        second.close()
    assert held == ["first"]
    assert (slots.ending, slots.limiter.in_use) == (0, 1)
    first.close()


def test_a_number_of_files_at_once_is_kept_to_their_ends() -> None:
    assert not Slot(Slots(1)).release_for_end()


# --- alarms -----------------------------------------------------------------------------


async def test_alarms_ring_in_their_order_with_one_timer_for_all() -> None:
    rung, alarms = list[int](), Alarms(0.01)
    loop = asyncio.get_running_loop()

    def ring(number: int) -> Callable[[], None]:
        return lambda: rung.append(number)

    calls = [ring(number) for number in range(3)]
    with patch.object(loop, "call_at", wraps=loop.call_at) as call_at:
        for call in calls:
            alarms.set(call)
        assert call_at.call_count == 1
    alarms.clear(calls[1])
    alarms.clear(calls[1])
    while len(rung) < 2:
        await anyio.sleep(0.005)
    assert rung == [0, 2]


async def test_an_alarm_may_set_another() -> None:
    alarms, rung = Alarms(0.0), anyio.Event()
    alarms.set(lambda: alarms.set(rung.set))
    await rung.wait()
