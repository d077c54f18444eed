"""Blocking calls that are left behind when nobody waits for them any more.

The library's calls block, and one to a store that is silent ends with its timeout alone, after two
minutes. A user who interrupts a run should not wait for that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from asyncdl.stores.pace import STEP_S

T = TypeVar("T")

GRACE_S = 4.0
"""For a call to end by itself once its caller is cancelled, as an upload that removes its parts."""


class CallThreads:
    """Makes calls, each in a thread of its own. Safe in several threads."""

    def __init__(self) -> None:
        self._grace_s = GRACE_S

    def run(self, call: Callable[[], T], check_cancelled: Callable[[], None]) -> T:
        """Make a call, and wait for it.

        Args:
            call: May block for long.
            check_cancelled: Called now and then meanwhile. What it raises ends the wait, and
                after some seconds the call is left behind.
        Raises: what either of them raises.
        """
        made = _Call(call)
        threading.Thread(target=made.run, name="call of a store", daemon=True).start()
        try:
            while not made.has_ended.wait(STEP_S):
                check_cancelled()
        except BaseException:
            if not made.has_ended.wait(self._grace_s):
                self._grace_s = 0.0  # the next one will not end either
            raise
        return made.result()


class _Call(Generic[T]):
    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._results: list[T] = []
        self._errors: list[BaseException] = []
        self.has_ended = threading.Event()

    def run(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:
            self._errors.append(error)
        finally:
            self.has_ended.set()

    def result(self) -> T:
        if self._errors:
            raise self._errors.pop()
        return self._results.pop()
