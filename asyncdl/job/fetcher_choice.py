"""Who fetches the files of a job: this process, or the workers of a cluster."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from asyncdl.config import Config
from asyncdl.errors import ConfigError
from asyncdl.events import Emit
from asyncdl.job.places.placer import Placer
from asyncdl.job.places.spool import Spool
from asyncdl.net.tls import Tls, TlsSettings
from asyncdl.transfer import Downloader, FileFetcher, Limits

if TYPE_CHECKING:
    from asyncdl.cluster.messages import AgentStore

ORDERS_PER_FILE = 3
"""Files in the hands of a cluster for each that it works on: its workers have the next ones."""


def files_in_hand(config: Config) -> int:
    """Return how many files are given to the fetcher at once."""
    files = config.download.files_at_once
    return files if config.cluster.engine is None else files * ORDERS_PER_FILE


def spool_of(config: Config, placer: Placer) -> Spool:
    """Return the bound on what this process receives; workers of a cluster have their own."""
    return Spool(placer.spool_bytes if config.cluster.engine is None else None)


@asynccontextmanager
async def open_fetcher_of(
    config: Config, limits: Limits, placer: Placer, emit: Emit, *, tls: Tls, shared_tls: Tls
) -> AsyncIterator[FileFetcher]:
    """Yield who fetches the files of a job.

    Args:
        config: Of the job.
        limits: Of the transfers, over all workers.
        placer: Of the job.
        emit: Receives their events.
        tls: Certificates as the caller has them, which workers read themselves.
        shared_tls: The same for this process, read once for all its clients.
    Raises: ConfigError, if what the config names is not there; ClusterError, if the cluster
        cannot be used.
    """
    if config.cluster.engine is None:
        async with Downloader(limits, emit=emit, tls=shared_tls) as downloader:
            yield downloader
        return
    # Most runs need neither these modules nor the package behind them.
    from asyncdl.cluster.coordinator import ClusterSettings, open_fetcher
    from asyncdl.cluster.dask_cluster import DaskCluster

    settings = ClusterSettings(
        directory=_absolute(placer.work_directory),
        limits=limits,
        files=config.download.files_at_once,
        shares_connections=config.download.workers == "auto",
        tls=_files_of(tls),
        lease_s=config.cluster.lease,
        max_wait_s=limits.max_wait_s,
        store=_store_of(placer),
    )
    workers = config.cluster.workers or min(os.cpu_count() or 1, limits.connections)
    async with (
        DaskCluster(config.cluster.scheduler, workers) as cluster,
        open_fetcher(cluster, settings, placer, emit) as fetcher,
    ):
        yield fetcher


def _store_of(placer: Placer) -> AgentStore | None:
    """Return how workers place files in the store of a job, if they go to one."""
    from asyncdl.cluster.messages import AgentStore
    from asyncdl.job.places.store_placer import StorePlacer

    if not isinstance(placer, StorePlacer):
        return None
    place = placer.place_data
    return AgentStore(place.settings, place.spool_bytes, place.uploads)


def _absolute(directory: Path) -> Path:
    return Path(os.path.abspath(directory))  # noqa: PTH100  # a link stays what it is


def _files_of(tls: Tls) -> TlsSettings:
    if isinstance(tls, ssl.SSLContext):
        raise ConfigError(
            "cannot use certificates that were not read from a file",
            key="cluster.engine",
            value="dask",
            allowed="TlsSettings with files that the workers can read",
        )
    return tls
