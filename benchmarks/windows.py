"""What windows save: bytes, requests and seconds, beside the whole bands.

::

    python -m benchmarks.windows --areas 20 --write

The sandbox serves rasters of real size behind a simulated line (see lines.md). Areas are squares of
a given side in the middle of one scene. Each is a job of its own, from its start to its end; so is
the one that fetches whole bands.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from asyncdl.sandbox.landsat_scenes import fixed_scenes
from benchmarks.lines.model import Line
from benchmarks.lines.serving import HOST, behind_line, running_sandbox, serving_sandbox
from benchmarks.servers import free_ports, trusting

LINE = Line(round_trip_s=0.1, connection_bytes_s=4e6, total_bytes_s=25e6)
BANDS = ("SR_B4", "SR_B5", "QA_PIXEL")
API_PATH = "/api/api/json/stable/"
ACCOUNT = {"ASYNCDL_USERNAME": "sandbox", "ASYNCDL_TOKEN": "sandbox-token"}
KM_PER_DEGREE = 111.2
PAGE = Path(__file__).with_name("windows.md")
MARGIN = 0.15
"""Of the scene's box, which no area begins in: its corners are outside of the scene."""


@dataclass(frozen=True)
class Outcome:
    """What one job came to."""

    bytes: int
    requests: int
    calls: int
    seconds: float


@contextmanager
def service(folder: Path) -> Iterator[tuple[str, int, dict[str, str]]]:
    """Serve full-size rasters behind a line; gives URL, port of the sandbox, and environment."""
    sandbox, port, public = free_ports(3)
    nginx = folder / "nginx"
    nginx.mkdir()
    with ExitStack() as stack:
        stack.enter_context(running_sandbox(sandbox, ["--pixels", "64", "--full-size"]))
        certificate = stack.enter_context(serving_sandbox(sandbox, nginx, port, public))
        stack.enter_context(behind_line(LINE, public, port, nginx))
        environment = {"HOME": str(folder), "NO_PROXY": HOST, **ACCOUNT, **trusting(certificate)}
        yield f"https://{HOST}:{public}{API_PATH}", sandbox, environment


def file_requests(sandbox: int) -> int:
    """Return how many requests for files the sandbox has had."""
    with urlopen(f"http://{HOST}:{sandbox}/sandbox") as reply:
        return int(json.load(reply)["files"])


def run_job(url: str, sandbox: int, environment: dict[str, str], window: str) -> Outcome:
    """Run one job in a folder of its own."""
    before = file_requests(sandbox)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "job.toml")
        bands = json.dumps(BANDS)
        config.write_text(
            f'[service]\nurl = "{url}"\nstac_url = ""\n'
            f'[search]\nscenes = ["{SCENE.display_id}"]\n'
            f'[[products]]\nkind = "bands"\nbands = {bands}\n{window}'
            f'[download]\ndirectory = "{folder}/data"\n',
            encoding="utf-8",
        )
        done = subprocess.run(
            [sys.executable, "-m", "asyncdl", "run", "--json", str(config)],
            env=os.environ | environment,
            capture_output=True,
            check=True,
        )
    summary = json.loads(done.stdout.splitlines()[-1])
    return Outcome(
        summary["bytes"]["downloaded"],
        file_requests(sandbox) - before,
        sum(summary["api_calls"].values()),
        summary["elapsed_s"],
    )


SCENE = fixed_scenes()[0]


def areas(count: int, side_km: float) -> Iterator[str]:
    """Yield the key of a config for squares in the middle of the scene."""
    chance = random.Random(1)
    xs, ys = zip(*SCENE.footprint, strict=True)
    height = side_km / KM_PER_DEGREE
    for _ in range(count):
        west = min(xs) + (max(xs) - min(xs)) * chance.uniform(3 * MARGIN, 1 - 3 * MARGIN)
        south = min(ys) + (max(ys) - min(ys)) * chance.uniform(3 * MARGIN, 1 - 3 * MARGIN)
        east = west + 2 * height  # at 60 degrees north a degree is half as wide
        box = [round(n, 5) for n in (west, south, east, south + height)]
        yield f"window = {box}\n"


def page(side_km: float, windows: Sequence[Outcome], whole: Outcome) -> str:
    """Return the figures as a page."""

    def share(outcome: Outcome) -> float:
        return 100 * outcome.bytes / whole.bytes

    shares = sorted(map(share, windows))
    seconds = sorted(outcome.seconds for outcome in windows)
    requests = [outcome.requests / len(BANDS) for outcome in windows]
    calls = statistics.median(outcome.calls for outcome in windows)
    return f"""\
# Windows

Printed by `python -m benchmarks.windows --areas {len(windows)} --write`: {len(windows)} squares of
{side_km:g} km in the middle of one scene of the sandbox with rasters of real size, {len(BANDS)} bands each, beside
the same bands whole. The line has a round trip of {LINE.round_trip_s * 1000:.0f} ms, {LINE.connection_bytes_s / 1e6:g} MB/s for a
connection and {LINE.total_bytes_s / 1e6:g} MB/s in all; the times are those of whole jobs, calls included.

- {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, CPython {platform.python_version()}

| | windows, median | least to most | whole bands |
|---|---:|---:|---:|
| bytes | {statistics.median(o.bytes for o in windows) / 1e6:.2f} MB | {min(o.bytes for o in windows) / 1e6:.2f} to {max(o.bytes for o in windows) / 1e6:.2f} MB | {whole.bytes / 1e6:,.0f} MB |
| share | {statistics.median(shares):.2f} % | {shares[0]:.2f} to {shares[-1]:.2f} % | |
| requests for a file | {statistics.median(requests):.1f} | {min(requests):.1f} to {max(requests):.1f} | {whole.requests / len(BANDS):.1f} |
| API calls of a job | {calls:.0f} | | {whole.calls} |
| seconds of a job | {statistics.median(seconds):.2f} | {seconds[0]:.2f} to {seconds[-1]:.2f} | {whole.seconds:.1f} |
"""  # noqa: E501 - rows of a table


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--areas", type=int, default=20)
    parser.add_argument("--side", type=float, default=5.0, help="Kilometres.")
    parser.add_argument("--write", action="store_true", help="Write windows.md.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, service(Path(folder)) as way:
        windows = [run_job(*way, key) for key in areas(options.areas, options.side)]
        whole = run_job(*way, "")
    text = page(options.side, windows, whole)
    print(text)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
