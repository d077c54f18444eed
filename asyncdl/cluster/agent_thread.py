"""An agent's engine in a thread with a loop of its own.

So neither the messages of the worker delay the transfers, nor the transfers its heartbeat.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import anyio

from asyncdl.cluster.agent_engine import AgentEngine
from asyncdl.cluster.messages import AgentReport, AgentSettings, Instructions

T = TypeVar("T")

STOP_S = 8.0
"""For the state of all transfers, when an agent is stopped."""
LINGER_S = 5.0
"""For the last report, after the end."""
CALL_S = 10.0
"""More than any call to the engine takes, unless it has just ended."""

log = logging.getLogger("asyncdl.cluster")


class AgentThread:
    """Runs an engine from now on. Its methods are for another event loop.

    Args:
        settings: Of the agent.
        scratch: Folder on a disk of this machine.
    """

    def __init__(self, settings: AgentSettings, scratch: Path) -> None:
        self._engine = AgentEngine(settings, scratch)
        self._loop = asyncio.new_event_loop()
        self._is_heard = anyio.Event()
        """Whether the last report was taken."""
        self._calls = 0
        """That are under way."""
        self._is_called_off = anyio.Event()
        # A worker that is shut down does not wait for it: state files are never torn.
        self._thread = threading.Thread(target=self._run, name="asyncdl agent", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._live())
        except Exception:
            log.exception("an agent has failed")
        finally:
            self._loop.close()

    async def _live(self) -> None:
        await self._engine.run()
        # What ended last may still be asked for.
        with anyio.move_on_after(LINGER_S):
            await self._is_heard.wait()
        # Whoever waits for something on this loop gets it before the loop is closed.
        while self._calls:
            await self._is_called_off.wait()

    async def take(self, instructions: Instructions) -> None:
        """Have the engine follow instructions; without effect after its end."""
        await self._in_loop(self._take(instructions), None)

    async def _take(self, instructions: Instructions) -> None:
        self._engine.take(instructions)

    async def report(self) -> AgentReport:
        """Wait for a report of the engine."""
        return await self._in_loop(self._report(), AgentReport(has_ended=True))

    async def _report(self) -> AgentReport:
        report = await self._engine.report()
        if report.has_ended:
            self._is_heard.set()
        return report

    async def stop(self) -> None:
        """Stop the engine, and return when its transfers have saved their state."""
        if self._thread.is_alive():
            await self._in_loop(self._stop(), None)
            await asyncio.to_thread(self._thread.join, STOP_S)

    def wait(self) -> None:
        """Wait until the engine has ended, and its thread. Blocks."""
        self._thread.join()

    async def _stop(self) -> None:
        self._engine.stop()
        self._is_heard.set()

    async def _in_loop(self, work: Coroutine[Any, Any, T], otherwise: T) -> T:
        """Run something on the engine's loop; return ``otherwise`` if that has ended."""
        try:
            future = asyncio.run_coroutine_threadsafe(self._counted(work), self._loop)
        except RuntimeError:  # the loop is closed
            work.close()
            return otherwise
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), CALL_S)
        except TimeoutError:
            return otherwise

    async def _counted(self, work: Coroutine[Any, Any, T]) -> T:
        self._calls += 1
        try:
            return await work
        finally:
            self._calls -= 1
            self._is_called_off.set()
            self._is_called_off = anyio.Event()
