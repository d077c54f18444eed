"""What the journal of a job costs for each file: CPU, wall time, bytes on disk.

::

    python -m benchmarks.journal --files 1000 --files 50000

The calls are those of a run, in its batches: scenes, wanted files, requests and their
ids, each finished file by one of five workers; then those of a second run, which finds
everything there. No network, and no files but the journal.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from asyncdl.config import LayoutTemplate
from asyncdl.job.places.layout import Layout
from asyncdl.journal import FinishedFile, Journal, Requested
from asyncdl.journal.journal import open_journal
from asyncdl.journal.state_location import JOURNAL_NAME
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.transfer import Digest

SCENES_PER_BATCH = 200
FILES_PER_SCENE = 22
FILES_PER_REQUEST = 1000
WORKERS = 5
LAYOUT = Layout(LayoutTemplate("{kind}/{product_id}/{file}"), LayoutTemplate("{kind}/{file}"))
DIGEST = Digest("sha256", "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8")


@dataclass
class Cost:
    """CPU and wall time by step, in the order in which they came first."""

    steps: dict[str, tuple[float, float]] = field(default_factory=dict)

    async def of(self, step: str, work: Awaitable[object]) -> None:
        cpu_s, wall_s = time.process_time(), time.perf_counter()
        await work
        before = self.steps.get(step, (0.0, 0.0))
        self.steps[step] = (
            before[0] + time.process_time() - cpu_s,
            before[1] + time.perf_counter() - wall_s,
        )


def wanted_files(count: int) -> list[WantedFile]:
    return [_wanted(number) for number in range(count)]


def _wanted(number: int) -> WantedFile:
    scene = f"LC08_L2SP_{number // FILES_PER_SCENE:06}_20200303_20200822_02_T1"
    name = f"{scene}_SR_B{number % FILES_PER_SCENE}.TIF"
    entity = f"L2SR_{scene}_{number}_TIF"
    return WantedFile(entity, "6453ef54640422ce", scene, name, ("bands",), 8000, 8000)


def finished(wanted: WantedFile) -> FinishedFile:
    path = f"bands/{wanted.scene}/{wanted.file_name}"
    proof = "length+sha256+tiff"
    return FinishedFile(path, "bands", wanted.scene, 8000, 1_600_000_000, proof, "m2m", (DIGEST,))


def groups(files: Sequence[WantedFile], size: int) -> Iterator[Sequence[WantedFile]]:
    for start in range(0, len(files), size):
        yield files[start : start + size]


async def first_run(journal: Journal, files: Sequence[WantedFile], cost: Cost) -> None:
    await cost.of("begin", journal.begin(label="job", fingerprint="f"))
    for batch in groups(files, SCENES_PER_BATCH * FILES_PER_SCENE):
        await look_up(journal, batch, cost)
        await cost.of("want", journal.files.note_wanted(LAYOUT.file_places(batch)))
    for number, group in enumerate(groups(files, FILES_PER_REQUEST)):
        await cost.of("requested", journal.requests.known(group))
        await cost.of("ask", journal.requests.note_requested(group, "job"))
        first = number * FILES_PER_REQUEST
        given = [(f, Requested(first + i, "job")) for i, f in enumerate(group)]
        await cost.of("given", journal.requests.note_accepted(given, is_ready=True))
    await cost.of(
        "record, one by one", in_workers(files, lambda f: journal.files.record([finished(f)]))
    )
    await cost.of("end", journal.end("complete"))


async def second_run(journal: Journal, files: Sequence[WantedFile], cost: Cost) -> None:
    await cost.of("begin", journal.begin(label="job", fingerprint="f"))
    for batch in groups(files, SCENES_PER_BATCH * FILES_PER_SCENE):
        await look_up(journal, batch, cost)
        journal.files.keep_wanted([finished(f) for f in batch])
    await cost.of("keep, end", journal.end("complete"))


async def look_up(journal: Journal, batch: Sequence[WantedFile], cost: Cost) -> None:
    scenes = {f.scene: f.scene for f in batch}
    await cost.of("note scenes", journal.scenes.note_scenes("landsat_ot_c2_l2", scenes))
    paths = [f"bands/{f.scene}/{f.file_name}" for f in batch]
    await cost.of("recall", journal.files.recorded(paths))


async def in_workers(
    files: Sequence[WantedFile], work: Callable[[WantedFile], Awaitable[None]]
) -> None:
    left = iter(files)

    async def worker() -> None:
        for wanted in left:
            await work(wanted)

    async with anyio.create_task_group() as workers:
        for _ in range(WORKERS):
            workers.start_soon(worker)


async def measure(count: int) -> None:
    files = wanted_files(count)
    with tempfile.TemporaryDirectory() as name:
        for title, run in (("first run", first_run), ("second run", second_run)):
            cost = Cost()
            wall_s = time.perf_counter()
            async with open_journal(Path(name), "service") as journal:
                opened_s = time.perf_counter() - wall_s
                await run(journal, files, cost)
            print_cost(title, count, cost, opened_s)
        size_bytes = (Path(name) / JOURNAL_NAME).stat().st_size
        print(f"\n{size_bytes / 1e6:.1f} MB on disk, {size_bytes / count:,.0f} bytes per file\n")


def print_cost(title: str, count: int, cost: Cost, opened_s: float) -> None:
    print(f"\n{count:,} files, {title}; opened in {1000 * opened_s:.0f} ms\n")
    print("| step | CPU, µs per file | wall, µs per file |\n|---|---:|---:|")
    rows = {**cost.steps, "**all**": tuple(map(sum, zip(*cost.steps.values(), strict=True)))}
    for step, (cpu_s, wall_s) in rows.items():
        print(f"| {step} | {1e6 * cpu_s / count:.1f} | {1e6 * wall_s / count:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, action="append")
    print(f"CPython {platform.python_version()}, {os.cpu_count()} CPUs, {platform.machine()}")
    for count in parser.parse_args().files or (1_000, 50_000):
        asyncio.run(measure(count))


if __name__ == "__main__":
    main()
