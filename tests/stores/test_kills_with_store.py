"""Killed at any moment, a job in a store goes on, and so does one whose store was killed.

No wrong byte, no file lost, none under a wrong name, an empty spool, no upload left half done.
``ASYNCDL_KILL_ROUNDS=200`` runs so many rounds; ``ASYNCDL_KILL_SEED`` is the first seed.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
import tarfile
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from random import Random
from typing import IO

import anyio
import anyio.to_thread
import pytest
from anyio.abc import Process

from asyncdl.sandbox import Faults, Service, serve
from tests.e2e.conftest import environment
from tests.soak.blows import LONGEST_DELAY_S, Blow, blow_at_file, strike
from tests.stores.door import Door
from tests.stores.store_bench import StoreBench
from tests.stores.weed import Weed

pytestmark = [pytest.mark.slow, pytest.mark.beyond]

ROUNDS = int(os.environ.get("ASYNCDL_KILL_ROUNDS", "12"))
FIRST_SEED = int(os.environ.get("ASYNCDL_KILL_SEED", "1"))
PER_JOB = 6
GROUP_FILES = 13
SEEDS = range(FIRST_SEED, FIRST_SEED + -(-ROUNDS // PER_JOB))
PATIENCE_S = 400
EARLY_PARTS = ("5000", "100000")
"""From which size files go in parts: nearly all of them, or bundles alone."""
SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"
CONFIG = """
[service]
url = "{url}"
stac_url = "{stac_url}"
[search]
scenes = ["{scene}"]
[[products]]
kind = "bundle"
extract = true
keep_tar = true
[[products]]
kind = "band_group"
file_groups = ["ls_c2l2_sr_band"]
[download]
directory = "{target}"
state_directory = "{state}"
stac = true
[store]
endpoint = "{endpoint}"
[poll]
interval = 0.1
"""
WHOLE = ("PUT /*.TIF asked", "PUT /*.TIF answered", "PUT /*.TIF answered", "PUT /*.xml answered")
IN_PARTS = (
    "POST /*uploads* answered", "PUT /*partNumber=* asked", "PUT /*partNumber=* answered",
    "POST /*uploadId=* asked", "POST /*uploadId=* answered", "POST /*uploadId=* answered",
)  # fmt: skip
ONCE = ("PUT /*journal.sqlite asked", "PUT /*/stac/* answered")
MOST = 6
"""So many moments of the same kind may pass before a blow."""


def blow_at_store(rng: Random, early_parts: str) -> Blow:
    """Strike before the store has a request, or before or after the run has its response."""
    kinds = ONCE, WHOLE if early_parts == EARLY_PARTS[1] else IN_PARTS
    kind = rng.choices((*kinds, IN_PARTS), (1, 6, 2))[0]
    is_rare = kind is ONCE or (kind is IN_PARTS and early_parts == EARLY_PARTS[1])
    delay_s = rng.choice((0.0, rng.uniform(0, LONGEST_DELAY_S)))
    return Blow(rng.choice(kind), 1 if is_rare else rng.randint(1, MOST), delay_s)


@dataclass
class Rounds:
    """One job, killed again and again."""

    service: Service
    weed: Weed
    bench: StoreBench
    door: Door
    folder: Path
    early_parts: str
    log: IO[bytes]
    tally: Counter[str] = field(default_factory=Counter)

    @property
    def config(self) -> Path:
        """The job's config."""
        path = self.folder / "config.toml"
        if not path.exists():
            path.write_text(
                CONFIG.format(
                    scene=SCENE,
                    url=self.service.url,
                    stac_url=self.service.stac_url,
                    target=self.bench.target,
                    state=self.folder / "state",
                    endpoint=self.bench.endpoint,
                )
            )
        return path

    async def command(self, name: str, *options: str) -> Process:
        """Start a command with the job's config."""
        return await anyio.open_process(
            [sys.executable, "-m", "tests.stores.early_parts", name, str(self.config), *options],
            env=environment(self.service, AWS_REGION="us-east-1", EARLY_PARTS=self.early_parts),
            stdout=self.log, stderr=self.log,
        )  # fmt: skip

    async def ended(self, name: str, *options: str) -> int:
        """Return the status of a command that is left alone."""
        self.service.watch = self.door.watch = lambda moment: None
        return await (await self.command(name, *options)).wait()

    async def strike(self, rng: Random) -> None:
        """Run the job for one round."""
        process = await self.command("run", "--quiet", "--no-progress")
        kind = rng.choices(("file", "store", "weed", "both"), (8, 10, 2, 1))[0]
        if kind in ("file", "store"):
            blow = (
                blow_at_file(rng, MOST) if kind == "file" else blow_at_store(rng, self.early_parts)
            )
            self._watch(at_moment(blow, partial(strike, process, blow)))
            await process.wait()
        else:
            await self._restart(
                process, blow_at_store(rng, self.early_parts), is_killed=kind == "both"
            )
        status = process.returncode
        assert status in (0, -9), self.said()
        self.tally["rounds"] += 1
        self.tally["kills that hit"] += status == -9
        await self.check()
        if status == 0:
            await anyio.to_thread.run_sync(self.lose, rng)

    async def complete(self) -> None:
        """Run the job to its end, and look whether all is there and nothing is left."""
        assert await self.ended("run", "--quiet", "--no-progress") == 0, self.said()
        await self.check()
        self.check_end()
        weed, prefix = self.bench.weed, self.bench.prefix
        self.tally["abandoned uploads"] = len(weed.uploads(prefix))
        assert await self.ended("clean") == 0, self.said()
        assert weed.uploads(prefix) == []
        assert await self.ended("verify", "--read") == 0, self.said()

    def said(self) -> str:
        """Return what the last commands said."""
        return (self.folder / "log").read_text()[-2000:]

    async def check(self) -> None:
        """Compare every object with the truth, by its name."""
        await anyio.to_thread.run_sync(self.bench.check_files)

    async def _restart(self, process: Process, blow: Blow, *, is_killed: bool) -> None:
        """Kill the store, and perhaps the run as well, and start the store again."""
        weed, is_struck = self.weed, anyio.Event()

        def act() -> None:
            weed.stop()
            if is_killed:
                process.kill()
            is_struck.set()

        async def start_again() -> None:
            await is_struck.wait()
            await anyio.to_thread.run_sync(weed.start)

        self._watch(at_moment(blow, act))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(start_again)
            await process.wait()
            if not is_struck.is_set():
                tasks.cancel_scope.cancel()
        self.tally["kills of the store"] += is_struck.is_set()

    @property
    def names(self) -> list[str]:
        """Paths of all files of the job in the store."""
        weed, prefix = self.bench.weed, self.bench.prefix
        paths = [key.removeprefix(f"{prefix}/") for key in weed.names(f"{prefix}/")]
        return [path for path in paths if path.startswith(("bundle/", "band_group/"))]

    def lose(self, rng: Random) -> None:
        """Remove objects as somebody else, so that the next run has something to do."""
        for path in self.names:
            if rng.random() < 0.7:
                self.weed.remove(f"{self.bench.prefix}/{path}")

    def check_end(self) -> None:
        """Compare what is there after a complete run with what was wanted, and look for rests."""
        scene, bundle = SCENE, self.service.bundle_bytes(SCENE)
        with tarfile.open(fileobj=io.BytesIO(bundle)) as tar:
            members = {f"bundle/{scene}/{name}" for name in tar.getnames()}
        there = set(self.names)
        group = {path for path in there if path.startswith("band_group/")}
        assert there - group == {*members, f"bundle/{scene}.tar"}
        assert len(group) == GROUP_FILES
        spool = next((self.folder / "state").glob("*/spool"))
        assert [path for path in spool.rglob("*") if path.is_file()] == []

    def _watch(self, watch: Callable[[str], None]) -> None:
        """Have the sandbox and the door tell each moment, and wait for what is done then."""
        loop = asyncio.get_running_loop()

        async def on_loop(moment: str) -> None:
            watch(moment)

        def from_door(moment: str) -> None:
            with suppress(TimeoutError, RuntimeError):
                asyncio.run_coroutine_threadsafe(on_loop(moment), loop).result(5)

        self.service.watch, self.door.watch = watch, from_door


def at_moment(blow: Blow, act: Callable[[], None]) -> Callable[[str], None]:
    """Return what has to be told each moment, to act once at the right one."""
    left = blow.nth

    def watch(moment: str) -> None:
        nonlocal left
        left -= fnmatchcase(moment, blow.moment)
        if left == 0:
            left = -1
            act()

    return watch


@pytest.mark.timeout(PATIENCE_S + 20)
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_job_survives_kills(
    weed: Weed,
    door: Door,
    prefix: str,
    tmp_path: Path,
    seed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rng = Random(seed)
    faults = Faults(rate=400_000, seed=seed)
    async with serve(faults=faults) as service:
        bench = StoreBench(
            service, tmp_path / "state", weed=weed, prefix=prefix, endpoint=door.endpoint
        )
        with (tmp_path / "log").open("ab") as log, anyio.fail_after(PATIENCE_S):
            rounds = Rounds(service, weed, bench, door, tmp_path, EARLY_PARTS[seed % 2], log)
            for _ in range(PER_JOB):
                await rounds.strike(rng)
            await rounds.complete()
    with capsys.disabled():
        print(f" seed {seed}: {dict(rounds.tally)}")  # noqa: T201 - for whoever runs 200
