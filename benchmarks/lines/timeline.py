"""What one run did, second by second: connections, bytes, and which requests came when."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from benchmarks.lines.forwarder import STEPS_PER_S
from benchmarks.lines.serving import ACCESS_LOG, FORWARDER_NOTE


@dataclass(frozen=True)
class Connection:
    """What the line carried on one connection; seconds since the epoch."""

    opened_s: float
    closed_s: float
    bytes_by_step: dict[int, int]


@dataclass(frozen=True)
class Handled:
    """One request as the server saw it; seconds since the epoch."""

    began_s: float
    ended_s: float
    status: int
    path: str


def timeline(folder: Path) -> str:
    """Return the seconds of the last run as a table, and clear the notes that it is made of."""
    connections = _read_connections(folder / FORWARDER_NOTE)
    handled = _read_log(folder / ACCESS_LOG)
    (folder / ACCESS_LOG).write_text("")
    if not connections:
        return "nothing was carried"
    return f"{seconds_of(connections, handled)}\n{totals_of(connections, handled)}"


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
    found = [Connection(opened, closed, dict(steps)) for opened, closed, steps in rows]
    return [connection for connection in found if connection.bytes_by_step]


def _read_log(path: Path) -> list[Handled]:
    handled = []
    for line in path.read_text(encoding="utf-8").splitlines():
        ended, took, status, _, uri = line.split(" ", 4)
        handled.append(Handled(float(ended) - float(took), float(ended), int(status), uri))
    return sorted(handled, key=lambda request: request.began_s)


def seconds_of(connections: Sequence[Connection], handled: Sequence[Handled]) -> str:
    """Return a line for each second: connections open and carrying, MB, requests, calls."""
    began_s = min(connection.opened_s for connection in connections)
    steps: Counter[int] = Counter()
    carrying: Counter[int] = Counter()
    for connection in connections:
        for step, size_bytes in connection.bytes_by_step.items():
            steps[step] += size_bytes
            carrying[step] += 1
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


def totals_of(connections: Sequence[Connection], handled: Sequence[Handled]) -> str:
    """Return how many connections and requests there were, what they carried, and from when on."""
    carried = sum(sum(connection.bytes_by_step.values()) for connection in connections)
    files = [request for request in handled if "/api/" not in request.path]
    began_s = min(connection.opened_s for connection in connections)
    first = f", the first for a file after {files[0].began_s - began_s:.1f} s" if files else ""
    return (
        f"{len(connections)} connections, {len(handled) - len(files)} calls, {len(files)} requests "
        f"for files{first}; {carried / 1e6:.1f} MB"
    )


def _name(request: Handled) -> str:
    return f"{request.path.rsplit('/', 1)[-1]}({request.ended_s - request.began_s:.1f})"
