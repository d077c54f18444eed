"""Signals that ask a process to end, on every event loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)
"""Sent when a terminal closes; Windows has none."""
_BREAK: signal.Signals | None = getattr(signal, "SIGBREAK", None)
"""Ctrl-Break, or the console window is closed; Windows only."""


def ending() -> Iterator[signal.Signals]:
    """Yield the signals that ask this process to end; under ``nohup``, a hangup is not one."""
    yield from (signal.SIGINT, signal.SIGTERM)
    if HANGUP is not None and signal.getsignal(HANGUP) is not signal.SIG_IGN:
        yield HANGUP
    if _BREAK is not None:
        yield _BREAK


@contextmanager
def received(numbers: Sequence[signal.Signals]) -> Iterator[asyncio.Queue[signal.Signals]]:
    """Yield a queue that receives signals while the block runs; in the main thread only.

    The event loops of Windows handle no signals. There Python's own handlers, which run between
    two bytecode instructions, pass them to the loop and so wake it.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[signal.Signals] = asyncio.Queue()
    before = {number: signal.getsignal(number) for number in numbers}
    handled: list[signal.Signals] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, signal.Signals(number))

    try:
        for number in numbers:
            try:
                loop.add_signal_handler(number, queue.put_nowait, number)
                handled.append(number)
            except NotImplementedError:
                signal.signal(number, on_signal)
        yield queue
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
