"""The end of a run, whatever the end is: what the journal keeps and the service may forget."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from asyncdl.errors import ApiError, NetworkError
from asyncdl.events import Emit, Notice
from asyncdl.job.journal import Beginning, Journal
from asyncdl.job.report import Report
from asyncdl.job.scope import Scope
from asyncdl.m2m import M2MClient

CLEAR_S = 60.0
"""For clearing the queue: all files are there, so nobody waits out an outage for it."""
GRACE_S = 5.0
"""For the journal's last words after a run that was cut short."""

log = logging.getLogger("asyncdl.job")


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
    except BaseException as error:
        is_cancelled = isinstance(error, anyio.get_cancelled_exc_class())
        with anyio.move_on_after(GRACE_S, shield=True):
            await journal.end("interrupted" if is_cancelled else "stopped")
        raise
    if report.status == "complete" and scope is None:
        await _clear_queue(journal, client, begun.label)
    if scope is None:
        await journal.forget_unwanted()
    left = await journal.end(report.status)
    if left and scope is None and begun.is_changed:
        emit(Notice(_left_alone(left)))


async def _clear_queue(journal: Journal, client: M2MClient, label: str) -> None:
    """Remove the job's own entries, which count against the account's limits.

    A courtesy: a service that is down by now forgets them by itself some day.

    Source: endpoint ``download-order-remove``; API notes, section 5.7.
    """
    await journal.forget_downloads()
    try:
        with anyio.fail_after(CLEAR_S):
            await client.download_order_remove(label)
    except TimeoutError:
        log.info("the job's queue was not cleared: no answer within %g s", CLEAR_S)
    except (ApiError, NetworkError) as error:
        log.info("the job's queue was not cleared: %s", error)


def _left_alone(count: int) -> str:
    files = "1 file" if count == 1 else f"{count:,} files"
    return f"The config no longer asks for {files} that an earlier run fetched; left alone."
