"""What takes long goes on beside the loop."""

from __future__ import annotations

import threading

import anyio
import pytest

from asyncdl.background import FEW, off_loop


def thread_of(_: object = None) -> int:
    return threading.get_ident()


async def test_few_things_are_done_on_the_spot_and_many_in_a_thread() -> None:
    assert await off_loop(FEW, thread_of) == threading.get_ident()
    assert await off_loop(FEW + 1, thread_of, "an argument") != threading.get_ident()


async def test_the_loop_goes_on_meanwhile() -> None:
    was_here = threading.Event()

    async def others() -> None:
        was_here.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        assert await off_loop(FEW + 1, was_here.wait, 60)


async def test_an_error_comes_out_as_it_is() -> None:
    for count in (1, FEW + 1):
        with pytest.raises(KeyError):
            await off_loop(count, dict[str, str]().__getitem__, "a")
