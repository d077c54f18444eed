"""How many connections one host gets: fewer under strain, more when it copes, pauses between. Pure.

The present is always an argument, in seconds on a monotonic clock.
"""

from __future__ import annotations

import math

import msgspec
from msgspec import Struct

from asyncdl.net.retry import Backoff, Outage

UNREACHABLE_AFTER = 5
"""Failed rounds in a row after which a host is paused, then asked by one file at a time."""

WINDOW_S = 1.0
"""A host's goodput is measured over this time."""
IDLE_WINDOWS = 5
"""A gap of this many windows means idle, not slow."""
REAL_GAIN = 1.05
"""An additional connection is kept if goodput rises by more than this factor; less is noise."""
HOLD_S = 30.0
"""After an additional connection brought nothing, no other is tried for this long."""
MIN_STREAM_BYTES_S = 4096.0
"""Bodies of a host that come more slowly than this on average are too many. The wait for a
response does not count: a small file from far away is no slow one."""
MAX_HOLD_S = 960.0
"""The hold doubles up to this while an additional connection is refused each time."""

SUCCESS_WEIGHT = 2
"""One request that gets its response makes up for this many failures."""
STRAINED_AT = 8
"""This many failures, not made up for by successes, are strain. Where one request in ten fails
at random, it is reached once in a hundred million requests."""

SLOWDOWN_FACTOR = 8.0
"""A host that takes this many times longer to respond than at its best is overloaded,"""
SLOW_S = 2.0
"""if it also takes longer than this."""
_SMOOTHING = 1 / 8
"""Weight of the latest response in the average time."""


class AdaptiveConcurrency(Struct):
    """The connections that one host gets.

    It starts with all that the user allows. Strain halves them. Then one more is tried at a
    time and stays only if goodput rises. A failure among successes is no strain.
    """

    ceiling: int
    """Maximum number of connections."""
    backoff: Backoff = Backoff()
    max_wait_s: float = 0.0
    """How long to wait for a host that is down; 0 counts failed rounds instead."""
    window_s: float = WINDOW_S
    limit: int = 0
    """Number of connections now."""
    paused_until_s: float = -math.inf
    """No request is made before this."""
    reduced_at_s: float = -math.inf
    outage: Outage = msgspec.field(default_factory=Outage)
    """Rounds in a row in which no request got anything."""

    _failed_at_s: float = -math.inf
    _limit_before_outage: int = 1
    _began_at_s: float | None = None
    _received: int = 0
    _bodies: int = 0
    """Number of bodies on their way, each from its first bytes on."""
    _bodies_since_s: float = 0.0
    """Since when it is this number."""
    _body_s: float = 0.0
    """Sum of the seconds that each of them was on its way in this window."""
    _goodput_before_trial: float | None = None
    """Set while an additional connection is on trial."""
    _is_settling: bool = False
    """Whether this is the first window of the trial, which does not count."""
    _hold_until_s: float = -math.inf
    _hold_s: float = HOLD_S
    _failures: int = 0
    """Not yet made up for by successes."""
    _response_s: float | None = None
    """Average time to the first byte, over the last responses."""
    _best_response_s: float = math.inf
    """The lowest that average has been."""

    def __post_init__(self) -> None:
        self.limit = self.ceiling

    def pause_s(self, now_s: float) -> float:
        """Return how long the host is still paused, 0 if it is not."""
        return max(0.0, self.paused_until_s - now_s)

    def is_given_up(self, now_s: float) -> bool:
        """Return whether its files fail until the pause is over."""
        if not self.pause_s(now_s):
            return False
        if self.max_wait_s:
            return self.outage.elapsed_s(now_s) >= self.max_wait_s
        return self.outage.failed >= self.given_up_after

    @property
    def given_up_after(self) -> int:
        """Failed rounds in a row after which files fail at once while the host is paused, if no
        waiting time is set: as many pauses as a file makes attempts."""
        return UNREACHABLE_AFTER + self.backoff.attempts

    @property
    def is_down(self) -> bool:
        """Whether only one file at a time asks the host, to find out whether it is back."""
        return self.outage.failed >= UNREACHABLE_AFTER

    def note_success(self) -> None:
        """Record a response: the host is up."""
        if self.is_down:
            # If it was down for everyone, our load was not the only cause.
            self.limit = max(self.limit, self._limit_before_outage // 2)
        self.outage.end()

    def note_response(self, took_s: float, in_use: int, now_s: float) -> bool:
        """Record a response; return whether the host is slow under strain.

        Args:
            took_s: Seconds from the admission to the first byte.
            in_use: Number of connections meanwhile.
            now_s: The present.
        """
        self._failures = max(0, self._failures - SUCCESS_WEIGHT)
        average_s = took_s if self._response_s is None else self._response_s
        self._response_s = average_s + (took_s - average_s) * _SMOOTHING
        self._best_response_s = min(self._best_response_s, self._response_s)
        is_slow = self._response_s > max(SLOW_S, SLOWDOWN_FACTOR * self._best_response_s)
        if in_use < 2 or not is_slow:
            return False
        # If fewer connections get no faster responses, their number was not the cause.
        self._best_response_s = self._response_s
        return self.reduce(now_s, now_s)

    def note_failure(self, admitted_at_s: float, now_s: float) -> bool:
        """Record a failure that may be chance; return whether it was one too many."""
        if admitted_at_s < self.reduced_at_s:
            return False
        self._failures += 1
        return self._failures >= STRAINED_AT and self.reduce(admitted_at_s, now_s)

    def note_bodies(self, change: int, now_s: float) -> None:
        """Record that so many more bodies are on their way, or fewer."""
        self._body_s += self._bodies * (now_s - self._bodies_since_s)
        self._bodies_since_s = now_s
        self._bodies += change

    def note_bytes(self, count: int, in_use: int, now_s: float) -> None:
        """Record ``count`` bytes that arrived while ``in_use`` connections were open."""
        if self._began_at_s is None:
            self._begin_window(now_s)
        self._received += count
        elapsed_s = now_s - (self._began_at_s or 0.0)
        if elapsed_s < self.window_s:
            return
        self.note_bodies(0, now_s)
        goodput, bodies = self._received / elapsed_s, self._body_s / elapsed_s
        self._begin_window(now_s)
        # In a longer window nothing was requested for a while; it says nothing about speed.
        if elapsed_s < IDLE_WINDOWS * self.window_s:
            self._adjust(goodput, bodies, in_use, now_s)

    def _begin_window(self, now_s: float) -> None:
        self.note_bodies(0, now_s)
        self._began_at_s, self._received, self._body_s = now_s, 0, 0.0

    def reduce(self, admitted_at_s: float, now_s: float) -> bool:
        """Use fewer connections, once for all requests that were in flight together.

        Halves their number, or ends the trial of an additional one.

        Returns: False for a request that was admitted before the last reduction: it says
            nothing new.
        """
        if admitted_at_s < self.reduced_at_s:
            return False
        if self._goodput_before_trial is None:
            self._halve(self.limit, now_s)
        else:
            self._reject_trial(now_s)
        return True

    def _reject_trial(self, now_s: float) -> None:
        self._set(self.limit - 1, now_s)
        self._hold_until_s = now_s + self._hold_s
        self._hold_s = min(2 * self._hold_s, MAX_HOLD_S)

    def pause(self, wait_s: float, now_s: float) -> None:
        """Make no request for at least ``wait_s`` from now."""
        self.paused_until_s = max(self.paused_until_s, now_s + wait_s)

    def note_outage(self, admitted_at_s: float, now_s: float) -> None:
        """Record that the host could not be reached, sent nothing, or serves no file.

        Args:
            admitted_at_s: When the request was admitted; requests in flight together count once.
            now_s: The present.
        """
        if admitted_at_s < self._failed_at_s:
            return
        self._failed_at_s = now_s
        if not self.outage.failed:
            self._limit_before_outage = self.limit
        self.outage.fail(now_s)
        if self.is_down:
            self.limit = 1
            self._pause_in_outage(now_s)

    def _pause_in_outage(self, now_s: float) -> None:
        pause_s = self.backoff.delay_s(self.outage.failed - UNREACHABLE_AFTER + 1)
        left_s = self.max_wait_s - self.outage.elapsed_s(now_s)
        # The last attempt is made when the time is over.
        self.pause(min(pause_s, left_s) if left_s > 0 else pause_s, now_s)

    def _adjust(self, goodput: float, bodies: float, in_use: int, now_s: float) -> None:
        """Adjust the limit after a full window in which so many bodies were on their way."""
        if self._is_settling:
            self._is_settling = False
        elif self._goodput_before_trial is not None:
            self._end_trial(goodput, now_s)
        elif bodies > 1 and goodput / bodies < MIN_STREAM_BYTES_S:
            self._halve(min(self.limit, in_use), now_s)
        elif in_use >= self.limit < self.ceiling and now_s >= self._hold_until_s:
            self.limit += 1
            self._goodput_before_trial, self._is_settling = goodput, True

    def _end_trial(self, goodput: float, now_s: float) -> None:
        if goodput <= REAL_GAIN * (self._goodput_before_trial or 0.0):
            self.limit = max(1, self.limit - 1)
            self._hold_until_s = now_s + HOLD_S
        self._goodput_before_trial = None

    def _halve(self, connections: int, now_s: float) -> None:
        self._set(connections // 2, now_s)

    def _set(self, connections: int, now_s: float) -> None:
        self.limit = max(1, connections)
        self.reduced_at_s = now_s
        self._failures = 0
        self._goodput_before_trial, self._is_settling = None, False
        self._began_at_s, self._received = None, 0
