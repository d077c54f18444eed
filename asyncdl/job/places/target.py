"""Which placer a job has: where its files go decides."""

from __future__ import annotations

from collections.abc import Callable

from asyncdl.config import Config
from asyncdl.job.places.placer import FolderPlacer, Placer


def placer_of(config: Config, on_wait: Callable[[str], None] | None = None) -> Placer:
    """Return where the files of a job are placed. Nothing is opened yet.

    Args:
        config: Of the job.
        on_wait: Called in a worker thread with why the place is waited for.
    """
    if config.store_address is None:
        return FolderPlacer(config.directory, durable=config.download.durable)
    # Most jobs need no store.
    from asyncdl.job.places.store_placer import StorePlace, StorePlacer

    return StorePlacer(StorePlace.of(config), on_wait)
