"""The second stage: request the wanted files from the service, in few large calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing

from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from asyncdl.background import in_turns, off_loop
from asyncdl.config import ServiceConfig
from asyncdl.events import Event, FileState, QuotaWait
from asyncdl.job.queue.link_window import LinkWindow
from asyncdl.job.queue.quota import Quota
from asyncdl.job.run_context import RunContext
from asyncdl.journal import Requested
from asyncdl.m2m import DownloadItem
from asyncdl.m2m.downloads.matching import AvailableFile, Matched, match_reply
from asyncdl.m2m.downloads.pending import Ready, Waiting, waiting_of
from asyncdl.m2m.downloads.selection import WantedFile

REFUSED_REMEDY = "Run the same command again later; the service gives the reason above."
NOT_ACCEPTED = "the service did not accept the request for it, and did not say why"
NOT_ACCEPTED_REMEDY = "Run the same command again later."
QUOTA_REMEDY = "Run the same command again when the account's download quota has room."


async def request(
    run: RunContext,
    wanted_in: MemoryObjectReceiveStream[list[WantedFile]],
    ready_out: MemoryObjectSendStream[Ready],
    waiting_out: MemoryObjectSendStream[Waiting],
) -> None:
    """Turn wanted files into URLs and into ids to wait for.

    The queue of URLs is bounded, so a slow disk slows this stage and its calls:
    links do not pile up. Deferred calls begin after the first request.
    """
    service, poll = run.config.service, run.config.poll

    def watch(event: Event) -> None:
        if isinstance(event, QuotaWait):
            run.deferred.release()  # the next request may not be answered for hours
        run.emit(event)

    quota = Quota(
        run.client, watch, check_interval_s=service.quota_interval, max_wait_s=poll.deadline
    )
    async with (
        wanted_in,
        ready_out,
        waiting_out,
        aclosing(request_batches(wanted_in, service, run.link_window)) as groups,
    ):
        async for group in groups:
            for outstanding in await _take_outstanding(run, group):
                await waiting_out.send(outstanding)
            while group and (matched := await _request(run, quota, group)):
                await _note_accepted(run, matched)
                if waiting := await _process_reply(run, matched):
                    await waiting_out.send(waiting)
                run.link_window.add(found.file for found in matched.available)
                run.deferred.note_request()  # not before: the poll that follows goes first
                for found in largest_first(matched.available):
                    await ready_out.send(_ready(run, found))
                await run.wait_for_reader()
            run.deferred.release()  # all of the group was requested before, or quota is used up
            async for wanted in in_turns(group):
                _fail_without_quota(run, wanted)
        run.deferred.release()


async def _take_outstanding(run: RunContext, group: list[WantedFile]) -> list[Waiting]:
    """Take files out of the group that an earlier run requested.

    Their URLs come from ``download-retrieve``; requesting them again would spend
    quota, as the service counts repetitions.
    """
    by_label: dict[str, dict[int, WantedFile]] = {}
    outstanding = await run.outstanding.take(group)
    for wanted, to in outstanding.items():
        by_label.setdefault(to.label, {})[to.download_id] = wanted
    group[:] = [wanted for wanted in group if wanted not in outstanding]
    return [Waiting(label, items, is_due=True) for label, items in by_label.items()]


async def _request(run: RunContext, quota: Quota, group: list[WantedFile]) -> Matched | None:
    """Request as many files as there is quota for, and take them out of the group.

    Returns: ``None`` if there is no quota, after waiting for some.
    """
    await run.journal.requests.note_requested(group, run.label)
    items = [DownloadItem(wanted.entity_id, wanted.product_id) for wanted in group]
    granted = await quota.request(items, label=run.label)
    if granted is None:
        return None
    requested = group[: granted.count]
    del group[: granted.count]
    return await off_loop(len(requested), match_reply, requested, granted.reply)


async def _process_reply(run: RunContext, matched: Matched) -> Waiting | None:
    """Report the files that were refused; return those to wait for, if any."""
    async for refused in in_turns(matched.failed):
        _refuse(run, refused.file, "refused", refused.message)
    waiting = waiting_of(matched, run.label)
    if not waiting.candidates:
        # The service counts such items without naming them: they are the ones left over.
        async for wanted in in_turns(matched.unaccounted):
            _refuse(run, wanted, "not-accepted", NOT_ACCEPTED, NOT_ACCEPTED_REMEDY)
    return waiting if waiting.items or waiting.candidates else None


def largest_first(available: Iterable[AvailableFile]) -> list[AvailableFile]:
    """Return files so that the largest begin first, as they take longest. Pure."""
    return sorted(available, key=lambda found: found.file.estimate_bytes, reverse=True)


def _ready(run: RunContext, found: AvailableFile) -> Ready:
    return Ready(found.file, found.download_id, run.label, found.url, found.eula_code)


async def _note_accepted(run: RunContext, matched: Matched) -> None:
    for files, is_ready in ((matched.available, True), (matched.preparing, False)):
        given = [(found.file, Requested(found.download_id, run.label)) for found in files]
        await run.journal.requests.note_accepted(given, is_ready=is_ready)


def _refuse(
    run: RunContext, wanted: WantedFile, reason: str, detail: str, remedy: str = REFUSED_REMEDY
) -> None:
    run.fail(wanted, FileState.FAILED, reason=reason, detail=detail, remedy=remedy)


def _fail_without_quota(run: RunContext, wanted: WantedFile) -> None:
    run.fail(
        wanted,
        FileState.UNRESOLVED,
        reason="quota",
        detail=f"the download quota had no room for {run.config.poll.deadline:g} s",
        remedy=QUOTA_REMEDY,
    )


async def request_batches(
    wanted_in: MemoryObjectReceiveStream[list[WantedFile]],
    bounds: ServiceConfig,
    link_window: LinkWindow,
) -> AsyncGenerator[list[WantedFile]]:
    """Regroup incoming files so that each call is as large as allowed.

    A group ends at ``files_per_request`` files, or before the estimated sizes
    exceed ``bytes_per_request`` or what the run fetches while a link may wait: a
    thousand bundles would take hours, and it is not known how long links live. Two
    products of one scene are never in one group, as a response does not distinguish
    them. A group begins when most links of earlier groups are used. No group is empty.
    """
    group: list[WantedFile] = []
    size_bytes = 0
    async for files in wanted_in:
        for wanted, is_next_round in _in_rounds(files):
            if group and is_next_round:
                yield group
                group, size_bytes = [], 0
            if not group:
                await link_window.wait_for_room()
            larger_bytes = size_bytes + wanted.estimate_bytes
            is_full = (
                len(group) == bounds.files_per_request
                or larger_bytes > bounds.bytes_per_request
                or not link_window.has_room_for(len(group) + 1, larger_bytes)
            )
            if group and is_full:
                yield group
                await link_window.wait_for_room()
                group, size_bytes = [], 0
            group.append(wanted)
            size_bytes += wanted.estimate_bytes
    if group:
        yield group


def _in_rounds(files: Iterable[WantedFile]) -> Iterator[tuple[WantedFile, bool]]:
    """Yield files so that no entity is twice in a round, and whether a file begins a round."""
    rounds: list[list[WantedFile]] = []
    times: Counter[str] = Counter()
    for wanted in files:
        if times[wanted.entity_id] == len(rounds):
            rounds.append([])
        rounds[times[wanted.entity_id]].append(wanted)
        times[wanted.entity_id] += 1
    for number, of_round in enumerate(rounds):
        for at, wanted in enumerate(of_round):
            yield wanted, number > 0 and at == 0
