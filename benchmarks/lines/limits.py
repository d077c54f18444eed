"""The least time that anybody can need: from the line, the sizes and the calls alone.

Bounds, not forecasts: whatever breaks one of them has not fetched everything. Losses are left
out, and every round trip is counted once where all connections can wait for it together.
"""

from __future__ import annotations

import math
from collections.abc import Container, Sequence
from dataclasses import dataclass

from benchmarks.lines.model import INITIAL_WINDOW_BYTES, Line

CONNECTIONS = 16
"""What a considerate client opens at most, and asyncdl's default."""
_OPENING_ROUND_TRIPS = 2
"""TCP and TLS 1.3; the request and its first byte are another one."""


def flow_s(size_bytes: float, line: Line, connections: int = CONNECTIONS) -> float:
    """Return the time of bytes from the request to the last one, on fresh connections.

    The windows of all connections double with every round trip until the line is full.
    """
    full_bytes_s = min(line.total_bytes_s, connections * line.connection_bytes_s)
    if line.round_trip_s == 0:
        return size_bytes / full_bytes_s
    window_bytes: float = INITIAL_WINDOW_BYTES
    round_trips, left_bytes = 1, size_bytes
    while True:
        flight = min(
            connections * min(window_bytes, line.most_in_flight_bytes),
            line.total_bytes_s * line.round_trip_s,
        )
        if left_bytes <= flight or window_bytes >= line.most_in_flight_bytes:
            return round_trips * line.round_trip_s + left_bytes / full_bytes_s
        left_bytes -= flight
        round_trips += 1
        window_bytes *= 2


def turns_s(sizes_bytes: Sequence[int], line: Line, connections: int = CONNECTIONS) -> float:
    """Return the time of requests one after another, each with its round trip, on all connections.

    To split a file makes more requests of it, so this bounds that, too.
    """
    each_s = (line.round_trip_s + size / line.connection_bytes_s for size in sizes_bytes)
    return sum(each_s) / connections


def list_limit_s(sizes_bytes: Sequence[int], line: Line, connections: int = CONNECTIONS) -> float:
    """Return the least time for a list of files, from the program's start to the last byte."""
    carried_s = flow_s(sum(sizes_bytes), line, connections)
    turns = turns_s(sizes_bytes, line, connections)
    return _OPENING_ROUND_TRIPS * line.round_trip_s + max(carried_s, turns)


@dataclass(frozen=True, slots=True)
class JobFile:
    """One file of a job."""

    size_bytes: int
    is_prepared: bool
    """Whether the service makes it after the request, so that it takes one call more."""
    can_be_split: bool
    """Whether it comes in ranges that may be trusted to belong together."""


CLOSING = ("download-order-remove", "logout")
"""Calls that end an order and a session: a client that makes them can do so after its last file
only, and nobody has to make them to have the files."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What the service takes for a call, and how many have to come before a file."""

    each_s: float
    """From the request's arrival to the reply."""
    before_the_first_file: int
    """One after another: the service serves no two calls of a user at once."""

    def ready_s(self, file: JobFile, line: Line) -> float:
        """Return when the link of a file can be there at the earliest."""
        number = self.before_the_first_file + file.is_prepared
        return _OPENING_ROUND_TRIPS * line.round_trip_s + self.together_s(number, line)

    def closing_s(self, made: Container[str], line: Line) -> float:
        """Return the least time for what a client calls after its last file.

        Args:
            made: The endpoints that it has called; only those of :data:`CLOSING` count, each once.
            line: What each call crosses.
        """
        return self.together_s(sum(endpoint in made for endpoint in CLOSING), line)

    def together_s(self, number: int, line: Line) -> float:
        """Return the least time of calls one after another, on a connection that is open."""
        return number * (self.each_s + line.round_trip_s)


def job_limit_s(
    files: Sequence[JobFile], calls: Calls, line: Line, connections: int = CONNECTIONS
) -> float:
    """Return the least time for a job; connections may have been opened during the calls.

    A client that splits its request, so that some links come after fewer calls than all of them
    need, can stay below.
    """
    groups = [files, [file for file in files if file.is_prepared]]
    bounds = [
        calls.ready_s(group[0], line) + _carried_s([f.size_bytes for f in group], line, connections)
        for group in (sorted(group, key=lambda file: file.is_prepared) for group in groups)
        if group
    ]
    bounds += [
        calls.ready_s(file, line) + line.round_trip_s + file.size_bytes / line.connection_bytes_s
        for file in files
        if not file.can_be_split and not math.isinf(line.connection_bytes_s)
    ]
    return max(bounds)


def _carried_s(sizes_bytes: Sequence[int], line: Line, connections: int) -> float:
    carried_s = flow_s(sum(sizes_bytes), line, connections)
    return max(carried_s, turns_s(sizes_bytes, line, connections))
