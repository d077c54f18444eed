"""Which connection fetches which bytes of a file. Pure: no decision here waits for anything."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from asyncdl.transfer.ranges import LARGEST_OFFSET, Coverage, Span, WantedBytes

TAIL_S = 0.5
"""A tail that takes this long is shared with a connection that has become idle."""
MIN_PIECE_S = 0.2
"""At the usual rate a piece lasts at least this long,"""
MIN_PIECE_REQUESTS = 4
"""and at least as long as this many requests take that bring nothing."""
CUT_WORTH = 2.0
"""A tail whose connection would end with it has to take so many times longer to be shared."""
WARM_PIECE_BYTES = 256 * 1024
"""So much comes within a few round trips on a connection that has been in use."""
MEASURED_S = 0.05
"""Before that, bytes tell nothing of a rate."""
OPENING_COSTS = 5
"""A request on a new connection costs as much as this many on an open one."""
ENDED_WEIGHT = 0.2
"""How much the rate of a segment counts that has ended, beside those of all before it."""
YOUNG_S = 1.0
"""A connection is likely to become faster for this long."""
_GOLDEN = (math.sqrt(5) - 1) / 2
"""The fractions of its multiples are spread evenly, however many there are."""
INITIAL_WINDOW_BYTES = 10 * 1460
"""What a host sends on a new connection before it waits for an acknowledgement (RFC 6928)."""


def slow_start_s(size_bytes: int, round_trip_s: float) -> float:
    """Return the least time of a body on a connection whose window doubles with each round trip.

    Args:
        size_bytes: Length of the body, 0 or more.
        round_trip_s: To the host and back.
    """
    return math.log2(1 + size_bytes / INITIAL_WINDOW_BYTES) * round_trip_s


def cost_s(request_s: float, *, is_open: bool) -> float:
    """Return what another request costs, as long as bytes come on other connections meanwhile.

    Args:
        request_s: The quickest response of the host.
        is_open: Whether its connection is: another one takes two round trips to open, and then
            begins slowly.
    """
    return request_s if is_open else OPENING_COSTS * request_s


def piece_bytes(left_bytes: int, connections: int, number: int) -> int:
    """Return how much a connection takes at once of what is left of a file.

    Half of the rest is given out about evenly, then half of what is left then: long pieces first,
    short ones at the end, so that all connections end together whatever their rates. Pieces that
    begin together differ, by up to a half more or less, for while all connections wait for their
    next response at the same time, nothing comes.

    Args:
        left_bytes: Length of what is left, 0 or more.
        connections: How many there are for it, 1 or more.
        number: How many pieces there were before.
    """
    return math.ceil(left_bytes / (2 * connections) * (0.5 + number * _GOLDEN % 1))


class Segment(Struct, eq=False):
    """A range of a file that is fetched over one connection."""

    start: int
    stop: int
    """End of the range, half-open. It moves while the bytes come: down when the tail is given
    to another connection, up when the bytes of a failed neighbour are taken over."""
    began_at_s: float = 0.0
    body_stop: int = 0
    """Where the response body ends; 0 before there is a response."""
    is_open_ended: bool = False
    """Whether only the end of the body shows where it ends; ``stop`` is out of reach then."""
    position: int = 0
    """The next byte to receive."""
    _rate_from: int = 0
    _rate_from_s: float = 0.0
    """Byte and moment from which the rate is measured."""

    def __post_init__(self) -> None:
        self.position = self._rate_from = self.start
        self._rate_from_s = self.began_at_s

    @property
    def span(self) -> Span:
        """What it covers at present."""
        return Span(self.start, self.stop)

    @property
    def read_until(self) -> int:
        """Where reading may end: at the segment's end, or at the body's."""
        return min(self.stop, self.body_stop)

    @property
    def remaining_bytes(self) -> int:
        """How much is still to come."""
        return max(0, self.stop - self.position)

    def rate_bytes_s(self, now_s: float) -> float | None:
        """Return the rate at which bytes come; ``None`` while it is not known."""
        received, elapsed_s = self.position - self._rate_from, now_s - self._rate_from_s
        return received / elapsed_s if received > 0 and elapsed_s >= MEASURED_S else None

    @property
    def is_cut(self) -> bool:
        """Whether its response brings more than is to be read, so that its connection ends."""
        return self.body_stop > self.stop

    def is_young(self, now_s: float) -> bool:
        """Whether it is too early to know its rate."""
        return now_s - self._rate_from_s < YOUNG_S

    def restart_rate(self, now_s: float) -> None:
        """Measure the rate from here, without what came so far, such as a host's first burst."""
        self._rate_from, self._rate_from_s = self.position, now_s


def open_ended_segment(start: int, now_s: float) -> Segment:
    """Return a segment that lasts as long as its body does."""
    return Segment(start, LARGEST_OFFSET, now_s, body_stop=LARGEST_OFFSET, is_open_ended=True)


class Segments(Struct):
    """The segments of one file that are being fetched; no two of them share a byte."""

    wanted: WantedBytes
    """The bytes of the file that are fetched at all."""
    min_bytes: int
    """No split makes a smaller segment."""
    split_after_s: float
    """What arrives within this time is not worth a second connection."""
    active: list[Segment] = []
    connections: int = 2
    """How many may fetch it together at present."""
    request_s: float = 0.0
    """What the next request costs, by :func:`cost_s`."""
    is_split: bool = False
    """Whether there has been a second connection, or is to be one without a look at the rate;
    using it again costs one request and no more."""
    _peak_bytes_s: float = 0.0
    """The best rate of any segment so far."""
    _ended_bytes_s: float = 0.0
    """The mean rate of segments that have ended, the last ones above all; 0 before the first."""
    _pieces: int = 0
    """How many have been given out."""

    def start_next(self, done: Coverage, total: int, now_s: float) -> Segment | None:
        """Return work for an idle connection; it is active from now on.

        Bytes that no connection fetches come first, from the beginning of the file; then the
        tail of the segment that would be the last to end.

        Returns: ``None`` if there is nothing, or nothing worth a connection.
        """
        missing = self._missing(done, total)
        most_bytes = self._most_bytes(missing, now_s)
        if missing:
            first = missing[0]
            new = Segment(first.start, min(first.stop, first.start + most_bytes), now_s)
        elif (last := self._last_to_end(now_s)) is not None:
            new = self._take_tail(last, most_bytes, now_s)
            self.is_split = True
        else:
            return None
        self.active.append(new)
        self._pieces += 1
        return new

    def _most_bytes(self, missing: Sequence[Span], now_s: float) -> int:
        """Return the largest piece at present."""
        left = sum(segment.remaining_bytes for segment in self.active)
        left += sum(span.size_bytes for span in missing)
        return max(self._least_bytes(now_s), piece_bytes(left, self.connections, self._pieces))

    def _least_bytes(self, now_s: float) -> int:
        """Return how much is worth a request."""
        rates = [rate for segment in self.active if (rate := segment.rate_bytes_s(now_s))]
        self._peak_bytes_s = max(self._peak_bytes_s, *rates, 0.0)
        least_s = max(MIN_PIECE_S, MIN_PIECE_REQUESTS * self.request_s)
        warm = WARM_PIECE_BYTES
        if self._peak_bytes_s:
            warm = min(WARM_PIECE_BYTES, int(least_s * self._peak_bytes_s))
        return max(self.min_bytes, warm, int(least_s * self._usual_rate(now_s)))

    def _take_tail(self, segment: Segment, most_bytes: int, now_s: float) -> Segment:
        """Cut off the tail of a segment, and return it."""
        rest, usual = segment.remaining_bytes, self._usual_rate(now_s)
        rate = self._expected_rate(segment, usual, now_s)
        # Both are to end at the same time: a slow connection keeps less than half.
        share = usual / (rate + usual) if usual else 0.5
        size = max(self.min_bytes, min(int(rest * share), rest - self.min_bytes, most_bytes))
        new = Segment(segment.stop - size, segment.stop, now_s)
        segment.stop = new.start
        return new

    def _usual_rate(self, now_s: float) -> float:
        """Return the mean rate of the segments, in bytes/s; 0 if none is known.

        Where all are young, those that have ended say more of it.
        """
        rates = {s: rate for s in self.active if (rate := s.rate_bytes_s(now_s))}
        old = [rate for segment, rate in rates.items() if not segment.is_young(now_s)]
        if not old and self._ended_bytes_s:
            return self._ended_bytes_s
        known = old or list(rates.values())
        return sum(known) / len(known) if known else 0.0

    def _expected_rate(self, segment: Segment, usual: float, now_s: float) -> float:
        """Return the rate at which the rest of a segment will come; 0 if none is known."""
        rate = segment.rate_bytes_s(now_s) or usual
        # A new connection begins slowly.
        return max(rate, usual) if segment.is_young(now_s) else rate

    def has_next(self, done: Coverage, total: int, now_s: float) -> bool:
        """Return whether :meth:`start_next` would return a segment."""
        return bool(self._missing(done, total)) or self._last_to_end(now_s) is not None

    def _missing(self, done: Coverage, total: int) -> Sequence[Span]:
        """Return what no connection fetches."""
        covered = done
        for segment in self.active:
            covered = covered.add(segment.span)
        return self.wanted.missing(covered, total)

    def release(self, segment: Segment, now_s: float) -> None:
        """Record that a connection has ended its segment, finished or not.

        A neighbour whose body continues into it takes it over, so that a connection that brought
        nothing costs no further request. Otherwise the rest is missing again.
        """
        self.active.remove(segment)
        if rate := segment.rate_bytes_s(now_s):
            before = self._ended_bytes_s or rate
            self._ended_bytes_s = before + ENDED_WEIGHT * (rate - before)
        if segment.position > segment.start:
            return
        for neighbour in self.active:
            if neighbour.stop == segment.start and neighbour.body_stop >= segment.stop:
                neighbour.stop = segment.stop
                return

    def _last_to_end(self, now_s: float) -> Segment | None:
        usual = self._usual_rate(now_s)

        def left_s(segment: Segment) -> float:
            rate = self._expected_rate(segment, usual, now_s)
            return segment.remaining_bytes / rate if rate else float(segment.remaining_bytes)

        splittable = (s for s in self.active if s.remaining_bytes >= 2 * self.min_bytes)
        worth = (s for s in splittable if left_s(s) >= self._worth_s(s))
        return max(worth, key=left_s, default=None)

    def _worth_s(self, segment: Segment) -> float:
        """Return from when on the rest of a segment is shared, if it takes so long alone."""
        if not self.is_split:
            return self.split_after_s
        # What takes less than two requests is not sooner there by another one.
        worth_s = max(min(self.split_after_s, TAIL_S), 2 * self.request_s)
        return worth_s if segment.is_cut else CUT_WORTH * worth_s
