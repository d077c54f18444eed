"""Blocking calls that are left behind when nobody waits for them any more.

The library's calls block, and one to a store that is silent ends with its timeout alone, after two
minutes. A user who interrupts a run should not wait for that.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from asyncdl.stores.pace import STEP_S

T = TypeVar("T")

GRACE_S = 4.0
"""For a call to end by itself once its caller is cancelled, as an upload that removes its parts."""


class CallThreads:
    """Makes calls, each in a thread that makes no other meanwhile. Safe in several threads.

    The threads are kept for further calls, as to start one takes as long as a small request.
    """

    def __init__(self) -> None:
        self._grace_s = GRACE_S
        self._idle: deque[_CallThread] = deque()
        self._is_over = threading.Event()
        weakref.finalize(self, _end, self._idle, self._is_over)

    def run(self, call: Callable[[], T], check_cancelled: Callable[[], None]) -> T:
        """Make a call, and wait for it.

        Args:
            call: May block for long.
            check_cancelled: Called now and then meanwhile. What it raises ends the wait, and
                after some seconds the call is left behind.
        Raises: what either of them raises.
        """
        made = _Call(call)
        self._thread().calls.put(made)
        try:
            while not made.has_ended.wait(STEP_S):
                check_cancelled()
        except BaseException:
            if not made.has_ended.wait(self._grace_s):
                self._grace_s = 0.0  # the next one will not end either
            raise
        return made.result()

    def _thread(self) -> _CallThread:
        try:
            return self._idle.pop()
        except IndexError:
            return _CallThread(self._idle, self._is_over)


class _CallThread:
    """A thread that makes one call after the other; between them it is among the idle ones."""

    def __init__(self, idle: deque[_CallThread], is_over: threading.Event) -> None:
        self._idle = idle
        self._is_over = is_over
        self.calls: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="calls of a store", daemon=True).start()

    def _run(self) -> None:
        while (call := self.calls.get()) is not None:
            call.make()
            self._idle.append(self)
            call.has_ended.set()
            del call  # with the bytes that it holds
            if self._is_over.is_set():
                return  # it was left behind


def _end(idle: deque[_CallThread], is_over: threading.Event) -> None:
    is_over.set()
    while idle:
        idle.pop().calls.put(None)


class _Call(Generic[T]):
    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._results: list[T] = []
        self._errors: list[BaseException] = []
        self.has_ended = threading.Event()

    def make(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:
            self._errors.append(error)

    def result(self) -> T:
        """Return what it returned. Raises: what it raised."""
        if self._errors:
            raise self._errors.pop()
        return self._results.pop()
