"""How a long line carries bytes: pure arithmetic, with the time as an argument.

A line has a round trip, a rate for each connection and one in all. Its connections behave as
TCP's do with Reno's rules: a window that starts small and doubles with every round trip, halves
with a loss, then grows by a segment for each round trip, and starts small again after a rest.

Source: RFC 5681 (slow start, congestion avoidance, restart of idle connections), RFC 6928
(initial window), RFC 6582 (one halving for all losses of one window).
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

SEGMENT_BYTES = 1460
INITIAL_WINDOW_BYTES = 10 * SEGMENT_BYTES
MOST_AT_ONCE_BYTES = 64 << 10
"""A connection sends no more in one piece, so that pieces of all connections alternate."""
SLACK_S = 0.02
"""What was possible so long ago may still be made up for: the machine wakes nobody in time."""


@dataclass(frozen=True, slots=True)
class Line:
    """The properties of a line."""

    round_trip_s: float
    connection_bytes_s: float = math.inf
    """What one connection gets at most."""
    total_bytes_s: float = math.inf
    """What all get together."""
    loss_every_bytes: float = math.inf
    """Mean distance between two losses on one connection."""
    idle_s: float = 1.0
    """A connection that rests longer starts slowly again."""

    @property
    def most_in_flight_bytes(self) -> float:
        """The largest window of a connection: the rate times the round trip, and one piece."""
        if math.isinf(self.connection_bytes_s):
            return math.inf
        return self.connection_bytes_s * self.round_trip_s + MOST_AT_ONCE_BYTES


class Pipe:
    """What all connections of a line share: bytes leave one after another."""

    def __init__(self, bytes_s: float) -> None:
        self._bytes_s = bytes_s
        self._free_s = -math.inf

    def depart(self, now_s: float, size_bytes: int) -> float:
        """Take bytes; return when the last of them is on its way."""
        self._free_s = max(self._free_s, now_s) + size_bytes / self._bytes_s
        return self._free_s


class Flow:
    """One connection, from the server to the client.

    Args:
        line: Its properties.
        pipe: What it shares with the other connections of this line.
        seed: Another seed, other losses.
    """

    def __init__(self, line: Line, pipe: Pipe, seed: int = 0) -> None:
        self._line = line
        self._pipe = pipe
        self._losses = _distances(line.loss_every_bytes, seed)
        self._until_loss_bytes = next(self._losses)
        self.window_bytes: float = INITIAL_WINDOW_BYTES
        self._slow_until_bytes = math.inf
        """Up to this window it doubles with every round trip."""
        self._in_flight_bytes = 0
        self._acknowledged: deque[tuple[float, int]] = deque()
        """When how many bytes in flight will be known to have arrived."""
        self._paced_s = -math.inf
        self._sent_s = -math.inf
        self._arrived_s = -math.inf
        self._halved_s = -math.inf

    def ready_s(self, now_s: float) -> float:
        """Return when something may be sent: ``now_s``, earlier or later."""
        self._collect(now_s)
        if self._room() > 0:
            return self._paced_s
        freed_s = next(
            when_s
            for when_s, total_bytes in self._upcoming()
            if self.window_bytes - self._in_flight_bytes + total_bytes >= SEGMENT_BYTES
        )
        return max(self._paced_s, freed_s)

    def may_send_bytes(self, now_s: float) -> int:
        """Return how many bytes may be sent now; 0 before :meth:`ready_s`."""
        self._collect(now_s)
        return self._room() if now_s >= self._paced_s else 0

    def send(self, now_s: float, size_bytes: int) -> float:
        """Send bytes, no more than may be sent; return when they have arrived, in order."""
        self._collect(now_s)
        self._sent_s = now_s
        self._paced_s = max(self._paced_s, now_s) + size_bytes / self._line.connection_bytes_s
        departed_s = max(self._paced_s, self._pipe.depart(now_s, size_bytes))
        arrived_s = departed_s + self._line.round_trip_s / 2
        if self._loses(size_bytes):
            # Whatever comes behind waits for what is sent again.
            arrived_s += self._line.round_trip_s
            self._halve(now_s)
        self._arrived_s = max(self._arrived_s, arrived_s)
        self._in_flight_bytes += size_bytes
        self._acknowledged.append((self._arrived_s + self._line.round_trip_s / 2, size_bytes))
        return self._arrived_s

    def _room(self) -> int:
        room = int(self.window_bytes - self._in_flight_bytes)
        return min(room, MOST_AT_ONCE_BYTES) if room >= SEGMENT_BYTES else 0

    def _upcoming(self) -> Iterator[tuple[float, int]]:
        """Yield when how many bytes will have been acknowledged in all."""
        total_bytes = 0
        for when_s, size_bytes in self._acknowledged:
            total_bytes += size_bytes
            yield when_s, total_bytes

    def _collect(self, now_s: float) -> None:
        """Let acknowledged bytes make room, and the window grow; a rest makes it small again."""
        while self._acknowledged and self._acknowledged[0][0] <= now_s:
            _, size_bytes = self._acknowledged.popleft()
            self._in_flight_bytes -= size_bytes
            self._grow(size_bytes)
        if not self._acknowledged and now_s - self._sent_s > self._line.idle_s:
            self.window_bytes = min(self.window_bytes, INITIAL_WINDOW_BYTES)

    def _grow(self, size_bytes: int) -> None:
        is_slow_start = self.window_bytes < self._slow_until_bytes
        growth = size_bytes if is_slow_start else SEGMENT_BYTES * size_bytes / self.window_bytes
        self.window_bytes = min(self.window_bytes + growth, self._line.most_in_flight_bytes)

    def _loses(self, size_bytes: int) -> bool:
        self._until_loss_bytes -= size_bytes
        if self._until_loss_bytes > 0:
            return False
        self._until_loss_bytes = next(self._losses)
        return True

    def _halve(self, now_s: float) -> None:
        if now_s < self._halved_s + self._line.round_trip_s:
            return
        self._halved_s = now_s
        self.window_bytes = max(self.window_bytes / 2, 2 * SEGMENT_BYTES)
        self._slow_until_bytes = self.window_bytes


def _distances(mean_bytes: float, seed: int) -> Iterator[float]:
    """Yield how many bytes there are up to each next loss."""
    chance = random.Random(seed)
    while True:
        yield math.inf if math.isinf(mean_bytes) else chance.expovariate(1 / mean_bytes)


def carry(flows: list[Flow], sizes_bytes: list[int], began_s: float = 0.0) -> list[float]:
    """Send one body on each flow, all from the same moment on; return when each has arrived.

    This is what the sockets do, on a clock of its own.
    """
    left = list(sizes_bytes)
    arrived = [began_s] * len(flows)
    now_s = began_s
    while any(left):
        ready_s, number = min(
            (max(now_s, flow.ready_s(now_s)), number)
            for number, flow in enumerate(flows)
            if left[number]
        )
        now_s = ready_s
        size_bytes = min(flows[number].may_send_bytes(now_s), left[number])
        left[number] -= size_bytes
        arrived[number] = flows[number].send(now_s, size_bytes)
    return arrived
