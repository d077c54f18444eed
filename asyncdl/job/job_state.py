"""The state of a job for one run: locked, opened, and for a store kept beside the files, too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread

from asyncdl.config import Config
from asyncdl.events import Emit
from asyncdl.job.places.placer import Placer
from asyncdl.journal import Journal, open_state, places_of


@asynccontextmanager
async def open_job_state(
    config: Config, placer: Placer, service: str, on_wait: Callable[[str], None]
) -> AsyncIterator[Journal]:
    """Lock the place of a job for one run, and open its journal.

    Args:
        config: Of the job.
        placer: Of the job.
        service: Name of the service whose files this run may trust.
        on_wait: Called in a worker thread with why the run waits.
    Raises: as :func:`asyncdl.journal.open_state`; StoreError.
    """
    places, durable = await anyio.to_thread.run_sync(places_of, config), config.download.durable
    if config.store_address is None:
        async with open_state(places, service, durable=durable) as journal:
            yield journal
        return
    # Most jobs need no store.
    from asyncdl.job.stored_state import keeping, state_in_store

    state = state_in_store(placer, places.directory.parent, on_wait)
    async with (
        open_state(places, service, durable=durable, prepare=state.begin) as journal,
        keeping(state),
    ):
        yield journal


async def keep_report(config: Config, placer: Placer, report: Path, emit: Emit) -> None:
    """Put the report of a run beside its files, if these are in a store."""
    if config.store_address is not None:
        from asyncdl.job.stored_state import put_beside_files

        await put_beside_files(placer, report, emit)
