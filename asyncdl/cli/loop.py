"""Run a coroutine for a command: the event loop, its name resolution, and signals.

asyncio resolves names in a thread pool that the loop and the interpreter wait for at exit. A
resolver without a reply takes half a minute, during which Ctrl-C would seem to do nothing. Here
each lookup runs in its own daemon thread, which nothing waits for.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskStatus

from asyncdl.cli.main import INTERRUPTED
from asyncdl.cli.printing import echo
from asyncdl.errors import ungrouped
from asyncdl.system.signals import HANGUP, ending, received


class PromptLookups:
    """Mixin for a loop that resolves names in daemon threads."""

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Resolve a name; see ``socket.getaddrinfo``."""
        # Looked up in its module, so that a replaced function is used here, too.
        call = partial(socket.getaddrinfo, host, port, family, type, proto, flags)
        return await _abandonable(call)


async def _abandonable(call: Callable[[], list[Any]]) -> list[Any]:
    """Run a call in its own thread, which is abandoned if this is cancelled."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[list[Any]] = loop.create_future()

    def settle(found: list[Any] | None, error: Exception | None) -> None:
        if ended.done():
            return
        if error is not None:
            ended.set_exception(error)
        else:
            ended.set_result(found or [])

    def run() -> None:
        found, error = None, None
        try:
            found = call()
        except Exception as problem:
            error = problem
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, found, error)

    threading.Thread(target=run, name="asyncdl name look-up", daemon=True).start()
    return await ended


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop for a command: uvloop's if it is installed, otherwise asyncio's."""
    base = _loop_class()
    made: asyncio.AbstractEventLoop = type("Loop", (PromptLookups, base), {})()
    return made


def _loop_class() -> type[asyncio.AbstractEventLoop]:
    if importlib.util.find_spec("uvloop") is not None:
        found: type[asyncio.AbstractEventLoop] = importlib.import_module("uvloop").Loop
        return found
    if sys.platform == "win32":
        return asyncio.ProactorEventLoop
    return asyncio.SelectorEventLoop


T = TypeVar("T")


def run_async(work: Callable[[], Awaitable[T]]) -> T | None:
    """Run ``work``; return ``None`` if a signal interrupts it.

    The first signal cancels the work, which then saves its state; a second one
    exits at once.
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
                # A closing terminal sends SIGHUP twice, by kernel and shell: not a second signal.
                if number == HANGUP:
                    continue
                os._exit(INTERRUPTED)
            echo("Stopping; finished work is kept. Press again to exit at once.", err=True)
            scope.cancel()
