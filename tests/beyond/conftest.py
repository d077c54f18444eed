"""What the tests with real processes share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

import asyncdl.sandbox
from asyncdl.sandbox import Service
from tests.beyond.dask_processes import Processes, starting
from tests.beyond.store_jobs import BANDS, SEARCH, StoreJobs
from tests.stores.conftest import door, kind, prefix, real_store, server, weed
from tests.stores.door import Door
from tests.stores.weed import Weed

__all__ = ["door", "kind", "prefix", "real_store", "server", "weed"]

FILE_BYTES = 300_000


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """The embedded service, with files that take a while at the rates of the tests."""
    async with asyncdl.sandbox.serve(file_size=FILE_BYTES) as service:
        yield service


@pytest.fixture
async def processes(tmp_path: Path) -> AsyncIterator[Processes]:
    async with starting(tmp_path / "processes") as processes:
        yield processes


MakeJob = Callable[..., Path]


@pytest.fixture
def make_job(service: Service, tmp_path: Path) -> MakeJob:
    """Write a config whose files are fetched by a cluster."""

    def make(*, cluster: str = 'lease = "2s"', download: str = "", max_wait: str = "30s") -> Path:
        path = tmp_path / "job.toml"
        path.write_text(
            f'[service]\nurl = "{service.url}"\nstac_url = "{service.stac_url}"\n'
            f'max_wait = "{max_wait}"\n[search]\n{SEARCH}\n{BANDS}'
            '[[products]]\nkind = "bundle"\nextract = true\nmembers = ["ST_*"]\n'
            f'[download]\ndirectory = "data"\nconnections = 4\n{download}\n'
            f'[poll]\ninterval = 0.05\n[cluster]\nengine = "dask"\n{cluster}\n'
        )
        return path

    return make


@pytest.fixture
def store_jobs(
    processes: Processes,
    service: Service,
    weed: Weed,
    door: Door,
    prefix: str,
    tmp_path: Path,
) -> StoreJobs:
    """Jobs of a cluster into one place of a real store, through a door that a test may shut."""
    return StoreJobs(processes, service, weed, prefix, tmp_path, door)
