"""A whole job against the sandbox: memory, API calls and cost for every 10,000 files.

::

    python benchmarks/job.py --files 50000

The sandbox runs in a process of its own; what is measured is the client alone.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncdl
from asyncdl.events import Event, FileFinished

FILES_PER_SCENE = 13  # the file group ls_c2l2_sr_band
STEP = 10_000
PAGE = 4096


@dataclass
class Meter:
    """Takes a sample of memory and time at every step."""

    step: int
    files: int = 0
    began: float = field(default_factory=time.monotonic)
    rows: list[tuple[int, float, float, float]] = field(default_factory=list)

    def take(self, event: Event) -> None:
        if isinstance(event, FileFinished):
            self.files += 1
            if self.files % self.step == 0:
                self.sample()

    def sample(self) -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu = usage.ru_utime + usage.ru_stime
        self.rows.append((self.files, rss_mib(), time.monotonic() - self.began, cpu))


def rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


@contextmanager
def sandbox(scenes: int) -> Iterator[str]:
    """Serve the sandbox in a process of its own; give its URL."""
    settings = ["--port", "0", "--generated", str(scenes)]
    # What the quota does to a run is not what is measured here.
    for limit in ("recent_limit", "pending_limit", "unattempted_limit"):
        settings += ["--fault", f"{limit}=10000000"]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "asyncdl", "sandbox", *settings],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split("= ")[1].strip()
        process.terminate()


def config_for(url: str, scenes: int, directory: str) -> asyncdl.Config:
    return asyncdl.parse_config(
        {
            "service": {"url": url},
            "search": {"dataset": "landsat_ot_c2_l2", "limit": scenes},
            "products": [{"kind": "band_group", "file_groups": ["ls_c2l2_sr_band"]}],
            "download": {"directory": directory},
        }
    )


def required_calls(config: asyncdl.Config, scenes: int, files: int) -> dict[str, int]:
    """Return the calls that the batch sizes make necessary."""
    service = config.service
    batches = sum(
        math.ceil(min(service.scenes_per_page, scenes - start) / service.scenes_per_call)
        for start in range(0, scenes, service.scenes_per_page)
    )
    return {
        "scene-search": math.ceil(scenes / service.scenes_per_page),
        "download-options": batches,
        "download-request": math.ceil(files / service.files_per_request),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=50_000)
    files = parser.parse_args().files
    scenes = math.ceil(files / FILES_PER_SCENE)
    with sandbox(scenes) as url, tempfile.TemporaryDirectory() as directory:
        config = config_for(url, scenes, directory)
        job = asyncdl.Job(config, credentials=asyncdl.Credentials("sandbox", "sandbox-token"))
        meter = Meter(min(STEP, files))
        meter.sample()
        summary = asyncio.run(job.run(meter.take))
        print_results(summary, meter, required_calls(config, scenes, summary.files["total"]))


def print_results(summary: asyncdl.Summary, meter: Meter, required: dict[str, int]) -> None:
    versions = f"CPython {platform.python_version()}, {os.cpu_count()} CPUs, {platform.machine()}"
    print(f"{summary.status}: {summary.files['downloaded']:,} files; {versions}\n")
    print("| files | RSS, MiB | elapsed, s | client CPU, ms per file |")
    print("|---:|---:|---:|---:|")
    for (before, _, _, cpu_before), (files, rss, elapsed, cpu) in zip(
        meter.rows, meter.rows[1:], strict=False
    ):
        per_file = 1000 * (cpu - cpu_before) / (files - before)
        print(f"| {files:,} | {rss:.1f} | {elapsed:.0f} | {per_file:.2f} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nPeak RSS: {peak:.1f} MiB\n")
    print("| endpoint | calls | required by the batch sizes |")
    print("|---|---:|---:|")
    for endpoint, least in required.items():
        print(f"| {endpoint} | {summary.api_calls.get(endpoint, 0)} | {least} |")
    others = {k: n for k, n in summary.api_calls.items() if k not in required}
    print(f"\nBesides: {', '.join(f'{k} {n}' for k, n in others.items())}")


if __name__ == "__main__":
    main()
