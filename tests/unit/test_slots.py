"""Places, and who waits for one."""

import asyncio
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from asyncdl.transfer.slots import FairLimiter, Slot, Slots


async def stand(line: FairLimiter, name: str, served: list[str], *, is_new: bool = False) -> None:
    await line.take(is_new=is_new)
    served.append(name)


async def wait_in(tasks: TaskGroup, line: FairLimiter, served: list[str], *names: str) -> None:
    """Have them wait in this order; names that begin with ``new`` are new."""
    for name in names:
        waiting = line.waiting
        tasks.start_soon(partial(stand, line, name, served, is_new=name.startswith("new")))
        while line.waiting == waiting:
            await anyio.lowlevel.checkpoint()


async def settle() -> None:
    await anyio.wait_all_tasks_blocked()


async def test_places_go_to_those_who_wait_in_their_order() -> None:
    line, served = FairLimiter(1), list[str]()
    await line.take()
    async with anyio.create_task_group() as tasks:
        await wait_in(tasks, line, served, "a", "b", "c")
        assert not line.try_take()
        for count in (1, 2, 3):
            line.give_back()
            await settle()
            assert served == ["a", "b", "c"][:count]


async def test_a_line_can_prefer_those_who_never_asked() -> None:
    line, served = FairLimiter(1), list[str]()
    line.prefers_new = True
    await line.take()
    async with anyio.create_task_group() as tasks:
        await wait_in(tasks, line, served, "old", "new")
        line.give_back()
        await settle()
        assert served == ["new"]
        line.give_back()


async def test_a_place_beyond_the_number_is_waited_off() -> None:
    line, served = FairLimiter(1), list[str]()
    await line.take()
    line.take_now()
    async with anyio.create_task_group() as tasks:
        await wait_in(tasks, line, served, "a")
        line.give_back()
        await settle()
        assert served == []
        line.give_back()
    assert served == ["a"]


async def test_whoever_is_cancelled_takes_no_place() -> None:
    line, served = FairLimiter(1), list[str]()
    await line.take()
    waiting = asyncio.ensure_future(line.take())
    while not line.waiting:
        await anyio.lowlevel.checkpoint()
    line.give_back()
    waiting.cancel()  # served, and cancelled before it knows
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (line.in_use, line.waiting) == (0, 0)
    await line.take()
    async with anyio.create_task_group() as tasks:
        await wait_in(tasks, line, served, "b")
        tasks.cancel_scope.cancel()
    assert (line.in_use, line.waiting, served) == (1, 0, [])


async def test_more_places_serve_those_who_wait_and_fewer_take_none_away() -> None:
    line, served = FairLimiter(1), list[str]()
    await line.take()
    async with anyio.create_task_group() as tasks:
        await wait_in(tasks, line, served, "a", "b")
        line.capacity = 3
        await settle()
    assert served == ["a", "b"]
    line.capacity = 1
    assert line.in_use == 3 and not line.has_room


async def test_who_comes_back_goes_before_who_has_not_begun() -> None:
    slots = Slots(1)
    slot, served = Slot(slots), list[str]()
    async with anyio.create_task_group() as tasks:
        async with slot.aside():
            assert slots.has_room and slots.aside == 1
            other = Slot(slots)

            async def end_other() -> None:
                while not slots.line.waiting:
                    await anyio.lowlevel.checkpoint()
                assert not slots.has_room
                other.end()
                assert not slots.has_room, "it is for the one who waits"
                served.append("other")

            tasks.start_soon(end_other)
        served.append("slot")
    slot.end()
    assert served == ["other", "slot"]
    assert (slots.line.in_use, slots.aside) == (0, 0)


async def test_an_answer_that_comes_late_goes_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncdl.transfer.slots.SILENT_AFTER_S", 0.0)
    slots, told = Slots(1), list[str]()

    def fall_silent() -> bool:
        told.append("silent")
        return True

    slot = Slot(slots)
    with slot.while_asking(fall_silent, lambda: told.append("answered")):
        while not slot.is_silent:
            await anyio.lowlevel.checkpoint()
        other = Slot(slots)
    assert told == ["silent", "answered"]
    assert (slots.line.in_use, slot.is_aside, slot.is_new) == (2, False, False)
    other.end()
    assert not slots.has_room, "one too many are gone first"
    slot.end()
    assert slots.has_room
