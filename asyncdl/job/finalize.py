"""The end of a run: what the journal keeps, and what the service is notified of.

The calls are those of :mod:`asyncdl.job.queue.order_end`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from asyncdl.errors import ApiError, DiskError, NetworkError
from asyncdl.events import Emit, Notice
from asyncdl.job.choosing.scope import Scope
from asyncdl.job.deferred_calls import best_effort
from asyncdl.job.queue.order_end import OrderEnd
from asyncdl.job.reporting.report import Report
from asyncdl.journal import Journal, RunStart
from asyncdl.units import count

log = logging.getLogger("asyncdl.job")

GRACE_S = 5.0
"""For the last entries in the journal and calls to the service, after an interrupted run."""


@asynccontextmanager
async def finalizing(
    journal: Journal,
    start: RunStart,
    report: Report,
    scope: Scope | None,
    order: OrderEnd,
    emit: Emit,
) -> AsyncIterator[None]:
    """Run the block; then note how it ended, and clear the job's queue if all is complete.

    An error of the block is raised unchanged.
    """
    try:
        yield
        left = await _finish(journal, start, report, scope, order)
    except BaseException as error:
        is_cancelled = isinstance(error, anyio.get_cancelled_exc_class())
        with anyio.move_on_after(GRACE_S, shield=True):
            try:
                await journal.end("interrupted" if is_cancelled else "stopped")
                # If the service ended the run, further calls and another login are pointless.
                if not isinstance(error, ApiError | NetworkError):
                    await _report_proxied(order, is_complete=False)
            except DiskError as failure:
                # A full disk must not hide what ended the run; it often is just that.
                log.warning("the end of the run was not noted: %s", failure)
        raise
    if left and scope is None and start.is_changed:
        emit(Notice(_notice_of_unwanted(left)))


async def _report_proxied(order: OrderEnd, *, is_complete: bool) -> None:
    with best_effort("files from other sites were not reported as complete"):
        await order.report_proxied(is_complete=is_complete)


async def _finish(
    journal: Journal, start: RunStart, report: Report, scope: Scope | None, order: OrderEnd
) -> int:
    """Finish a run that reached its end; return how many verified files are no longer wanted."""
    is_complete = report.status == "complete"
    if start.may_lack_requests or await journal.requests.count():
        await _report_proxied(order, is_complete=is_complete and scope is None)
        if is_complete and scope is None:
            with best_effort("the job's queue was not cleared"):
                await order.remove()
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
