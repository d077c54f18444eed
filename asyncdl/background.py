"""Work outside the caller: long computations beside the loop, and tasks that outlive their caller.

Reading a reply of 10 MB or matching some thousands of files takes a tenth of a second. On
the loop nothing else would happen meanwhile: no timeout fires, no other request is served.
In a thread Python lets the loop have its turn every few milliseconds.

Cancel scopes belong to the task that enters them, and a plain ``task.cancel()`` passes every
shield. So what has to be done in any case (to give a key back) and what is entered in one
task and left in another (a job in a generator) is done by a task that nobody else cancels.
It still has an owner, who waits for it in every way out.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, TypeVarTuple

from anyio import CancelScope, to_thread

from asyncdl.errors import MisuseError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

FEW = 100
"""What is done for so many things takes about as long as a thread costs."""


async def off_loop(count: int, call: Callable[[*Ts], T], *args: *Ts) -> T:
    """Return what ``call(*args)`` returns, or raise what it raises.

    A cancelled task waits for its end.

    Args:
        count: How many things it goes through; for :data:`FEW` it runs on the spot.
        call: Touches nothing that others change meanwhile, and emits nothing.
        args: Its arguments.
    """
    if count <= FEW:
        return call(*args)
    return await to_thread.run_sync(call, *args)


def require_asyncio(what: str) -> None:
    """Refuse another kind of event loop, where the first wait would fail with no reason given.

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
    """Begin work; whoever begins it has to wait for it with :func:`end_of`."""
    return asyncio.get_running_loop().create_task(work)


async def in_own_task(work: Coroutine[Any, Any, T], *, grace_s: float = math.inf) -> T:
    """Do work to its end, even when the caller is cancelled meanwhile, however often.

    Args:
        work: Raises what this raises; has a deadline of its own, if ``grace_s`` is none.
        grace_s: Seconds that it is given after the first cancel; then it is cancelled, too.
    """
    task = begin(work)
    await end_of(task, grace_s=grace_s)
    return task.result()


async def end_of(task: asyncio.Task[Any], *, grace_s: float = math.inf) -> None:
    """Wait for the end of a task, whatever it is; a cancel is raised after it.

    Args:
        task: Its result or error is left to be looked at, unless the caller is cancelled.
        grace_s: As in :func:`in_own_task`.
    """
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await _despite_cancels(task, grace_s)
        if not task.cancelled():
            task.exception()  # looked at: it is not this one that is raised
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
