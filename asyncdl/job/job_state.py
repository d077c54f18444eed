"""The state of a job for one run: locked, opened, and for a store kept beside the files, too."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from asyncdl.config import Config
from asyncdl.errors import DirectoryBusyError, DiskError, StoreError, ungrouped
from asyncdl.events import Emit, Notice
from asyncdl.job.places.placer import Placer
from asyncdl.job.places.store_placer import StorePlacer
from asyncdl.job.places.store_state import StoreState, put_report
from asyncdl.journal import Journal, open_state, places_of
from asyncdl.stores.lease import RENEWED_EVERY_S

SAVED_EVERY = 30
"""Renewals between two copies of the journal: about ten minutes."""
GRACE_S = 6.0
"""For the last copy of the journal, also of an interrupted run."""

log = logging.getLogger("asyncdl.job")


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
    if not isinstance(placer, StorePlacer):
        async with open_state(places, service, durable=durable) as journal:
            yield journal
        return
    state = StoreState(placer, places.directory.parent, on_wait)
    async with (
        open_state(places, service, durable=durable, prepare=state.begin) as journal,
        _kept(state),
    ):
        yield journal


@asynccontextmanager
async def _kept(state: StoreState) -> AsyncIterator[None]:
    with ungrouped():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_renew, state)
            try:
                yield
            finally:
                tasks.cancel_scope.cancel()
                with anyio.move_on_after(GRACE_S, shield=True):
                    await _try("the journal", state.save)
                    await _try("its lease", state.end)


async def _renew(state: StoreState) -> None:
    renewals = 0
    while True:
        await anyio.sleep(RENEWED_EVERY_S)
        await _try("its lease", state.renew)
        renewals += 1
        if renewals % SAVED_EVERY == 0:
            await _try("the journal", state.save)


async def _try(what: str, call: Callable[[], None]) -> None:
    """Write to the store; a failure costs nothing but that another machine knows less."""
    try:
        await anyio.to_thread.run_sync(call)
    except DirectoryBusyError:
        raise
    except (StoreError, DiskError, OSError) as error:
        log.warning("%s was not written to the store: %s", what, error)


async def keep_report(placer: Placer, report: Path, emit: Emit) -> None:
    """Put the report of a run beside its files, if these are in a store."""
    if not isinstance(placer, StorePlacer):
        return
    with anyio.move_on_after(GRACE_S, shield=True):
        try:
            await anyio.to_thread.run_sync(partial(put_report, placer, report))
        except (StoreError, OSError) as error:
            emit(Notice(f"The report of this run is not in the store: {error}", "warning"))
