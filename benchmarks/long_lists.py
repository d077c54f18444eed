"""What a file of a list costs, as the list grows: wall, CPU and memory of ``asyncdl get``.

::

    python -m benchmarks.long_lists [--files 1000 10000 100000] [--size BYTES] [--rounds N]

One nginx serves one small file under as many names as there are URLs. The start is taken off:
that of the same command with an empty list, in the same round.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.compare import PACKAGE, workplace
from benchmarks.measuring import Run, Summary, in_turns, run
from benchmarks.report import machine_facts
from benchmarks.servers import free_ports, nginx

_SERVER = """
    server {{
        listen 127.0.0.1:{port};
        location / {{ rewrite ^ /file.bin break; }}
    }}
"""
_COLUMNS = (
    "| URLs | wall, ms a file | CPU, ms a file | CPU / the shortest list's | peak RSS, MiB "
    "| beyond the start, bytes a URL |"
)


def measure(counts: Sequence[int], size_bytes: int, rounds: int) -> dict[str, Summary]:
    """Fetch lists of so many URLs, and an empty one, ``rounds`` times in turns."""
    with workplace() as folder:
        (folder / "data" / "file.bin").write_bytes(os.urandom(size_bytes))
        (port,) = free_ports(1)
        with nginx(folder / "data", folder / "nginx", _SERVER.format(port=port), port):
            return in_turns(
                "long lists",
                [str(count) for count in (0, *counts)],
                rounds,
                lambda name: _fetch(int(name), size_bytes, port, folder),
            )


def _fetch(count: int, size_bytes: int, port: int, folder: Path) -> Run:
    listed, target = folder / "notes" / "urls.txt", folder / "copies"
    with listed.open("w") as file:
        file.writelines(f"http://127.0.0.1:{port}/scene-{n:07}.bin\n" for n in range(count))
    target.mkdir()
    try:
        command = (sys.executable, "-m", "asyncdl", "get", "--quiet", "-d", target, "-i", listed)
        taken = run([str(part) for part in command], {})
        _check(target, count, size_bytes)
        return taken
    finally:
        shutil.rmtree(target)


def _check(target: Path, count: int, size_bytes: int) -> None:
    """Check that every file is there. Raises: ValueError."""
    sizes = [entry.stat().st_size for entry in os.scandir(target)]
    if sizes != [size_bytes] * count:
        raise ValueError(f"{len(sizes)} files of {count} are there, or one has another length")


def table(results: Mapping[str, Summary]) -> str:
    """Return the results as a table; the first of them is the start."""
    (_, start), *lists = results.items()
    base = _per_file(lists[0][1], start, int(lists[0][0]))
    lines = [_COLUMNS, "|---:|---:|---:|---:|---:|---:|"]
    for name, summary in lists:
        count = int(name)
        wall_ms, cpu_ms = _per_file(summary, start, count)
        extra_bytes = (summary.peak_rss_mib - start.peak_rss_mib) * 2**20 / count
        lines.append(
            f"| {count:,} | {wall_ms:.2f} | {cpu_ms:.2f} | {cpu_ms / base[1]:.2f} "
            f"| {summary.peak_rss_mib:.0f} | {extra_bytes:,.0f} |"
        )
    return "\n".join(lines)


def _per_file(summary: Summary, start: Summary, count: int) -> tuple[float, float]:
    """Return the milliseconds of wall and CPU time that a file takes."""
    wall_s, cpu_s = summary.wall_s - start.wall_s, summary.cpu_s - start.cpu_s
    return 1000 * wall_s / count, 1000 * cpu_s / count


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--size", type=int, default=1024, help="bytes of a file")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    compileall.compile_dir(PACKAGE, quiet=1)
    load = " ".join(f"{load:.1f}" for load in os.getloadavg())
    how = f"{options.rounds} rounds, files of {options.size:,} bytes; load average before: {load}"
    print(machine_facts([how]))
    print(table(measure(options.files, options.size, options.rounds)))


if __name__ == "__main__":
    main()
