"""What a run keeps in the store that its files go to: lease, copy of the journal, report."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from asyncdl.errors import DirectoryBusyError, DiskError, StoreError, ungrouped
from asyncdl.events import Emit, Notice
from asyncdl.job.places.placer import Placer
from asyncdl.job.places.store_placer import StorePlacer
from asyncdl.job.places.store_state import StoreState, put_report
from asyncdl.stores.lease import RENEWED_EVERY_S

SAVED_EVERY = 30
"""Renewals between two copies of the journal: about ten minutes."""
GRACE_S = 6.0
"""For the last copy of the journal, also of an interrupted run."""

log = logging.getLogger("asyncdl.job")


def state_in_store(placer: Placer, folder: Path, on_wait: Callable[[str], None]) -> StoreState:
    """Return the state that the store of a job keeps. Nothing is opened yet.

    Args:
        placer: Of the job, which has a store.
        folder: The state folder on the local disk.
        on_wait: Called in a worker thread with why the run waits.
    """
    return StoreState(_of_store(placer), folder, on_wait)


def _of_store(placer: Placer) -> StorePlacer:
    if not isinstance(placer, StorePlacer):
        raise TypeError("the files of this job go to no store")
    return placer


@asynccontextmanager
async def keeping(state: StoreState) -> AsyncIterator[None]:
    """Renew the lease while a block runs, and keep a copy of the journal in the store."""
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


async def put_beside_files(placer: Placer, report: Path, emit: Emit) -> None:
    """Put the report of a run into the store of its files."""
    with anyio.move_on_after(GRACE_S, shield=True):
        try:
            await anyio.to_thread.run_sync(partial(put_report, _of_store(placer), report))
        except (StoreError, OSError) as error:
            emit(Notice(f"The report of this run is not in the store: {error}", "warning"))
