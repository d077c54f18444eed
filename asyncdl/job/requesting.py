"""The second stage: ask the service for the wanted files, few large calls at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from asyncdl.config import ServiceConfig
from asyncdl.events import FileState
from asyncdl.job.quota import Quota
from asyncdl.job.run import Run
from asyncdl.m2m import DownloadItem
from asyncdl.m2m.matching import match_reply
from asyncdl.m2m.retrieval import Ready, Waiting
from asyncdl.m2m.selection import WantedFile

REFUSED_REMEDY = "Run the same command again later; the service gives the reason above."


async def request(
    run: Run,
    wanted_in: MemoryObjectReceiveStream[list[WantedFile]],
    ready_out: MemoryObjectSendStream[Ready],
    waiting_out: MemoryObjectSendStream[Waiting],
) -> None:
    """Turn wanted files into URLs and into ids to wait for.

    The queue of URLs is bounded, so a slow disk holds up this stage and with
    it the calls: links do not pile up unfetched.
    """
    quota = Quota(run.client, run.emit, look_again_s=run.config.service.quota_interval)
    async with (
        wanted_in,
        ready_out,
        waiting_out,
        aclosing(calls_worth(wanted_in, run.config.service)) as groups,
    ):
        async for group in groups:
            await _request_group(run, quota, group, ready_out, waiting_out)


async def _request_group(
    run: Run,
    quota: Quota,
    group: Sequence[WantedFile],
    ready_out: MemoryObjectSendStream[Ready],
    waiting_out: MemoryObjectSendStream[Waiting],
) -> None:
    items = [DownloadItem(wanted.entity_id, wanted.product_id) for wanted in group]
    matched = match_reply(group, await quota.request(items, label=run.label))
    for refused in matched.failed:
        _refuse(run, refused.file, "refused", refused.message)
    # Ids whose file the reply does not tell, each with the label to ask under.
    unknown = {**matched.duplicates, **dict.fromkeys(matched.unmatched, run.label)}
    if not unknown:
        # The service counts such items and does not name them: they are what is left.
        for wanted in matched.unaccounted:
            _refuse(run, wanted, "not-accepted", "the service did not accept the request for it")
    candidates = matched.unaccounted if unknown else ()
    if matched.preparing or candidates:
        items_by_id = {preparing.download_id: preparing.file for preparing in matched.preparing}
        await waiting_out.send(Waiting(run.label, items_by_id, unknown, candidates))
    for available in matched.available:
        await ready_out.send(Ready(available.file, available.download_id, run.label, available.url))


def _refuse(run: Run, wanted: WantedFile, reason: str, detail: str) -> None:
    run.finish(wanted, FileState.FAILED, reason=reason, detail=detail, remedy=REFUSED_REMEDY)


async def calls_worth(
    wanted_in: MemoryObjectReceiveStream[list[WantedFile]], bounds: ServiceConfig
) -> AsyncGenerator[list[WantedFile]]:
    """Regroup what comes in so that each call is as large as it may be.

    A group ends at ``files_per_request`` files, or before the estimated sizes
    exceed ``bytes_per_request``: a thousand bundles would take hours to fetch,
    and nobody knows how long their links live. No group is empty.
    """
    group: list[WantedFile] = []
    size_bytes = 0
    async for files in wanted_in:
        for wanted in files:
            too_large = size_bytes + wanted.estimate_bytes > bounds.bytes_per_request
            if group and (len(group) == bounds.files_per_request or too_large):
                yield group
                group, size_bytes = [], 0
            group.append(wanted)
            size_bytes += wanted.estimate_bytes
    if group:
        yield group
