"""What the service likes to be told at the end of a run. Courtesies: no failure here counts.

Source: endpoints ``download-search``, ``download-complete-proxied``,
``download-order-remove``; API notes, sections 5.6 and 5.7.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from asyncdl.errors import ApiError, NetworkError
from asyncdl.job.journal.journal import Journal
from asyncdl.m2m import M2MClient

PATIENCE_S = 60.0
"""For each: all files are there, so nobody waits out an outage for it."""

MAX_LISTED = 100_000
"""A list of so many entries takes some hundred megabytes for a moment."""

log = logging.getLogger("asyncdl.job")


async def report_proxied(journal: Journal, client: M2MClient, label: str) -> None:
    """Tell that files which other sites deliver have come: the service cannot see it.

    Some may stand under the label of another job that had asked for them first. Which
    they are only the whole list of a label tells, so a very large job does without.
    """
    if (requests := await journal.requests.count()) > MAX_LISTED:
        log.info("%d requests are too many to ask which of them other sites delivered", requests)
        return
    with courtesy("what came from other sites was not reported"):
        proxied: list[int] = []
        for asked in dict.fromkeys([label, *await journal.requests.labels()]):
            entries = await client.download_search(asked, active_only=False)
            proxied += [entry.download_id for entry in entries if entry.is_proxied]
        if proxied and (sizes_bytes := await journal.requests.sizes_of(proxied)):
            await client.download_complete_proxied(sizes_bytes)


async def clear_queue(journal: Journal, client: M2MClient, label: str) -> None:
    """Remove the job's own entries, which count against the account's limits."""
    with courtesy("the job's queue was not cleared"):
        await client.download_order_remove(label)
        # Not before: a later run clears what this one could not.
        await journal.requests.forget_all()


@contextmanager
def courtesy(failure: str) -> Iterator[None]:
    """Let a call fail, or take too long, at no cost but a line in the log."""
    try:
        with anyio.fail_after(PATIENCE_S):
            yield
    except TimeoutError:
        log.info("%s: no answer within %g s", failure, PATIENCE_S)
    except (ApiError, NetworkError) as error:
        log.info("%s: %s", failure, error)
