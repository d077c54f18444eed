"""Run a coroutine for a command: the loop, its look-ups of names, and what a signal does.

A loop looks names up in threads of its own and waits for them at its end, and so does the
interpreter. A resolver that gets no reply takes half a minute: so long Ctrl-C would seem to
do nothing. Here each look-up has a daemon thread, which nobody waits for.
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
    """Makes a loop look names up in threads that end with the process."""

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
        """Look a name up; see ``socket.getaddrinfo``."""
        # By its module: whoever has put another function there means this one, too.
        call = partial(socket.getaddrinfo, host, port, family, type, proto, flags)
        return await _abandonable(call)


async def _abandonable(call: Callable[[], list[Any]]) -> list[Any]:
    """Run a call in a thread of its own, which goes on alone if this is cancelled."""
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
        with suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
            loop.call_soon_threadsafe(settle, found, error)

    threading.Thread(target=run, name="asyncdl name look-up", daemon=True).start()
    return await ended


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop for a command: uvloop's where it is installed, else asyncio's."""
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
