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

COURTESY_S = 0.1
"""Before each of these calls, so that a call that files wait for comes first."""

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
    delays every file. What no request needs is added here and made afterwards, one at a time,
    when no other call is under way: another stage that wants a call waits for one of these at
    most.

    Nothing waits without end: calls begin when the first request was answered, when there will be
    none, or when more than ``MAX_WAITING`` have gathered, as in a run that finds all its files in
    place. Calls that were not made when a run fails or is cancelled are left out.

    Args:
        is_other_due: Returns whether another call is under way, or begins within some seconds.
    """

    def __init__(self, is_other_due: Callable[[float], bool] = lambda within_s: False) -> None:
        self._is_other_due = is_other_due
        self._calls: deque[Call] = deque()
        self._droppable: deque[Call] = deque()
        self._is_released = False
        self._has_request = False
        self._is_finished = False
        self._change = anyio.Event()

    def add(self, failure: str, call: Call) -> None:
        """Add a call whose errors are logged only, with ``failure`` before them."""
        self._add(self._calls, failure, call)
        if self._are_too_many:
            self.release()

    def add_droppable(self, failure: str, call: Call) -> None:
        """Add a call that is made after all others, and left out if the files are there before."""
        self._add(self._droppable, failure, call)

    def _add(self, to: deque[Call], failure: str, call: Call) -> None:
        async def attempt() -> None:
            with best_effort(failure):
                await call()

        to.append(attempt)
        self._change.set()

    def release(self) -> None:
        """Begin to make calls: the first request was answered, or there will be none."""
        self._is_released = True
        self._change.set()

    def note_request(self) -> None:
        """Release, as a request was answered: files flow."""
        self._has_request = True
        self.release()

    def drop(self) -> None:
        """Leave out what may be left out and has not begun."""
        self._droppable.clear()

    def finish(self) -> None:
        """Release; all files have their outcome, so that the run waits for these calls only."""
        if self._has_request:
            self.drop()
        self._is_finished = True
        self.release()

    async def make_all(self, has_time: Callable[[], bool] = lambda: True) -> None:
        """Make the calls once they are released, until :meth:`finish` and the last one.

        Args:
            has_time: Returns whether files flow for long enough for calls that may be left out.
        """
        while not self._is_finished or self._calls or self._droppable:
            if self._next_queue(has_time):
                await self._wait_for_turn()
                if queue := self._next_queue(has_time):
                    await queue.popleft()()
            else:
                self._change = anyio.Event()
                await self._change.wait()

    def _next_queue(self, has_time: Callable[[], bool]) -> deque[Call] | None:
        """Return where the next call is; ``None`` if there is none now."""
        if not self._is_released:
            return None
        if self._calls:
            return self._calls
        return self._droppable if not self._has_request or has_time() else None

    async def _wait_for_turn(self) -> None:
        """Wait until no other call is under way, nor begins at once, such as an early poll.

        Too many calls do not wait, as a search may leave them no gap.
        """
        await anyio.sleep(COURTESY_S)
        # Whoever calls next sets no event.
        while self._is_other_due(COURTESY_S) and not self._are_too_many:  # noqa: ASYNC110
            await anyio.sleep(COURTESY_S)

    @property
    def _are_too_many(self) -> bool:
        return len(self._calls) > MAX_WAITING
