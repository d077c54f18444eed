"""Keeps calls away from a service that is down, all but one at a time."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from asyncdl.events import Emit, ServiceBack, ServiceWait
from asyncdl.net.retry import Outage

log = logging.getLogger("asyncdl.m2m")

DOWN_AFTER = 2
"""Failures in a row, of whatever calls, after which the service is known to be down.
One alone may be this endpoint's, or due to the size of this call."""


class Breaker:
    """What the callers of one service know together of its outage.

    While the service is known to be down, one call after the other is let
    through to find out whether it is back, and each only when it is time for
    it. As callers stand in line in order of arrival, a call that the service
    cannot stand does not hide from the others that it is well.

    Args:
        service: Its name in events.
        emit: Takes :class:`ServiceWait` and :class:`ServiceBack`.
    """

    def __init__(self, service: str, emit: Emit) -> None:
        self.outage = Outage()
        self._service = service
        self._emit = emit
        self._line = anyio.Lock()
        self._is_asked_off = False
        self._is_announced = False

    @property
    def is_open(self) -> bool:
        """Whether the service is known to be down, or has asked to be left alone."""
        return self.outage.failed >= DOWN_AFTER or self._is_asked_off

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Keep the right to make a call for the block; waits while the service is down."""
        if self.is_open:
            async with self._line:
                await self._sit_out()
                if self.is_open:
                    yield
                    return
        yield

    async def _sit_out(self) -> None:
        # A call that passed before the service was known to be down may put off the next try.
        while self.is_open and self.outage.is_resting(anyio.current_time()):  # noqa: ASYNC110
            await anyio.sleep_until(self.outage.next_try_s)

    def hold(self, reason: str, wait_s: float) -> None:
        """Let no call through for ``wait_s`` seconds, once the service is known to be down."""
        now_s = anyio.current_time()
        self.outage.next_try_s = now_s + wait_s
        if self.is_open:
            self._is_announced = True
            since_s = self.outage.elapsed_s(now_s)
            log.info("%s is down (%s); next try in %.1f s", self._service, reason, wait_s)
            self._emit(ServiceWait(self._service, reason, since_s, wait_s))

    def fail(self, retry_after_s: float | None = None) -> None:
        """Note that the service failed, and for how long it asked to be left alone."""
        self.outage.fail(anyio.current_time())
        self._is_asked_off = bool(retry_after_s)

    def succeed(self) -> None:
        """Note that the service answers, be it with a refusal."""
        after_s = self.outage.elapsed_s(anyio.current_time())
        self.outage.end()
        self._is_asked_off = False
        if self._is_announced:
            self._is_announced = False
            log.info("%s answers again after %.0f s", self._service, after_s)
            self._emit(ServiceBack(self._service, after_s))
