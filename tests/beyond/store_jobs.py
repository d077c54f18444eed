"""Jobs of a cluster whose workers place files in a real store."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from asyncdl.sandbox import Service
from tests.beyond.dask_processes import MOST_S, Processes, Running
from tests.job.bench import Bench
from tests.stores.door import Door
from tests.stores.real_store import ADMIN
from tests.stores.weed import Weed

SEARCH = 'scenes = ["LC08_L2SP_068017_20200310_20200822_02_T1"]'
"""A scene with files of all kinds."""
BANDS = '[[products]]\nkind = "bands"\nbands = ["SR_*", "QA_PIXEL"]\n'
PRODUCTS = f"""{BANDS}
[[products]]
kind = "band_group"
file_groups = ["ls_c2l2_sr_band"]
[[products]]
kind = "bundle"
extract = true
members = ["ST_*"]
"""
OURS = (".asyncdl/", "stac/", "asyncdl-report.json")
"""What a job keeps in a store for itself."""


@dataclass
class StoreJobs:
    """Runs of one job into one place of a store, by workers on this machine.

    Args:
        processes: Starts them.
        service: The embedded service.
        weed: The store.
        prefix: Of the place.
        folder: For the config and the state.
        door: The way to the store, which a test may shut.
    """

    processes: Processes
    service: Service
    weed: Weed
    prefix: str
    folder: Path
    door: Door

    @property
    def target(self) -> str:
        return f"s3://{self.weed.bucket}/{self.prefix}"

    @property
    def credentials(self) -> dict[str, str]:
        return self.weed.environment(ADMIN) | {"AWS_REGION": "us-east-1"}

    def config(
        self, search: str, products: str, *, download: str = "", store: str = "", cluster: str = ""
    ) -> Path:
        path = self.folder / "job.toml"
        path.write_text(
            f'[service]\nurl = "{self.service.url}"\nstac_url = "{self.service.stac_url}"\n'
            f'max_wait = "30s"\n[search]\n{search}\n{products}\n'
            f'[download]\ndirectory = "{self.target}"\nstate_directory = "state"\n'
            f'connections = 4\n{download}\n[store]\nendpoint = "{self.door.endpoint}"\n{store}\n'
            f'[poll]\ninterval = 0.05\n[cluster]\nengine = "dask"\nlease = "2s"\n{cluster}\n'
        )
        return path

    async def worker(self, address: str, name: str, **env: str) -> Running:
        return await self.processes.worker(address, name, **(self.credentials | env))

    async def two_workers(self) -> tuple[Running, str, list[Running]]:
        scheduler, address = await self.processes.scheduler()
        return scheduler, address, [await self.worker(address, name) for name in ("one", "two")]

    async def run(self, config: Path, *options: str, address: str | None, **env: str) -> Running:
        env = self.credentials | env
        return await self.processes.run(self.service, config, *options, address=address, **env)

    async def run_command(self, *command: str) -> Running:
        """Start another command of asyncdl."""
        return await self.processes.start("asyncdl", *command, **self.credentials)

    # --- what is where --------------------------------------------------------------------

    def names(self) -> list[str]:
        """Return the paths of all files in the store, without what the job keeps for itself."""
        paths = (n.removeprefix(f"{self.prefix}/") for n in self.weed.names(f"{self.prefix}/"))
        return [path for path in paths if not path.startswith(OURS)]

    def received(self, name: str) -> list[Path]:
        """Return what a worker has in its spool."""
        found = (self.processes.folder / name).rglob("asyncdl-spool-*/**/*")
        return [path for path in found if path.is_file()]

    async def until(self, what: str, least: int) -> None:
        """Wait until the store has so many files, or a worker so many in its spool."""
        count = self._in_store if what == "store" else lambda: len(self.received(what))
        with anyio.fail_after(MOST_S):
            while await anyio.to_thread.run_sync(count) < least:
                await anyio.sleep(0.05)

    async def until_empty(self, *workers: str) -> None:
        """Wait until workers have nothing in their spools, which end with their agents."""
        with anyio.fail_after(MOST_S):
            while any(self.received(worker) for worker in workers):
                await anyio.sleep(0.05)

    def _in_store(self) -> int:
        return len(self.names())

    def check_files(self) -> list[str]:
        """Compare every file in the store with what the sandbox has; return their paths."""
        truth = Bench(self.service, self.folder).truth
        paths = self.names()
        for path in paths:
            data = self.weed.read(f"{self.prefix}/{path}")
            assert data == truth(path.rpartition("/")[2]), path
            facts = self.weed.facts(f"{self.prefix}/{path}")
            for name in ("sha512", "sha256", "md5"):
                assert facts.get(name) in (None, hashlib.new(name, data).hexdigest()), path
            assert facts["proof"]
        return paths

    def copy_all(self, folder: Path) -> None:
        """Copy all files out of the store, for readers that take folders."""
        for path in self.names():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.weed.read(f"{self.prefix}/{path}"))

    def report(self) -> dict[str, Any]:
        """Return the report that the job has put beside its files."""
        found: dict[str, Any] = json.loads(self.weed.read(f"{self.prefix}/asyncdl-report.json"))
        return found

    def items(self) -> list[dict[str, Any]]:
        """Return the STAC items of the scenes."""
        names = [name for name in self.weed.names(f"{self.prefix}/stac/") if "/L" in name]
        return [json.loads(self.weed.read(name)) for name in names]


def check_complete(run: Running) -> dict[str, Any]:
    """Check that a run has fetched everything; return its summary."""
    summary = run.lines[-1]
    assert summary["status"] == "complete", run.output
    assert summary["files"]["failed"] == summary["files"]["unresolved"] == 0
    return summary


def size_of(path: Path) -> int:
    """Return the size of a file that may be gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
