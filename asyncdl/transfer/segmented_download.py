"""Fetches one large file over several connections.

The first connection has a response already and could bring the whole file alone. Whenever bytes
have been saved, another connection is added if it is worthwhile and one is free. Each fetches one
segment. A connection that fails leaves its segment to the others, and its error counts only if no
other is left.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
from anyio import create_task_group
from anyio.abc import TaskGroup

from asyncdl.errors import NetworkError, RangeRefused, TransferError, ungrouped
from asyncdl.transfer import clock
from asyncdl.transfer.body_receiver import BodyReceiver, FileTarget
from asyncdl.transfer.engine import Engine
from asyncdl.transfer.failures import is_other_version
from asyncdl.transfer.host_limiter import ConnectionSlot
from asyncdl.transfer.http import Sender, SourcedUrl, open_response
from asyncdl.transfer.range_responses import BodyRange, check_segment
from asyncdl.transfer.responses import Head, RangeRequest
from asyncdl.transfer.retries import Attempts
from asyncdl.transfer.segments import Segment, Segments, cost_s
from asyncdl.transfer.slots import Slot
from asyncdl.transfer.verification.structure import check_type
from asyncdl.transfer.wire_url import read_target

BURST_SHARE = 1 / 3
"""Share of the time before the rate is measured that is left to a host's first burst."""

_log = logging.getLogger("asyncdl.transfer")


def can_be_split(head: Head, body: BodyRange, min_bytes: int, *, is_verified_later: bool) -> bool:
    """Return whether further connections may fetch segments of a file.

    Args:
        head: The first response.
        body: Where its body belongs.
        min_bytes: Smaller files are not worth it.
        is_verified_later: Whether a digest will show a mix of two versions.
    """
    if body.total is None or body.total < min_bytes:
        return False
    if not head.offers_ranges:
        return False
    # Two responses with the same weak validator may bring different bytes.
    return head.validator.is_strong or is_verified_later


@dataclass(slots=True)
class SegmentedDownload:
    """Further connections for one file, as many as are useful and free."""

    engine: Engine
    target: FileTarget
    attempts: Attempts
    source: SourcedUrl
    """Where the first response came from, after redirects; all further ones come from there."""
    sender: Sender = field(repr=False)
    """With the headers for the origin of ``source``."""
    max_connections: int
    """1 once the host has refused to send segments."""
    segments: Segments
    slot: Slot
    """The file's slot; it stands for several while the file has several connections."""
    _failed: int = field(default=0, init=False)
    """Further connections that failed in a row."""
    _paused_until_s: float = field(default=-math.inf, init=False)
    """No further connection before this."""
    _has_saved: bool = field(default=False, init=False)
    """Whether what is on disk is of the version that is arriving."""
    _is_measured: bool = field(default=False, init=False)
    """Whether the rate of the first connection is known, or does not matter."""
    _tasks: TaskGroup | None = field(default=None, init=False)

    async def run(self, first: Segment, receive_first: Callable[[], Awaitable[None]]) -> None:
        """Fetch until every byte is on disk, or no connection is left.

        Args:
            first: The segment of the connection that has a response already.
            receive_first: Receives it.
        Raises: What the last connection raised; at once a DiskError, or a RangeRefused
            with reason :data:`OTHER_VERSION`.
        """
        self._is_measured = self.segments.is_split
        try:
            with ungrouped():
                async with create_task_group() as self._tasks:
                    self.segments.active.append(first)
                    if not self._is_measured:
                        self._tasks.start_soon(self._measure, first)
                    await self._run_connection(first, receive_first)
        finally:
            self.slot.set_extra(0)

    def on_save(self, segment: Segment) -> None:
        """Add connections if that is worthwhile, or end this one if another file needs it."""
        self._has_saved = True
        is_needed = self.engine.host_limiter.has_waiting_files(self.source.url)
        if len(self.segments.active) > 1 and is_needed:
            # Its rest goes back to the others, and the connection to another file.
            segment.stop = segment.position
        else:
            self._add_connections()

    async def _measure(self, first: Segment) -> None:
        """Measure whether the first connection is slow enough for further ones."""
        first_look_s = self.engine.limits.first_look_s
        await anyio.sleep(first_look_s * BURST_SHARE)
        first.restart_rate(clock.now_s())
        await anyio.sleep(first_look_s * (1 - BURST_SHARE))
        self._is_measured = True
        if self._has_saved:
            self._add_connections()

    def _add_connections(self) -> None:
        idle = self.engine.client.idle_connections(read_target(self.source.url))
        while len(self.segments.active) < self.max_connections and self._may_add():
            connection = self._try_admit()
            if connection is None:
                break
            segment = self._next_segment(is_open=idle > 0)
            if segment is None:
                self.engine.host_limiter.end(connection, None)
                break
            self._start(segment, connection)
            idle -= 1
            self.slot.set_extra(len(self.segments.active) - 1)
        has = max(0, len(self.segments.active) - 1)
        self.slot.set_extra(has, self._add_connections if self._lacks_connection() else None)

    def _try_admit(self) -> ConnectionSlot | None:
        if not self.slot.free:
            return None
        return self.engine.host_limiter.try_admit_extra(self.source.url)

    def _lacks_connection(self) -> bool:
        """Return whether another connection is worthwhile, but other files have them all."""
        if len(self.segments.active) >= self.max_connections or not self._may_add():
            return False
        state = self.target.unfinished.state
        is_worthwhile = self.segments.has_next(state.done, state.total or 0, clock.now_s())
        return is_worthwhile and self.engine.host_limiter.is_unstrained(self.source.url)

    def _may_add(self) -> bool:
        is_due = self._is_measured and clock.now_s() >= self._paused_until_s
        return is_due and not self.attempts.is_exhausted

    def _next_segment(self, *, is_open: bool) -> Segment | None:
        """Return work for a connection that has just been admitted, whether it is open or not."""
        state, limiter, url = (
            self.target.unfinished.state,
            self.engine.host_limiter,
            self.source.url,
        )
        has = len(self.segments.active) + 1
        free = min(self.slot.free - 1, limiter.free_connections(url))
        self.segments.connections = min(has + max(0, free), self.max_connections)
        self.segments.request_s = cost_s(limiter.state_of(url).request_s, is_open=is_open)
        return self.segments.start_next(state.done, state.total or 0, clock.now_s())

    def _start(self, segment: Segment, connection: ConnectionSlot) -> None:
        async def fetch() -> None:
            with connection:
                await self._fetch(segment, connection)
            self._failed = 0

        if self._tasks is not None:
            self._tasks.start_soon(self._run_connection, segment, fetch)

    async def _run_connection(self, segment: Segment, fetch: Callable[[], Awaitable[None]]) -> None:
        """Run one connection; its failure is that of the file if no other is left."""
        try:
            await fetch()
        except (NetworkError, TransferError) as error:
            self.segments.release(segment, clock.now_s())
            if not self.segments.active or is_other_version(error):
                raise
            await self._back_off(error)
        else:
            self.segments.release(segment, clock.now_s())
        self._add_connections()
        if not self.segments.active and self._tasks is not None:
            # Connections that still back off have nothing left to fetch.
            self._tasks.cancel_scope.cancel()

    async def _back_off(self, error: NetworkError | TransferError) -> None:
        """Use one connection less for a while, since it failed while others go on."""
        backoff = self.engine.limits.backoff
        self._failed += 1
        if isinstance(error, RangeRefused) or not backoff.allows(self._failed):
            self.max_connections = 1
        wait_s = backoff.delay_s(self._failed, retry_after_s=error.retry_after_s)
        self._paused_until_s = clock.now_s() + wait_s
        _log.info("%s: continues with one connection less: %s", self.target.progress.key, error)
        await anyio.sleep(wait_s)

    async def _fetch(self, segment: Segment, connection: ConnectionSlot) -> None:
        """Request one segment and receive it."""
        engine, target = self.engine, self.target
        await target.unfinished.preallocate()
        range_request = RangeRequest(segment.start, segment.stop)
        self.attempts.requests += 1
        began_s = clock.now_s()
        with await open_response(
            engine.client, self.source, range_request.headers(), self.sender, engine.limits
        ) as response:
            engine.host_limiter.state_of(response.url).note_request_time(clock.now_s() - began_s)
            resume_point = target.unfinished.resume_point
            segment.body_stop = check_segment(
                response.head, range_request, resume_point, response.url
            )
            check_type(target.form, response.head.content_type, response.url)
            segment.restart_rate(clock.now_s())
            receiver = BodyReceiver(engine, target, connection, on_save=self.on_save)
            await receiver.receive(response, segment)
