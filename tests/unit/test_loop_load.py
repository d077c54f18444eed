"""How many files are worth having at once."""

import asyncio
import sys

import anyio
from anyio import create_memory_object_stream
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.dispatch import Dispatch
from asyncdl.transfer.loop_load import (
    FEW_FILES,
    FIRST_LOOK_S,
    LONGEST_LOOK_S,
    LoopLoad,
    files_worthwhile,
)
from asyncdl.transfer.slots import Slot, Slots

COUNTS = st.integers(0, 64)


class Clocks:
    """A thread that computes when it is told to."""

    def __init__(self) -> None:
        self.now_s = self.computed_s = 100.0

    def load(self) -> LoopLoad:
        """Return a load that was asked once."""
        load = LoopLoad(lambda: self.now_s, lambda: self.computed_s)
        load.files(0)
        return load

    def go_on(self, seconds: float, share: float) -> None:
        self.now_s += seconds
        self.computed_s += seconds * share


@given(st.floats(0, 1.5), COUNTS)
def test_a_few_files_may_always_be_under_way(share: float, under_way: int) -> None:
    assert files_worthwhile(share, 0, under_way) >= FEW_FILES


@given(COUNTS)
def test_an_idle_thread_takes_any_number(under_way: int) -> None:
    assert files_worthwhile(0.2, 0, under_way) == sys.maxsize


@given(st.integers(FEW_FILES, 64))
def test_a_thread_with_some_time_left_takes_one_more_file(under_way: int) -> None:
    assert files_worthwhile(0.7, 60, under_way) == under_way + 1


@given(COUNTS)
def test_a_busy_thread_takes_a_few_files_only(under_way: int) -> None:
    assert files_worthwhile(0.95, 60, under_way) == FEW_FILES


@given(st.floats(0, 1.5), COUNTS)
def test_small_files_are_never_held_back(share: float, under_way: int) -> None:
    assert files_worthwhile(share, 1000, under_way) == sys.maxsize


@given(st.floats(0, 1), st.floats(0, 1), COUNTS)
def test_more_work_never_lets_more_files_begin(one: float, other: float, under_way: int) -> None:
    less, more = sorted((one, other))
    assert files_worthwhile(more, 60, under_way) <= files_worthwhile(less, 60, under_way)


def test_nothing_is_known_before_the_first_look() -> None:
    clocks = Clocks()
    load = clocks.load()
    clocks.go_on(FIRST_LOOK_S / 2, share=0)
    assert load.files(0) == FEW_FILES
    clocks.go_on(FIRST_LOOK_S, share=0)
    assert load.files(FEW_FILES) == sys.maxsize


def test_each_look_is_at_the_time_since_the_last() -> None:
    clocks = Clocks()
    load, found = clocks.load(), []
    for share in (1, 0, 1, 0.7):
        clocks.go_on(1, share)
        found.append(load.files(6))
    assert found == [FEW_FILES, sys.maxsize, FEW_FILES, 7]


def test_a_burst_of_work_holds_nothing_back_once_the_thread_was_idle() -> None:
    clocks = Clocks()
    load = clocks.load()
    for _ in range(10):
        clocks.go_on(LONGEST_LOOK_S, share=0.1)
        load.files(16)
    assert load.interval_s == LONGEST_LOOK_S
    clocks.go_on(LONGEST_LOOK_S / 4, share=1)
    assert load.files(16) == sys.maxsize
    clocks.go_on(LONGEST_LOOK_S * 3 / 4 + 0.001, share=0.1)
    assert load.files(16) == sys.maxsize


async def test_files_that_end_soon_are_small() -> None:
    clocks = Clocks()
    slots = Slots(16, is_shared=True, load=clocks.load())
    files = [Slot(slots) for _ in range(FEW_FILES)]
    for _ in range(1000):
        Slot(slots).close()
    clocks.go_on(1, share=1)
    found = [slots.has_free]
    clocks.go_on(1, share=1)
    found.append(slots.has_free)
    assert found == [True, False], "of the time since the last look"
    for file in files:
        file.close()


async def test_files_are_held_back_until_the_thread_is_idle() -> None:
    clocks, changed = Clocks(), asyncio.Event()
    slots = Slots(16, changed.set, is_shared=True, load=clocks.load())
    files = [Slot(slots) for _ in range(FEW_FILES)]
    changed.clear()
    clocks.go_on(1, share=1)
    found = [slots.has_free]
    clocks.go_on(1, share=0.1)
    # The slots ask for another look by themselves.
    await changed.wait()
    found.append(slots.has_free)
    assert found == [False, True]
    for file in files:
        file.close()


async def test_files_that_are_held_back_begin_as_others_end() -> None:
    clocks = Clocks()
    clocks.go_on(1, share=1)
    slots = Slots(16, is_shared=True, load=clocks.load())
    files = [Slot(slots) for _ in range(FEW_FILES)]
    found = [slots.has_free]
    files.pop().close()
    found.append(slots.has_free)
    assert found == [False, True]
    for file in files:
        file.close()


async def test_a_number_of_files_does_not_depend_on_the_load() -> None:
    clocks = Clocks()
    slots = Slots(16, load=clocks.load())
    files = [Slot(slots) for _ in range(15)]
    clocks.go_on(1, share=1)
    assert slots.has_free
    for file in files:
        file.close()


async def test_files_that_wait_for_a_far_host_are_all_under_way() -> None:
    """However few may begin before the first look, an idle loop comes to all of them."""
    under_way, all_there = 0, anyio.Event()

    async def work(number: int, slot: Slot) -> None:
        nonlocal under_way
        under_way += 1
        if under_way == 16:
            all_there.set()
        await all_there.wait()

    send, receive = create_memory_object_stream[int](16)
    for number in range(16):
        send.send_nowait(number)
    send.close()
    await Dispatch(
        receive,
        16,
        host_of=lambda number: "host",
        is_troubled=lambda number: False,
        work=work,
        is_shared=True,
    ).run()
    assert under_way == 16
