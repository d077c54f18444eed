"""Hosts with troubles: chance failures in a long job, and a dead host in a list.

::

    python -m benchmarks.troubled [--only failing|dead] [--rounds N]

``failing``: the same files from a real nginx that answers a share of all requests with 503; the
time is compared with that of no failures, in pairs. ``dead``: 200 files, every tenth of a host
that is not there; what counts is the time until every file of the living host is there, after
which a program is stopped: how long it goes on about the dead one is its own affair.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.compare import workplace
from benchmarks.measuring import Run, run
from benchmarks.scenarios import MIB, Scenario, check_files, make_files
from benchmarks.servers import dropped, free_ports, nginx, refused

SHARES = (0, 1, 5, 10)
"""Percent of requests that fail."""
CAP_BYTES_S = 4 * MIB
"""For each connection: so that connections are what matters, not the cores."""
AT_ONCE = 8
FAILING = Scenario("failing", "200 files of 2 MiB, 8 at once", 200, 2 * MIB, (), at_once=AT_ONCE)
DEAD = Scenario("dead", "180 files of 256 KiB, 5 at once, and 20 dead ones", 180, 256 << 10, ())
DEAD_EVERY = 10
LONGEST_S = 100.0
"""After this a program is stopped, whatever is missing."""

_SPLIT = 'split_clients "$request_id" $fails{share} {{ {share}% 1; * 0; }}'
_SERVER = """
    {split}
    server {{
        listen 127.0.0.1:{port};
        limit_rate {cap};
        location / {{ if ($fails{share}) {{ return 503; }} }}
    }}"""
_PLAIN = """
    map $uri $fails0 {{ default 0; }}
    server {{ listen 127.0.0.1:{port}; limit_rate {cap}; }}"""


@contextmanager
def serve(data: Path, folder: Path) -> Iterator[dict[int, str]]:
    """Serve ``data`` with each share of failures; gives the origins."""
    ports = dict(zip(SHARES, free_ports(len(SHARES)), strict=True))
    servers = "".join(
        (_SERVER if share else _PLAIN).format(
            split=_SPLIT.format(share=share), share=share, port=port, cap=CAP_BYTES_S
        )
        for share, port in ports.items()
    )
    with nginx(data, folder, servers, ports[0]):
        yield {share: f"http://127.0.0.1:{port}" for share, port in ports.items()}


# --- chance failures --------------------------------------------------------------------


def failing(folder: Path, origins: dict[int, str], rounds: int) -> str:
    """Return a table of the times at each share of failures."""
    make_files(FAILING, folder / "data")
    runs: dict[int, list[Run]] = {share: [] for share in SHARES}
    for number in range(rounds):
        turn = number % len(SHARES)
        for share in (*SHARES[turn:], *SHARES[:turn]):
            runs[share].append(_fetch_all(folder, origins[share]))
            print(f"{share} %: {runs[share][-1].wall_s:.2f} s", file=sys.stderr)
    lines = [
        f"### {FAILING.title}, {CAP_BYTES_S // MIB} MiB/s per connection (`failing`)\n",
        "| requests that fail with 503 | wall, s | throughput / that of none | peak RSS, MiB |",
        "|---|---:|---:|---:|",
    ]
    for share, done in runs.items():
        pairs = zip(runs[0], done, strict=True)
        ratio = statistics.median(none.wall_s / some.wall_s for none, some in pairs)
        wall_s = statistics.median(each.wall_s for each in done)
        peak = max(each.peak_rss_mib for each in done)
        lines.append(f"| {share} % | {wall_s:.2f} | {ratio:.2f} | {peak:.0f} |")
    return "\n".join(lines)


def _fetch_all(folder: Path, origin: str) -> Run:
    target = folder / "copies"
    target.mkdir()
    try:
        urls = folder / "notes" / "urls.txt"
        urls.write_text("".join(f"{origin}/{name}\n" for name in FAILING.file_names))
        taken = run(_asyncdl(urls, target, AT_ONCE), {})
        check_files(FAILING, folder / "data", target)
        return taken
    finally:
        shutil.rmtree(target)


# --- a dead host in a list ----------------------------------------------------------------


@dataclass(frozen=True)
class Finish:
    """When the files of the living host were there."""

    good_s: float
    good: int
    peak_rss_mib: float


def _asyncdl(urls: Path, target: Path, at_once: int) -> list[str]:
    options = ["-q", "-x", "1", "-j", str(at_once)]
    return [sys.executable, "-m", "asyncdl", "get", *options, *_into(target), "-i", str(urls)]


def _into(target: Path) -> list[str]:
    """Return the option for the folder, as this version spells it."""
    shown = subprocess.run(
        [sys.executable, "-m", "asyncdl", "get", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    return ["-d" if "-d, " in shown.stdout else "-o", str(target)]


def _curl(urls: Path, target: Path, at_once: int) -> list[str]:
    config = urls.with_name("curl.conf")
    config.write_text(
        "".join(
            f'url = "{url}"\noutput = "{target}/{url.rpartition("/")[2]}"\n'
            for url in urls.read_text().split()
        )
    )
    quiet = ["--silent", "--no-progress-meter", "--connect-timeout", "30", "--fail"]
    return ["curl", *quiet, "-Z", "--parallel-max", str(at_once), "-K", str(config)]


def _aria2c(urls: Path, target: Path, at_once: int) -> list[str]:
    return [
        *("aria2c", "--quiet", "--no-conf", "--file-allocation=none", "-d", str(target)),
        *("-j", str(at_once), "--connect-timeout=30", "-i", str(urls)),
    ]


PROGRAMS: dict[str, Callable[[Path, Path, int], list[str]]] = {
    "asyncdl": _asyncdl,
    "curl -Z": _curl,
    "aria2c": _aria2c,
}
KINDS = {"refuses connections": refused, "drops packets": dropped}


def dead(folder: Path, origin: str, rounds: int) -> str:
    """Return a table of the times until all good files are there."""
    make_files(DEAD, folder / "data")
    lines = [
        f"### {DEAD.title} (`dead`)\n",
        "| the dead host | program | good files | there after, s | asyncdl's / its | RSS, MiB |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for kind, host in KINDS.items():
        runs: dict[str, list[Finish]] = {name: [] for name in PROGRAMS}
        for _ in range(rounds):
            for name in PROGRAMS:
                with host() as dead_origin:
                    runs[name].append(_finish(folder, name, origin, dead_origin))
                print(f"{kind}: {name}: {runs[name][-1]}", file=sys.stderr)
        lines += [_dead_line(kind, name, runs["asyncdl"], runs[name]) for name in PROGRAMS]
    return "\n".join(lines)


def _dead_line(kind: str, name: str, ours: Sequence[Finish], theirs: Sequence[Finish]) -> str:
    ratio = statistics.median(a.good_s / b.good_s for a, b in zip(ours, theirs, strict=True))
    good_s = statistics.median(finish.good_s for finish in theirs)
    peak = max(finish.peak_rss_mib for finish in theirs)
    good = min(finish.good for finish in theirs)
    return f"| {kind} | {name} | {good} | {good_s:.2f} | {ratio:.2f} | {peak:.0f} |"


def _finish(folder: Path, name: str, origin: str, dead_origin: str) -> Finish:
    target, urls = folder / "copies", folder / "notes" / "dead.txt"
    target.mkdir()
    try:
        urls.write_text("".join(f"{url}\n" for url in _list(origin, dead_origin)))
        command = PROGRAMS[name](urls, target, DEAD.at_once)
        return _watch(command, target)
    finally:
        shutil.rmtree(target)


def _list(origin: str, dead_origin: str) -> Iterator[str]:
    """Yield the URLs; each tenth, the first included, is one of the dead host."""
    for number, name in enumerate(DEAD.file_names):
        if number % (DEAD_EVERY - 1) == 0:
            yield f"{dead_origin}/dead-{number}.bin"
        yield f"{origin}/{name}"


def _watch(command: Sequence[str], target: Path) -> Finish:
    """Run a program until the good files are there, it ends, or the time is over."""
    began_s = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ended, status, peak_kib = 0, 0, 0
    while (good := _count(target)) < DEAD.count and time.perf_counter() - began_s < LONGEST_S:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            peak_kib = usage.ru_maxrss
            break
        time.sleep(0.02)
    good_s = time.perf_counter() - began_s
    if not ended:
        os.kill(process.pid, signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
        peak_kib = usage.ru_maxrss
    process.returncode = os.waitstatus_to_exitcode(status)
    return Finish(good_s, max(good, _count(target)), peak_kib / 1024)


def _count(target: Path) -> int:
    """Count the files that are whole: of their size, and no note beside them."""
    names = {path.name for path in target.iterdir()}
    return sum(
        name in names
        and f"{name}.aria2" not in names
        and (target / name).stat().st_size == DEAD.size_bytes
        for name in DEAD.file_names
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print what goes into the README."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", choices=["failing", "dead"])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with workplace() as folder, serve(folder / "data", folder / "nginx") as origins:
        if options.only != "dead":
            print(failing(folder, origins, options.rounds))
        if options.only != "failing":
            print(dead(folder, origins[0], options.rounds))


if __name__ == "__main__":
    main()
