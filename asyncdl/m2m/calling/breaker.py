"""A circuit breaker: while the service is down, one call at a time is let through."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from asyncdl.events import Emit, ServiceBack, ServiceWait
from asyncdl.net.retry import Outage

log = logging.getLogger("asyncdl.m2m")

DOWN_AFTER = 2
"""Consecutive failures, of any calls, after which the service counts as down. A single one may be
due to its endpoint, or to the size of its call."""


class Breaker:
    """Shared by the callers of one service: whether it is down, and when to try again.

    While the service is down, calls are let through one after the other, each only when it is due,
    to find out whether it is back. As callers wait in order of arrival, a call that always fails
    does not keep the others from finding out that the service is up.

    Args:
        service: Its name in events.
        emit: Takes :class:`ServiceWait` and :class:`ServiceBack`.
    """

    def __init__(self, service: str, emit: Emit) -> None:
        self.outage = Outage()
        self._service = service
        self._emit = emit
        self._one_at_a_time = anyio.Lock()
        self._has_asked_for_pause = False
        self._is_announced = False

    @property
    def is_open(self) -> bool:
        """Whether the service is down, or has asked for a pause."""
        return self.outage.failed >= DOWN_AFTER or self._has_asked_for_pause

    @asynccontextmanager
    async def admission(self) -> AsyncIterator[None]:
        """Let the block make a call; waits while the service is down."""
        if self.is_open:
            async with self._one_at_a_time:
                await self._wait_until_due()
                if self.is_open:
                    yield
                    return
        yield

    async def _wait_until_due(self) -> None:
        # A call that passed before the service was known to be down may put off the next try.
        while self.is_open and self.outage.is_resting(anyio.current_time()):  # noqa: ASYNC110
            await anyio.sleep_until(self.outage.next_try_s)

    def defer(self, reason: str, wait_s: float) -> None:
        """Let no call through for ``wait_s`` seconds while the service is down."""
        now_s = anyio.current_time()
        self.outage.next_try_s = now_s + wait_s
        if self.is_open:
            self._is_announced = True
            since_s = self.outage.elapsed_s(now_s)
            log.info("%s is down (%s); next try in %.1f s", self._service, reason, wait_s)
            self._emit(ServiceWait(self._service, reason, since_s, wait_s))

    def fail(self, retry_after_s: float | None = None) -> None:
        """Note a failure of the service, and the pause that it asked for."""
        self.outage.fail(anyio.current_time())
        self._has_asked_for_pause = bool(retry_after_s)

    def succeed(self) -> None:
        """Note that the service responds, even if it refuses a call."""
        after_s = self.outage.elapsed_s(anyio.current_time())
        self.outage.end()
        self._has_asked_for_pause = False
        if self._is_announced:
            self._is_announced = False
            log.info("%s responds again after %.0f s", self._service, after_s)
            self._emit(ServiceBack(self._service, after_s))
