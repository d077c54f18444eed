"""The engine of an agent: it carries out orders with a :class:`~asyncdl.transfer.Downloader`.

It knows nothing of Dask, and runs on one event loop. Its lease is renewed by each word of the
coordinator. Without one for that long it stops: the transfers save their state, so that whoever
continues them receives only what is missing.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.from_thread
from anyio import CancelScope

from asyncdl.cluster.agent_place import AgentPlace, open_place
from asyncdl.cluster.error_records import record_of_error, record_of_unexpected
from asyncdl.cluster.messages import (
    AgentReport,
    AgentSettings,
    FreshUrl,
    HostLesson,
    Instructions,
)
from asyncdl.cluster.orders import FileOrder, request_of
from asyncdl.cluster.outbox import Outbox
from asyncdl.cluster.outcomes import OrderOutcome, record_of_fetched
from asyncdl.cluster.shares import Share
from asyncdl.errors import INTERRUPTED, AsyncdlError, TransferError, reason_of
from asyncdl.events import Notice
from asyncdl.job.places.member_plan import BundleUnpacker
from asyncdl.net.hosts import host_of
from asyncdl.transfer import Downloader
from asyncdl.transfer.dispatch import Dispatch
from asyncdl.transfer.slots import Slot

NO_FRESH_URL = "no-new-url"
"""Reason of the error that ends a file for which the coordinator has no fresh URL."""

IDLE_S = 2.0
"""An agent with nothing to report says so after this long."""

log = logging.getLogger("asyncdl.cluster")


class AgentEngine:
    """Carries out the orders of one coordinator until it is stopped or its lease ends.

    All methods are called on the event loop of :meth:`run`.

    Args:
        settings: Directory or store, limits, certificates and lease.
        scratch: Folder on a disk of this machine, for files on their way to a store.
    """

    def __init__(self, settings: AgentSettings, scratch: Path) -> None:
        self._settings = settings
        self._scratch = scratch
        self._place: AgentPlace
        """Of :meth:`run`."""
        self._outbox = Outbox()
        self._sender, self._receiver = anyio.create_memory_object_stream[FileOrder](math.inf)
        self._open: dict[int, FileOrder] = {}
        """Orders without an outcome."""
        self._scopes: dict[int, CancelScope] = {}
        """Of those that have started."""
        self._urls: dict[int, asyncio.Future[str | None]] = {}
        """Of orders that wait for a fresh URL."""
        self._scope = CancelScope()
        self._downloader = Downloader(
            settings.limits, emit=self._outbox.take_event, tls=settings.tls
        )
        self._dispatch = Dispatch(
            self._receiver,
            1,
            host_of=lambda order: host_of(order.url),
            is_troubled=lambda order: self._downloader.is_troubled(order.url),
            work=self._work,
            is_shared=settings.shares_connections,
            on_park=lambda order, is_parked: self._outbox.note_wait(order.number, is_parked),
        )
        self._has_ended = False
        self._is_stopped = False

    async def run(self) -> None:
        """Carry out orders; return when it was stopped or the lease has ended.

        Raises: ConfigError, for an invalid file of certificates; DiskError, without a folder
            for files on their way to a store.
        """
        self._renew_lease()
        try:
            with self._sender, self._scope:
                async with (
                    open_place(self._settings, self._scratch, self._say) as self._place,
                    self._downloader,
                ):
                    await self._dispatch.run()
        finally:
            self._end()

    def _say(self, text: str) -> None:
        """Report, from a worker thread, why a store is waited for."""
        anyio.from_thread.run_sync(self._outbox.take_event, Notice(text, "warning"))

    def _end(self) -> None:
        self._has_ended = True
        if not self._is_stopped:
            log.warning("no word of the coordinator for %g s: stopped", self._settings.lease_s)
        for number in self._open:
            self._outbox.add(OrderOutcome(number, is_interrupted=True))
        self._open.clear()
        self._outbox.hurry()

    def _renew_lease(self) -> None:
        """Allow the transfers to go on for another while."""
        self._scope.deadline = anyio.current_time() + self._settings.lease_s

    def stop(self) -> None:
        """Stop all transfers; :meth:`run` returns when they have saved their state."""
        self._is_stopped = True
        self._scope.cancel()

    # What the coordinator says.

    def take(self, instructions: Instructions) -> None:
        """Follow instructions."""
        self._renew_lease()
        if instructions.share is not None:
            self._use(instructions.share)
        for lesson in instructions.lessons:
            self._learn(lesson)
        for fresh in instructions.urls:
            self._renew(fresh)
        for number in instructions.withdrawn:
            self._withdraw(number)
        for number in instructions.asked_for:
            self._give_back(number)
        for order in instructions.orders:
            self._accept(order)

    def _accept(self, order: FileOrder) -> None:
        if self._has_ended:
            self._outbox.add(OrderOutcome(order.number, is_interrupted=True))
            return
        self._open[order.number] = order
        with suppress(anyio.BrokenResourceError):  # it is ending, and gives it back then
            self._sender.send_nowait(order)

    def _use(self, share: Share) -> None:
        self._downloader.limit(max(1, share.connections), share.rate_bytes_s)
        self._dispatch.resize(max(1, share.files))

    def _learn(self, lesson: HostLesson) -> None:
        self._downloader.spare_host(
            lesson.host, lesson.reason, lesson.pause_s, is_strained=lesson.is_strained
        )

    def _renew(self, fresh: FreshUrl) -> None:
        waiting = self._urls.pop(fresh.number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(fresh.url)

    def _withdraw(self, number: int) -> None:
        self._open.pop(number, None)
        if number in self._scopes:
            self._scopes[number].cancel()

    def _give_back(self, number: int) -> None:
        if number not in self._scopes and self._open.pop(number, None) is not None:
            self._outbox.add(OrderOutcome(number, is_interrupted=True))

    async def report(self) -> AgentReport:
        """Wait until there is something to report, and return it; with nothing after a while."""
        self._renew_lease()
        if not self._has_ended:
            await self._outbox.wait(min(IDLE_S, self._settings.lease_s / 3))
        report = self._outbox.take()
        report.in_use = self._downloader.connections_in_use
        report.has_ended = self._has_ended
        return report

    # Orders.

    async def _work(self, order: FileOrder, slot: Slot) -> None:
        number = order.number
        if number not in self._open:
            return  # withdrawn before it started
        slot.on_wait = lambda waits: self._outbox.note_wait(number, waits)
        with CancelScope() as self._scopes[number]:
            outcome = await self._carry_out(order, slot)
            if self._open.pop(number, None) is not None:
                self._outbox.add(outcome)
        self._scopes.pop(number, None)

    async def _carry_out(self, order: FileOrder, slot: Slot) -> OrderOutcome:
        try:
            async with self._room_for(order), _unpacking(order, self._place) as unpacker:
                return await self._fetch(order, slot, unpacker)
        except AsyncdlError as error:
            is_interrupted = reason_of(error) == INTERRUPTED
            return OrderOutcome(
                order.number, error=record_of_error(error), is_interrupted=is_interrupted
            )
        except Exception as error:
            log.exception("unexpected error in order %d", order.number)
            return OrderOutcome(order.number, error=record_of_unexpected(error))

    async def _fetch(
        self, order: FileOrder, slot: Slot, unpacker: BundleUnpacker | None
    ) -> OrderOutcome:
        async def refresh() -> str:
            return await self._fresh_url(order.number)

        place = self._place
        begin = None if unpacker is None else unpacker.begin
        request = request_of(order, refresh, begin, spool=place.spool)
        fetched = await self._downloader.fetch(request, slot)
        record = record_of_fetched(fetched, place.spool)
        if order.delivery is None:
            return OrderOutcome(order.number, record)
        if place.spool is not None:
            slot.release()  # while it is uploaded, the next one is fetched
        deliveries = await place.deliver(fetched, order.delivery, unpacker)
        return OrderOutcome(order.number, record, deliveries=deliveries)

    def _room_for(self, order: FileOrder) -> AbstractAsyncContextManager[None]:
        """Wait for room in the spool, and hold it during the block."""
        return self._place.room.room(order.delivery.spool_bytes if order.delivery else 0)

    async def _fresh_url(self, number: int) -> str:
        """Ask the coordinator for a fresh URL. Raises: TransferError, if it has none."""
        self._urls[number] = asyncio.get_running_loop().create_future()
        self._outbox.refuse(number)
        try:
            url = await self._urls[number]
        finally:
            self._urls.pop(number, None)
        if url is None:
            raise TransferError("", "there is no fresh URL", reason=NO_FRESH_URL, retryable=False)
        return url


@asynccontextmanager
async def _unpacking(order: FileOrder, place: AgentPlace) -> AsyncIterator[BundleUnpacker | None]:
    """Open what unpacks the bundle of an order; ``None`` if nothing is unpacked."""
    plan = None if order.delivery is None else order.delivery.members
    if plan is None:
        yield None
        return
    async with BundleUnpacker(plan, place.placer.work_path) as unpacker:
        yield unpacker
