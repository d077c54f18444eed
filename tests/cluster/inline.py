"""A cluster without Dask: engines of agents in the loop of the test, by real messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from asyncdl.cluster.agent_engine import AgentEngine
from asyncdl.cluster.coordinator import ClusterFetcher, ClusterSettings, open_fetcher
from asyncdl.cluster.links import LinkLost
from asyncdl.cluster.messages import (
    AgentReport,
    AgentSettings,
    Instructions,
    ProbeReport,
    open_sealed,
    seal,
)
from asyncdl.cluster.probing import probe
from asyncdl.errors import ungrouped
from asyncdl.events import Event
from asyncdl.job.places.placer import FolderPlacer
from asyncdl.net.tls import TlsSettings
from asyncdl.transfer import Limits

_FREE = asyncio.Event()
_FREE.set()


class InlineLink:
    """An agent in this process; every message is sealed and opened on its way."""

    def __init__(self, cluster: InlineCluster, worker: str, settings: AgentSettings) -> None:
        self._cluster = cluster
        self._worker = worker
        self.settings = settings
        self.engine: AgentEngine
        self.taken: list[Instructions] = []
        self.is_dead = False

    async def start(self) -> ProbeReport:
        if self._cluster.is_silent:
            raise LinkLost("no response")
        await self._cluster.busy.get(self._worker, _FREE).wait()
        scratch = self._cluster.scratch / self._worker
        report = self._cluster.probes.get(self._worker)
        if report is None:
            report = await anyio.to_thread.run_sync(probe, self.settings, scratch)
        if not report.problem:
            self.engine = AgentEngine(self.settings, scratch)
            self._cluster.tasks.start_soon(self.engine.run)
        return open_sealed(seal(report), ProbeReport)

    def _check(self) -> None:
        if self.is_dead or self._cluster.is_down:
            raise LinkLost("connection reset")

    async def take(self, instructions: Instructions) -> None:
        self._check()
        opened = open_sealed(seal(instructions), Instructions)
        self.taken.append(opened)
        self.engine.take(opened)

    async def hear(self) -> AgentReport:
        self._check()
        report = await self.engine.report()
        self._check()
        return open_sealed(seal(report), AgentReport)

    async def stop(self) -> None:
        if hasattr(self, "engine"):
            self.engine.stop()

    def forget(self) -> None:
        pass


class InlineCluster:
    """Workers by name; a test adds, kills and removes them."""

    name = "the cluster of a test"
    is_local = True
    tasks: TaskGroup

    def __init__(self, *workers: str) -> None:
        self.names = dict.fromkeys(workers, "")
        self.links: dict[str, InlineLink] = {}
        self.probes: dict[str, ProbeReport] = {}
        self.busy: dict[str, asyncio.Event] = {}
        """What workers wait for before they respond."""
        self.is_silent = False
        """Whether no worker responds."""
        self.is_down = False
        self.scratch = Path("unused")
        """For files on their way to a store."""

    async def workers(self) -> dict[str, str]:
        if self.is_down:
            raise LinkLost("no scheduler")
        return {name: name for name in self.names}

    async def reconnect(self) -> None:
        if self.is_down:
            raise LinkLost("connection refused")

    async def open_agent(self, worker: str, settings: AgentSettings) -> InlineLink:
        opened = open_sealed(seal(settings), AgentSettings)
        self.links[worker] = InlineLink(self, worker, opened)
        return self.links[worker]

    def kill(self, worker: str) -> None:
        """End a worker as by kill -9: its transfers leave what they have."""
        del self.names[worker]
        self.links[worker].is_dead = True
        self.links[worker].engine.stop()


@asynccontextmanager
async def inline_fetcher(
    cluster: InlineCluster,
    directory: Path,
    events: list[Event],
    *,
    connections: int = 8,
    max_wait_s: float = 60.0,
    lease_s: float = 20.0,
    max_rate_bytes_s: float | None = None,
) -> AsyncIterator[ClusterFetcher]:
    """Open a fetcher over the engines of a cluster."""
    limits = Limits(
        connections=connections, per_host=connections, max_rate_bytes_s=max_rate_bytes_s
    )
    settings = ClusterSettings(
        directory, limits, connections, True, TlsSettings(), lease_s, max_wait_s
    )
    with ungrouped():
        async with anyio.create_task_group() as cluster.tasks:
            placer = FolderPlacer(directory)
            async with open_fetcher(cluster, settings, placer, events.append) as fetcher:
                yield fetcher
            cluster.tasks.cancel_scope.cancel()
