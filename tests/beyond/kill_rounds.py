"""Rounds of a job in a store, by two workers; in each a process is killed at a random moment.

::

    python -m tests.beyond.kill_rounds [--rounds N] [--seed N]

The victims take turns: a worker, the coordinator, the scheduler, the store. What was killed is
started anew, and the job is run again until it ends with status 0. Then the store has to have
exactly the files of a job that nobody has disturbed, each with the right bytes and facts. Any
other outcome is an AssertionError.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Protocol

import anyio
import anyio.to_thread

import asyncdl.sandbox
from asyncdl.sandbox import Faults
from tests.beyond.dask_processes import Processes, Running, starting
from tests.beyond.store_jobs import PRODUCTS, SEARCH, StoreJobs
from tests.soak.blows import Blow, blow_at_file
from tests.stores.door import Door
from tests.stores.weed import running_weed

VICTIMS = ("worker", "coordinator", "scheduler", "store")
FILE_BYTES = 100_000
RATE = Faults(rate=400_000)
"""Bytes per second of each connection."""
LONGEST_DELAY_S = 0.4
"""So long after a file was received it is verified, uploaded and noted."""
MOST_RUNS = 6
"""Of one job, until it ends with status 0."""
WITH_TAR = f"{PRODUCTS}keep_tar = true\n"


class Victim(Protocol):
    """A process that may be killed."""

    def kill(self) -> None: ...


@dataclass
class Figures:
    """What has happened in all rounds."""

    kills: Counter[str] = field(default_factory=Counter)
    """By victim; a job may end before its moment comes."""
    rounds: int = 0
    files: int = 0
    """Compared with what they have to be."""
    further_runs: int = 0
    """Runs after the first one of a job."""
    unfinished_uploads: int = 0
    """That were left, for `asyncdl clean`."""

    def __str__(self) -> str:
        kills = ", ".join(f"{name} {self.kills[name]}" for name in VICTIMS)
        return (
            f"{self.rounds} rounds; killed: {kills}; {self.files} files compared, all right;"
            f" {self.further_runs} further runs; {self.unfinished_uploads} unfinished uploads"
        )


@dataclass
class KillRounds:
    """Plays rounds with one store and one cluster.

    Args:
        jobs: Makes and runs the jobs; its prefix is that of all rounds.
        rng: Chooses moments.
    """

    jobs: StoreJobs
    rng: Random
    figures: Figures = field(default_factory=Figures)
    _scheduler: Running = field(init=False)
    _address: str = field(init=False)
    _workers: list[Running] = field(default_factory=list)
    _expected: frozenset[str] = frozenset()
    _names: int = 0

    async def begin(self) -> None:
        """Start the cluster, and see what a job has that nobody disturbs."""
        self._scheduler, self._address = await self.jobs.processes.scheduler()
        await self._add_workers()
        jobs = self._jobs_of("undisturbed")
        run = await jobs.run(self._config(jobs), address=self._address)
        assert await run.ended() == 0, run.output
        self._expected = frozenset(await anyio.to_thread.run_sync(jobs.check_files))
        assert len(self._expected) > 25

    def _jobs_of(self, name: str) -> StoreJobs:
        folder = self.jobs.folder / name
        folder.mkdir()
        return replace(self.jobs, prefix=f"{self.jobs.prefix}/{name}", folder=folder)

    def _config(self, jobs: StoreJobs) -> Path:
        return jobs.config(SEARCH, WITH_TAR)

    async def _add_workers(self) -> None:
        self._workers = [w for w in self._workers if w.process.returncode is None]
        while len(self._workers) < 2:
            self._names += 1
            self._workers.append(await self.jobs.worker(self._address, f"worker-{self._names}"))

    async def play(self, victim: str) -> None:
        """Play one round. Raises: AssertionError, if a file is wrong or is not there."""
        self.figures.rounds += 1
        jobs = self._jobs_of(f"round-{self.figures.rounds}")
        config = self._config(jobs)
        jobs.service.faults = RATE
        run = await jobs.run(config, address=self._address)
        await self._strike(victim, run)
        jobs.service.faults = Faults()
        status = await run.ended()
        for _ in range(MOST_RUNS):
            if status == 0:
                break
            assert victim == "coordinator" or status == 1, run.output
            await anyio.to_thread.run_sync(jobs.check_files)  # also of what is not complete
            self.figures.further_runs += 1
            run = await jobs.run(config, address=self._address)
            status = await run.ended()
        assert status == 0, run.output
        await anyio.to_thread.run_sync(self._check, jobs)

    def _check(self, jobs: StoreJobs) -> None:
        paths = jobs.check_files()
        assert frozenset(paths) == self._expected
        self.figures.files += len(paths)
        self.figures.unfinished_uploads += len(jobs.weed.uploads(jobs.prefix))

    async def _strike(self, victim: str, run: Running) -> None:
        """Kill a process at a moment that the service sees, or a little later; start it anew."""
        struck = anyio.Event()
        blow = blow_at_file(self.rng, 8)
        self.jobs.service.watch = _counting(blow, struck)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_until_end, run, struck)
            await struck.wait()
            await anyio.sleep(self.rng.uniform(0, LONGEST_DELAY_S))
            tasks.cancel_scope.cancel()
        self.jobs.service.watch = lambda moment: None
        process = self._process_of(victim, run)
        if run.process.returncode is not None:
            return
        process.kill()
        self.figures.kills[victim] += 1
        await self._restart(victim)

    def _process_of(self, victim: str, run: Running) -> Victim:
        store = self.jobs.weed.process
        assert store is not None
        known: dict[str, Victim] = {
            "worker": self.rng.choice(self._workers).process,
            "coordinator": run.process,
            "scheduler": self._scheduler.process,
            "store": store,
        }
        return known[victim]

    async def _restart(self, victim: str) -> None:
        if victim == "store":
            await anyio.to_thread.run_sync(self._restart_store)
        if victim == "scheduler":
            await self._scheduler.ended()
            for worker in self._workers:  # a scheduler that is new does not know them
                with suppress(ProcessLookupError):  # it has ended without one
                    worker.send(signal.SIGKILL)
                await worker.ended()
            port = int(self._address.rpartition(":")[2])
            self._scheduler, _ = await self.jobs.processes.scheduler(port=port)
        if victim in ("worker", "scheduler"):
            await anyio.sleep(0.1)
            await self._add_workers()

    def _restart_store(self) -> None:
        self.jobs.weed.stop()
        self.jobs.weed.start()


def _counting(blow: Blow, struck: anyio.Event) -> Callable[[str], None]:
    left = blow.nth

    def watch(moment: str) -> None:
        nonlocal left
        left -= fnmatchcase(moment, blow.moment)
        if left == 0:
            struck.set()

    return watch


async def _until_end(run: Running, struck: anyio.Event) -> None:
    await run.ended()
    struck.set()


async def play_rounds(processes: Processes, jobs: StoreJobs, rounds: int, seed: int) -> Figures:
    """Play rounds; return what happened. Raises: AssertionError."""
    played = KillRounds(jobs, Random(seed))
    await played.begin()
    for number in range(rounds):
        began_s = time.monotonic()
        await played.play(VICTIMS[number % len(VICTIMS)])
        took_s = time.monotonic() - began_s
        sys.stderr.write(f"{took_s:.1f} s: {played.figures}\n")
    return played.figures


async def _main(rounds: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as name, running_weed(Path(name) / "weed") as weed:
        door = Door(weed.ports["s3.port"])
        folder = Path(name) / "jobs"
        folder.mkdir()
        async with (
            asyncdl.sandbox.serve(file_size=FILE_BYTES) as service,
            starting(Path(name) / "processes") as processes,
        ):
            jobs = StoreJobs(processes, service, weed, "rounds", folder, door)
            sys.stdout.write(f"{await play_rounds(processes, jobs, rounds, seed)}\n")
        door.aclose()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    anyio.run(_main, options.rounds, options.seed)
