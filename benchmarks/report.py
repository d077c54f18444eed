"""The figures as Markdown, with the machine and the versions they were taken on."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.contestants import VERSIONS, versions
from benchmarks.measuring import Summary

_COLUMNS = (
    "program", "wall, s", "fastest to slowest", "CPU, s", "peak RSS, MiB",
    "asyncdl's wall / its", "asyncdl's CPU / its",
)  # fmt: skip
_SHARE = "share of the limit"
_CONNECTIONS = "connections"
_LAST_FILE = ("with its closing calls", "last file, s", "its share of the limit")
_BEGIN, _END = "<!-- figures begin -->", "<!-- figures end -->"


def headline(rounds: int, programs: Mapping[str, Sequence[str]] = VERSIONS) -> str:
    """Return when and on what the figures were taken.

    Args:
        rounds: How many there are.
        programs: Commands that print a version first.
    """
    load = " ".join(f"{load:.1f}" for load in os.getloadavg())
    rounds_and_load = f"{rounds} rounds; load average before the first: {load}"
    return machine_facts([rounds_and_load, *versions(programs)])


def machine_facts(more: Iterable[str]) -> str:
    """Return the machine and the state of this project as a list, and what else there is to say."""
    loop = f"uvloop {version('uvloop')}" if find_spec("uvloop") else "asyncio's own loop"
    now = datetime.datetime.now(datetime.UTC)
    facts = [
        f"{now:%Y-%m-%d %H:%M} UTC, commit {_commit()}",
        f"{_processor()}, {os.cpu_count()} CPUs, {_memory_gib():.0f} GiB",
        f"{platform.system()} {platform.release()}",
        f"CPython {platform.python_version()}, aiohttp {version('aiohttp')}, {loop}",
        *more,
    ]
    return "".join(f"- {fact}\n" for fact in facts)


def table(
    title: str, name: str, results: Mapping[str, Summary], limit_s: float | None = None
) -> str:
    """Return one scenario: medians, the spread, and how asyncdl compares.

    Args:
        title: What it is.
        name: What it is called on the command line.
        results: Of each program; one that stands for asyncdl, if it is missing, is the first.
        limit_s: The least time that anybody can need; each program's share of it is a column.
            Where it goes on after its last file, there are two more: the share of the least time
            with those calls, and that of the last file. Most connections at once follow, where
            they are counted.
    """
    ours = results.get("asyncdl") or next(iter(results.values()))
    columns = _COLUMNS if limit_s is None else (*_COLUMNS, _SHARE)
    if ours.last_file_s is not None:
        columns = (*columns, *_LAST_FILE)
    if ours.connections is not None:
        columns = (*columns, _CONNECTIONS)
    lines = [
        f"### {title} (`{name}`)\n",
        _row(columns),
        _row(["---", *["---:"] * len(columns[1:])]),
    ]
    for program, theirs in results.items():
        figures = (theirs.wall_s, theirs.cpu_s, ours.times(theirs), ours.cpu_times(theirs))
        wall_s, cpu_s, wall_ratio, cpu_ratio = (f"{figure:.2f}" for figure in figures)
        memory = f"{theirs.peak_rss_mib:.0f}"
        share = [] if limit_s is None else [f"{limit_s / theirs.wall_s:.2f}"]
        if limit_s is not None and theirs.last_file_s is not None:
            share.append(f"{(limit_s + theirs.closing_s) / theirs.wall_s:.2f}")
            share += [f"{theirs.last_file_s:.2f}", f"{limit_s / theirs.last_file_s:.2f}"]
        if theirs.connections is not None:
            share.append(str(theirs.connections))
        lines.append(
            _row([program, wall_s, theirs.spread, cpu_s, memory, wall_ratio, cpu_ratio, *share])
        )
    return "\n".join(lines) + "\n"


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def write_into(path: Path, figures: str) -> None:
    """Replace the figures in a Markdown file by new ones.

    Raises: ValueError, if the file has no place for them.
    """
    before, _, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"{path} has no {_BEGIN} and {_END}")
    path.write_text(f"{before}{_BEGIN}\n\n{figures}\n{_END}{after}", encoding="utf-8")


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
