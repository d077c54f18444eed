"""The loop that tests and the soak run on: uvloop's if it is installed, as the commands do."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")

NAME = "uvloop" if importlib.util.find_spec("uvloop") else "asyncio"


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a loop of that kind."""
    loop: asyncio.AbstractEventLoop = importlib.import_module(NAME).new_event_loop()
    return loop


def run(main: Coroutine[None, None, T]) -> T:
    """Run ``main`` on a loop of its own, as ``asyncio.run`` does."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main)
