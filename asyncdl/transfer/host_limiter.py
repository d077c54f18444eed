"""What one host may take: connections, and rests.

A host that shows strain (429, 503 with a rest, refused or 403 while it brings data
of other files, or too many failures of any kind) gets half as many connections; see
:mod:`~asyncdl.transfer.adaptive_concurrency` for what counts and
:class:`~asyncdl.transfer.adaptive_concurrency.Pace` for the way back. A ``Retry-After`` rests the
whole host, not only the file that met it. Whoever waits here holds no slot
(:mod:`~asyncdl.transfer.slots`).

A host that is down rests longer and longer, and one file at a time finds out
whether it is back while all others wait. Whether it is down, or only some of its
files are bad, is decided in :mod:`~asyncdl.transfer.host_health`. When it has been
waited for long enough its files fail, so that a long queue does not wait for it
file by file.

A connection counts at the host that was asked. Where that host redirects, the
first connection of a file is counted there, and further ones at the target,
which they ask directly; strain of a target is held against both.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

import anyio

from asyncdl.errors import AsyncdlError, HttpStatusError, NetworkError, Stalled, TransferError
from asyncdl.events import (
    ConnectionsInUse,
    Emit,
    HostStrain,
    HostWait,
    ServiceBack,
    ServiceWait,
)
from asyncdl.net.hosts import host_of
from asyncdl.transfer import clock
from asyncdl.transfer.adaptive_concurrency import AdaptiveConcurrency, Strain, strain_of
from asyncdl.transfer.host_health import Evidence, HostHealth, SampleFile, evidence_of
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.slots import FairLimiter, Slot

_TOO_MUCH = frozenset({429, 503})
_LINGER_S = 1.0
"""So long a connection that ended may still count at the host."""
_MOST_LENT = 64
"""So many connections at least may be silent beside those that count."""
_TRUST_S = 30.0
"""After a refusal has turned out to be about a URL, others are taken for such, for so long."""

HOST_DOWN = "host-down"
"""Reason of the ``TransferError`` for a file whose host was waited for long enough."""
RATE_LIMIT = "rate-limit"
"""Reason of a host's rest for which a good answer asked, by saying that none is left."""


class _Host:
    """The pace of one host and the queue in front of it."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.pace = AdaptiveConcurrency(limits.per_host, limits.backoff, limits.max_wait_s)
        self.line = FairLimiter(limits.per_host)
        self.under_way: set[ConnectionSlot] = set()
        """Connections in use; each brings data, or may be about to."""
        self.left: tuple[str, float] = ("", -math.inf)
        """Whose connection ended last, and when."""
        self.health = HostHealth(limits.max_wait_s)
        self.comparing = anyio.Lock()
        """Held while a file that came before is asked for."""
        self.last_detail = ""
        """How the last request failed that counts as an outage."""
        self.is_announced = False
        """Whether watchers believe that it is down."""
        self.limit_before_doubt = 0
        """Connections before a refusal was taken for one too many."""
        self.trusted_until_s = -math.inf
        """Until then refusals are about URLs."""
        self.strain = ""
        """Why it gets fewer connections than are allowed; empty if it gets all."""
        self.announced_limit = limits.per_host
        """Connections as watchers know them."""

    def apply(self) -> None:
        """Let the line follow the pace."""
        if self.line.capacity != self.pace.limit:
            self.line.capacity = self.pace.limit
        self.line.prefers_new = self.pace.is_down


class ConnectionSlot:
    """One connection that may be used while the block runs; it ends with the block.

    Args:
        host_limiter: Learns from how the block ends.
        host: Whose connection it is.
        url: What is asked for.
        is_spare: Whether other connections bring bytes of the same file.
        file: What is asked for, to compare others with.
    """

    def __init__(
        self,
        host_limiter: HostLimiter,
        host: _Host,
        url: str,
        *,
        is_spare: bool,
        file: SampleFile | None = None,
    ) -> None:
        self.host = host
        self.file = file
        self.url = url
        self.is_spare = is_spare
        self.admitted_at_s = clock.now_s()
        self.received_bytes = 0
        self.answered = host
        """Who gave the response, where the host that was asked has led there."""
        self.on_bytes: Callable[[], None] | None = None
        """Called when the first bytes come."""
        self._governor = host_limiter

    def lead_to(self, url: str) -> None:
        """Note that the response came from ``url`` in the end."""
        self.answered = self._governor.host_at(url)

    def receive(self, count: int) -> None:
        """Note ``count`` useful bytes."""
        self.received_bytes += count
        host = self.host
        self._governor.note_answer(self)
        now_s = clock.now_s()
        if self.received_bytes == count:
            self._governor.note_first_bytes(self, now_s)
            if self.on_bytes is not None:
                self.on_bytes()
        host.pace.receive(count, host.line.in_use, now_s)
        self._governor.apply(host)

    def fall_silent(self) -> bool:
        """Let another connection be used, since no answer comes to this one.

        Returns: False if there are many such already.
        """
        return self._governor.lend()

    def go_on(self) -> None:
        """Note that the answer has come, or is no longer waited for."""
        self._governor.take_back()

    def __enter__(self) -> Self:
        self._governor.begin(self)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._governor.end(self, exc)


class HostLimiter:
    """Admits requests, host by host. What it learns lasts as long as it does.

    Args:
        limits: ``connections``, ``per_host`` and ``backoff`` are used.
        emit: Told about hosts that rest.
    """

    def __init__(self, limits: Limits, emit: Emit) -> None:
        self._limits = limits
        self._emit = emit
        self._hosts: dict[str, _Host] = {}
        self.budget = FairLimiter(limits.connections)
        self._lent = 0
        """Connections to which no answer comes, and that count for nothing meanwhile."""

    def connections(self, url: str) -> int:
        """Return how many connections the host of ``url`` gets at present."""
        return self._host(url).pace.limit

    @asynccontextmanager
    async def admit(
        self, url: str, file: SampleFile | None = None, slot: Slot | None = None
    ) -> AsyncIterator[ConnectionSlot]:
        """Wait for a turn at the host of ``url``, to ask for ``file``.

        Args:
            url: What is asked for.
            file: The same, to compare others with.
            slot: Held by the file; given to others while it waits here.
        Raises: TransferError with reason :data:`HOST_DOWN`, while the host is given up.
        """
        host = self._host(url)
        await self._enter(host, url, slot or Slot())
        try:
            await self.budget.take()
            try:
                with ConnectionSlot(self, host, url, is_spare=False, file=file) as turn:
                    yield turn
            finally:
                self.budget.give_back()
        finally:
            host.line.give_back()

    async def _enter(self, host: _Host, url: str, slot: Slot) -> None:
        """Wait for a place in the line of a host that is not at rest."""
        is_entered = host.line.try_take()
        if is_entered and not host.pace.rest_s(clock.now_s()):
            return
        slot.leave()
        if not is_entered:
            await host.line.take(is_new=slot.is_new)
        try:
            # Another rest may begin while a slot is waited for.
            while slot.is_aside or host.pace.rest_s(clock.now_s()):
                slot.leave()
                await self._sit_out_rests(host, url)
                await slot.come_back()
        except BaseException:
            host.line.give_back()
            raise

    def admit_spare(self, url: str) -> ConnectionSlot | None:
        """Return a turn that nobody else wants; ``None`` if there is none.

        For one connection more of a file that has one: it never waits, and never
        goes before a file that does.
        """
        host = self._host(url)
        if host.pace.rest_s(clock.now_s()) or not host.line.try_take():
            return None
        if not self.budget.try_take():
            host.line.give_back()
            return None
        turn = ConnectionSlot(self, host, url, is_spare=True)
        self.begin(turn)
        return turn

    def is_troubled(self, url: str) -> bool:
        """Tell whether the host of ``url`` is down or at rest, and still waited for."""
        pace, now_s = self._host(url).pace, clock.now_s()
        return (pace.is_down or pace.rest_s(now_s) > 0) and not pace.is_given_up(now_s)

    def heed(self, url: str, rest_s: float) -> None:
        """Leave the host of ``url`` alone for ``rest_s``: its answer says that this was the last.

        No longer than the longest rest that is waited for; then it is asked again.
        """
        if not rest_s:
            return
        host, now_s = self._host(url), clock.now_s()
        wait_s = min(rest_s, self._limits.max_retry_after_s)
        if wait_s > host.pace.rest_s(now_s):
            host.pace.rest(wait_s, now_s)
            self._emit(HostWait(host.name, RATE_LIMIT, wait_s))

    def lend(self) -> bool:
        """Let another connection be used in the place of one that is silent; tell whether."""
        if self._lent >= max(_MOST_LENT, self._limits.connections):
            return False
        self._lent += 1
        self.budget.give_back()
        return True

    def take_back(self) -> None:
        """Count a connection again; no other begins until the number is right."""
        self._lent -= 1
        self.budget.take_now()

    def is_crowded(self, url: str) -> bool:
        """Tell whether files wait for a connection to the host of ``url``."""
        return bool(self._host(url).line.waiting or self.budget.waiting)

    def shrink(self) -> None:
        """Use fewer connections from now on: the system has no more files to open."""
        self.budget.capacity = max(1, self.budget.in_use // 2)

    def apply(self, host: _Host) -> None:
        """Let a host's line follow its pace, and tell watchers of strain."""
        host.apply()
        limit, most = host.pace.limit, host.pace.ceiling
        if host.strain and limit != host.announced_limit and not host.pace.is_down:
            host.announced_limit = limit
            self._emit(HostStrain(host.name, host.strain, limit, most))
        if limit == most:
            host.strain, host.announced_limit = "", most

    def note_first_bytes(self, turn: ConnectionSlot, now_s: float) -> None:
        """Note how long a host took to bring something of use."""
        host = turn.host
        if host.pace.note_answer(now_s - turn.admitted_at_s, host.line.in_use, now_s):
            host.strain = "slow"

    def begin(self, turn: ConnectionSlot) -> None:
        """Note that a turn is used from now on."""
        turn.host.under_way.add(turn)
        self._tell(turn.host)

    def _tell(self, host: _Host) -> None:
        self._emit(ConnectionsInUse(host.name, len(host.under_way)))

    def end(self, turn: ConnectionSlot, error: BaseException | None) -> None:
        """Learn from how a turn ended, and give it to the next."""
        host = turn.host
        host.under_way.discard(turn)
        self._tell(host)
        if error is None:
            self.note_answer(turn)
        elif isinstance(error, AsyncdlError):
            self._learn(turn, error)
        self.apply(host)
        host.left = turn.url, clock.now_s()
        if turn.is_spare:
            self.budget.give_back()
            host.line.give_back()

    def _host(self, url: str) -> _Host:
        name = host_of(url)
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host(name, self._limits)
        return host

    def host_at(self, url: str) -> _Host:
        """Return what is known of the host of ``url``."""
        return self._host(url)

    def is_down(self, url: str) -> bool:
        """Tell whether the host of ``url`` is down for everybody, and waited for."""
        return self._limits.max_wait_s > 0 and self._host(url).health.is_down

    def note_answer(self, turn: ConnectionSlot) -> None:
        """Note that a host gave something of use, and the one that led to it as well."""
        for host in {turn.host, turn.answered}:
            self._note_use(host, turn.file)

    def _note_use(self, host: _Host, file: SampleFile | None) -> None:
        host.health.note_use(file, clock.now_s())
        self._note_end(host)

    def _note_end(self, host: _Host) -> None:
        """Note that a host is there, if it was down."""
        after_s = host.pace.outage.elapsed_s(clock.now_s())
        host.pace.succeed()
        if host.is_announced:
            host.is_announced = False
            self._emit(ServiceBack(host.name, after_s))

    async def compare(
        self,
        file: SampleFile,
        failed_at_s: float,
        gives_any: Callable[[Iterable[SampleFile]], Awaitable[bool]],
        *,
        is_last: bool,
        rest_s: float = 0.0,
        slot: Slot | None = None,
    ) -> None:
        """Find out whether a failure is the file's own or the host's, when that matters.

        Args:
            file: Has failed.
            failed_at_s: When.
            gives_any: Asks for files that came before.
            is_last: As in :meth:`HostHealth.wants_comparison`.
            rest_s: So long the host has asked to be left alone.
            slot: Held by the file; given to others meanwhile.
        """
        host = self._host(file.url)
        if not host.health.wants_comparison(file, failed_at_s, clock.now_s(), is_last=is_last):
            return
        async with (slot or Slot()).aside(), host.comparing:
            # Whoever held the lock may have found it out for all.
            if not host.health.wants_comparison(file, failed_at_s, clock.now_s(), is_last=is_last):
                return
            await anyio.sleep(rest_s)
            gives = await gives_any([*reversed(host.health.samples)])
            self._conclude(host, failed_at_s, gives=gives)

    def _conclude(self, host: _Host, failed_at_s: float, *, gives: bool) -> None:
        now_s = clock.now_s()
        was_down = host.health.is_down
        host.health.note_comparison(gives=gives, now_s=now_s)
        if gives:
            self._note_end(host)
        elif not was_down:
            host.pace.fail(failed_at_s, now_s)
        self.apply(host)

    def doubt(self, url: str, asked_at_s: float) -> None:
        """Use fewer connections: a request made at ``asked_at_s`` may have been one too many."""
        host = self._host(url)
        before = host.pace.limit
        if host.pace.step_down(asked_at_s, clock.now_s()):
            host.limit_before_doubt = max(host.limit_before_doubt, before)
            host.strain = "http-403"
        self.apply(host)

    def settle_doubt(self, url: str, *, was_url: bool) -> None:
        """Take back what :meth:`doubt` did, if a fresh URL was all that was missing."""
        host = self._host(url)
        if was_url:
            host.pace.limit = max(host.pace.limit, host.limit_before_doubt)
            host.trusted_until_s = clock.now_s() + _TRUST_S
        host.limit_before_doubt = 0
        self.apply(host)

    async def _sit_out_rests(self, host: _Host, url: str) -> None:
        # A rest may be prolonged while it is sat out, hence the loop.
        while wait_s := host.pace.rest_s(clock.now_s()):
            if host.pace.is_given_up(clock.now_s()):
                down_s = host.pace.outage.elapsed_s(clock.now_s())
                last = f"; the last try: {host.last_detail}" if host.last_detail else ""
                detail = f"{host.name} has been down for {down_s:.0f} s{last}"
                raise TransferError(url, detail, reason=HOST_DOWN)
            await anyio.sleep(wait_s)

    def _learn(self, turn: ConnectionSlot, error: AsyncdlError) -> None:
        """Learn about the host that was asked, and the one that gave the answer."""
        now_s = clock.now_s()
        answered = turn.host
        if isinstance(error, (TransferError, NetworkError)) and host_of(error.url):
            answered = self._host(error.url)
        for host in {turn.host, answered}:
            before_s = host.pace.rest_s(now_s)
            if turn.is_spare:
                self._learn_from_spare(host, turn, error, now_s)
            else:
                evidence = evidence_of(error, is_about_host=host is answered)
                self._learn_from_only(host, turn, error, evidence, now_s)
            if (wait_s := host.pace.rest_s(now_s)) > before_s:
                self._announce(host, _reason(error), wait_s, now_s)

    def _announce(self, host: _Host, reason: str, wait_s: float, now_s: float) -> None:
        if not host.pace.is_down:
            self._emit(HostWait(host.name, reason, wait_s))
            return
        host.is_announced = True
        self._emit(ServiceWait(host.name, reason, host.pace.outage.elapsed_s(now_s), wait_s))

    def _learn_from_spare(
        self, host: _Host, turn: ConnectionSlot, error: AsyncdlError, now_s: float
    ) -> None:
        """Learn from a connection beside others: the host is there, whatever it says."""
        if isinstance(error, HttpStatusError):
            if error.status == 403 and host.pace.step_down(turn.admitted_at_s, now_s):
                host.strain = error.reason
            self._rest(host, error, now_s)
        self._note_strain(host, turn, error, now_s)

    def _note_strain(
        self, host: _Host, turn: ConnectionSlot, error: AsyncdlError, now_s: float
    ) -> None:
        """Use fewer connections, if a failure says that they are too many."""
        is_beside_others = any(other.received_bytes for other in host.under_way)
        strain = strain_of(
            error, has_bytes=turn.received_bytes > 0, is_beside_others=is_beside_others
        )
        note = {
            Strain.CERTAIN: host.pace.step_down,
            Strain.PERHAPS: host.pace.note_failure,
        }.get(strain)
        if note is not None and note(turn.admitted_at_s, now_s):
            host.strain = _reason(error)

    def _learn_from_only(
        self,
        host: _Host,
        turn: ConnectionSlot,
        error: AsyncdlError,
        evidence: Evidence,
        now_s: float,
    ) -> None:
        """Learn from the only connection of a file."""
        if turn.received_bytes and isinstance(error, (Stalled, NetworkError)):
            # A line that brought bytes may break for many reasons; silence is strain.
            self._learn_from_own(host, turn, error, now_s)
        elif evidence is Evidence.THERE:
            # Bad news, but news.
            host.health.note_refusal()
            self._learn_from_own(host, turn, error, now_s)
        elif evidence is not Evidence.NONE:
            self._learn_from_nothing(host, turn, error, evidence, now_s)
        if isinstance(error, HttpStatusError):
            self._learn_from_status(host, turn, error, now_s)

    def _learn_from_nothing(
        self,
        host: _Host,
        turn: ConnectionSlot,
        error: AsyncdlError,
        evidence: Evidence,
        now_s: float,
    ) -> None:
        """Learn from a request that brought nothing of use: the file's failure, or the host's."""
        was_down = host.health.is_down
        if host.health.fail(turn.file, evidence, now_s):
            host.last_detail = getattr(error, "detail", "") or str(error)
            self._note_strain(host, turn, error, now_s)
            host.pace.fail(turn.admitted_at_s, now_s)
            return
        if was_down:
            self._note_end(host)
        self._learn_from_own(host, turn, error, now_s)

    def _learn_from_own(
        self, host: _Host, turn: ConnectionSlot, error: AsyncdlError, now_s: float
    ) -> None:
        """Learn from a failure that is the file's own, for all that is known."""
        if not host.health.is_down:
            host.pace.succeed()
        self._note_strain(host, turn, error, now_s)

    def _learn_from_status(
        self, host: _Host, turn: ConnectionSlot, error: HttpStatusError, now_s: float
    ) -> None:
        if _is_too_much(error):
            self._rest(host, error, now_s)
        if error.status == 403 and now_s >= host.trusted_until_s:
            error.is_crowded = self._is_shared(host, turn, now_s)

    def _is_shared(self, host: _Host, turn: ConnectionSlot, now_s: float) -> bool:
        """Tell whether a host has, or had until just now, to do with other files of ours.

        Whoever got a connection may not have its first byte yet, and a host may not
        have noticed that one has ended.
        """
        left_url, left_at_s = host.left
        return bool(host.under_way) or (
            left_url != turn.url and turn.admitted_at_s - left_at_s < _LINGER_S
        )

    def _rest(self, host: _Host, error: AsyncdlError, now_s: float) -> None:
        wish_s = error.retry_after_s or 0.0
        # A longer rest than anyone waits for fails files; it blocks nobody.
        host.pace.rest(wish_s if wish_s <= self._limits.max_retry_after_s else 0.0, now_s)


def _is_too_much(error: AsyncdlError) -> bool:
    return isinstance(error, HttpStatusError) and error.status in _TOO_MUCH


def _reason(error: AsyncdlError) -> str:
    return error.reason if isinstance(error, TransferError) else "unreachable"
