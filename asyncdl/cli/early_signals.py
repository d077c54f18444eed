"""Interrupts during start-up, when there is nothing to clean up."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
"""Exit status of an interrupted process, as in shells."""


@contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """Let an interrupt end the process silently while the block runs, which imports modules.

    A KeyboardInterrupt would not do: some modules convert exceptions during import, or
    print them and continue. Ignored interrupts stay ignored.
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
