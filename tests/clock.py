"""A clock that jumps: hours of waiting pass in a second, over real sockets.

The loop looks at its sockets as always. When nothing is ready on them for
:data:`QUIET_S` of real time, and no thread works for it, then all that can
happen next is a timer, and the clock jumps to it::

    @simulated
    async def test_an_hour_passes() -> None:
        await anyio.sleep(3600)

What it cannot do:

- Everything that talks has to run on this loop, servers included. Another process
  would see its peer's hours pass between two packets.
- Only ``loop.time()`` jumps, and with it ``anyio.current_time()``, sleeps and timeouts.
  ``time.monotonic()`` and the time of day go on as ever.
- Work in threads is waited for when it was begun by ``anyio.to_thread`` or by the loop's
  executor. A thread of other making, or a machine that takes longer than ``QUIET_S`` to
  pass on a packet within itself, may find that time has jumped.
- Fixtures of pytest-asyncio have another loop: a simulated test opens its own servers.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec

import pytest

P = ParamSpec("P")

QUIET_S = 0.004
"""Real time without anything to do, after which only a timer can end the waiting."""
MOST_JUMPS = 200_000
"""A loop that jumps so often waits for something that never comes."""


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer while nothing else is going on."""

    def __init__(self) -> None:
        self.jumped_s = 0.0
        """How much longer than real time has passed."""
        self.jumps = 0
        self._executor_calls = 0
        super().__init__(_Watch(self))

    def time(self) -> float:
        """Return the seconds on this loop's clock."""
        return super().time() + self.jumped_s

    def jump(self, seconds: float) -> None:
        """Let time pass at once."""
        self.jumps += 1
        if self.jumps > MOST_JUMPS:
            raise RuntimeError(f"still waiting after {self.jumped_s:.0f} simulated seconds")
        self.jumped_s += seconds

    @property
    def is_working(self) -> bool:
        """Whether threads work for this loop."""
        return self._executor_calls > 0 or _busy_threads(self) > 0

    def run_in_executor(  # type: ignore[override]  # the same, and counted
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Run a function in a thread."""
        future = super().run_in_executor(executor, func, *args)
        self._executor_calls += 1
        future.add_done_callback(self._note_done)
        return future

    def _note_done(self, _: asyncio.Future[Any]) -> None:
        self._executor_calls -= 1


class _Watch(selectors.DefaultSelector):
    """A selector that does not sit out timers."""

    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for sockets, and no longer than it takes to know that none is ready."""
        if timeout is None or timeout <= QUIET_S:
            return super().select(timeout)
        ready = super().select(QUIET_S)
        while not ready and self._loop.is_working:
            ready = super().select(QUIET_S)
        if not ready:
            self._loop.jump(timeout - QUIET_S)
        return ready


def _busy_threads(loop: asyncio.AbstractEventLoop) -> int:
    """Return how many of anyio's threads work for a loop; nobody tells, so they are looked at."""
    for thread in threading.enumerate():
        if getattr(thread, "loop", None) is loop:
            workers: set[object] = getattr(thread, "workers", set())
            return len(workers) - len(getattr(thread, "idle_workers", ()))
    return 0


def simulated(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test on a loop of its own whose clock jumps; marked as such."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(debug=True, loop_factory=JumpingLoop) as runner:
            runner.run(test(*args, **kwargs))

    marked: Callable[P, None] = pytest.mark.simulated(run)
    return marked
