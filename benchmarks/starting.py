"""What starting costs: commands beside the least that Python needs for them.

::

    python -m benchmarks.starting [--rounds N] [--ca-bundle FILE]

Programs take turns, so that a noisy moment meets all of them. Python reads bytecode, as it does of
an installed package; where it may not be written beside the sources, it goes to a folder of its
own. Shares are of ``import asyncio, ssl``, medians of pairs of the same round: seconds are those of
one machine, shares differ little from one to another.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measuring import Run, Summary, in_turns, run
from benchmarks.report import machine_facts

_TRUST = ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that name certificates, which are read at start."""
BASE = "import asyncio, ssl"
PROGRAMS: Mapping[str, Sequence[str]] = {
    "pass": ("-c", "pass"),
    BASE: ("-c", BASE),
    "import anyio._backends._asyncio, click, msgspec": (
        "-c", "import anyio._backends._asyncio, click, msgspec",
    ),
    "import asyncdl": ("-c", "import asyncdl"),
    "asyncdl --version": ("-m", "asyncdl", "--version"),
    "asyncdl --help": ("-m", "asyncdl", "--help"),
    "asyncdl get, no URL": ("-m", "asyncdl", "get", "--quiet", "-i", os.devnull),
    "asyncdl run --help": ("-m", "asyncdl", "run", "--help"),
}  # fmt: skip
_WITH_BUNDLE = "asyncdl get, no URL, CA bundle named"


def measure(rounds: int, bundle: Path | None) -> dict[str, Summary]:
    """Start each program ``rounds`` times, after once that does not count."""
    with tempfile.TemporaryDirectory(prefix="asyncdl-bench-") as cache:
        plain = {"PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
        plain |= dict.fromkeys(_TRUST, "")
        programs = {name: (arguments, plain) for name, arguments in PROGRAMS.items()}
        if bundle is not None:
            with_bundle = plain | {"CURL_CA_BUNDLE": str(bundle)}
            programs[_WITH_BUNDLE] = (PROGRAMS["asyncdl get, no URL"], with_bundle)

        def once(name: str) -> Run:
            arguments, environment = programs[name]
            quiet = ("sh", "-c", 'exec "$@" > /dev/null', "sh")
            return run((*quiet, sys.executable, *arguments), environment)

        for name in programs:
            once(name)
        return in_turns("starting", list(programs), rounds, once)


def table(results: Mapping[str, Summary]) -> str:
    """Return the results as a table."""
    base = results[BASE]
    lines = [
        "| program | wall, ms | fastest | CPU, ms | wall / that of `import asyncio, ssl` |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| `{name}` | {one.wall_s * 1000:.0f} | {min(r.wall_s for r in one.runs) * 1000:.0f} "
        f"| {one.cpu_s * 1000:.0f} | {one.times(base):.2f} |"
        for name, one in results.items()
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--ca-bundle", type=Path, help="start also with this CURL_CA_BUNDLE")
    options = parser.parse_args(arguments)
    load = " ".join(f"{load:.1f}" for load in os.getloadavg())
    print(machine_facts([f"{options.rounds} rounds; load average before the first: {load}"]))
    print(table(measure(options.rounds, options.ca_bundle)))


if __name__ == "__main__":
    main()
