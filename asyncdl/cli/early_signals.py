"""The first moments of a process, when there is nothing that an interrupt could leave half done."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
"""What a process exits with that was interrupted, as with shells."""


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """Let an interrupt end the process without a word while the block runs, which imports.

    A KeyboardInterrupt would not do: some modules turn what is raised within them into
    another error, or have it printed and go on. Who ignores interrupts still does.
    """
    is_ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if not is_ours:
        yield
        return
    signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    os._exit(INTERRUPTED)
