"""Long computations in slices, and work in a task that outlives its caller's cancellation.

Matching some thousands of files takes a tenth of a second. On the event loop nothing else would
happen meanwhile: no timeout fires, no other request is served. A thread alone does not help much:
Python switches to the loop after 5 ms, and the loop gives way again at each of its system calls. So
work on many items is done in slices of a millisecond or so: on the loop, with turns of other tasks
in between (:func:`in_turns`), or in a thread (:func:`off_loop`), with pauses in which the loop gets
the interpreter (:func:`unhurried`).

Cancel scopes belong to the task that enters them, and a plain ``task.cancel()`` ignores every
shield. So what must be done in any case (such as a logout), and what is entered in one task and
left in another (a job in a generator), is done by a task that nothing else cancels. It still has
an owner, which waits for it however it ends.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeVar, TypeVarTuple

from anyio import CancelScope, from_thread, to_thread
from anyio.lowlevel import checkpoint

from asyncdl.errors import MisuseError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

FEW = 100
"""Work on this many items takes about as long as a hop to a thread."""


FILES_PER_TURN = 25
"""Work on this many files, some 40 µs for each, takes about a millisecond."""


async def in_turns(items: Iterable[T], size: int = FILES_PER_TURN) -> AsyncIterator[T]:
    """Yield items; other tasks get their turn after each ``size`` of them.

    Args:
        items: Any number; the next one is fetched when the last one was processed.
        size: How many take a millisecond or so, 1 or more.
    """
    for number, item in enumerate(items, 1):
        yield item
        if number % size == 0:
            await checkpoint()


PAUSE_S = 5e-5
"""Long enough for a waiting thread to wake up; shorter than what a hop to a thread takes."""


def unhurried(items: Iterable[T], size: int = FEW) -> Iterator[T]:
    """Yield items, in a thread; after each ``size`` of them the event loop may go on first.

    Without a pause a thread takes the interpreter back before the loop has woken up, even where
    it has just waited for the disk.

    Args:
        items: Any number.
        size: How many take a millisecond or so, 1 or more.
    """
    for number, item in enumerate(items, 1):
        yield item
        if number % size == 0:
            time.sleep(PAUSE_S)


async def off_loop(count: int, call: Callable[[*Ts], T], *args: *Ts) -> T:
    """Run ``call(*args)`` in a thread; return what it returns, or raise what it raises.

    A cancelled task waits for its end.

    Args:
        count: How many items it processes; up to :data:`FEW` it runs on the event loop.
        call: Uses nothing that other tasks change meanwhile, and emits nothing; its loops over
            many items are :func:`unhurried`.
        args: Its arguments.
    """
    if count <= FEW:
        return call(*args)
    return await to_thread.run_sync(call, *args)


def require_asyncio(what: str) -> None:
    """Refuse other event loops, on which the first wait would fail without a clear reason.

    Raises: MisuseError.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise MisuseError(
            f"{what} runs on an asyncio event loop only; under trio, or without a loop, "
            "use asyncdl.sync in a thread"
        ) from None


def begin(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start work in a task; the caller must wait for it with :func:`end_of`."""
    return asyncio.get_running_loop().create_task(work)


async def in_own_task(work: Coroutine[Any, Any, T], *, grace_s: float = math.inf) -> T:
    """Do work to its end, even if the caller is cancelled meanwhile, however often.

    Args:
        work: What it raises is raised here; has a deadline of its own, if ``grace_s`` is infinite.
        grace_s: Seconds after the first cancel; then the work is cancelled too.
    """
    task = begin(work)
    await end_of(task, grace_s=grace_s)
    return task.result()


async def end_of(task: asyncio.Task[Any], *, grace_s: float = math.inf) -> None:
    """Wait for the end of a task; a cancel of the caller is raised afterwards.

    Args:
        task: Its result or error stays with it, unless the caller is cancelled.
        grace_s: As in :func:`in_own_task`.
    """
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await _despite_cancels(task, grace_s)
        if not task.cancelled():
            task.exception()  # retrieved, as the cancel is raised instead
        raise


async def _despite_cancels(task: asyncio.Task[Any], grace_s: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + grace_s
    with CancelScope(shield=True):
        while not task.done():
            left_s = deadline - loop.time()
            if left_s <= 0:
                task.cancel()
                left_s = math.inf
                deadline = math.inf
            try:
                await asyncio.wait([task], timeout=None if left_s == math.inf else left_s)
            except asyncio.CancelledError:
                continue  # the first one is raised in the end


def check_cancelled() -> None:
    """Raise if the task that waits for this thread is cancelled; in other threads do nothing."""
    with suppress(RuntimeError):
        from_thread.check_cancelled()
