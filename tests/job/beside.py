"""Jobs of one account that want the same scenes, started and cut in an order that a seed draws."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import anyio

from asyncdl.events import Event
from asyncdl.sandbox import Service
from tests.job.bench import Bench

WANTED = {"kind": "bands", "bands": ["SR_B4", "QA_PIXEL"]}
"""Six files of three scenes."""
MACHINES = 4
MOST_EVENTS = 40
"""A job has about so many events, and is cut after one of them."""


async def cut(bench: Bench, after: int, *products: dict[str, Any]) -> bool:
    """Run a job and cancel it after so many events; tell whether it was cut before its end."""
    seen = 0
    with anyio.CancelScope() as scope:

        def watch(event: Event) -> None:
            nonlocal seen
            seen += 1
            if seen == after:
                scope.cancel()

        await bench.job(*products).run(watch)
    return scope.cancelled_caught


async def finish(bench: Bench) -> None:
    """Run a job to its end, with all its bytes compared."""
    summary = await bench.complete(WANTED)
    assert summary.files["downloaded"] + summary.files["skipped"] == 6


class Schedule:
    """A few machines, on each of which something happens again and again.

    A job is begun or goes on and is cut at a random moment; or it comes to its end, which
    removes what others may lean on; or it is begun in another directory, under another
    label, while its old order stays until the end of all.
    """

    def __init__(self, service: Service, folder: Path, seed: int) -> None:
        self._service = service
        self._folder = folder
        self._draw = random.Random(f"schedule {seed}")
        self._benches = [self._bench() for _ in range(MACHINES)]
        self._old: list[Bench] = []
        self.counts: Counter[str] = Counter()

    def _bench(self) -> Bench:
        number = sum(1 for _ in self._folder.iterdir())
        directory = self._folder / f"job-{number}"
        directory.mkdir()
        return Bench(self._service, directory)

    async def run(self, steps: int) -> None:
        """Let several things happen at a time, then bring every job to its end."""
        for _ in range(steps):
            async with anyio.create_task_group() as tasks:
                for place in self._draw.sample(range(MACHINES), self._draw.randint(1, 3)):
                    tasks.start_soon(self._step, place, self._draw.random())
        async with anyio.create_task_group() as tasks:
            for bench in [*self._benches, *self._old]:
                tasks.start_soon(finish, bench)

    async def _step(self, place: int, chance: float) -> None:
        bench = self._benches[place]
        if chance < 0.15:
            await finish(bench)
            self.counts["complete"] += 1
        elif chance < 0.3:
            self._old.append(bench)
            self._benches[place] = self._bench()
            self.counts["moved"] += 1
        else:
            was_cut = await cut(bench, self._draw.randint(2, MOST_EVENTS), WANTED)
            self.counts["cut"] += was_cut
