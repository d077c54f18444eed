"""Work on many items is cut up, and loses none of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from anyio import create_task_group
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.background import in_turns, unhurried


@pytest.mark.parametrize(("count", "size"), [(0, 1), (1, 1), (10, 3), (9, 3), (100, 25)])
async def test_others_have_a_turn_after_each_slice(count: int, size: int) -> None:
    turns, at_each = 0, list[int]()

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await checkpoint()

    async with create_task_group() as tasks:
        tasks.start_soon(others)
        async for _ in in_turns(range(count), size):
            at_each.append(turns)
        tasks.cancel_scope.cancel()
    assert len(at_each) == count
    assert all(at_each.count(turn) <= size for turn in at_each)


async def test_the_next_item_is_fetched_when_the_last_one_was_processed() -> None:
    fetched: list[int] = []

    def items() -> Iterator[int]:
        for number in range(5):
            fetched.append(number)
            yield number

    async for number in in_turns(items(), 2):
        assert fetched[-1] == number


@given(st.lists(st.integers()), st.integers(1, 10))
def test_a_thread_pauses_after_each_slice_and_loses_nothing(items: list[int], size: int) -> None:
    pauses: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("asyncdl.background.time.sleep", pauses.append)
        assert list(unhurried(items, size)) == items
    assert len(pauses) == len(items) // size
