"""What one host may take: connections, and rests.

A host that shows strain (429, 503, refused, stalled) gets half as many
connections, and one more per round of successes afterwards. A ``Retry-After``
rests the whole host, not only the file that met it. A host that cannot be
reached rests longer and longer, and is given up for a while in the end, so that
a long queue does not wait for it file by file.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
from anyio import CapacityLimiter

from asyncdl.errors import AsyncdlError, HttpStatusError, NetworkError, Stalled, TransferError
from asyncdl.events import Emit, HostWait
from asyncdl.retry import Backoff
from asyncdl.transfer.limits import Limits

UNREACHABLE_AFTER = 5
"""Failed rounds in a row after which a host rests before it is asked again."""
GIVEN_UP_AFTER = 20
"""Failed rounds in a row after which files fail at once while the host rests."""

_TOO_MUCH = frozenset({429, 503})


@dataclass(slots=True)
class Pace:
    """How one host is treated. Pure: the present is always an argument, in seconds."""

    ceiling: int
    """Connections at most."""
    backoff: Backoff = field(default_factory=Backoff)
    limit: float = 0.0
    """Connections now; the fraction collects successes towards one more."""
    open_at_s: float = -math.inf
    """No request before this."""
    stepped_at_s: float = -math.inf
    failed_rounds: int = 0

    def __post_init__(self) -> None:
        self.limit = float(self.ceiling)

    def rest_s(self, now_s: float) -> float:
        """Return how long the host is left alone from now, 0 if not at all."""
        return max(0.0, self.open_at_s - now_s)

    def is_given_up(self, now_s: float) -> bool:
        """Tell whether asking is useless until the rest is over."""
        return self.failed_rounds >= GIVEN_UP_AFTER and self.rest_s(now_s) > 0

    def succeed(self) -> None:
        """Note an answer that brought data."""
        self.failed_rounds = 0
        self.limit = min(float(self.ceiling), self.limit + 1 / self.limit)

    def step_down(self, admitted_at_s: float, now_s: float) -> bool:
        """Halve the connections, once for all requests that were under way together.

        Returns: False for a request that was admitted before the last step: it
            only repeats what is known.
        """
        if admitted_at_s < self.stepped_at_s:
            return False
        self.limit = max(1.0, self.limit / 2)
        self.stepped_at_s = now_s
        return True

    def rest(self, wait_s: float, now_s: float) -> None:
        """Leave the host alone for at least ``wait_s`` from now."""
        self.open_at_s = max(self.open_at_s, now_s + wait_s)

    def fail(self, admitted_at_s: float, now_s: float) -> None:
        """Note that the host could not be reached, or fell silent."""
        if not self.step_down(admitted_at_s, now_s):
            return
        self.failed_rounds += 1
        if self.failed_rounds >= UNREACHABLE_AFTER:
            self.rest(self.backoff.delay_s(self.failed_rounds - UNREACHABLE_AFTER + 1), now_s)


class _Host:
    """The pace of one host and the queue in front of it."""

    def __init__(self, limits: Limits) -> None:
        self.pace = Pace(limits.per_host, limits.backoff)
        self.queue = CapacityLimiter(limits.per_host)

    def apply(self) -> None:
        self.queue.total_tokens = max(1, int(self.pace.limit))


class Governor:
    """Admits requests, host by host. What it learns lasts as long as it does.

    Args:
        limits: ``connections``, ``per_host`` and ``backoff`` are used.
        emit: Told about hosts that rest.
    """

    def __init__(self, limits: Limits, emit: Emit) -> None:
        self._limits = limits
        self._emit = emit
        self._hosts: dict[str, _Host] = {}
        self._budget = CapacityLimiter(limits.connections)

    def connections(self, url: str) -> int:
        """Return how many connections the host of ``url`` gets at present."""
        return int(self._host(url).queue.total_tokens)

    @asynccontextmanager
    async def admit(self, url: str) -> AsyncIterator[None]:
        """Wait for a turn at the host of ``url``; learn from how the block ends.

        Raises: NetworkError, not retryable, while the host is given up.
        """
        host = self._host(url)
        async with host.queue:
            await self._sit_out_rests(host, url)
            async with self._budget:
                admitted_at_s = anyio.current_time()
                try:
                    yield
                except AsyncdlError as error:
                    self._learn(host, url, error, admitted_at_s)
                    raise
                else:
                    host.pace.succeed()
                finally:
                    host.apply()

    def _host(self, url: str) -> _Host:
        return self._hosts.setdefault(host_of(url), _Host(self._limits))

    async def _sit_out_rests(self, host: _Host, url: str) -> None:
        # A rest may be prolonged while it is sat out, hence the loop.
        while wait_s := host.pace.rest_s(anyio.current_time()):
            if host.pace.is_given_up(anyio.current_time()):
                raise NetworkError(
                    f"reach {host_of(url)}", "it has been down for a while", retryable=False
                )
            await anyio.sleep(wait_s)

    def _learn(self, host: _Host, url: str, error: AsyncdlError, admitted_at_s: float) -> None:
        now_s = anyio.current_time()
        before_s = host.pace.rest_s(now_s)
        if isinstance(error, HttpStatusError) and error.status in _TOO_MUCH:
            host.pace.failed_rounds = 0
            host.pace.step_down(admitted_at_s, now_s)
            wish_s = error.retry_after_s or 0.0
            # A longer rest than anyone waits for fails files; it blocks nobody.
            host.pace.rest(wish_s if wish_s <= self._limits.max_retry_after_s else 0.0, now_s)
        elif isinstance(error, Stalled) or (isinstance(error, NetworkError) and error.retryable):
            host.pace.fail(admitted_at_s, now_s)
        elif isinstance(error, TransferError):
            # Bad news, but news: the host is there.
            host.pace.failed_rounds = 0
        if (wait_s := host.pace.rest_s(now_s)) > before_s:
            self._emit(HostWait(host_of(url), _reason(error), wait_s))


def host_of(url: str) -> str:
    """Return host and port of a URL, without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def _reason(error: AsyncdlError) -> str:
    return f"http-{error.status}" if isinstance(error, HttpStatusError) else "unreachable"
