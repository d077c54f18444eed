"""Which connection fetches which bytes of a file. Pure: no decision here waits for anything."""

from __future__ import annotations

from msgspec import Struct

from asyncdl.transfer.ranges import LARGEST_OFFSET, Coverage, Span

TAIL_S = 0.5
"""A tail that takes so long is shared with a connection that has become idle."""


class Segment(Struct, eq=False):
    """A stretch of a file on its way over one connection."""

    start: int
    stop: int
    """Its end, half-open. Moves while the bytes come: down when the tail is given
    to another connection, up when a failed neighbour's bytes are taken over."""
    began_at_s: float = 0.0
    reach: int = 0
    """Where the body ends that brings it; 0 before there is one."""
    is_open: bool = False
    """Only the end of the body tells where it ends; ``stop`` is out of reach then."""
    at: int = 0
    """The next byte that is due; those before it have been received."""
    _counts_from: int = 0
    """The byte, and the moment, that its rate is counted from."""
    _counts_from_s: float = 0.0

    def __post_init__(self) -> None:
        self.at = self._counts_from = self.start
        self._counts_from_s = self.began_at_s

    @property
    def span(self) -> Span:
        """What it covers at present."""
        return Span(self.start, self.stop)

    @property
    def due(self) -> int:
        """Where its body may be let go: at its end, or where the body itself ends."""
        return min(self.stop, self.reach)

    @property
    def left_bytes(self) -> int:
        """How much is still to come."""
        return max(0, self.stop - self.at)

    def rate_bytes_s(self, now_s: float) -> float | None:
        """Return how fast it comes; ``None`` before there is anything to tell from."""
        received, elapsed_s = self.at - self._counts_from, now_s - self._counts_from_s
        return received / elapsed_s if received > 0 and elapsed_s > 0 else None

    def count_from_here(self, now_s: float) -> None:
        """Let what came so far tell nothing of the rate: a host's first burst, say."""
        self._counts_from, self._counts_from_s = self.at, now_s


def open_piece(start: int, now_s: float) -> Segment:
    """Return a piece that lasts as long as its body does."""
    return Segment(start, LARGEST_OFFSET, now_s, reach=LARGEST_OFFSET, is_open=True)


class Segments(Struct):
    """The pieces of one file that are under way; no two of them share a byte."""

    smallest_bytes: int
    """No split makes a smaller one."""
    split_after_s: float
    """What comes within this time is not worth a second connection."""
    active: list[Segment] = []
    _is_split: bool = False
    """Whether there has been a second connection; an idle one costs a request and no more."""

    def take(self, done: Coverage, total: int, now_s: float) -> Segment | None:
        """Return work for an idle connection, which is under way from now on.

        Bytes that nobody fetches come first, from the beginning of the file;
        then the second half of the piece that would be the last to end.

        Returns: ``None`` if there is nothing, or nothing worth a connection.
        """
        covered = done
        for piece in self.active:
            covered = covered.add(piece.span)
        gaps = covered.gaps(total)
        if gaps:
            new = Segment(gaps[0].start, gaps[0].stop, now_s)
        elif (slowest := self._last_to_end(now_s)) is not None:
            new = _split(slowest, now_s)
            self._is_split = True
        else:
            return None
        self.active.append(new)
        return new

    def give_back(self, piece: Segment) -> None:
        """Note that a connection has let go of its piece, finished or not.

        A neighbour whose body goes on into it takes it over, so a connection
        that came in vain costs no further request. Else its rest is a gap.
        """
        self.active.remove(piece)
        if piece.at > piece.start:
            return
        for neighbour in self.active:
            if neighbour.stop == piece.start and neighbour.reach >= piece.stop:
                neighbour.stop = piece.stop
                return

    def _last_to_end(self, now_s: float) -> Segment | None:
        rates = [rate for piece in self.active if (rate := piece.rate_bytes_s(now_s))]
        typical = sum(rates) / len(rates) if rates else 0.0

        def left_s(piece: Segment) -> float:
            rate = piece.rate_bytes_s(now_s) or typical
            return piece.left_bytes / rate if rate else float(piece.left_bytes)

        splittable = (p for p in self.active if p.left_bytes >= 2 * self.smallest_bytes)
        last = max(splittable, key=left_s, default=None)
        worth_s = min(self.split_after_s, TAIL_S) if self._is_split else self.split_after_s
        return last if last is not None and left_s(last) >= worth_s else None


def _split(piece: Segment, now_s: float) -> Segment:
    """Cut off the second half of what is still to come of a piece, and return it."""
    middle = piece.at + piece.left_bytes // 2
    new = Segment(middle, piece.stop, now_s)
    piece.stop = middle
    return new
