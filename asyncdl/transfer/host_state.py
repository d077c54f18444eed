"""What is known about one host, and what each request that ends adds to it.

A host that shows strain (429, 503 with a pause, refused connections or 403 while it serves other
files, or too many failures of any kind) gets fewer connections:
:mod:`~asyncdl.transfer.adaptive_concurrency`. Whether it is down, or only some of its files are
bad, is decided in :mod:`~asyncdl.transfer.host_health`. What a single error says is read in
:mod:`~asyncdl.transfer.failures`; here it is applied.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import anyio

from asyncdl.errors import AsyncdlError, HttpStatusError, NetworkError, Stalled, TransferError
from asyncdl.events import ConnectionsInUse, Emit, HostStrain, HostWait, ServiceBack, ServiceWait
from asyncdl.transfer import clock
from asyncdl.transfer.adaptive_concurrency import AdaptiveConcurrency
from asyncdl.transfer.failures import (
    Evidence,
    Strain,
    evidence_of,
    is_too_many_requests,
    strain_of,
)
from asyncdl.transfer.host_health import HostHealth, SampleFile
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.slots import FairLimiter

RATE_LIMIT = "rate-limit"
"""Reason of a pause that a good response asked for, by saying that no request is left."""
_LINGER_S = 1.0
"""A connection that has ended may still count at the host for this long."""
_TRUST_S = 30.0
"""After a refusal turned out to be about a URL, further ones are taken for such for this long."""


class HostConnection:
    """One request at a host: what is asked for, and what has come.

    Args:
        host: The host that is asked.
        url: What is requested.
        is_extra: Whether other connections bring bytes of the same file.
        file: What is requested, to compare other files with.
    """

    def __init__(
        self, host: HostState, url: str, *, is_extra: bool, file: SampleFile | None = None
    ) -> None:
        self.host = host
        self.file = file
        self.url = url
        self.is_extra = is_extra
        self.admitted_at_s = clock.now_s()
        self.received_bytes = 0
        self.responder = host
        """The host that sent the response, if the one that was asked redirected there."""
        self.on_first_bytes: Callable[[], None] | None = None

    def note_bytes(self, count: int) -> None:
        """Record ``count`` useful bytes."""
        self.received_bytes += count
        now_s = clock.now_s()
        self.note_success(now_s)
        if self.received_bytes == count:
            self.host.concurrency.note_bodies(1, now_s)
            self.host.note_response_time(now_s - self.admitted_at_s, now_s)
            if self.on_first_bytes is not None:
                self.on_first_bytes()
        self.host.note_bytes(count, now_s)

    def note_success(self, now_s: float) -> None:
        """Record that a host sent something useful, and the host that redirected to it too."""
        self.host.note_success(self.file, now_s)
        if self.responder is not self.host:
            self.responder.note_success(self.file, now_s)


class HostState:
    """The connections of one host, its health, and the queue of files that wait for it.

    Args:
        name: Host and port.
        limits: ``per_host``, ``backoff`` and the waiting times are used.
        emit: Receives events about strain, pauses and outages.
    """

    def __init__(self, name: str, limits: Limits, emit: Emit) -> None:
        self.name = name
        self.concurrency = AdaptiveConcurrency(limits.per_host, limits.backoff, limits.max_wait_s)
        self.limiter = FairLimiter(limits.per_host)
        self.health = HostHealth(limits.max_wait_s)
        self.comparing = anyio.Lock()
        """Held while a file that was served before is requested again."""
        self.request_s = 0.0
        """The shortest time from a request to its response; that includes a new connection where
        none has been used again yet. 0 before any."""
        self.last_detail = ""
        """How the last request failed that counts as an outage."""
        self._limits = limits
        self._emit = emit
        self._in_use: set[HostConnection] = set()
        """Each brings data, or may be about to."""
        self._last_ended: tuple[str, float] = ("", -math.inf)
        """URL of the connection that ended last, and when it did."""
        self._is_outage_reported = False
        self._limit_before_suspicion = 0
        """Connections before a refusal was taken for one connection too many."""
        self._trusted_until_s = -math.inf
        """Until then refusals are about URLs."""
        self._strain = ""
        """Why it gets fewer connections than allowed; empty if it gets all."""
        self._reported_limit = limits.per_host

    @property
    def pause_s(self) -> float:
        """How long the host is still paused, 0 if it is not."""
        return self.concurrency.pause_s(clock.now_s())

    @property
    def is_given_up(self) -> bool:
        """Whether its files fail until the pause is over."""
        return self.concurrency.is_given_up(clock.now_s())

    @property
    def outage_s(self) -> float:
        """Seconds since the outage began; 0 without one."""
        return self.concurrency.outage.elapsed_s(clock.now_s())

    def resize(self, ceiling: int) -> None:
        """Allow another number of connections; under strain no more than now."""
        concurrency = self.concurrency
        if concurrency.ceiling == ceiling:
            return
        is_strained = concurrency.limit < concurrency.ceiling
        concurrency.ceiling = ceiling
        concurrency.limit = min(concurrency.limit, ceiling) if is_strained else ceiling
        if not self._strain:
            self._reported_limit = ceiling
        self._apply()

    def begin(self, connection: HostConnection) -> None:
        """Record that a connection is in use from now on."""
        self._in_use.add(connection)
        self._emit(ConnectionsInUse(self.name, len(self._in_use)))

    def end(self, connection: HostConnection, now_s: float) -> None:
        """Record that a connection is no longer in use."""
        self._in_use.discard(connection)
        if connection.received_bytes:
            self.concurrency.note_bodies(-1, now_s)
        self._emit(ConnectionsInUse(self.name, len(self._in_use)))

    def note_ended(self, url: str, now_s: float) -> None:
        """Record the end of a request, after everything was learned from it."""
        self._apply()
        self._last_ended = url, now_s

    def _apply(self) -> None:
        """Make the queue follow the limit, and report a new limit under strain."""
        concurrency = self.concurrency
        if self.limiter.capacity != concurrency.limit:
            self.limiter.capacity = concurrency.limit
        self.limiter.prefers_new = concurrency.is_down
        limit, ceiling = concurrency.limit, concurrency.ceiling
        if self._strain and limit != self._reported_limit and not concurrency.is_down:
            self._reported_limit = limit
            self._emit(HostStrain(self.name, self._strain, limit, ceiling))
        if limit == ceiling:
            self._strain, self._reported_limit = "", ceiling

    # Success.

    def note_request_time(self, took_s: float) -> None:
        """Record how long a request took until its response."""
        self.request_s = min(took_s, self.request_s or took_s)

    def note_response_time(self, took_s: float, now_s: float) -> None:
        """Record how long the host took to send something useful."""
        if self.concurrency.note_response(took_s, self.limiter.in_use, now_s):
            self._strain = "slow"

    def note_bytes(self, count: int, now_s: float) -> None:
        """Record useful bytes."""
        self.concurrency.note_bytes(count, self.limiter.in_use, now_s)
        self._apply()

    def note_success(self, file: SampleFile | None, now_s: float) -> None:
        """Record that the host sent something useful."""
        self.health.note_success(file, now_s)
        self._end_outage()

    def _end_outage(self) -> None:
        if self._is_outage_reported:
            self._is_outage_reported = False
            self._emit(ServiceBack(self.name, self.outage_s))
        self.concurrency.note_success()

    # Pauses and suspicions.

    def pause(self, wait_s: float) -> None:
        """Make no request for ``wait_s``: a good response said that it was the last allowed one.

        The pause is no longer than the longest that is waited for; then the host is asked again.
        """
        capped_s = min(wait_s, self._limits.max_retry_after_s)
        if capped_s > self.pause_s:
            self.concurrency.pause(capped_s, clock.now_s())
            self._emit(HostWait(self.name, RATE_LIMIT, capped_s))

    def spare(self, reason: str, pause_s: float, *, is_strained: bool) -> None:
        """Apply what was learned elsewhere: pause, and use fewer connections if it was strained."""
        now_s = clock.now_s()
        if pause_s > self.pause_s:
            self.concurrency.pause(pause_s, now_s)
            self._emit(HostWait(self.name, reason, pause_s))
        # What is in flight was admitted before: it says nothing that is not known by now.
        if is_strained and self.concurrency.reduce(now_s, now_s):
            self._strain = reason
        self._apply()

    def suspect_limit(self, asked_at_s: float) -> None:
        """Use fewer connections: a request made at ``asked_at_s`` may have been one too many."""
        before = self.concurrency.limit
        if self.concurrency.reduce(asked_at_s, clock.now_s()):
            self._limit_before_suspicion = max(self._limit_before_suspicion, before)
            self._strain = "http-403"
        self._apply()

    def resolve_suspicion(self, *, was_url: bool) -> None:
        """Undo :meth:`suspect_limit`, if all that was missing was a fresh URL."""
        if was_url:
            limit = max(self.concurrency.limit, self._limit_before_suspicion)
            self.concurrency.limit = limit
            self._trusted_until_s = clock.now_s() + _TRUST_S
        self._limit_before_suspicion = 0
        self._apply()

    def note_comparison(self, failed_at_s: float, *, is_served: bool) -> None:
        """Record whether a file that was served before still is, after a failure."""
        now_s, was_down = clock.now_s(), self.health.is_down
        self.health.note_comparison(is_served=is_served, now_s=now_s)
        if is_served:
            self._end_outage()
        elif not was_down:
            self.concurrency.note_outage(failed_at_s, now_s)
        self._apply()

    # Failure.

    def learn(
        self, connection: HostConnection, error: AsyncdlError, *, is_about_host: bool, now_s: float
    ) -> None:
        """Learn from a failed request.

        Args:
            connection: The connection that failed.
            error: How it failed.
            is_about_host: False if this host only redirected to the one that failed.
            now_s: The present.
        """
        before_s = self.concurrency.pause_s(now_s)
        if connection.is_extra:
            self._learn_from_extra(connection, error, now_s)
        else:
            evidence = evidence_of(error, is_about_host=is_about_host)
            self._learn_from_only(connection, error, evidence, now_s)
        if (wait_s := self.concurrency.pause_s(now_s)) > before_s:
            self._report_pause(_reason(error), wait_s, now_s)

    def _report_pause(self, reason: str, wait_s: float, now_s: float) -> None:
        if not self.concurrency.is_down:
            self._emit(HostWait(self.name, reason, wait_s))
            return
        self._is_outage_reported = True
        down_s = self.concurrency.outage.elapsed_s(now_s)
        self._emit(ServiceWait(self.name, reason, down_s, wait_s))

    def _learn_from_extra(
        self, connection: HostConnection, error: AsyncdlError, now_s: float
    ) -> None:
        """Learn from a connection beside others: the host is up, whatever the error."""
        if isinstance(error, HttpStatusError):
            is_refused = error.status == 403
            if is_refused and self.concurrency.reduce(connection.admitted_at_s, now_s):
                self._strain = error.reason
            self._pause_for(error, now_s)
        self._note_strain(connection, error, now_s)

    def _learn_from_only(
        self, connection: HostConnection, error: AsyncdlError, evidence: Evidence, now_s: float
    ) -> None:
        """Learn from the only connection of a file."""
        if connection.received_bytes and isinstance(error, (Stalled, NetworkError)):
            # A connection that brought bytes may break for many reasons; silence is strain.
            self._learn_from_file(connection, error, now_s)
        elif evidence is Evidence.THERE:
            self.health.note_refusal()
            self._learn_from_file(connection, error, now_s)
        elif evidence is not Evidence.NONE:
            self._learn_from_nothing(connection, error, evidence, now_s)
        if isinstance(error, HttpStatusError):
            self._learn_from_status(connection, error, now_s)

    def _learn_from_nothing(
        self, connection: HostConnection, error: AsyncdlError, evidence: Evidence, now_s: float
    ) -> None:
        """Learn from a request that brought nothing: the file's failure, or the host's."""
        was_down = self.health.is_down
        if self.health.note_failure(connection.file, evidence, now_s):
            self.last_detail = getattr(error, "detail", "") or str(error)
            self._note_strain(connection, error, now_s)
            self.concurrency.note_outage(connection.admitted_at_s, now_s)
            return
        if was_down:
            self._end_outage()
        self._learn_from_file(connection, error, now_s)

    def _learn_from_file(
        self, connection: HostConnection, error: AsyncdlError, now_s: float
    ) -> None:
        """Learn from a failure that, as far as is known, concerns one file only."""
        if not self.health.is_down:
            self.concurrency.note_success()
        self._note_strain(connection, error, now_s)

    def _learn_from_status(
        self, connection: HostConnection, error: HttpStatusError, now_s: float
    ) -> None:
        if is_too_many_requests(error):
            self._pause_for(error, now_s)
        if error.status == 403 and now_s >= self._trusted_until_s:
            error.is_crowded = self._is_shared(connection, now_s)

    def _note_strain(self, connection: HostConnection, error: AsyncdlError, now_s: float) -> None:
        """Use fewer connections, if a failure says that they are too many."""
        is_beside_others = any(other.received_bytes for other in self._in_use)
        has_bytes = connection.received_bytes > 0
        strain = strain_of(error, has_bytes=has_bytes, is_beside_others=is_beside_others)
        note = {
            Strain.CERTAIN: self.concurrency.reduce,
            Strain.POSSIBLE: self.concurrency.note_failure,
        }.get(strain)
        if note is not None and note(connection.admitted_at_s, now_s):
            self._strain = _reason(error)

    def _is_shared(self, connection: HostConnection, now_s: float) -> bool:
        """Return whether the host serves other files of ours, or did until just now.

        A connection in use may not have its first byte yet, and a host may not have noticed
        that one has ended.
        """
        url, ended_at_s = self._last_ended
        is_recent = connection.admitted_at_s - ended_at_s < _LINGER_S
        return bool(self._in_use) or (url != connection.url and is_recent)

    def _pause_for(self, error: AsyncdlError, now_s: float) -> None:
        asked_s = error.retry_after_s or 0.0
        # A pause longer than any that is waited for fails files; it blocks no other.
        is_waited_for = asked_s <= self._limits.max_retry_after_s
        self.concurrency.pause(asked_s if is_waited_for else 0.0, now_s)


def _reason(error: AsyncdlError) -> str:
    return error.reason if isinstance(error, TransferError) else "unreachable"
