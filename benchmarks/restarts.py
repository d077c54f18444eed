"""A large job that is killed again and again, beside one that is left alone.

::

    python -m benchmarks.restarts --scenes 1000 --kills 10

The sandbox runs in this process, each run of the job in one of its own, which is
killed (SIGKILL) at a random point of the job's progress, or soon after its start. At
the end every file is compared with what the sandbox holds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from asyncdl.sandbox import Faults, Service, serve

COMMAND = (sys.executable, "-m", "asyncdl", "run", "job.toml", "--quiet")
CONFIG = """
[service]
url = "{url}"
stac_url = ""
[search]
dataset = "landsat_ot_c2_l2"
limit = {scenes}
[[products]]
kind = "bands"
bands = ["*"]
[poll]
interval = 1
"""
PREPARING = 0.1
"""Share of the files that are not ready when they are requested."""
NO_LIMIT = 10_000_000
"""What the quota does to a run is not what is measured here."""
EARLY_SHARE = 0.2
"""So many of the runs are killed soon after their start."""
EARLY_S = 3.0


@dataclass
class Life:
    """One run of the job, as the sandbox saw it."""

    kill_at_file: int | None = None
    """How many files of the job are there when it is killed, if that is what ends it."""
    kill_at_s: float | None = None
    files: int = 0
    """Requests to the file host."""
    began_s: float = field(default_factory=time.monotonic)
    first_file_s: float | None = None
    ended_s: float = 0.0
    named_before: int = 0

    @property
    def is_to_be_killed(self) -> bool:
        return self.kill_at_file is not None or self.kill_at_s is not None


@dataclass
class Trial:
    """A job from its first run to the one that ends it."""

    service: Service
    folder: Path
    scenes: int
    lives: list[Life] = field(default_factory=list)

    async def run(self, plan: Sequence[Life]) -> None:
        self.folder.mkdir()
        config = CONFIG.format(url=self.service.url, scenes=self.scenes)
        (self.folder / "job.toml").write_text(config)
        for life in plan:
            life.named_before = sum(1 for _ in named_files(self.folder / "data"))
            status = await self._live(life)
            self.lives.append(life)
            if status == 0:
                break
            assert status < 0, f"the run ended by itself with status {status}"

    async def _live(self, life: Life) -> int:
        environment = os.environ | {
            "ASYNCDL_USERNAME": self.service.username,
            "ASYNCDL_TOKEN": self.service.token,
        }
        life.began_s = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *COMMAND, cwd=self.folder, env=environment, stdout=subprocess.DEVNULL
        )
        if life.kill_at_s is not None:
            asyncio.get_running_loop().call_later(life.kill_at_s, kill, process)

        def watch(moment: str) -> None:
            if not moment.endswith(" sent"):
                return
            life.files += 1
            if life.first_file_s is None:
                life.first_file_s = time.monotonic() - life.began_s
            if life.named_before + life.files == life.kill_at_file:
                kill(process)

        self.service.watch = watch
        status = await process.wait()
        life.ended_s = time.monotonic() - life.began_s
        return status

    @property
    def received_bytes(self) -> int:
        return sum(request.sent_bytes for request in self.service.file_log)


def kill(process: Process) -> None:
    if process.returncode is None:
        process.kill()


def named_files(data: Path) -> Iterator[Path]:
    """Yield the files of the job that have their final names."""
    for path in data.rglob("*"):
        if path.suffix in (".TIF", ".txt", ".xml") and ".asyncdl" not in path.parts:
            yield path


def deaths(kills: int, files: int, rng: random.Random) -> list[Life]:
    """Choose the end of each run but the last."""
    early = [Life(kill_at_s=rng.uniform(0, EARLY_S)) for _ in range(round(EARLY_SHARE * kills))]
    points = sorted(rng.sample(range(1, files), kills - len(early)))
    plan = [Life(kill_at_file=point) for point in points]
    for life in early:
        plan.insert(rng.randrange(kills), life)
    return plan


def check(trial: Trial) -> tuple[int, int]:
    """Compare every byte with the truth; return how many files and bytes that were."""
    assert trial.service.violations == []
    assert not list((trial.folder / "data").rglob("*.part*"))
    files = size_bytes = 0
    for path in named_files(trial.folder / "data"):
        content = path.read_bytes()
        assert content == trial.service.file_bytes(path.name), path
        files, size_bytes = files + 1, size_bytes + len(content)
    return files, size_bytes


async def try_out(scenes: int, plan: Sequence[Life], folder: Path) -> tuple[Trial, int, int]:
    """Run a job as planned against a sandbox of its own, and check it."""
    faults = Faults(
        preparing=PREPARING,
        recent_limit=NO_LIMIT,
        pending_limit=NO_LIMIT,
        unattempted_limit=NO_LIMIT,
    )
    async with serve(generated=scenes, faults=faults, keep=1_000_000) as service:
        trial = Trial(service, folder, scenes)
        await trial.run([*plan, Life()])
        files, size_bytes = await asyncio.to_thread(check, trial)
        shutil.rmtree(folder)
        return trial, files, size_bytes


def print_results(calm: Trial, killed: Trial, files: int, size_bytes: int) -> None:
    kills = len(killed.lives) - 1
    print(f"{files:,} files, {size_bytes / 1e6:,.1f} MB, every byte right in both; {machine()}\n")
    print(f"| | unbroken | killed {kills} times | more |\n|---|---:|---:|---:|")
    calls = Counter(calm.service.calls), Counter(killed.service.calls)
    for endpoint in dict.fromkeys((*calls[0], *calls[1])):
        print_row(endpoint, calls[0][endpoint], calls[1][endpoint])
    print_row("**API calls**", calls[0].total(), calls[1].total())
    print_row("requests to the file host", *(len(t.service.file_log) for t in (calm, killed)))
    print_row("bytes sent by it", calm.received_bytes, killed.received_bytes)
    print("\n| run | files there | first file after, s | files fetched | ended after, s |")
    print("|---:|---:|---:|---:|---:|")
    for number, life in enumerate([*calm.lives, *killed.lives]):
        name = f"{number}" if number else "unbroken"
        first = "-" if life.first_file_s is None else f"{life.first_file_s:.1f}"
        end = f"{life.ended_s:.1f}" + (", killed" if life.is_to_be_killed else "")
        print(f"| {name} | {life.named_before:,} | {first} | {life.files:,} | {end} |")


def print_row(name: str, calm: int, killed: int) -> None:
    print(f"| {name} | {calm:,} | {killed:,} | {killed - calm:,} |")


def machine() -> str:
    return f"CPython {platform.python_version()}, {os.cpu_count()} CPUs, {platform.machine()}"


async def compare(scenes: int, kills: int, seed: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        calm, files, size_bytes = await try_out(scenes, (), Path(name) / "calm")
        plan = deaths(kills, files, random.Random(seed))
        killed, *same = await try_out(scenes, plan, Path(name) / "killed")
    assert same == [files, size_bytes]
    print_results(calm, killed, files, size_bytes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    asyncio.run(compare(options.scenes, options.kills, options.seed))


if __name__ == "__main__":
    main()
