"""What one run did, second by second, or request by request.

The line notes what each connection has carried and when, the server which requests came on it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from benchmarks.lines.serving import ACCESS_LOG, FORWARDER_NOTE

STEPS_PER_S = 10
"""Bytes are counted in steps of this length."""


@dataclass(frozen=True)
class Connection:
    """What the line carried on one connection; seconds since the epoch."""

    opened_s: float
    closed_s: float
    port: int
    """From which it reached the server."""
    sent: list[float]
    """When the client sent something."""
    received: list[tuple[float, int]]
    """When how many bytes reached the client."""


@dataclass(frozen=True)
class Handled:
    """One request as the server saw it; seconds since the epoch."""

    began_s: float
    ended_s: float
    status: int
    port: int
    """Which connection it came on."""
    path: str


@dataclass(frozen=True)
class Exchange:
    """One request as the client saw it; seconds since the epoch."""

    connection: int
    """Number of the connection, by the order in which they were opened."""
    is_first: bool
    """Whether it is the first on its connection."""
    sent_s: float
    first_byte_s: float
    last_byte_s: float
    size_bytes: int
    """What came, with heads and TLS."""
    request: Handled


def timeline(folder: Path, *, is_detailed: bool = False) -> str:
    """Return the last run as a table, and clear the notes that it is made of.

    Args:
        folder: Where the line and the server leave their notes.
        is_detailed: Whether a line stands for a request, not for a second.
    """
    connections = _read_connections(folder / FORWARDER_NOTE)
    handled = _read_log(folder / ACCESS_LOG)
    (folder / ACCESS_LOG).write_text("")
    if not connections:
        return "nothing was carried"
    table = requests_of if is_detailed else seconds_of
    return f"{table(connections, handled)}\n{totals_of(connections, handled)}"


def most_open(folder: Path) -> int:
    """Return how many connections the last run had open at once, those that carried something."""
    connections = _read_connections(folder / FORWARDER_NOTE)
    # One that is closed in the same moment comes first: it makes room for the other.
    moments = sorted(
        [(c.opened_s, 1) for c in connections] + [(c.closed_s, -1) for c in connections]
    )
    return max(accumulate(change for _, change in moments), default=0)


def _read_connections(path: Path) -> list[Connection]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    found = [Connection(**row) for row in rows]
    return [connection for connection in found if connection.received]


def _read_log(path: Path) -> list[Handled]:
    handled = []
    for line in path.read_text(encoding="utf-8").splitlines():
        ended, took, status, port, uri = line.split(" ", 4)
        began_s = float(ended) - float(took)
        handled.append(Handled(began_s, float(ended), int(status), int(port), uri))
    return sorted(handled, key=lambda request: request.began_s)


def seconds_of(connections: Sequence[Connection], handled: Sequence[Handled]) -> str:
    """Return a line for each second: connections open and carrying, MB, requests, calls."""
    began_s = min(connection.opened_s for connection in connections)
    steps: Counter[int] = Counter()
    carrying: Counter[int] = Counter()
    for connection in connections:
        own: Counter[int] = Counter()
        for when_s, size_bytes in connection.received:
            own[int(when_s * STEPS_PER_S)] += size_bytes
        steps.update(own)
        carrying.update(own.keys())
    last = int(max(steps) / STEPS_PER_S - began_s) + 1
    lines = ["    s  open  carrying   MB/s  requests  calls"]
    for second in range(last):
        start_s, stop_s = began_s + second, began_s + second + 1
        inside = [step for step in steps if start_s <= (step + 0.5) / STEPS_PER_S < stop_s]
        open_now = sum(c.opened_s < stop_s and c.closed_s > start_s for c in connections)
        busy = sum(carrying[step] for step in inside) / STEPS_PER_S
        megabytes = sum(steps[step] for step in inside) / 1e6
        asked = [request for request in handled if start_s <= request.began_s < stop_s]
        calls = [_name(r) for r in asked if "/api/" in r.path]
        lines.append(
            f"{second:5}{open_now:6}{busy:10.1f}{megabytes:7.1f}{len(asked) - len(calls):10}"
            f"  {' '.join(calls)}"
        )
    return "\n".join(lines)


def requests_of(connections: Sequence[Connection], handled: Sequence[Handled]) -> str:
    """Return a line for each request: when it was sent, and when its first and last bytes came.

    A connection's opening is on the line of its first request. Seconds count from the first one.
    """
    began_s = min(connection.opened_s for connection in connections)
    lines = ["connection  opened    sent   first    last      kB  status  path"]
    exchanges = [e for number, c in enumerate(connections) for e in _exchanges(number, c, handled)]
    for exchange in sorted(exchanges, key=lambda exchange: exchange.sent_s):
        opened_s = connections[exchange.connection].opened_s
        moments_s = (exchange.sent_s, exchange.first_byte_s, exchange.last_byte_s)
        lines.append(
            f"{exchange.connection:10}"
            + (f"{opened_s - began_s:8.3f}" if exchange.is_first else " " * 8)
            + "".join(f"{moment_s - began_s:8.3f}" for moment_s in moments_s)
            + f"{exchange.size_bytes / 1e3:8.0f}{exchange.request.status:8}"
            + f"  {exchange.request.path.rsplit('/', 1)[-1]}"
        )
    return "\n".join(lines)


def _exchanges(
    number: int, connection: Connection, handled: Sequence[Handled]
) -> Iterator[Exchange]:
    """Yield what was requested on one connection, and what came for it."""
    own = [request for request in handled if request.port == connection.port]
    # The last of what was sent before the server had it is the request.
    sent = [max(s for s in connection.sent if s <= request.began_s) for request in own]
    for at, request in enumerate(own):
        until_s = sent[at + 1] if at + 1 < len(sent) else math.inf
        came = [(s, size) for s, size in connection.received if request.began_s <= s < until_s]
        if came:
            size_bytes = sum(size for _, size in came)
            yield Exchange(number, at == 0, sent[at], came[0][0], came[-1][0], size_bytes, request)


def totals_of(connections: Sequence[Connection], handled: Sequence[Handled]) -> str:
    """Return how many connections and requests there were, what they carried, and from when on."""
    carried = sum(size for connection in connections for _, size in connection.received)
    files = [request for request in handled if "/api/" not in request.path]
    began_s = min(connection.opened_s for connection in connections)
    first = f", the first for a file after {files[0].began_s - began_s:.1f} s" if files else ""
    return (
        f"{len(connections)} connections, {len(handled) - len(files)} calls, {len(files)} requests "
        f"for files{first}; {carried / 1e6:.1f} MB"
    )


def _name(request: Handled) -> str:
    return f"{request.path.rsplit('/', 1)[-1]}({request.ended_s - request.began_s:.1f})"
