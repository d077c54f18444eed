"""How long an event loop leaves what is due waiting: a timer that notes how late it is.

On a machine that others use, too, a loop is late when they have the processors. So the CPU time
that the process itself took meanwhile, in all its threads, is noted as well.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TextIO

EVERY_S = 0.002
"""Between two ticks: far less than the lag that matters, and no load worth mentioning."""


@dataclass
class LagMonitor:
    """Notes, tick by tick, how late the loop was. Used once, on a running loop."""

    lags_s: list[float] = field(default_factory=list)
    own_s: list[float] = field(default_factory=list)
    """How much of each lag the process itself computed, in any thread, at most."""
    _due_s: float = 0.0
    _cpu_s: float = 0.0
    _handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._wait()

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    @property
    def is_late_s(self) -> float:
        """For how long the present tick has been due; may be read by another thread."""
        return time.monotonic() - self._due_s if self._due_s else 0.0

    def _wait(self) -> None:
        self._due_s, self._cpu_s = time.monotonic() + EVERY_S, time.process_time()
        self._handle = asyncio.get_running_loop().call_later(EVERY_S, self._tick)

    def _tick(self) -> None:
        lag_s = time.monotonic() - self._due_s
        self.lags_s.append(lag_s)
        self.own_s.append(min(lag_s, time.process_time() - self._cpu_s))
        self._wait()


def percentiles(lags_s: list[float]) -> dict[str, float]:
    """Return median, 99th percentile and maximum, in milliseconds."""
    ordered = sorted(lags_s) or [0.0]
    at = {"median": len(ordered) // 2, "p99": len(ordered) * 99 // 100, "max": -1}
    return {name: round(1000 * ordered[place], 2) for name, place in at.items()}


@dataclass
class LongestCollection:
    """The longest garbage collection so far; a list of all would be memory of its own."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    """Of the thread that collected; the longest by this is not always the same one."""


@contextmanager
def collections_timed() -> Iterator[LongestCollection]:
    """Yield the longest garbage collection of the block."""
    longest = LongestCollection()
    began_s = began_cpu_s = 0.0

    def note(phase: str, facts: Mapping[str, int]) -> None:
        nonlocal began_s, began_cpu_s
        if phase == "start":
            began_s, began_cpu_s = time.perf_counter(), time.thread_time()
        else:
            longest.wall_s = max(longest.wall_s, time.perf_counter() - began_s)
            longest.cpu_s = max(longest.cpu_s, time.thread_time() - began_cpu_s)

    gc.callbacks.append(note)
    try:
        yield longest
    finally:
        gc.callbacks.remove(note)


def _shown(frame: FrameType) -> str:
    calls = [f"{at.f_code.co_name}:{line}" for at, line in traceback.walk_stack(frame)]
    return " > ".join(reversed(calls[:7]))


class StackSampler(threading.Thread):
    """Collects what all threads do while the loop is late: finds what blocks it.

    Args:
        monitor: Of the loop.
        late_s: From this lag on stacks are taken.
    """

    def __init__(self, monitor: LagMonitor, late_s: float = 0.01) -> None:
        super().__init__(daemon=True)
        self._monitor = monitor
        self._late_s = late_s
        self._seen: Counter[str] = Counter()
        self._is_over = threading.Event()

    def run(self) -> None:
        while not self._is_over.wait(self._late_s / 4):
            if self._monitor.is_late_s > self._late_s:
                for frame in sys._current_frames().values():
                    self._seen[_shown(frame)] += 1

    def print(self, out: TextIO, most: int = 25) -> None:
        self._is_over.set()
        for stack, times in self._seen.most_common(most):
            print(f"{times:6} {stack}", file=out)
