"""Which connection fetches which bytes of a file. Pure: no decision here waits for anything."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from asyncdl.transfer.ranges import LARGEST_OFFSET, Coverage, Span, WantedBytes

TAIL_S = 0.5
"""A tail that takes this long is shared with a connection that has become idle."""


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
        """Return the rate at which bytes come; ``None`` before any have come."""
        received, elapsed_s = self.position - self._rate_from, now_s - self._rate_from_s
        return received / elapsed_s if received > 0 and elapsed_s > 0 else None

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
    _is_split: bool = False
    """Whether there has been a second connection; using it again costs one request and no more."""

    def start_next(self, done: Coverage, total: int, now_s: float) -> Segment | None:
        """Return work for an idle connection; it is active from now on.

        Bytes that no connection fetches come first, from the beginning of the file; then the
        second half of the segment that would be the last to end.

        Returns: ``None`` if there is nothing, or nothing worth a connection.
        """
        missing = self._missing(done, total)
        if missing:
            new = Segment(missing[0].start, missing[0].stop, now_s)
        elif (last := self._last_to_end(now_s)) is not None:
            new = _split(last, now_s)
            self._is_split = True
        else:
            return None
        self.active.append(new)
        return new

    def has_next(self, done: Coverage, total: int, now_s: float) -> bool:
        """Return whether :meth:`start_next` would return a segment."""
        return bool(self._missing(done, total)) or self._last_to_end(now_s) is not None

    def _missing(self, done: Coverage, total: int) -> Sequence[Span]:
        """Return what no connection fetches."""
        covered = done
        for segment in self.active:
            covered = covered.add(segment.span)
        return self.wanted.missing(covered, total)

    def release(self, segment: Segment) -> None:
        """Record that a connection has ended its segment, finished or not.

        A neighbour whose body continues into it takes it over, so that a connection that brought
        nothing costs no further request. Otherwise the rest is missing again.
        """
        self.active.remove(segment)
        if segment.position > segment.start:
            return
        for neighbour in self.active:
            if neighbour.stop == segment.start and neighbour.body_stop >= segment.stop:
                neighbour.stop = segment.stop
                return

    def _last_to_end(self, now_s: float) -> Segment | None:
        rates = [rate for segment in self.active if (rate := segment.rate_bytes_s(now_s))]
        typical = sum(rates) / len(rates) if rates else 0.0

        def left_s(segment: Segment) -> float:
            rate = segment.rate_bytes_s(now_s) or typical
            return segment.remaining_bytes / rate if rate else float(segment.remaining_bytes)

        splittable = (s for s in self.active if s.remaining_bytes >= 2 * self.min_bytes)
        last = max(splittable, key=left_s, default=None)
        worth_s = min(self.split_after_s, TAIL_S) if self._is_split else self.split_after_s
        return last if last is not None and left_s(last) >= worth_s else None


def _split(segment: Segment, now_s: float) -> Segment:
    """Cut off the second half of what is still to come of a segment, and return it."""
    middle = segment.position + segment.remaining_bytes // 2
    new = Segment(middle, segment.stop, now_s)
    segment.stop = middle
    return new
