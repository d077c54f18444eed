"""Admits requests host by host, within the limits of each host and of the whole engine.

A ``Retry-After`` pauses the whole host, not only the file that received it. Files that wait here
hold no slot (:mod:`~asyncdl.transfer.slots`). A host that is down is paused longer and longer,
and one file at a time finds out whether it is back while all others wait. After the maximum
waiting time its files fail, so that a long queue does not wait for it file by file. What is known
about a host, and how it changes, is in :mod:`~asyncdl.transfer.host_state`.

A connection counts at the host that was asked. If that host redirects, the first connection of a
file is counted there, and further ones at the target, which they ask directly. Strain of a target
is held against both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self

import anyio

from asyncdl.errors import AsyncdlError, NetworkError, TransferError
from asyncdl.events import Emit
from asyncdl.net.hosts import host_of
from asyncdl.transfer import clock
from asyncdl.transfer.host_health import SampleFile
from asyncdl.transfer.host_state import HostConnection, HostState
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.slots import FairLimiter, Slot

_MIN_SUSPENDED = 64
"""This many connections may at least be silent besides those that count."""

HOST_DOWN = "host-down"
"""Reason of the ``TransferError`` for a file whose host was waited for long enough."""


class ConnectionSlot(HostConnection):
    """A connection that may be used while the block runs; it ends with the block.

    Args:
        limiter: Learns from how the block ends.
        host: The host that is asked.
        url: What is requested.
        is_extra: Whether other connections bring bytes of the same file.
        file: What is requested, to compare other files with.
    """

    def __init__(
        self,
        limiter: HostLimiter,
        host: HostState,
        url: str,
        *,
        is_extra: bool,
        file: SampleFile | None = None,
    ) -> None:
        super().__init__(host, url, is_extra=is_extra, file=file)
        self._limiter = limiter

    def note_responder(self, url: str) -> None:
        """Record that the response came from ``url``, after redirects."""
        self.responder = self._limiter.state_of(url)

    def suspend(self) -> bool:
        """Let another connection be used, since no response comes on this one.

        Returns: False if too many are suspended already.
        """
        return self._limiter.suspend()

    def resume(self) -> None:
        """Record that the response has come, or is no longer waited for."""
        self._limiter.resume()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._limiter.end(self, exc)


class HostLimiter:
    """Admits requests, host by host. What it learns lasts as long as the object.

    Args:
        limits: Connections in all and per host, backoff, and waiting times.
        emit: Receives events about hosts.
    """

    def __init__(self, limits: Limits, emit: Emit) -> None:
        self._limits = limits
        self._emit = emit
        self._hosts: dict[str, HostState] = {}
        self._per_host = limits.per_host
        self.budget = FairLimiter(limits.connections)
        """Connections to all hosts together."""
        self._suspended = 0
        """Connections that get no response and do not count meanwhile."""

    def state_of(self, url: str) -> HostState:
        """Return what is known about the host of ``url``."""
        return self.host_named(host_of(url))

    def host_named(self, name: str) -> HostState:
        """Return what is known about a host, by its name and port."""
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = HostState(name, self._limits, self._emit)
            host.resize(self._per_host)
        return host

    def resize(self, connections: int) -> None:
        """Use another number of connections in all from now on, and no more for one host.

        Those that are in use stay; no other begins until their number is right.
        """
        self.budget.capacity = connections
        self._per_host = min(connections, self._limits.per_host)
        for host in self._hosts.values():
            host.resize(self._per_host)

    def connections(self, url: str) -> int:
        """Return how many connections the host of ``url`` gets at present."""
        return self.state_of(url).concurrency.limit

    # Admission.

    async def admit(
        self, url: str, file: SampleFile | None = None, slot: Slot | None = None
    ) -> ConnectionSlot:
        """Wait for a connection to the host of ``url``, to request ``file``.

        Args:
            url: What is requested.
            file: The same, to compare other files with.
            slot: The file's slot, which other files get while it waits here.
        Returns: A block; the connection ends with it.
        Raises: TransferError with reason :data:`HOST_DOWN`, while the host is given up.
        """
        host = self.state_of(url)
        await self._enter(host, url, slot or Slot())
        try:
            await self.budget.acquire()
        except BaseException:
            host.limiter.release()
            raise
        return self._begin(ConnectionSlot(self, host, url, is_extra=False, file=file))

    def _begin(self, connection: ConnectionSlot) -> ConnectionSlot:
        connection.host.begin(connection)
        return connection

    async def _enter(self, host: HostState, url: str, slot: Slot) -> None:
        """Wait for a permit of a host that is not paused."""
        is_entered = host.limiter.try_acquire()
        if is_entered and not host.pause_s:
            return
        slot.release()
        if not is_entered:
            await host.limiter.acquire(is_new=slot.is_new)
        try:
            # Another pause may begin while a slot is waited for.
            while slot.is_waiting or host.pause_s:
                slot.release()
                await self._wait_out_pauses(host, url)
                await slot.acquire()
        except BaseException:
            host.limiter.release()
            raise

    async def _wait_out_pauses(self, host: HostState, url: str) -> None:
        # A pause may be extended while it lasts, hence the loop.
        while wait_s := host.pause_s:
            if host.is_given_up:
                last = f"; the last attempt: {host.last_detail}" if host.last_detail else ""
                detail = f"{host.name} has been down for {host.outage_s:.0f} s{last}"
                raise TransferError(url, detail, reason=HOST_DOWN)
            await anyio.sleep(wait_s)

    def try_admit_extra(self, url: str) -> ConnectionSlot | None:
        """Return a connection that no other file wants; ``None`` if there is none.

        For an additional connection of a file that has one: it never waits, and never goes
        before a file that does.
        """
        host = self.state_of(url)
        if host.pause_s or not host.limiter.try_acquire():
            return None
        if not self.budget.try_acquire():
            host.limiter.release()
            return None
        return self._begin(ConnectionSlot(self, host, url, is_extra=True))

    def end(self, connection: ConnectionSlot, error: BaseException | None) -> None:
        """Learn from how a connection ended, and give it to the next file."""
        host, now_s = connection.host, clock.now_s()
        host.end(connection, now_s)
        if error is None:
            connection.note_success(now_s)
        elif isinstance(error, AsyncdlError):
            self._learn(connection, error, now_s)
        host.note_ended(connection.url, now_s)
        self.budget.release()
        host.limiter.release()

    def _learn(self, connection: ConnectionSlot, error: AsyncdlError, now_s: float) -> None:
        """Let the host that was asked learn, and the one that failed if it is another."""
        failed = connection.host
        if isinstance(error, (TransferError, NetworkError)) and host_of(error.url):
            failed = self.state_of(error.url)
        for host in {connection.host, failed}:
            host.learn(connection, error, is_about_host=host is failed, now_s=now_s)

    # Load.

    def suspend(self) -> bool:
        """Stop counting a connection that gets no response; return whether that is possible."""
        if self._suspended >= max(_MIN_SUSPENDED, self._limits.connections):
            return False
        self._suspended += 1
        self.budget.release()
        return True

    def resume(self) -> None:
        """Count a connection again; no other begins until the number is right."""
        self._suspended -= 1
        self.budget.force_acquire()

    def has_waiting_files(self, url: str) -> bool:
        """Return whether files wait for a connection to the host of ``url``."""
        return bool(self.state_of(url).limiter.waiting or self.budget.waiting)

    def free_connections(self, url: str) -> int:
        """Return how many more connections to the host of ``url`` there may be now."""
        return min(self.state_of(url).limiter.free, self.budget.free)

    def is_unstrained(self, url: str) -> bool:
        """Return whether the host of ``url`` gets all connections that are allowed."""
        host = self.state_of(url)
        return not host.pause_s and host.concurrency.limit >= self._per_host

    def reduce_budget(self) -> None:
        """Use fewer connections from now on: the system has no more file descriptors."""
        self.budget.capacity = max(1, self.budget.in_use // 2)

    # Outages.

    def is_troubled(self, url: str) -> bool:
        """Return whether the host of ``url`` is down or paused, and still waited for."""
        host = self.state_of(url)
        return (host.concurrency.is_down or host.pause_s > 0) and not host.is_given_up

    def is_down(self, url: str) -> bool:
        """Return whether the host of ``url`` is down for everyone, and waited for."""
        return self._limits.max_wait_s > 0 and self.state_of(url).health.is_down

    async def compare(
        self,
        file: SampleFile,
        failed_at_s: float,
        serves_any: Callable[[Iterable[SampleFile]], Awaitable[bool]],
        *,
        is_last: bool,
        pause_s: float = 0.0,
        slot: Slot | None = None,
    ) -> None:
        """Find out whether a failure is the file's own or the host's, when that matters.

        Args:
            file: The file that failed.
            failed_at_s: When it failed.
            serves_any: Requests files that were served before.
            is_last: As in :meth:`HostHealth.needs_comparison`.
            pause_s: How long the host has asked to be left alone.
            slot: The file's slot, which other files get meanwhile.
        """
        host = self.state_of(file.url)
        if not host.health.needs_comparison(file, failed_at_s, clock.now_s(), is_last=is_last):
            return
        async with (slot or Slot()).released(), host.comparing:
            # The task that held the lock may have found it out for all.
            if not host.health.needs_comparison(file, failed_at_s, clock.now_s(), is_last=is_last):
                return
            await anyio.sleep(pause_s)
            is_served = await serves_any([*reversed(host.health.samples)])
            host.note_comparison(failed_at_s, is_served=is_served)
