"""The job in one sentence.

Ask the USGS M2M API for files, put them on a bounded queue, let workers stream
them to disk, and let a poller add the ones that are not ready yet, until every
id is resolved.

::

    discover ──► request ──┬─────────────► ready ──► fetch, in workers
                           └► waiting ► poll ─┘

All stages run at once. The queues between them are short, so a stage that is
slow slows those before it: what is in memory is at most two batches of scenes,
two requests' worth of files, the ready queue, and a bounded number of files that wait for
their host. Calls that none of them needs are made beside them, after the first request.
"""

from __future__ import annotations

from contextlib import aclosing

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from asyncdl.errors import ungrouped
from asyncdl.events import FileState
from asyncdl.job.choosing.search_plan import SearchPlan
from asyncdl.job.run_context import RunContext
from asyncdl.job.stages.discovery import discover
from asyncdl.job.stages.fetching import fetch
from asyncdl.job.stages.requesting import request
from asyncdl.journal import Requested
from asyncdl.m2m.downloads.pending import Ready, Undeliverable, Waiting
from asyncdl.m2m.downloads.retrieval import resolutions
from asyncdl.m2m.downloads.selection import WantedFile

READY_PER_WORKER = 2
"""URLs on the queue for each worker: enough that none waits, few enough that none grows old."""


async def pipeline(run: RunContext, search_plan: SearchPlan) -> None:
    """Run all stages until every wanted file has its outcome.

    Raises: AsyncdlError, what made the run stop, alone and not in a group.
        Cancelled half way it leaves no task and no open file.
    """
    workers = run.files_in_hand
    wanted_out, wanted_in = anyio.create_memory_object_stream[list[WantedFile]](1)
    ready_out, ready_in = anyio.create_memory_object_stream[Ready](workers * READY_PER_WORKER)
    waiting_out, waiting_in = anyio.create_memory_object_stream[Waiting](1)
    with ungrouped():
        async with anyio.create_task_group() as stages, ready_out, ready_in:
            stages.start_soon(discover, run, search_plan, wanted_out)
            stages.start_soon(request, run, wanted_in, ready_out.clone(), waiting_out)
            stages.start_soon(poll, run, waiting_in, ready_out.clone())
            stages.start_soon(_fetch_all, run, ready_in.clone())
            stages.start_soon(run.deferred.make_all, run.has_time)


async def _fetch_all(run: RunContext, ready_in: MemoryObjectReceiveStream[Ready]) -> None:
    await fetch(run, ready_in)
    run.deferred.finish()


async def poll(
    run: RunContext,
    waiting_in: MemoryObjectReceiveStream[Waiting],
    ready_out: MemoryObjectSendStream[Ready],
) -> None:
    """Queue files as they get ready at the service; report those that it will not deliver."""
    updates = resolutions(
        run.polls,
        waiting_in,
        label=run.label,
        deadline_s=run.config.poll.deadline,
        emit=run.emit,
    )
    async with ready_out, aclosing(updates):
        async for update in updates:
            if isinstance(update, Undeliverable):
                _report_undeliverable(run, update)
                await run.wait_for_reader()
                continue
            is_ready = isinstance(update, Ready)
            to = Requested(update.download_id, update.label)
            run.journal.requests.note_accepted_later(update.wanted, to, is_ready=is_ready)
            if isinstance(update, Ready):
                run.link_window.add([update.wanted])
                await ready_out.send(update)


def _report_undeliverable(run: RunContext, file: Undeliverable) -> None:
    run.fail(
        file.wanted,
        FileState(file.state),
        reason=file.reason,
        detail=file.detail,
        remedy=file.remedy,
    )
