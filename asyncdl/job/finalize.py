"""The end of a run, whatever the end is: what the journal keeps, what the service is sent.

Source: endpoints ``download-search``, ``download-complete-proxied``,
``download-order-remove``; API notes, sections 5.6 and 5.7.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import anyio

from asyncdl.errors import ApiError, DiskError, NetworkError
from asyncdl.events import Emit, Notice
from asyncdl.job.choosing.scope import Scope
from asyncdl.job.reporting.report import Report
from asyncdl.journal import Journal, RunStart
from asyncdl.m2m import M2MClient
from asyncdl.units import count

PATIENCE_S = 60.0
"""For each: all files are there, so nobody waits out an outage for it."""

MAX_LISTED = 100_000
"""A list of so many entries takes some hundred megabytes for a moment."""


async def report_proxied(journal: Journal, client: M2MClient, label: str) -> None:
    """Tell that files which other sites deliver have come: the service cannot see it.

    Some may stand under the label of another job that had asked for them first. Which
    they are only the whole list of a label tells, so a very large job does without.
    """
    if (requests := await journal.requests.count()) > MAX_LISTED:
        log.info("%d requests are too many to ask which of them other sites delivered", requests)
        return
    with best_effort("what came from other sites was not reported"):
        proxied: list[int] = []
        for asked in dict.fromkeys([label, *await journal.requests.labels()]):
            entries = await client.download_search(asked, active_only=False)
            proxied += [entry.download_id for entry in entries if entry.is_proxied]
        if proxied and (sizes_bytes := await journal.requests.sizes_of(proxied)):
            await client.download_complete_proxied(sizes_bytes)


async def clear_queue(journal: Journal, client: M2MClient, label: str) -> None:
    """Remove the job's own entries, which count against the account's limits."""
    with best_effort("the job's queue was not cleared"):
        await client.download_order_remove(label)
        # Not before: a later run clears what this one could not.
        await journal.requests.forget_all()


@contextmanager
def best_effort(failure: str) -> Iterator[None]:
    """Let a call fail, or take too long, at no cost but a line in the log."""
    try:
        with anyio.fail_after(PATIENCE_S):
            yield
    except TimeoutError:
        log.info("%s: no answer within %g s", failure, PATIENCE_S)
    except (ApiError, NetworkError) as error:
        log.info("%s: %s", failure, error)


log = logging.getLogger("asyncdl.job")

GRACE_S = 5.0
"""For the last words, to the journal and the service, after a run that was cut short."""


@asynccontextmanager
async def finalizing(
    journal: Journal,
    client: M2MClient,
    begun: RunStart,
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
    journal: Journal, client: M2MClient, begun: RunStart, report: Report, scope: Scope | None
) -> int:
    """End in order; return the number of verified files that the config no longer wants."""
    if begun.may_lack_requests or await journal.requests.count():
        await report_proxied(journal, client, begun.label)
        if report.status == "complete" and scope is None:
            await clear_queue(journal, client, begun.label)
    if scope is None:
        await journal.files.forget_unwanted()
    else:
        await journal.files.forget_not_offered(scope.whole)
    # What a run that was cut short has asked for is still to be found out.
    status = "interrupted" if report.is_partial and begun.may_lack_requests else report.status
    return await journal.end(status, is_whole=scope is None)


def _left_alone(files: int) -> str:
    left = count(files, "file")
    return f"The config no longer asks for {left} that an earlier run fetched; left alone."
