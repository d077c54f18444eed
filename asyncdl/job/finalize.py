"""The end of a run: what the journal keeps, and what the service is notified of.

Source: endpoints ``download-search``, ``download-complete-proxied``,
``download-order-remove``; API notes, sections 5.6 and 5.7.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from asyncdl.background import in_turns
from asyncdl.errors import ApiError, DiskError, NetworkError
from asyncdl.events import Emit, Notice
from asyncdl.job.choosing.scope import Scope
from asyncdl.job.deferred_calls import best_effort
from asyncdl.job.reporting.report import Report
from asyncdl.journal import Journal, RunStart
from asyncdl.m2m import M2MClient
from asyncdl.units import count

MAX_LISTED = 100_000
"""Requests of a job; the list of so many entries has some 60 megabytes."""


async def report_proxied(journal: Journal, client: M2MClient, label: str) -> None:
    """Report files that other sites delivered as complete: the service cannot see it.

    Some may be under the label of another job that requested them first. Only the whole
    list of a label says which they are, so very large jobs skip this.
    """
    if (requests := await journal.requests.count()) > MAX_LISTED:
        log.info(
            "%d requests are too many to find out which of them other sites delivered", requests
        )
        return
    with best_effort("files from other sites were not reported as complete"):
        proxied: list[int] = []
        for known in dict.fromkeys([label, *await journal.requests.labels()]):
            entries = await client.download_search_entries(known, active_only=False)
            proxied += [entry.download_id async for entry in in_turns(entries) if entry.is_proxied]
        if proxied and (sizes_bytes := await journal.requests.sizes_of(proxied)):
            await client.download_complete_proxied(sizes_bytes)


async def clear_queue(journal: Journal, client: M2MClient, label: str) -> None:
    """Remove the job's own entries, which count against the account's limits."""
    with best_effort("the job's queue was not cleared"):
        await client.download_order_remove(label)
        # Not before: a later run clears what this one could not.
        await journal.requests.forget_all()


log = logging.getLogger("asyncdl.job")

GRACE_S = 5.0
"""For the last entries in the journal and calls to the service, after an interrupted run."""


@asynccontextmanager
async def finalizing(
    journal: Journal,
    client: M2MClient,
    start: RunStart,
    report: Report,
    scope: Scope | None,
    emit: Emit,
) -> AsyncIterator[None]:
    """Run the block; then note how it ended, and clear the job's queue if all is complete.

    An error of the block is raised unchanged.
    """
    try:
        yield
        left = await _finish(journal, client, start, report, scope)
    except BaseException as error:
        is_cancelled = isinstance(error, anyio.get_cancelled_exc_class())
        with anyio.move_on_after(GRACE_S, shield=True):
            try:
                await journal.end("interrupted" if is_cancelled else "stopped")
                # If the service ended the run, further calls and another login are pointless.
                if not isinstance(error, ApiError | NetworkError):
                    await report_proxied(journal, client, start.label)
            except DiskError as failure:
                # A full disk must not hide what ended the run; it often is just that.
                log.warning("the end of the run was not noted: %s", failure)
        raise
    if left and scope is None and start.is_changed:
        emit(Notice(_notice_of_unwanted(left)))


async def _finish(
    journal: Journal, client: M2MClient, start: RunStart, report: Report, scope: Scope | None
) -> int:
    """Finish a run that reached its end; return how many verified files are no longer wanted."""
    if start.may_lack_requests or await journal.requests.count():
        await report_proxied(journal, client, start.label)
        if report.status == "complete" and scope is None:
            await clear_queue(journal, client, start.label)
    if scope is None:
        await journal.files.forget_unwanted()
    else:
        await journal.files.forget_not_offered(scope.whole)
    # What the interrupted run before this one requested is still to be found out.
    status = "interrupted" if report.is_partial and start.may_lack_requests else report.status
    return await journal.end(status, is_whole=scope is None)


def _notice_of_unwanted(files: int) -> str:
    left = count(files, "file")
    return f"The config no longer asks for {left} that an earlier run fetched; left as they are."
