"""Event loops that do not wait for a look-up of a name that hangs.

A loop looks names up in threads of its own and waits for them at its end, and so does the
interpreter. A resolver that gets no reply takes half a minute: so long Ctrl-C would seem to
do nothing. Here each look-up has a daemon thread, which nobody waits for.
"""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any


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
