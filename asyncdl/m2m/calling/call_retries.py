"""The client's options, and whether a failed call is made again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asyncdl.errors import ApiError, NetworkError
from asyncdl.m2m.calling.envelope import ErrorKind, kind_of
from asyncdl.net.retry import Backoff, Outage
from asyncdl.net.tls import Tls

SEARCH_ATTEMPTS = 3
"""Tries in all when the search back end fails; no case is known where more have helped."""

SERVICE_DOWN = Backoff(first_s=1.0, factor=4.0, max_s=300.0, attempts=6)
"""One quick retry, for a connection that was merely stale, then up to five minutes apart."""

ACCOUNT_BUSY = Backoff(first_s=1.0, factor=1.5, max_s=5.0)
"""A call takes seconds, and nothing announces its end."""


MAX_REPLY_BYTES = 512 * 1024**2
"""No response comes near it: 50,000 hits of a search are some 150 MB."""


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """Timeouts, retries, and consideration for other programs that use the account."""

    connect_timeout_s: float = 30.0
    """For name, connection and TLS together."""
    read_timeout_s: float = 300.0
    """Without a byte of the response; searches and options of many scenes take minutes."""
    max_wait_s: float = 0.0
    """How long an outage of the service is waited for, from its first failure to the last
    try; 0 makes as many tries as ``backoff`` allows, however long they take."""
    max_reply_bytes: int = MAX_REPLY_BYTES
    """A longer response is an error; counted after decompression."""
    backoff: Backoff = SERVICE_DOWN
    """Tries, and pauses between them, when the service fails."""
    busy_backoff: Backoff = ACCOUNT_BUSY
    """Pauses while the account is busy; ``rate_limit_patience_s`` ends them, not ``attempts``."""
    rate_limit_patience_s: float = 300.0
    """How long a busy account is waited for in one try; with ``max_wait_s`` others follow."""
    longest_wait_s: float = 900.0
    """A longer ``Retry-After`` is not waited for, but left to the caller with the error; with
    ``max_wait_s``, one longer than what is left of that."""
    state_dir: Path | None = None
    """For the account's lock files; ``None`` is the user's state folder."""
    scene_list_ttl: str = "P1D"
    """After this the service drops a list that was not removed; an ISO 8601 duration."""
    exit_deadline_s: float = 10.0
    """For removing scene lists and logging out at the end, together."""
    tls: Tls | None = None
    """Certificates to trust and to show; a given session has its own."""


@dataclass(slots=True)
class CallRetries:
    """How often one call has failed, and whether it is made again.

    While an outage is waited for, all failures in it count as one, since they say nothing about
    this call. A call that keeps failing while others succeed counts each time.
    """

    options: ClientOptions
    failed: int = 0
    """Failures that count against this call."""
    _counted_since_s: float | None = None
    """When the outage began that was counted last."""

    def wait_s(self, error: ApiError | NetworkError, outage: Outage, now_s: float) -> float | None:
        """Count a failure; return the seconds until the next try, or ``None`` if it is final.

        Args:
            error: How the call ended.
            outage: Of the service, this failure included.
            now_s: The present.
        """
        self._count(outage)
        if not self._may_go_on(error, outage):
            return None
        tries = max(self.failed, outage.failed)
        pause_s = self.options.backoff.delay_s(tries, retry_after_s=error.retry_after_s)
        left_s = self._left_s(outage, now_s)
        if left_s is None:
            is_too_long = (error.retry_after_s or 0.0) > self.options.longest_wait_s
            return None if is_too_long else pause_s
        # The last try is made at the very end of the time, unless the service asks for more.
        is_over = left_s <= 0 or (error.retry_after_s or 0.0) > left_s
        return None if is_over else min(pause_s, left_s)

    def _count(self, outage: Outage) -> None:
        is_counted = outage.since_s is not None and outage.since_s == self._counted_since_s
        if not is_counted or not self.options.max_wait_s:
            self.failed += 1
        self._counted_since_s = outage.since_s

    def _may_go_on(self, error: ApiError | NetworkError, outage: Outage) -> bool:
        kind = kind_of(error) if isinstance(error, ApiError) else ErrorKind.SERVER
        if kind is ErrorKind.QUOTA:
            return False  # waited for by the caller, which has other work meanwhile
        if kind is ErrorKind.SEARCH and self.failed >= SEARCH_ATTEMPTS:
            return False
        if self.options.max_wait_s:
            return self.options.backoff.may_retry(error, self.failed)
        # A busy account has been waited for already; tries of other callers count, too.
        tries = max(self.failed, outage.failed)
        return kind is not ErrorKind.BUSY and self.options.backoff.may_retry(error, tries)

    def _left_s(self, outage: Outage, now_s: float) -> float | None:
        """Return what is left for an outage; ``None`` if time is not what counts."""
        if not self.options.max_wait_s or outage.since_s is None:
            return None
        return self.options.max_wait_s - outage.elapsed_s(now_s)

    def is_out_of_time(self, error: ApiError | NetworkError, outage: Outage) -> bool:
        """Return whether a final error is so only because its outage has lasted too long."""
        return self._left_s(outage, 0.0) is not None and self._may_go_on(error, outage)
