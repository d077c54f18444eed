"""Run a coroutine for a command: the loop, and what a signal does."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from anyio.abc import TaskStatus

from asyncdl.cli.lookups import new_loop
from asyncdl.cli.main import INTERRUPTED
from asyncdl.cli.printing import echo
from asyncdl.errors import ungrouped
from asyncdl.system.signals import HANGUP, ending, received

T = TypeVar("T")


def run_async(work: Callable[[], Awaitable[T]]) -> T | None:
    """Run ``work`` to its end, or until a signal asks for it; then return ``None``.

    The first signal cancels the work, which then saves its state; a second one
    leaves at once.
    """
    with ungrouped():
        return anyio.run(_until_signal, work, backend_options={"loop_factory": new_loop})


async def _until_signal(work: Callable[[], Awaitable[T]]) -> T | None:
    result: T | None = None
    async with anyio.create_task_group() as tasks:
        scope = await tasks.start(_cancel_on_signal)
        with scope:
            result = await work()
        tasks.cancel_scope.cancel()
    return result


async def _cancel_on_signal(*, task_status: TaskStatus[anyio.CancelScope]) -> None:
    scope = anyio.CancelScope()
    with received(tuple(ending())) as signals:
        task_status.started(scope)
        while True:
            number = await signals.get()
            if scope.cancel_called:
                # A terminal that goes says so by its kernel and by its shell: no second wish.
                if number == HANGUP:
                    continue
                os._exit(INTERRUPTED)
            echo("Stopping; what is done is kept. Again to leave at once.", err=True)
            scope.cancel()
