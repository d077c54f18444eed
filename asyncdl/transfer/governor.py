"""What one host may take: connections, and rests.

A host that shows strain (429, 503, refused, stalled, or 403 to one connection
more) gets half as many connections; see :class:`~asyncdl.transfer.pace.Pace`
for the way back. A ``Retry-After`` rests the whole host, not only the file that
met it. A host that cannot be reached rests longer and longer, and is given up
for a while in the end, so that a long queue does not wait for it file by file.

A connection counts at the host that was asked. Where that host redirects, the
first connection of a file is counted there, and further ones at the target,
which they ask directly; strain of a target is held against both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import anyio
from anyio import CapacityLimiter, WouldBlock

from asyncdl.errors import AsyncdlError, HttpStatusError, NetworkError, Stalled, TransferError
from asyncdl.events import Emit, HostWait
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.pace import Pace

_TOO_MUCH = frozenset({429, 503})
_TOO_MANY = frozenset({403, *_TOO_MUCH})
"""What hosts say to one connection too many, while others bring data."""


class _Host:
    """The pace of one host and the queue in front of it."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.pace = Pace(limits.per_host, limits.backoff)
        self.queue = CapacityLimiter(limits.per_host)

    def apply(self) -> None:
        """Let the queue follow the pace."""
        if self.queue.total_tokens != self.pace.limit:
            self.queue.total_tokens = self.pace.limit


class Turn:
    """One connection that may be used while the block runs; it ends with the block.

    Args:
        governor: Learns from how the block ends.
        host: Whose connection it is.
        is_spare: Whether other connections bring bytes of the same file.
    """

    def __init__(self, governor: Governor, host: _Host, *, is_spare: bool) -> None:
        self.host = host
        self.is_spare = is_spare
        self.admitted_at_s = anyio.current_time()
        self.received_bytes = 0
        self._governor = governor

    def receive(self, count: int) -> None:
        """Note ``count`` useful bytes."""
        self.received_bytes += count
        host = self.host
        host.pace.receive(count, host.queue.borrowed_tokens, anyio.current_time())
        host.apply()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._governor.end(self, exc)


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
        return self._host(url).pace.limit

    @asynccontextmanager
    async def admit(self, url: str) -> AsyncIterator[Turn]:
        """Wait for a turn at the host of ``url``.

        Raises: NetworkError, not retryable, while the host is given up.
        """
        host = self._host(url)
        async with host.queue:
            await self._sit_out_rests(host)
            async with self._budget:
                with Turn(self, host, is_spare=False) as turn:
                    yield turn

    def admit_spare(self, url: str) -> Turn | None:
        """Return a turn that nobody else wants; ``None`` if there is none.

        For one connection more of a file that has one: it never waits, and never
        goes before a file that does.
        """
        host = self._host(url)
        turn = Turn(self, host, is_spare=True)
        if host.pace.rest_s(turn.admitted_at_s):
            return None
        try:
            host.queue.acquire_on_behalf_of_nowait(turn)
        except WouldBlock:
            return None
        try:
            self._budget.acquire_on_behalf_of_nowait(turn)
        except WouldBlock:
            host.queue.release_on_behalf_of(turn)
            return None
        return turn

    def is_crowded(self, url: str) -> bool:
        """Tell whether files wait for a connection to the host of ``url``."""
        queues = (self._host(url).queue, self._budget)
        return any(queue.statistics().tasks_waiting for queue in queues)

    def shrink(self) -> None:
        """Use fewer connections from now on: the system has no more files to open."""
        self._budget.total_tokens = max(1, self._budget.borrowed_tokens // 2)

    def end(self, turn: Turn, error: BaseException | None) -> None:
        """Learn from how a turn ended, and give it to the next."""
        host = turn.host
        if error is None:
            host.pace.succeed()
        elif isinstance(error, AsyncdlError):
            self._learn(turn, error)
        host.apply()
        if turn.is_spare:
            self._budget.release_on_behalf_of(turn)
            host.queue.release_on_behalf_of(turn)

    def _host(self, url: str) -> _Host:
        name = host_of(url)
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host(name, self._limits)
        return host

    async def _sit_out_rests(self, host: _Host) -> None:
        # A rest may be prolonged while it is sat out, hence the loop.
        while wait_s := host.pace.rest_s(anyio.current_time()):
            if host.pace.is_given_up(anyio.current_time()):
                raise NetworkError(
                    f"reach {host.name}", "it has been down for a while", retryable=False
                )
            await anyio.sleep(wait_s)

    def _learn(self, turn: Turn, error: AsyncdlError) -> None:
        """Learn about the host that was asked, and the one that gave the answer."""
        now_s = anyio.current_time()
        answered = self._host(error.url) if isinstance(error, TransferError) else turn.host
        for host in {turn.host, answered}:
            before_s = host.pace.rest_s(now_s)
            if turn.is_spare:
                self._learn_from_spare(host, turn, error, now_s)
            else:
                self._learn_from_only(host, turn, error, now_s)
            if (wait_s := host.pace.rest_s(now_s)) > before_s:
                self._emit(HostWait(host.name, _reason(error), wait_s))

    def _learn_from_spare(self, host: _Host, turn: Turn, error: AsyncdlError, now_s: float) -> None:
        """Learn from a connection beside others: the host is there, whatever it says."""
        is_too_many = isinstance(error, HttpStatusError) and error.status in _TOO_MANY
        is_cut_off = isinstance(error, NetworkError) and not turn.received_bytes
        if is_too_many or is_cut_off or isinstance(error, Stalled):
            host.pace.step_down(turn.admitted_at_s, now_s)
        if isinstance(error, HttpStatusError):
            self._rest(host, error, now_s)

    def _learn_from_only(self, host: _Host, turn: Turn, error: AsyncdlError, now_s: float) -> None:
        if isinstance(error, HttpStatusError) and error.status in _TOO_MUCH:
            host.pace.succeed()
            host.pace.step_down(turn.admitted_at_s, now_s)
            self._rest(host, error, now_s)
        elif isinstance(error, Stalled) or (isinstance(error, NetworkError) and error.retryable):
            self._learn_from_break(host, turn, error, now_s)
        elif isinstance(error, TransferError):
            # Bad news, but news: the host is there.
            host.pace.succeed()

    def _learn_from_break(self, host: _Host, turn: Turn, error: AsyncdlError, now_s: float) -> None:
        if not turn.received_bytes:
            host.pace.fail(turn.admitted_at_s, now_s)
            return
        # A line that brought bytes may break for many reasons; silence is strain.
        host.pace.succeed()
        if isinstance(error, Stalled):
            host.pace.step_down(turn.admitted_at_s, now_s)

    def _rest(self, host: _Host, error: AsyncdlError, now_s: float) -> None:
        wish_s = error.retry_after_s or 0.0
        # A longer rest than anyone waits for fails files; it blocks nobody.
        host.pace.rest(wish_s if wish_s <= self._limits.max_retry_after_s else 0.0, now_s)


def host_of(url: str) -> str:
    """Return host and port of a URL, without user and password."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def _reason(error: AsyncdlError) -> str:
    return f"http-{error.status}" if isinstance(error, HttpStatusError) else "unreachable"
