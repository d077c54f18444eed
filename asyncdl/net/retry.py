"""Whether a failed request is made again, and after how long: one rule for every client. Pure.

An error knows whether another try may succeed (``retryable``) and how long the server asked to wait
(``retry_after_s``). A :class:`Backoff` says how many tries there are and how far apart; an
:class:`Outage` is what all requests to one service know together. What else counts is with each
client: for a call in :mod:`asyncdl.m2m.calling.call_retries`, for a file in the engine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime
from msgspec import Struct


class RequestFailure(Protocol):
    """What every error of a request says of another try."""

    retryable: bool
    retry_after_s: float | None


_LEAST = {"first_s": 0, "factor": 1, "max_s": 0, "attempts": 1}


def _random() -> float:
    import random  # Slow to import, and needed after failures alone.

    return random.random()  # noqa: S311 - not for cryptography


@dataclass(frozen=True, slots=True)
class Backoff:
    """How many tries there are, and how long to wait before each: growing, capped, jittered.

    Half of each delay is random, so that clients that failed together do not all come back at
    the same moment.

    Raises: ValueError or TypeError, for a value that is not allowed.
    """

    first_s: float = 1.0
    """Upper end of the first delay, seconds."""
    factor: float = 2.0
    """Growth from one try to the next, at least 1."""
    max_s: float = 60.0
    """No delay exceeds this, unless the server asked for more."""
    attempts: int = 5
    """Tries in all, the first included; 1 never tries again."""

    def __post_init__(self) -> None:
        # Written so that a NaN is refused, too.
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not value >= least:
                raise ValueError(f"Backoff.{name} = {value!r} (allowed: {least} or more)")

    def allows(self, failed: int) -> bool:
        """Return whether another try may follow ``failed`` failed ones."""
        return failed < self.attempts

    def may_retry(
        self, error: RequestFailure, failed: int, *, longest_wait_s: float = math.inf
    ) -> bool:
        """Return whether a request may be made again.

        Args:
            error: How it failed.
            failed: Failures so far, this one included.
            longest_wait_s: A server that asks for a longer pause is not waited for.
        """
        is_waited_for = (error.retry_after_s or 0.0) <= longest_wait_s
        return error.retryable and is_waited_for and self.allows(failed)

    def delay_s(
        self,
        failed: int,
        *,
        retry_after_s: float | None = None,
        rng: Callable[[], float] = _random,
    ) -> float:
        """Return the seconds to wait after the ``failed``-th failure (1 or more).

        What the server asks for (``Retry-After``) is a lower bound and is never shortened.
        """
        # 64 doublings overflow no float and are far beyond any cap.
        ceiling = min(self.max_s, self.first_s * self.factor ** min(failed - 1, 64))
        delay = ceiling * (0.5 + 0.5 * rng())
        return max(delay, retry_after_s or 0.0)


class Outage(Struct):
    """How long a service has failed without a success in between, and how often.

    Pure: the present is always an argument, in seconds on a clock that never jumps.
    """

    since_s: float | None = None
    """When it failed first; ``None`` while it is well."""
    failed: int = 0
    """Failures so far."""
    next_try_s: float = -math.inf
    """No request is made before this time."""

    def begin(self, now_s: float) -> None:
        """Note that something is wrong, without counting it as a failure."""
        if self.since_s is None:
            self.since_s = now_s

    def fail(self, now_s: float) -> None:
        """Note a failure."""
        self.begin(now_s)
        self.failed += 1

    def end(self) -> None:
        """Note a success."""
        self.since_s, self.failed, self.next_try_s = None, 0, -math.inf

    def is_resting(self, now_s: float) -> bool:
        """Return whether it is too early for the next request."""
        return now_s < self.next_try_s

    def elapsed_s(self, now_s: float) -> float:
        """Return the seconds since the first failure; 0 while the service is well."""
        return 0.0 if self.since_s is None else now_s - self.since_s


LONGEST_DATE_CHARS = 100
"""Three times as long as a date in any form."""


def parse_http_date(text: str) -> datetime | None:
    """Read a date such as that of ``Last-Modified``, with its zone.

    Returns: ``None`` for what is no date, or one that no calendar has.
    Source: RFC 9110, section 5.6.7.
    """
    # Few responses have dates that matter; the others do without these modules.
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    if len(text) > LONGEST_DATE_CHARS or not text.isascii():
        return None
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


MAX_RETRY_AFTER_S = 24 * 3600.0
"""A server that asks for more than a day is taken to mean a day."""


def parse_retry_after(
    value: str | None, *, sent: str | None = None, now: datetime | None = None
) -> float | None:
    """Read a ``Retry-After`` header as seconds from now.

    Args:
        value: The header: whole seconds or an HTTP date; ``None`` if absent.
        sent: The ``Date`` of the same response: a date is compared with the clock that
            made it, for ours may be wrong. Without one, ours has to do.
        now: For tests; the present by default.
    Returns: 0 or more and at most a day, or ``None`` for an absent or senseless value.
    Source: RFC 9110, section 10.2.3.
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        # Only the first digits matter: anything longer is capped all the same.
        return min(float(text[:12]), MAX_RETRY_AFTER_S)
    return _seconds_until(text, parse_http_date(sent or "") or now)


def _seconds_until(date: str, now: datetime | None) -> float | None:
    from datetime import UTC, datetime  # Few hosts send dates.

    when = parse_http_date(date)
    if when is None:
        return None
    seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)
