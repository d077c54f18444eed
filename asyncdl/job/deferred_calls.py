"""API calls of a run that no file waits for: made late, and some of them only if possible."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import anyio

from asyncdl.errors import ApiError, NetworkError

log = logging.getLogger("asyncdl.job")

BEST_EFFORT_S = 60.0
"""For each best-effort step: no file needs it, so an outage is not waited for."""

Call: TypeAlias = Callable[[], Awaitable[None]]

MAX_WAITING = 8
"""Calls that wait for the first request; scene lists at the service are among them."""


@contextmanager
def best_effort(failure: str) -> Iterator[None]:
    """Log it and go on, if a call fails or takes too long."""
    try:
        with anyio.fail_after(BEST_EFFORT_S):
            yield
    except TimeoutError:
        log.info("%s: no response within %g s", failure, BEST_EFFORT_S)
    except (ApiError, NetworkError) as error:
        log.info("%s: %s", failure, error)


class DeferredCalls:
    """Calls that wait until the first request was made, so that files flow earlier.

    The account makes one call at a time, so each call before the first ``download-request``
    delays every file. What no request needs is added here and made afterwards in order of
    arrival, one at a time: another stage that wants a call waits for one of these at most.

    Nothing waits without end: calls begin when the first request was answered, when there will be
    none, or when more than ``MAX_WAITING`` have gathered, as in a run that finds all its files in
    place. Calls that were not made when a run fails or is cancelled are left out.
    """

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()
        self._is_released = False
        self._is_closed = False
        self._change = anyio.Event()

    def add(self, call: Call) -> None:
        """Add a call whose errors end the run."""
        self._calls.append(call)
        if len(self._calls) > MAX_WAITING:
            self._is_released = True
        self._change.set()

    def add_optional(self, failure: str, call: Call) -> None:
        """Add a call whose errors are logged only, with ``failure`` before them."""

        async def attempt() -> None:
            with best_effort(failure):
                await call()

        self.add(attempt)

    def release(self) -> None:
        """Begin to make calls: the first request was answered."""
        self._is_released = True
        self._change.set()

    def close(self) -> None:
        """Release; no more calls are added."""
        self._is_closed = True
        self.release()

    async def make_all(self) -> None:
        """Make the calls once they are released, until :meth:`close` and the last one.

        Raises: as calls that :meth:`add` took.
        """
        while not self._is_closed or self._calls:
            if self._is_released and self._calls:
                await self._calls.popleft()()
            else:
                self._change = anyio.Event()
                await self._change.wait()
