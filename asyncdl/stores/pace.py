"""How requests to a store are made again, and what all of them know together of an outage."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from asyncdl.errors import StoreError

T = TypeVar("T")

LEAST_WAIT_S = 60.0
"""Attempts go on for so long, even without any patience for outages."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
STEP_S = 0.1
"""How soon a wait is given up once its caller is cancelled."""


def never() -> None:
    """Check for nothing."""


def say_nothing(error: StoreError, left_s: float) -> None:
    """Take the start of a wait, and ignore it."""


@dataclass
class Pace:
    """Repeats calls that may succeed later; a store that is down delays all of them together.

    Its calls block, and come from any thread.
    """

    max_wait_s: float = 0.0
    least_wait_s: float = LEAST_WAIT_S
    on_wait: Callable[[StoreError, float], None] = say_nothing
    """Called once for each outage, with what is wrong and how many seconds remain."""
    check_cancelled: Callable[[], None] = never
    """Called while waiting; raises when the caller is cancelled."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _pauses: int = 0
    _resume_at_s: float = 0.0
    _down_since_s: float | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, call: Callable[[], T]) -> T:
        """Make a call, again and again if need be.

        Raises: StoreError, once there is no more hope; what ``check_cancelled`` raises.
        """
        while True:
            self._wait()
            try:
                result = call()
            except StoreError as error:
                if not error.retryable:
                    raise
                self._note(error)
                continue
            self._recovered()
            return result

    def _wait(self) -> None:
        while (left_s := self._resume_at_s - self.clock()) > 0:
            self.check_cancelled()
            self.sleep(min(left_s, STEP_S))

    def _note(self, error: StoreError) -> None:
        """Note a failure. Raises: the error, if the store has been down for too long."""
        with self._lock:
            now_s = self.clock()
            is_new = self._down_since_s is None
            since_s = now_s if self._down_since_s is None else self._down_since_s
            self._down_since_s = since_s
            left_s = since_s + max(self.max_wait_s, self.least_wait_s) - now_s
            if left_s <= 0:
                raise error
            if self._resume_at_s <= now_s:
                # One pause for all that fail at the same time.
                pause_s = min(FIRST_PAUSE_S * 2**self._pauses, LONGEST_PAUSE_S)
                self._pauses = min(self._pauses + 1, 10)
                # Not of cryptographic use: several machines should not return at once.
                self._resume_at_s = now_s + min(pause_s * random.uniform(0.7, 1.3), left_s)  # noqa: S311
        if is_new:
            self.on_wait(error, left_s)

    def _recovered(self) -> None:
        if self._down_since_s is not None:
            with self._lock:
                self._pauses, self._down_since_s = 0, None
