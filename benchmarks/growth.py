"""What a job costs as its list of files grows: CPU, wall time, memory, and lag of the event loop.

::

    python -m benchmarks.growth                       # 1,000, 10,000 and 100,000 files
    python -m benchmarks.growth --files 10000 --stacks
    python -m benchmarks.growth --coordinator         # 10,000, 100,000 and 1,000,000 files

Jobs of tiny files against the sandbox, which runs in a process of its own. For each number of
files, and each in a new process: a first run; a second one, which finds everything there;
``status``; ``verify``; and a run in another directory whose files all fail. A timer on the
loop of the job notes how late it is; it is of the benchmark, not of the product.

With ``--coordinator`` no byte is sent (:mod:`benchmarks.byteless`): what is measured is the job
itself, in the rhythm of the service's quota. 15,000 files are allowed in each window, and a
window is :data:`HASTE` times as short as the service's.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import asyncdl
from asyncdl.events import Event, FileFinished, QuotaWait, discard
from asyncdl.job.job import Job
from asyncdl.job.places.placer import FolderPlacer
from asyncdl.job.reporting.report import REPORT_NAME
from asyncdl.job.status import status_of
from asyncdl.job.verifying import verify_files
from asyncdl.journal import open_state, places_of
from asyncdl.journal.state_location import JOURNAL_NAME
from asyncdl.system.memory import keep_little
from benchmarks.byteless import without_bytes
from benchmarks.loop_lag import LagMonitor, StackSampler, collections_timed, percentiles

FILES_PER_SCENE = 13
"""Of the file group ``ls_c2l2_sr_band``."""
RASTER_BYTES = 8192
SAMPLES = 10
"""Of memory, evenly over the files of a run."""
STEPS = ("first run", "second run", "status", "verify", "all files fail")
ALL_FAIL = "all files fail"
HASTE = 60
"""How many times as fast as at the service the quota's window passes with ``--coordinator``."""
WINDOW_S, CHECK_S = 900.0, 60.0
"""The quota's window at the service, and how often a job checks it by default."""
BOTH_GROUPS = ("ls_c2l2_sr_band", "ls_c2l2_st_band")
FILES_IN_BOTH = 22
"""So a million files are fewer scenes than one search returns."""
SERVICE = "sandbox"
CREDENTIALS = asyncdl.Credentials("sandbox", "sandbox-token")


# --- the process that is measured -----------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """What a child process does."""

    step: str
    files: int
    url: str
    stac_url: str
    directory: str
    has_stacks: bool = False
    is_byteless: bool = False

    @property
    def scenes(self) -> int:
        return scenes_of(self.files, is_byteless=self.is_byteless)

    @property
    def groups(self) -> list[str]:
        return list(BOTH_GROUPS if self.is_byteless else BOTH_GROUPS[:1])

    @property
    def config(self) -> asyncdl.Config:
        return asyncdl.parse_config(
            {
                "service": {
                    "url": self.url,
                    "stac_url": self.stac_url,
                    "quota_interval": CHECK_S / HASTE if self.is_byteless else CHECK_S,
                },
                "search": {"dataset": "landsat_ot_c2_l2", "limit": self.scenes},
                "products": [{"kind": "band_group", "file_groups": self.groups}],
                "download": {"directory": self.directory},
            }
        )


def scenes_of(files: int, *, is_byteless: bool) -> int:
    return math.ceil(files / (FILES_IN_BOTH if is_byteless else FILES_PER_SCENE))


@dataclass
class Figures:
    """What one step took."""

    files: int = 0
    """That had an outcome."""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    """Of all threads, without the start of Python."""
    start_mib: float = 0.0
    """Memory before the step."""
    peak_mib: float = 0.0
    rss_mib: list[float] = field(default_factory=list)
    """After each tenth of the files."""
    peak_at_mib: list[float] = field(default_factory=list)
    """The most until then."""
    cpu_at_s: list[float] = field(default_factory=list)
    """Likewise."""
    quota_waits: int = 0
    calls: int = 0
    """Of the service, in all."""
    lag_ms: dict[str, float] = field(default_factory=dict)
    own_ms: dict[str, float] = field(default_factory=dict)
    """What the process itself computed of it."""
    longest_gc_ms: float = 0.0
    longest_gc_cpu_ms: float = 0.0
    status: str = ""


class Sampler:
    """Takes memory after each tenth of the files."""

    def __init__(self, files: int, figures: Figures) -> None:
        self._step = max(1, files // SAMPLES)
        self._figures = figures

    def take(self, event: Event) -> None:
        if isinstance(event, QuotaWait):
            self._figures.quota_waits += 1
        if isinstance(event, FileFinished):
            self._figures.files += 1
            if self._figures.files % self._step == 0:
                self._figures.rss_mib.append(round(rss_mib(), 1))
                self._figures.peak_at_mib.append(round(peak_mib(), 1))
                self._figures.cpu_at_s.append(round(time.process_time(), 1))
                print(f"{self._figures.files:,}: {rss_mib():.1f} MiB", file=sys.stderr)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


async def run_job(task: Task, figures: Figures) -> None:
    sampler = Sampler(task.files, figures)
    job = Job(task.config, credentials=CREDENTIALS, service_name=SERVICE)
    with without_bytes() if task.is_byteless else nullcontext():
        summary = await job.run(sampler.take)
    figures.status, figures.calls = summary.status, sum(summary.api_calls.values())


async def show_status(task: Task, figures: Figures) -> None:
    status = await status_of(places_of(task.config), SERVICE)
    assert status is not None
    figures.files = sum(sum(states.values()) for states in status.overview.files.values())
    figures.status = status.overview.status


async def verify(task: Task, figures: Figures) -> None:
    async with open_state(task.config.directory, SERVICE) as journal:
        checked = await verify_files(FolderPlacer(task.config.directory), journal, discard)
    figures.files, figures.status = checked.total, f"{len(checked.damaged)} damaged"


WORK: dict[str, Callable[[Task, Figures], Awaitable[None]]] = {
    "first run": run_job,
    "second run": run_job,
    "status": show_status,
    "verify": verify,
    ALL_FAIL: run_job,
}


async def measure(task: Task) -> Figures:
    figures, monitor = Figures(start_mib=rss_mib()), LagMonitor()
    sampler = StackSampler(monitor)
    if task.has_stacks:
        sampler.start()
    gc.collect()
    gc.freeze()  # as the command does: what was imported is never collected
    with collections_timed() as longest:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        if not task.is_byteless:  # what it notes would be memory of the job
            monitor.start()
        await WORK[task.step](task, figures)
        monitor.stop()
        figures.wall_s = time.perf_counter() - wall_s
        figures.cpu_s = time.process_time() - cpu_s
    if monitor.lags_s:
        figures.lag_ms, figures.own_ms = percentiles(monitor.lags_s), percentiles(monitor.own_s)
    figures.longest_gc_ms = round(1000 * longest.wall_s, 2)
    figures.longest_gc_cpu_ms = round(1000 * longest.cpu_s, 2)
    figures.peak_mib = peak_mib()
    if task.has_stacks:
        sampler.print(sys.stderr)
    return figures


def be_child(text: str) -> None:
    keep_little()  # as the command does
    figures = asyncio.run(measure(Task(**json.loads(text))))
    print(json.dumps(asdict(figures)))


# --- the process that starts them -----------------------------------------------------------


@contextmanager
def sandbox(scenes: int, *faults: str, has_quota: bool = False) -> Iterator[tuple[str, str]]:
    """Serve the sandbox in a process of its own; yield the URLs of API and STAC service."""
    # Links that are not opened count against the other two limits.
    limits = [f"{name}=100000000" for name in ("pending_limit", "unattempted_limit")]
    limits.append(f"quota_window_s={WINDOW_S / HASTE}" if has_quota else "recent_limit=100000000")
    settings = ["--port", "0", "--generated", str(scenes), "--file-size", str(RASTER_BYTES)]
    for fault in (*limits, *faults):
        settings += ["--fault", fault]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "asyncdl", "sandbox", *settings],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        url, _, _, stac_url = (process.stdout.readline().split("= ")[1].strip() for _ in range(4))
        try:
            yield url, stac_url
        finally:
            process.terminate()


def in_child(task: Task) -> Figures:
    command = [sys.executable, "-m", "benchmarks.growth", "--child", json.dumps(asdict(task))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Figures(**json.loads(done.stdout))


@dataclass(frozen=True)
class Growth:
    """All steps for one number of files."""

    steps: dict[str, Figures]
    journal_bytes: int
    report_bytes: dict[str, int]


def grow(
    files: int,
    steps: Sequence[str],
    folder: str | None,
    *,
    has_stacks: bool = False,
    is_byteless: bool = False,
) -> Growth:
    done: dict[str, Figures] = {}
    journal_bytes, report_bytes = 0, {}
    scenes = scenes_of(files, is_byteless=is_byteless)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        for step in steps:
            directory = Path(name, "failed" if step == ALL_FAIL else "there")
            faults = ["disabled=1"] if step == ALL_FAIL else []
            with sandbox(scenes, *faults, has_quota=is_byteless) as urls:
                task = Task(step, files, *urls, str(directory), has_stacks, is_byteless)
                done[step] = in_child(task)
            print(f"{files:,}: {step}: {done[step]}", file=sys.stderr, flush=True)
            if (report := directory / REPORT_NAME).exists():
                report_bytes[step] = report.stat().st_size
        journal_bytes = sum(path.stat().st_size for path in Path(name, "there").rglob(JOURNAL_NAME))
    return Growth(done, journal_bytes, report_bytes)


# --- tables ---------------------------------------------------------------------------------


def print_tables(all_done: Iterable[Growth]) -> None:
    grown = list(all_done)
    for step in dict.fromkeys(step for one in grown for step in one.steps):
        print(f"\n## {step}\n")
        print(
            "| files | outcome | wall, ms per file | CPU, ms per file | peak, MiB "
            "| in the middle, MiB | lag: median, ms | p99, ms | max, ms "
            "| of it own work: p99, ms | max, ms |"
        )
        print("|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
        for one in grown:
            if step in one.steps:
                print(_row(one.steps[step]))
    print("\n## On disk\n")
    print(
        "| files | journal, MB | bytes per file | report of the first run, kB | of all failed, kB |"
    )
    print("|---:|---:|---:|---:|---:|")
    for one in grown:
        files = max(figures.files for figures in one.steps.values())
        reports = (one.report_bytes.get(step, 0) / 1000 for step in ("first run", ALL_FAIL))
        shown = " | ".join(f"{size:,.0f}" for size in reports)
        per_file = f"{one.journal_bytes / files:,.0f}"
        print(f"| {files:,} | {one.journal_bytes / 1e6:.1f} | {per_file} | {shown} |")


def _row(figures: Figures) -> str:
    per_file = 1000 / max(1, figures.files)
    middle = sorted(figures.rss_mib)[len(figures.rss_mib) // 2] if figures.rss_mib else 0.0
    numbers = (
        f"{figures.wall_s * per_file:.2f}",
        f"{figures.cpu_s * per_file:.2f}",
        f"{figures.peak_mib:.0f}",
        f"{middle:.0f}" if middle else "",
        *(f"{figures.lag_ms[name]:.1f}" for name in ("median", "p99", "max")),
        *(f"{figures.own_ms[name]:.1f}" for name in ("p99", "max")),
    )
    return f"| {figures.files:,} | {figures.status} | {' | '.join(numbers)} |"


def print_coordinator(all_done: Iterable[Growth]) -> None:
    """Print what a job costs without its bytes."""
    print(
        "\n| step | files | outcome | wall, s | waits for quota | calls | CPU, ms per file "
        "| of the last tenth | peak, MiB | after a tenth, MiB | at the end, MiB "
        "| longest collection, ms of CPU | journal, bytes per file |"
    )
    print("|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    for one in all_done:
        for step, figures in one.steps.items():
            print(f"| {step} {_coordinator_row(figures, one.journal_bytes)}", flush=True)


def _coordinator_row(figures: Figures, journal_bytes: int) -> str:
    last_s = figures.cpu_at_s[-1] - figures.cpu_at_s[-2]
    numbers = (
        f"{figures.wall_s:,.0f}",
        f"{figures.quota_waits:,}",
        f"{figures.calls:,}",
        f"{1000 * figures.cpu_s / figures.files:.2f}",
        f"{1000 * last_s / (figures.files / SAMPLES):.2f}",
        f"{figures.peak_mib:.0f}",
        f"{figures.rss_mib[0]:.0f}",
        f"{figures.rss_mib[-1]:.0f}",
        f"{figures.longest_gc_cpu_ms:.0f}",
        f"{journal_bytes / figures.files:,.0f}",
    )
    return f"| {figures.files:,} | {figures.status} | {' | '.join(numbers)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, action="append")
    parser.add_argument("--step", action="append", choices=STEPS, help="all by default")
    parser.add_argument("--folder", help="where downloads go; the system's folder by default")
    parser.add_argument("--stacks", action="store_true", help="show what delays the loop")
    parser.add_argument("--coordinator", action="store_true", help="without any bytes")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.child:
        be_child(settings.child)
        return
    print(f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load average {os.getloadavg()[0]:.1f}")
    print(f"- CPython {platform.python_version()}, {os.cpu_count()} CPUs, {platform.machine()}")
    if settings.coordinator:
        steps = settings.step or STEPS[:2]
        print_coordinator(
            grow(files, steps, settings.folder, is_byteless=True)
            for files in settings.files or (10_000, 100_000, 1_000_000)
        )
        return
    print_tables(
        grow(files, settings.step or STEPS, settings.folder, has_stacks=settings.stacks)
        for files in settings.files or (1_000, 10_000, 100_000)
    )


if __name__ == "__main__":
    main()
