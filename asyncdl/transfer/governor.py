"""What one host may take: connections, and rests.

A host that shows strain (429, 503, refused, stalled, or 403 while it brings data
of other files) gets half as many connections; see
:class:`~asyncdl.transfer.pace.Pace` for the way back. A ``Retry-After`` rests the
whole host, not only the file that met it.

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
from functools import lru_cache
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import anyio
from anyio import CapacityLimiter, WouldBlock

from asyncdl.errors import AsyncdlError, HttpStatusError, NetworkError, Stalled, TransferError
from asyncdl.events import ConnectionsInUse, Emit, HostWait, ServiceBack, ServiceWait
from asyncdl.transfer import clock
from asyncdl.transfer.host_health import Evidence, HostHealth, Sample, evidence_of
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.pace import Pace

_TOO_MUCH = frozenset({429, 503})
_TOO_MANY = frozenset({403, *_TOO_MUCH})
"""What hosts say to one connection too many, while others bring data."""
_LINGER_S = 1.0
"""So long a connection that ended may still count at the host."""
_TRUST_S = 30.0
"""After a refusal has turned out to be about a URL, others are taken for such, for so long."""

HOST_DOWN = "host-down"
"""Reason of the ``TransferError`` for a file whose host was waited for long enough."""


class _Host:
    """The pace of one host and the queue in front of it."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.pace = Pace(limits.per_host, limits.backoff, limits.max_wait_s)
        self.queue = CapacityLimiter(limits.per_host)
        self.under_way: set[Turn] = set()
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

    def apply(self) -> None:
        """Let the queue follow the pace."""
        if self.queue.total_tokens != self.pace.limit:
            self.queue.total_tokens = self.pace.limit


class Turn:
    """One connection that may be used while the block runs; it ends with the block.

    Args:
        governor: Learns from how the block ends.
        host: Whose connection it is.
        url: What is asked for.
        is_spare: Whether other connections bring bytes of the same file.
        file: What is asked for, to compare others with.
    """

    def __init__(
        self,
        governor: Governor,
        host: _Host,
        url: str,
        *,
        is_spare: bool,
        file: Sample | None = None,
    ) -> None:
        self.host = host
        self.file = file
        self.url = url
        self.is_spare = is_spare
        self.admitted_at_s = clock.now_s()
        self.received_bytes = 0
        self.answered = host
        """Who gave the response, where the host that was asked has led there."""
        self._governor = governor

    def lead_to(self, url: str) -> None:
        """Note that the response came from ``url`` in the end."""
        self.answered = self._governor.host_at(url)

    def receive(self, count: int) -> None:
        """Note ``count`` useful bytes."""
        self.received_bytes += count
        host = self.host
        self._governor.note_answer(self)
        host.pace.receive(count, host.queue.borrowed_tokens, clock.now_s())
        host.apply()

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
    async def admit(self, url: str, file: Sample | None = None) -> AsyncIterator[Turn]:
        """Wait for a turn at the host of ``url``, to ask for ``file``.

        Raises: TransferError with reason :data:`HOST_DOWN`, while the host is given up.
        """
        host, place = self._host(url), object()
        await _acquire(host.queue, place)
        try:
            await self._sit_out_rests(host, url)
            await _acquire(self._budget, place)
            try:
                with Turn(self, host, url, is_spare=False, file=file) as turn:
                    yield turn
            finally:
                self._budget.release_on_behalf_of(place)
        finally:
            host.queue.release_on_behalf_of(place)

    def admit_spare(self, url: str) -> Turn | None:
        """Return a turn that nobody else wants; ``None`` if there is none.

        For one connection more of a file that has one: it never waits, and never
        goes before a file that does.
        """
        host = self._host(url)
        if host.pace.rest_s(clock.now_s()):
            return None
        turn = Turn(self, host, url, is_spare=True)
        try:
            host.queue.acquire_on_behalf_of_nowait(turn)
        except WouldBlock:
            return None
        try:
            self._budget.acquire_on_behalf_of_nowait(turn)
        except WouldBlock:
            host.queue.release_on_behalf_of(turn)
            return None
        self.begin(turn)
        return turn

    def is_crowded(self, url: str) -> bool:
        """Tell whether files wait for a connection to the host of ``url``."""
        queues = (self._host(url).queue, self._budget)
        return any(queue.statistics().tasks_waiting for queue in queues)

    def shrink(self) -> None:
        """Use fewer connections from now on: the system has no more files to open."""
        self._budget.total_tokens = max(1, self._budget.borrowed_tokens // 2)

    def begin(self, turn: Turn) -> None:
        """Note that a turn is used from now on."""
        turn.host.under_way.add(turn)
        self._tell(turn.host)

    def _tell(self, host: _Host) -> None:
        self._emit(ConnectionsInUse(host.name, len(host.under_way)))

    def end(self, turn: Turn, error: BaseException | None) -> None:
        """Learn from how a turn ended, and give it to the next."""
        host = turn.host
        host.under_way.discard(turn)
        self._tell(host)
        if error is None:
            self.note_answer(turn)
        elif isinstance(error, AsyncdlError):
            self._learn(turn, error)
        host.apply()
        host.left = turn.url, clock.now_s()
        if turn.is_spare:
            self._budget.release_on_behalf_of(turn)
            host.queue.release_on_behalf_of(turn)

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

    def note_answer(self, turn: Turn) -> None:
        """Note that a host gave something of use, and the one that led to it as well."""
        for host in {turn.host, turn.answered}:
            self._note_use(host, turn.file)

    def _note_use(self, host: _Host, file: Sample | None) -> None:
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
        file: Sample,
        failed_at_s: float,
        gives_any: Callable[[Iterable[Sample]], Awaitable[bool]],
        *,
        is_last: bool,
        rest_s: float = 0.0,
    ) -> None:
        """Find out whether a failure is the file's own or the host's, when that matters.

        Args:
            file: Has failed.
            failed_at_s: When.
            gives_any: Asks for files that came before.
            is_last: As in :meth:`HostHealth.wants_comparison`.
            rest_s: So long the host has asked to be left alone.
        """
        host = self._host(file.url)
        if not host.health.wants_comparison(file, failed_at_s, clock.now_s(), is_last=is_last):
            return
        async with host.comparing:
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
            host.pace.fail(failed_at_s, now_s, is_strain=False)
        host.apply()

    def doubt(self, url: str, asked_at_s: float) -> None:
        """Use fewer connections: a request made at ``asked_at_s`` may have been one too many."""
        host = self._host(url)
        before = host.pace.limit
        if host.pace.step_down(asked_at_s, clock.now_s()):
            host.limit_before_doubt = max(host.limit_before_doubt, before)
        host.apply()

    def settle_doubt(self, url: str, *, was_url: bool) -> None:
        """Take back what :meth:`doubt` did, if a fresh URL was all that was missing."""
        host = self._host(url)
        if was_url:
            host.pace.limit = max(host.pace.limit, host.limit_before_doubt)
            host.trusted_until_s = clock.now_s() + _TRUST_S
        host.limit_before_doubt = 0
        host.apply()

    async def _sit_out_rests(self, host: _Host, url: str) -> None:
        # A rest may be prolonged while it is sat out, hence the loop.
        while wait_s := host.pace.rest_s(clock.now_s()):
            if host.pace.is_given_up(clock.now_s()):
                down_s = host.pace.outage.elapsed_s(clock.now_s())
                last = f"; the last try: {host.last_detail}" if host.last_detail else ""
                detail = f"{host.name} has been down for {down_s:.0f} s{last}"
                raise TransferError(url, detail, reason=HOST_DOWN)
            await anyio.sleep(wait_s)

    def _learn(self, turn: Turn, error: AsyncdlError) -> None:
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

    def _learn_from_spare(self, host: _Host, turn: Turn, error: AsyncdlError, now_s: float) -> None:
        """Learn from a connection beside others: the host is there, whatever it says."""
        is_too_many = isinstance(error, HttpStatusError) and error.status in _TOO_MANY
        is_cut_off = isinstance(error, NetworkError) and not turn.received_bytes
        if is_too_many or is_cut_off or isinstance(error, Stalled):
            host.pace.step_down(turn.admitted_at_s, now_s)
        if isinstance(error, HttpStatusError):
            self._rest(host, error, now_s)

    def _learn_from_only(
        self, host: _Host, turn: Turn, error: AsyncdlError, evidence: Evidence, now_s: float
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
        self, host: _Host, turn: Turn, error: AsyncdlError, evidence: Evidence, now_s: float
    ) -> None:
        """Learn from a request that brought nothing of use: the file's failure, or the host's."""
        was_down = host.health.is_down
        if host.health.fail(turn.file, evidence, now_s):
            host.last_detail = getattr(error, "detail", "") or str(error)
            is_strain = isinstance(error, (NetworkError, Stalled)) or _is_too_much(error)
            host.pace.fail(turn.admitted_at_s, now_s, is_strain=is_strain)
            return
        if was_down:
            self._note_end(host)
        self._learn_from_own(host, turn, error, now_s)

    def _learn_from_own(self, host: _Host, turn: Turn, error: AsyncdlError, now_s: float) -> None:
        """Learn from a failure that is the file's own, for all that is known."""
        if not host.health.is_down:
            host.pace.succeed()
        is_unheard = isinstance(error, NetworkError) and not (error.phase or turn.received_bytes)
        if is_unheard or isinstance(error, Stalled) or _is_too_much(error):
            host.pace.step_down(turn.admitted_at_s, now_s)

    def _learn_from_status(
        self, host: _Host, turn: Turn, error: HttpStatusError, now_s: float
    ) -> None:
        if _is_too_much(error):
            self._rest(host, error, now_s)
        if error.status == 403 and now_s >= host.trusted_until_s:
            error.is_crowded = self._is_shared(host, turn, now_s)

    def _is_shared(self, host: _Host, turn: Turn, now_s: float) -> bool:
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


async def _acquire(queue: CapacityLimiter, place: object) -> None:
    # The waiting way goes once around the loop even where nobody has to wait.
    try:
        queue.acquire_on_behalf_of_nowait(place)
    except WouldBlock:
        await queue.acquire_on_behalf_of(place)


@lru_cache(256)
def host_of(url: str) -> str:
    """Return host and port of a URL, without user and password; nothing for what is none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        # An error names its URL without its secrets, and what is left may be none.
        return ""


def _reason(error: AsyncdlError) -> str:
    return error.reason if isinstance(error, TransferError) else "unreachable"
