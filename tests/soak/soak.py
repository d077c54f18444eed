"""Look for a broken invariant until the time is over: ``make soak MINUTES=10``.

A quarter of the time goes to random schedules of faults (``tests/transfer/schedules.py``),
a quarter to downloads in another process that is killed, again and again, at a random
moment, a quarter to whole jobs that are killed, interrupted, changed, and lose their
journals (``jobs.py``), and a quarter to jobs of one account that want the same scenes
(``beside.py``). Every case has a seed; ``--seed N --cases 1`` runs one schedule again,
``--job N`` one job, ``--beside N`` one set of jobs.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.soak.beside import soak_beside
from tests.soak.jobs import soak_job
from tests.soak.slow_host import SlowHost, serving_slowly
from tests.transfer import schedules
from tests.transfer.fault_server import HostedFile
from tests.transfer.schedules import NAME, make_schedule, play

LARGEST_FILE_BYTES = 6 << 20
LONGEST_LIFE_S = 0.9
"""A victim is killed within this time, start-up included."""
MOST_KILLS = 60


def soak_schedules(seed: int, deadline_s: float, cases: int | None) -> Counter[str]:
    """Play one schedule after the other; return how they ended."""
    endings: Counter[str] = Counter()
    while time.monotonic() < deadline_s and (cases is None or endings.total() < cases):
        with tempfile.TemporaryDirectory() as directory:
            try:
                story = asyncio.run(play(make_schedule(random.Random(seed)), Path(directory)))
            except BaseException:
                print(f"BROKEN by the schedule of seed {seed}", flush=True)
                raise
        endings[type(story.endings[-1]).__name__] += 1
        seed += 1
    return endings


async def soak_kills(seed: int, deadline_s: float) -> Counter[str]:
    """Kill one download after the other; return how often, and what it cost."""
    counts: Counter[str] = Counter()
    while time.monotonic() < deadline_s:
        try:
            counts += await kill_until_done(random.Random(seed))
        except BaseException:
            print(f"BROKEN by the kills of seed {seed}", flush=True)
            raise
        seed += 1
    return counts


async def soak_jobs(seed: int, deadline_s: float) -> Counter[str]:
    """Run one job after the other; return what happened to them."""
    counts: Counter[str] = Counter()
    while time.monotonic() < deadline_s:
        try:
            counts += await soak_job(seed)
        except BaseException:
            print(f"BROKEN by the job of seed {seed}", flush=True)
            raise
        seed += 1
    return counts


async def soak_sets(seed: int, deadline_s: float) -> Counter[str]:
    """Run one set of jobs that want the same after the other; return what happened to them."""
    counts: Counter[str] = Counter()
    while time.monotonic() < deadline_s:
        try:
            counts += await soak_beside(seed) + Counter(sets=1)
        except BaseException:
            print(f"BROKEN by the set of jobs of seed {seed}", flush=True)
            raise
        seed += 1
    return counts


async def kill_until_done(rng: random.Random) -> Counter[str]:
    """Fetch one file, killed at random moments; check its bytes after each."""
    counts: Counter[str] = Counter(files=1)
    files = [_file(rng, "v1"), _file(rng, "v2")]
    versions = {hashlib.sha256(file.body).digest() for file in files}
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        async with serving_slowly(files[0]) as host:
            while not (directory / NAME).exists():
                if rng.random() < 0.05:
                    host.file = files[1]
                is_left_alone = counts["kills"] >= MOST_KILLS
                life_s = None if is_left_alone else rng.uniform(0.2, LONGEST_LIFE_S)
                counts["kills"] += await _run_victim(host, directory, life_s)
            counts["sent_bytes"] += host.sent_bytes
        content = (directory / NAME).read_bytes()
        assert hashlib.sha256(content).digest() in versions
        counts["bytes"] += len(content)
        # A kill between the rename and the next step may leave the note.
        assert {path.name for path in directory.iterdir()} <= {NAME, f"{NAME}.part.state"}
    return counts


async def _run_victim(host: SlowHost, directory: Path, life_s: float | None) -> int:
    """Start a download and kill it after ``life_s``; return 1 if it was still alive."""
    async with _victim(f"{host.url}/{NAME}", directory) as process:
        try:
            await asyncio.wait_for(process.wait(), life_s)
        except TimeoutError:
            return 1
        assert process.returncode == 0, "a download that was left alone failed"
        return 0


@asynccontextmanager
async def _victim(url: str, directory: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.soak.victim", url, str(directory)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _file(rng: random.Random, version: str) -> HostedFile:
    return HostedFile(rng.randbytes(rng.randint(1, LARGEST_FILE_BYTES)), etag=f'"{version}"')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()) * 1_000_000)
    parser.add_argument("--cases", type=int, help="so many schedules, and no kills")
    parser.add_argument("--job", type=int, help="the job of this seed, and nothing else")
    parser.add_argument("--beside", type=int, help="the set of jobs of this seed, nothing else")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    schedules.LONGEST_S = 60.0
    if options.job is not None:
        print(told(asyncio.run(soak_job(options.job))))
        return
    if options.beside is not None:
        print(told(asyncio.run(soak_beside(options.beside))))
        return
    soak(options.seed, options.minutes * 60, options.cases)


def soak(seed: int, seconds: float, cases: int | None) -> None:
    """Spend a quarter of the time on each kind of case, and say what came of it."""
    began_at_s = time.monotonic()
    print(f"from seed {seed} on, {seconds / 60:g} minutes", flush=True)
    endings = soak_schedules(seed, began_at_s + seconds / 4, cases)
    print(f"{endings.total()} schedules, no invariant broken: {told(endings)}", flush=True)
    if cases is not None:
        return
    kills = asyncio.run(soak_kills(seed, began_at_s + seconds / 2))
    cost = kills["sent_bytes"] / max(1, kills["bytes"])
    print(
        f"{kills['files']} files, {kills['kills']} kills, every byte right; "
        f"{cost:.2f} bytes sent for each byte of the files",
        flush=True,
    )
    jobs = asyncio.run(soak_jobs(seed, began_at_s + seconds * 3 / 4))
    print(f"nothing lost, nothing done twice: {told(jobs)}", flush=True)
    sets = asyncio.run(soak_sets(seed, began_at_s + seconds))
    print(f"all of those that wanted the same complete: {told(sets)}")


def told(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


if __name__ == "__main__":
    main()
