"""One program, run once: its wall time, its CPU time and its peak of memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launcher.py")


@dataclass(frozen=True)
class Run:
    """What one run took."""

    wall_s: float
    cpu_s: float
    """User and system, over all its processes and threads."""
    peak_rss_mib: float
    """Never less than that of the launcher, some 10 MiB."""
    last_file_s: float | None = None
    """When the last file had its name; ``None`` where nothing follows it."""
    closing_s: float | None = None
    """The least time for what it does after that; ``None`` where nothing follows."""
    connections: int | None = None
    """Most of them open at once; ``None`` where nobody counts."""


def run(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run a program to its end.

    Raises: RuntimeError, if it says that it failed.
    """
    reading, writing = os.pipe()
    launcher = [sys.executable, "-I", "-S", str(_LAUNCHER), str(writing)]
    with os.fdopen(reading) as report:
        process = subprocess.Popen(
            [*launcher, *command], env={**os.environ, **environment}, pass_fds=[writing]
        )
        os.close(writing)
        text = report.read()
    if process.wait():
        raise RuntimeError(f"{command[0]} could not be started")
    wall_s, cpu_s, peak_kib, status = map(float, text.split())
    code = os.waitstatus_to_exitcode(int(status))
    if code:
        raise RuntimeError(f"{command[0]} ended with {code}")
    return Run(wall_s, cpu_s, peak_kib / 1024)


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

    @property
    def last_file_s(self) -> float | None:
        found = [run.last_file_s for run in self.runs if run.last_file_s is not None]
        return statistics.median(found) if found else None

    @property
    def closing_s(self) -> float:
        return max((run.closing_s for run in self.runs if run.closing_s), default=0.0)

    @property
    def connections(self) -> int | None:
        return max((run.connections for run in self.runs if run.connections), default=None)

    def times(self, other: Summary) -> float:
        """Return how many times longer these runs took: the median of pairs, round by round."""
        pairs = zip(self.runs, other.runs, strict=True)
        return statistics.median(one.wall_s / two.wall_s for one, two in pairs)

    def cpu_times(self, other: Summary) -> float:
        """Return the same for CPU time."""
        pairs = zip(self.runs, other.runs, strict=True)
        return statistics.median(one.cpu_s / two.cpu_s for one, two in pairs)
