"""What a job of small files into an object store costs: CPU, memory, and requests to the store.

::

    python -m benchmarks.store_jobs --files 1000 --files 10000 [--write]

Jobs of files of 8 KiB from the sandbox into SeaweedFS, each of the three in a process of its own. A
first run, and a second one, which finds everything there. The requests are those that the store has
counted. Needs what `benchmarks.store` needs, but for nginx and the other clients.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncdl
from asyncdl.system.memory import keep_little
from benchmarks.compare import workplace
from benchmarks.growth import FILES_PER_SCENE, Figures, Task, measure, sandbox
from tests.stores.weed import Weed, running_weed

PAGE = Path(__file__).with_name("store_jobs.md")
STEPS = ("first run", "second run")
_COUNTED = re.compile(r'^SeaweedFS_s3_request_total\{.*type="(\w+)"\} (\d+)', re.MULTILINE)


@dataclass(frozen=True)
class StoreTask(Task):
    """A job whose files go into a store."""

    store: str = ""
    endpoint: str = ""

    @property
    def config(self) -> asyncdl.Config:
        download = {"directory": self.store, "state_directory": self.directory}
        raw: dict[str, Any] = {
            "service": {"url": self.url, "stac_url": self.stac_url},
            "search": {"dataset": "landsat_ot_c2_l2", "limit": self.scenes},
            "products": [{"kind": "band_group", "file_groups": ["ls_c2l2_sr_band"]}],
            "download": download,
            "store": {"endpoint": self.endpoint},
        }
        return asyncdl.parse_config(raw)


def requests_of(weed: Weed) -> Counter[str]:
    """Return how many requests of each kind the store has had."""
    url = f"http://127.0.0.1:{weed.ports['metricsPort']}/metrics"
    with urllib.request.urlopen(url) as response:
        text = response.read().decode()
    counts: Counter[str] = Counter()
    for kind, count in _COUNTED.findall(text):
        counts[kind] += int(count)
    return counts


@dataclass(frozen=True)
class Step:
    """One run of a job."""

    name: str
    files: int
    figures: Figures
    requests: Counter[str]

    @property
    def row(self) -> str:
        figures, per_file = self.figures, 1000 / self.files
        middle = figures.rss_mib[len(figures.rss_mib) // 2] if figures.rss_mib else 0.0
        requests = ", ".join(f"{count:,} {kind}" for kind, count in self.requests.most_common())
        return (
            f"| {self.files:,} | {self.name}: {figures.status} | {figures.wall_s * per_file:.2f} |"
            f" {figures.cpu_s * per_file:.2f} | {figures.start_mib:.0f} | {middle:.0f} |"
            f" {figures.peak_mib:.0f} | {requests} |\n"
        )


def run_job(files: int, weed: Weed, folder: Path) -> list[Step]:
    """Run a job twice."""
    done = []
    environment = os.environ | weed.environment() | {"AWS_REGION": "us-east-1"}
    for name in STEPS:
        with sandbox(math.ceil(files / FILES_PER_SCENE)) as urls:
            to = f"s3://{weed.bucket}/{files}"
            url, stac_url = urls
            task = StoreTask(
                step=name,
                files=files,
                url=url,
                stac_url=stac_url,
                directory=str(folder / str(files)),
                store=to,
                endpoint=weed.endpoint,
            )
            before = requests_of(weed)
            command = [sys.executable, "-m", "benchmarks.store_jobs", "--child"]
            child = subprocess.run(
                [*command, json.dumps(asdict(task))],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env=environment,
            )
            figures = Figures(**json.loads(child.stdout))
            done.append(Step(name, figures.files, figures, requests_of(weed) - before))
            print(done[-1].row, file=sys.stderr, flush=True)
    return done


def be_child(text: str) -> None:
    keep_little()  # as the command does
    print(json.dumps(asdict(asyncio.run(measure(StoreTask(**json.loads(text)))))))


HEAD = f"""\
<!-- Written by `python -m benchmarks.store_jobs --write`. -->

# Jobs of small files into an object store

Files of 8 KiB from the sandbox into SeaweedFS, all on one machine: {os.cpu_count()} processors,
CPython {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}. CPU and memory are those of
asyncdl's process; the wall time is that of all three on these processors. Each scene is a folder of
13 files.
"""
TABLE = """
| files | run | wall, ms a file | CPU, ms a file | MiB before | in the middle | peak | requests |
|---:|---|---:|---:|---:|---:|---:|---|
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, action="append")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        be_child(options.child)
        return
    text = HEAD + TABLE
    for files in options.files or (1_000, 10_000):
        with workplace() as folder, running_weed(folder / "weed") as weed:
            text += "".join(step.row for step in run_job(files, weed, folder))
            shutil.rmtree(folder / str(files))
    print(text)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
