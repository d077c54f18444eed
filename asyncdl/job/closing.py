"""The end of a run, whatever the end is: what the journal keeps and the service may forget."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from asyncdl.errors import ApiError, DiskError, NetworkError
from asyncdl.events import Emit, Notice
from asyncdl.job.choosing.scope import Scope
from asyncdl.job.journal.journal import Journal
from asyncdl.job.journal.records import Beginning
from asyncdl.job.manners import clear_queue, report_proxied
from asyncdl.job.telling.amounts import count
from asyncdl.job.telling.report import Report
from asyncdl.m2m import M2MClient

log = logging.getLogger("asyncdl.job")

GRACE_S = 5.0
"""For the last words, to the journal and the service, after a run that was cut short."""


@asynccontextmanager
async def closing_the_books(
    journal: Journal,
    client: M2MClient,
    begun: Beginning,
    report: Report,
    scope: Scope | None,
    emit: Emit,
) -> AsyncIterator[None]:
    """Run the block; then note how it ended, and clear the job's queue when it is complete.

    An error of the block comes out unchanged.
    """
    try:
        yield
        left = await _close(journal, client, begun, report, scope)
    except BaseException as error:
        is_cancelled = isinstance(error, anyio.get_cancelled_exc_class())
        with anyio.move_on_after(GRACE_S, shield=True):
            try:
                await journal.end("interrupted" if is_cancelled else "stopped")
                # A service that ended the run has no ear for courtesies, nor for another login.
                if not isinstance(error, ApiError | NetworkError):
                    await report_proxied(journal, client, begun.label)
            except DiskError as failure:
                # A full disk must not hide what ended the run; it often is just that.
                log.warning("the end of the run was not noted: %s", failure)
        raise
    if left and scope is None and begun.is_changed:
        emit(Notice(_left_alone(left)))


async def _close(
    journal: Journal, client: M2MClient, begun: Beginning, report: Report, scope: Scope | None
) -> int:
    """End in order; return the number of verified files that the config no longer wants."""
    if begun.may_lack or await journal.requests.count():
        await report_proxied(journal, client, begun.label)
        if report.status == "complete" and scope is None:
            await clear_queue(journal, client, begun.label)
    if scope is None:
        await journal.files.forget_unwanted()
    else:
        await journal.files.forget_not_offered(scope.whole)
    # What a run that was cut short has asked for is still to be found out.
    status = "interrupted" if report.is_partial and begun.may_lack else report.status
    return await journal.end(status, is_whole=scope is None)


def _left_alone(files: int) -> str:
    left = count(files, "file")
    return f"The config no longer asks for {left} that an earlier run fetched; left alone."
