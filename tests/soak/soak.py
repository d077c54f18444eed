"""Look for a broken invariant until the time is over: ``make soak MINUTES=10``.

A quarter of the time goes to random schedules of faults (``tests/transfer/schedules.py``),
a quarter to downloads in another process that is killed, again and again, at a random
moment, a quarter to whole jobs that are killed, interrupted, changed, and lose their
journals (``jobs.py``), and a quarter to jobs of one account that want the same scenes
(``beside.py``). Half of all hosts speak TLS. Every case has a seed; ``--seed N --cases 1`` runs
one schedule again, ``--kill N`` one file, ``--job N`` one job, ``--beside N`` one set of jobs.

It runs on the loop that the commands take: uvloop's if it is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import random
import ssl
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

from asyncdl.transfer.parts.part_state import load_state
from asyncdl.transfer.ranges import Coverage
from tests.loops import NAME as NAME_OF_LOOP
from tests.loops import run
from tests.soak.beside import soak_beside
from tests.soak.jobs import soak_job
from tests.soak.secure import own_authority, speaking
from tests.soak.slow_host import SlowHost, serving_slowly
from tests.transfer import schedules
from tests.transfer.fault_server import HostedFile
from tests.transfer.schedules import NAME, make_schedule, play

LARGEST_FILE_BYTES = 6 << 20
LONGEST_LIFE_S = 0.9
"""A victim is killed within this time, start-up included."""
MOST_KILLS = 60


def soak_schedules(
    seed: int, tls: ssl.SSLContext, deadline_s: float, cases: int | None
) -> Counter[str]:
    """Play one schedule after the other; return how they ended."""
    endings: Counter[str] = Counter()
    while time.monotonic() < deadline_s and (cases is None or endings.total() < cases):
        again = blaming(f"--seed {seed} --cases 1")
        with tempfile.TemporaryDirectory() as directory, again, speaking(tls, seed):
            story = run(play(make_schedule(random.Random(seed)), Path(directory)))
        endings[type(story.endings[-1]).__name__] += 1
        seed += 1
    return endings


async def soak_cases(
    option: str, seed: int, deadline_s: float, case: Callable[[int], Awaitable[Counter[str]]]
) -> Counter[str]:
    """Run one case after the other; return what happened in them.

    Args:
        option: That runs the case of one seed again.
        seed: Of the first.
        deadline_s: None begins later.
        case: Runs the one of a seed.
    """
    counts: Counter[str] = Counter()
    while time.monotonic() < deadline_s:
        with blaming(f"{option} {seed}"):
            counts += await case(seed)
        seed += 1
    return counts


@contextmanager
def blaming(options: str) -> Iterator[None]:
    """Say how what breaks here is seen again."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            print(f"BROKEN: {sys.executable} -m tests.soak.soak {options}", flush=True)
        raise


async def soak_kills(seed: int, tls: ssl.SSLContext) -> Counter[str]:
    """Fetch one file over plain connections or TLS, killed at random moments."""
    with speaking(tls, seed):
        return await kill_until_done(random.Random(seed))


async def kill_until_done(rng: random.Random) -> Counter[str]:
    """Fetch one file, killed at random moments; check its bytes, and that none comes twice.

    What was fetched and not noted before a kill may: no count of bytes sent can tell whether
    that was little, as it depends on the load of the machine.
    """
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
                host.known = _noted(directory, host.file)
                counts["kills"] += await _run_victim(host, directory, life_s)
                assert host.repeated == []
            counts["sent_bytes"] += host.sent_bytes
        content = (directory / NAME).read_bytes()
        assert hashlib.sha256(content).digest() in versions
        counts["bytes"] += len(content)
        # A kill between the rename and the next step may leave the note.
        assert {path.name for path in directory.iterdir()} <= {NAME, f"{NAME}.part.state"}
    return counts


def _noted(directory: Path, file: HostedFile) -> Coverage:
    """Return what is on disk of a version, as far as the note says so."""
    part = directory / f"{NAME}.part"
    size_bytes = part.stat().st_size if part.exists() else 0
    state = load_state(directory / f"{NAME}.part.state", size_bytes)
    return state.done if state and state.validator.etag == file.etag else Coverage()


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
    parser.add_argument("--cases", type=int, help="so many schedules, and nothing else")
    for name in CASES:
        parser.add_argument(f"--{name}", type=int, help="the case of this seed, and nothing else")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    schedules.LONGEST_S = 60.0
    with own_authority() as tls:
        for name, case in CASES.items():
            if (seed := getattr(options, name)) is not None:
                print(told(run(case(seed, tls))))
                return
        soak(options.seed, tls, options.minutes * 60, options.cases)


def soak(seed: int, tls: ssl.SSLContext, seconds: float, cases: int | None) -> None:
    """Spend a quarter of the time on each kind of case, and say what came of it."""
    began_at_s = time.monotonic()
    print(f"on {NAME_OF_LOOP}, from seed {seed} on, {seconds / 60:g} minutes", flush=True)
    endings = soak_schedules(seed, tls, began_at_s + seconds / 4, cases)
    print(f"{endings.total():,} schedules, no invariant broken: {told(endings)}", flush=True)
    if cases is not None:
        return
    counts: dict[str, Counter[str]] = {}
    for nth, (name, case) in enumerate(CASES.items(), 2):
        deadline_s = began_at_s + seconds * nth / 4
        cases_of = partial(soak_cases, f"--{name}", seed, deadline_s)
        counts[name] = run(cases_of(lambda one, case=case: case(one, tls)))  # type: ignore[misc]
        print(summed_up(name, counts[name]), flush=True)


def summed_up(name: str, counts: Counter[str]) -> str:
    if name == "kill":
        cost = counts["sent_bytes"] / max(1, counts["bytes"])
        return (
            f"{counts['files']} files, {counts['kills']} kills, every byte right; "
            f"{cost:.2f} bytes sent for each byte of the files"
        )
    if name == "job":
        return f"nothing lost, nothing done twice: {told(counts)}"
    return f"all of those that wanted the same complete: {told(counts)}"


CASES: dict[str, Callable[[int, ssl.SSLContext], Coroutine[None, None, Counter[str]]]] = {
    "kill": soak_kills,
    "job": soak_job,
    "beside": soak_beside,
}
"""What is run beside schedules, by the option that runs one of them again."""


def told(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


if __name__ == "__main__":
    main()
