"""How many connections one host gets: fewer under strain, more when it holds, rests between. Pure.

Pure: the present is always an argument, in seconds on a clock that never jumps.
"""

from __future__ import annotations

import math
from enum import Enum

import msgspec
from msgspec import Struct

from asyncdl.errors import AsyncdlError, HttpStatusError, NetworkError, Stalled
from asyncdl.net.retry import Backoff, Outage


class Strain(Enum):
    """Whether fewer connections would have helped."""

    NONE = "nothing about it"
    PERHAPS = "it may be chance; many at once are not"
    CERTAIN = "the host says so"


def strain_of(error: AsyncdlError, *, has_bytes: bool, is_beside_others: bool) -> Strain:
    """Return what an error says about the number of connections.

    Args:
        error: What ended a request.
        has_bytes: Whether it had brought bytes of the file.
        is_beside_others: Whether the host brings bytes over other connections.
    """
    if isinstance(error, HttpStatusError):
        return _strain_of_status(error)
    if isinstance(error, Stalled):
        return Strain.PERHAPS
    if not isinstance(error, NetworkError) or has_bytes:
        # A line that brought bytes may break for many reasons.
        return Strain.NONE
    if error.phase == "connect":
        # With nobody else there, it is an outage and no matter of numbers.
        return Strain.CERTAIN if is_beside_others else Strain.NONE
    return Strain.NONE if error.phase else Strain.PERHAPS


def _strain_of_status(error: HttpStatusError) -> Strain:
    if error.status == 429 or (error.status == 503 and error.retry_after_s is not None):
        return Strain.CERTAIN
    return Strain.PERHAPS if error.status >= 500 and error.retryable else Strain.NONE


UNREACHABLE_AFTER = 5
"""Failed rounds in a row after which a host rests before it is asked again, by one at a time."""

WINDOW_S = 1.0
"""Over so much time a host's goodput is measured."""
IDLE_WINDOWS = 5
"""A pause of so many windows is idleness, not slowness."""
REAL_GAIN = 1.05
"""One connection more is kept if goodput rises by more than this; less is noise."""
HOLD_S = 30.0
"""After one more brought nothing, no other is tried for so long."""
SLOWEST_STREAM_BYTES_S = 4096.0
"""Where the streams of a host are slower than this on average, they are too many."""
LONGEST_HOLD_S = 960.0
"""The hold doubles up to this while one connection more is refused each time."""

GOOD_WEIGHT = 2
"""One request that is answered outweighs so many that fail."""
STRAINED_AT = 8
"""Failures that no good answers outweigh are strain from here on. Where one request in ten
fails at random, it is reached once in a hundred million requests."""

SLOWER_TIMES = 8.0
"""A host that takes so many times longer to answer than it did is asked for too much,"""
SLOW_S = 2.0
"""if it takes longer than this at all."""
_SMOOTHING = 1 / 8
"""What the latest answer counts in the average time."""


class AdaptiveConcurrency(Struct):
    """The connections that one host gets.

    It begins with all that the user allows. Strain halves them. Afterwards one
    more is tried at a time, and stays only if the host then brings more. A failure among
    good answers is no strain.
    """

    ceiling: int
    """Connections at most."""
    backoff: Backoff = Backoff()
    max_wait_s: float = 0.0
    """How long an outage is waited for; 0 counts failed rounds instead."""
    window_s: float = WINDOW_S
    limit: int = 0
    """Connections now."""
    open_at_s: float = -math.inf
    """No request before this."""
    stepped_at_s: float = -math.inf
    outage: Outage = msgspec.field(default_factory=Outage)
    """Rounds in a row in which nobody got anything."""

    _failed_at_s: float = -math.inf
    _limit_before: int = 1
    """Connections when the outage began."""
    _began_at_s: float | None = None
    _received: int = 0
    _goodput_before: float | None = None
    """Before the connection that is on trial, if there is one."""
    _is_settling: bool = False
    """Whether the window is the first with that connection, which is not judged."""
    _hold_until_s: float = -math.inf
    _hold_s: float = HOLD_S
    _failures: int = 0
    """That good answers have not outweighed."""
    _answer_s: float | None = None
    """How long an answer takes, on average over the last ones."""
    _quick_answer_s: float = math.inf
    """The least that average has been."""

    def __post_init__(self) -> None:
        self.limit = self.ceiling

    def rest_s(self, now_s: float) -> float:
        """Return how long the host is left alone from now, 0 if not at all."""
        return max(0.0, self.open_at_s - now_s)

    def is_given_up(self, now_s: float) -> bool:
        """Tell whether asking is useless until the rest is over."""
        if not self.rest_s(now_s):
            return False
        if self.max_wait_s:
            return self.outage.elapsed_s(now_s) >= self.max_wait_s
        return self.outage.failed >= self.given_up_after

    @property
    def given_up_after(self) -> int:
        """Failed rounds in a row after which files fail at once while the host rests, if there
        is no time that it is waited for: as many rests as a file makes tries."""
        return UNREACHABLE_AFTER + self.backoff.attempts

    @property
    def is_down(self) -> bool:
        """Whether the host is asked by one at a time, to find out whether it is back."""
        return self.outage.failed >= UNREACHABLE_AFTER

    def succeed(self) -> None:
        """Note an answer: the host is there."""
        if self.is_down:
            # What was down for everybody did not suffer from us alone.
            self.limit = max(self.limit, self._limit_before // 2)
        self.outage.end()

    def note_answer(self, took_s: float, in_use: int, now_s: float) -> bool:
        """Note a request that was answered, and tell whether the host is slow under strain.

        Args:
            took_s: From the admission to the first byte.
            in_use: Connections meanwhile.
            now_s: The present.
        """
        self._failures = max(0, self._failures - GOOD_WEIGHT)
        average_s = took_s if self._answer_s is None else self._answer_s
        self._answer_s = average_s + (took_s - average_s) * _SMOOTHING
        self._quick_answer_s = min(self._quick_answer_s, self._answer_s)
        is_slow = self._answer_s > max(SLOW_S, SLOWER_TIMES * self._quick_answer_s)
        if in_use < 2 or not is_slow:
            return False
        # Where fewer connections are answered no sooner, they were not to blame.
        self._quick_answer_s = self._answer_s
        return self.step_down(now_s, now_s)

    def note_failure(self, admitted_at_s: float, now_s: float) -> bool:
        """Note a failure that may be chance, and tell whether it was one of too many."""
        if admitted_at_s < self.stepped_at_s:
            return False
        self._failures += 1
        return self._failures >= STRAINED_AT and self.step_down(admitted_at_s, now_s)

    def receive(self, count: int, in_use: int, now_s: float) -> None:
        """Note ``count`` bytes that came while ``in_use`` connections were open."""
        if self._began_at_s is None:
            self._began_at_s = now_s
        self._received += count
        elapsed_s = now_s - self._began_at_s
        if elapsed_s < self.window_s:
            return
        goodput = self._received / elapsed_s
        self._began_at_s, self._received = now_s, 0
        # In a longer window nothing was wanted for a while, which tells nothing.
        if elapsed_s < IDLE_WINDOWS * self.window_s:
            self._judge(goodput, in_use, now_s)

    def step_down(self, admitted_at_s: float, now_s: float) -> bool:
        """Use fewer connections, once for all requests that were under way together.

        They are halved; but if one is on trial, it was the one too many.

        Returns: False for a request that was admitted before the last step: it
            only repeats what is known.
        """
        if admitted_at_s < self.stepped_at_s:
            return False
        if self._goodput_before is None:
            self._halve(self.limit, now_s)
        else:
            self._refuse_trial(now_s)
        return True

    def _refuse_trial(self, now_s: float) -> None:
        self._set(self.limit - 1, now_s)
        self._hold_until_s = now_s + self._hold_s
        self._hold_s = min(2 * self._hold_s, LONGEST_HOLD_S)

    def rest(self, wait_s: float, now_s: float) -> None:
        """Leave the host alone for at least ``wait_s`` from now."""
        self.open_at_s = max(self.open_at_s, now_s + wait_s)

    def fail(self, admitted_at_s: float, now_s: float) -> None:
        """Note that the host could not be reached, fell silent, or answers nobody.

        Args:
            admitted_at_s: When the request was; requests under way together fail once.
            now_s: The present.
        """
        if admitted_at_s < self._failed_at_s:
            return
        self._failed_at_s = now_s
        if not self.outage.failed:
            self._limit_before = self.limit
        self.outage.fail(now_s)
        if self.is_down:
            self.limit = 1
            self._rest_in_outage(now_s)

    def _rest_in_outage(self, now_s: float) -> None:
        rest_s = self.backoff.delay_s(self.outage.failed - UNREACHABLE_AFTER + 1)
        left_s = self.max_wait_s - self.outage.elapsed_s(now_s)
        # The last try comes when the time is over.
        self.rest(min(rest_s, left_s) if left_s > 0 else rest_s, now_s)

    def _judge(self, goodput: float, in_use: int, now_s: float) -> None:
        """Draw conclusions from a full window."""
        if self._is_settling:
            self._is_settling = False
        elif self._goodput_before is not None:
            self._end_trial(goodput, now_s)
        elif in_use > 1 and goodput / in_use < SLOWEST_STREAM_BYTES_S:
            self._halve(min(self.limit, in_use), now_s)
        elif in_use >= self.limit < self.ceiling and now_s >= self._hold_until_s:
            self.limit += 1
            self._goodput_before, self._is_settling = goodput, True

    def _end_trial(self, goodput: float, now_s: float) -> None:
        if goodput <= REAL_GAIN * (self._goodput_before or 0.0):
            self.limit = max(1, self.limit - 1)
            self._hold_until_s = now_s + HOLD_S
        self._goodput_before = None

    def _halve(self, connections: int, now_s: float) -> None:
        self._set(connections // 2, now_s)

    def _set(self, connections: int, now_s: float) -> None:
        self.limit = max(1, connections)
        self.stepped_at_s = now_s
        self._failures = 0
        self._goodput_before, self._is_settling = None, False
        self._began_at_s, self._received = None, 0
