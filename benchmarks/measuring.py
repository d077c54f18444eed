"""One program, run once: its wall time, its CPU time and its peak of memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """What one run took."""

    wall_s: float
    cpu_s: float
    """User and system, over all its processes and threads."""
    peak_rss_mib: float
    """Never less than that of this process when it started the other."""


def run(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run a program to its end.

    Raises: RuntimeError, if it says that it failed.
    """
    began_s = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **environment})
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began_s
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return Run(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def in_turns(
    title: str, names: Sequence[str], rounds: int, run_once: Callable[[str], Run]
) -> dict[str, Summary]:
    """Run every program once in each round, so that a noisy moment meets all of them.

    Args:
        title: What is run, for the notes on standard error.
        names: The programs; another one begins each round.
        rounds: 1 or more.
        run_once: Runs a program to its end, and checks what it has done.
    """
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in [*names[turn:], *names[:turn]]:
            runs[name].append(run_once(name))
            print(f"{title}: {name}: {runs[name][-1].wall_s:.2f} s", file=sys.stderr)
    return {name: Summary(tuple(done)) for name, done in runs.items()}


@dataclass(frozen=True)
class Summary:
    """Several runs of one program, taken in turns with the others."""

    runs: tuple[Run, ...]

    @property
    def wall_s(self) -> float:
        return statistics.median(run.wall_s for run in self.runs)

    @property
    def spread(self) -> str:
        """The fastest and the slowest run."""
        walls = [run.wall_s for run in self.runs]
        return f"{min(walls):.2f} to {max(walls):.2f}"

    @property
    def cpu_s(self) -> float:
        return statistics.median(run.cpu_s for run in self.runs)

    @property
    def peak_rss_mib(self) -> float:
        return max(run.peak_rss_mib for run in self.runs)

    def times(self, other: Summary) -> float:
        """Return how many times longer these runs took: the median of pairs, round by round."""
        pairs = zip(self.runs, other.runs, strict=True)
        return statistics.median(one.wall_s / two.wall_s for one, two in pairs)

    def cpu_times(self, other: Summary) -> float:
        """Return the same for CPU time."""
        pairs = zip(self.runs, other.runs, strict=True)
        return statistics.median(one.cpu_s / two.cpu_s for one, two in pairs)
