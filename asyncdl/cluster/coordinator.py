"""The coordinator: a :class:`~asyncdl.transfer.FileFetcher` whose files are fetched by agents.

Each agent is served by two tasks: one sends what there is to say to it, the other hears what it
reports. A third task watches which workers there are. An agent that does not respond is given up
once its lease must have ended at the latest; its orders go to others at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskGroup
from msgspec import Struct

from asyncdl.cluster.error_records import error_of
from asyncdl.cluster.host_lessons import HostLessons
from asyncdl.cluster.links import AgentLink, Cluster, ClusterError, LinkLost
from asyncdl.cluster.messages import (
    AgentReport,
    AgentSettings,
    AgentStore,
    EngineEvent,
    FreshUrl,
    HostLesson,
    Instructions,
    ProbeReport,
    certificates_of,
)
from asyncdl.cluster.missing_workers import MissingWorkers
from asyncdl.cluster.order_book import OpenOrder, OrderBook
from asyncdl.cluster.orders import delivery_in, order_of
from asyncdl.cluster.outcomes import OrderOutcome, fetched_of, made_of
from asyncdl.cluster.probing import leave_marker, new_marker, remove_markers
from asyncdl.cluster.served_agent import ServedAgent
from asyncdl.cluster.shares import Bounds, HeldShares, divide
from asyncdl.errors import (
    AsyncdlError,
    HttpStatusError,
    NetworkError,
    TransferError,
    reason_of,
    ungrouped,
)
from asyncdl.events import (
    ConnectionsInUse,
    Emit,
    Notice,
    ServiceWait,
    TransferRetry,
    WorkerActivity,
    WorkerJoined,
    WorkerLeft,
)
from asyncdl.job.places.placer import Placer
from asyncdl.net.hosts import host_of
from asyncdl.net.retry import Backoff
from asyncdl.net.tls import TlsSettings
from asyncdl.transfer import Fetched, FileRequest, Limits
from asyncdl.transfer.slots import Slot
from asyncdl.version import __version__

LOOK_S = 1.0
"""The workers are looked up this often."""
LEAST_WAIT_S = 180.0
"""For a worker, if outages are not waited for: as long as attempts go on elsewhere."""
_BUSY = Backoff(first_s=2.0, max_s=30.0)
"""Waits before a file that another process holds is tried again."""
STOP_S = 9.0
"""For all agents together to stop; Ctrl-C takes no longer."""

MARKERS_S = 5.0
"""For the markers at the end; the next run removes what is left."""

log = logging.getLogger("asyncdl.cluster")


class ClusterSettings(Struct, frozen=True):
    """What the coordinator needs to know of a job."""

    directory: Path
    """Shared by all agents; with a store, where this process would receive files itself."""
    limits: Limits
    """Of all agents together."""
    files: int
    """At once, over all agents."""
    shares_connections: bool
    """Whether the number of files at once depends on the connections that each of them uses."""
    tls: TlsSettings
    lease_s: float
    max_wait_s: float
    """How long to wait for a worker, or for a file that another process holds."""
    store: AgentStore | None = None
    """Where each agent places what it has received; ``None`` if that is in its place."""

    @property
    def spool(self) -> Path | None:
        """What stands here for the agents' own folders; ``None`` if they share one."""
        return None if self.store is None else self.directory

    @property
    def bounds(self) -> Bounds:
        """What all agents may use together."""
        return Bounds(self.limits.connections, self.files, self.limits.max_rate_bytes_s)

    @property
    def patience_s(self) -> float:
        """How long a missing worker is waited for."""
        return self.max_wait_s or LEAST_WAIT_S


@dataclass(eq=False, slots=True)
class _Ordered:
    """A request that is waited for."""

    request: FileRequest
    slot: Slot
    ended: asyncio.Future[Fetched]
    url: str = ""
    """The latest one, once the first was refused."""
    renewal_error: AsyncdlError | None = None
    """Why there was no fresh URL."""
    busy_since_s: float | None = None
    busy_tries: int = 0


class ClusterFetcher:
    """Has files fetched by agents on the workers of a cluster. Made by :func:`open_fetcher`.

    Args:
        cluster: The workers; open.
        settings: Of the job.
        emit: Receives the events of all agents, and those about workers.
        marker: Name and text of the marker in the download directory or store.
    """

    def __init__(
        self, cluster: Cluster, settings: ClusterSettings, emit: Emit, marker: tuple[str, str]
    ) -> None:
        self._cluster = cluster
        self._settings = settings
        self._emit = emit
        self._marker = marker
        self._book = OrderBook[_Ordered]()
        self._agents: dict[str, ServedAgent] = {}
        """By worker."""
        self._links: set[AgentLink] = set()
        """To all agents that may be at work, served or not."""
        self._excluded: set[str] = set()
        """Workers that are no use for this run."""
        self._opening: set[str] = set()
        self._lessons = HostLessons()
        self._connections: dict[str, dict[str, int]] = {}
        """By host, then by worker."""
        self._held = HeldShares()
        self._is_short = True
        """Whether some agents wait for connections that others still use."""
        self._tasks: TaskGroup
        """Of :meth:`run`."""
        self._first: list[ServedAgent] = []
        """Agents that were there at the start."""
        self._changed = anyio.Event()
        """Set when a worker may be missing, so that they are looked up at once."""

    # The face of a FileFetcher.

    def is_troubled(self, url: str) -> bool:
        """Return whether the host of ``url`` is down or paused, as far as the agents know."""
        return self._lessons.is_troubled(host_of(url), anyio.current_time())

    async def fetch(self, request: FileRequest, slot: Slot | None = None) -> Fetched:
        """Have a file fetched by whichever agent is next.

        A cancelled call has the agent save what came. An agent that is lost is replaced by
        another; the caller does not notice.

        Raises: As :meth:`asyncdl.transfer.FileFetcher.fetch`.
        """
        ended = asyncio.get_running_loop().create_future()
        order = self._book.add(_Ordered(request, slot or Slot(), ended))
        self._hand_out()
        try:
            return await order.what.ended
        finally:
            if self._book.find(order.number) is order:
                agent = self._book.close(order)
                if agent in self._agents:
                    self._agents[agent].next_instructions().withdrawn.append(order.number)

    # Orders.

    def _hand_out(self) -> None:
        self._send_orders()
        for worker, number in self._book.rebalance():
            self._agents[worker].next_instructions().asked_for.append(number)

    def _send_orders(self) -> None:
        for orders, order in self._book.hand_out():
            ordered = order.what
            spool = self._settings.spool
            sent = order_of(ordered.request, order.number, url=ordered.url, spool=spool)
            if order.is_resent and sent.digests:
                # It may be there already: its end was not heard. The digests prove it.
                sent = msgspec.structs.replace(sent, overwrite=False)
            self._agents[orders.name].next_instructions().orders.append(sent)

    def _end(self, agent: ServedAgent, outcome: OrderOutcome) -> None:
        order = self._book.find(outcome.number)
        if order is None or order.agent != agent.worker:
            return  # it was given to another, or is no longer wanted
        if outcome.is_interrupted:
            self._book.put_back(order)
        elif outcome.error is not None:
            self._fail(agent, order, error_of(outcome.error))
        elif outcome.fetched is not None:
            if (delivery := delivery_in(order.what.request)) is not None:
                delivery.elsewhere = made_of(outcome.deliveries)
            self._succeed(agent, order, fetched_of(outcome.fetched, self._settings.spool))

    def _succeed(self, agent: ServedAgent, order: OpenOrder[_Ordered], fetched: Fetched) -> None:
        self._prove(agent)
        self._book.close(order)
        for worker in self._book.judge(order, is_fetched=True):
            self._exclude(worker, _ONLY_HERE)
        if not order.what.ended.done():
            order.what.ended.set_result(fetched)

    def _fail(self, agent: ServedAgent, order: OpenOrder[_Ordered], error: AsyncdlError) -> None:
        ordered = order.what
        if ordered.renewal_error is not None:
            error = ordered.renewal_error  # with all that the coordinator knows of it
        elif (_may_be_about_address(error) and self._book.suspect(order)) or (
            reason_of(error) == "busy" and self._wait_until_free(order, error)
        ):
            return
        self._book.close(order)
        self._book.judge(order, is_fetched=False)
        if not ordered.ended.done():
            ordered.ended.set_exception(error)

    def _wait_until_free(self, order: OpenOrder[_Ordered], error: AsyncdlError) -> bool:
        """Try a file again later that another process holds; return whether there is time left.

        It may be an agent of an earlier run, or one that was given up, whose lease ends soon.
        """
        ordered, now_s = order.what, anyio.current_time()
        if ordered.busy_since_s is None:
            ordered.busy_since_s = now_s
        if now_s - ordered.busy_since_s >= self._settings.patience_s:
            return False
        ordered.busy_tries += 1
        wait_s = _BUSY.delay_s(ordered.busy_tries)
        self._book.set_aside(order)
        detail = error.detail if isinstance(error, TransferError) else str(error)
        key = ordered.request.key
        self._emit(TransferRetry(key, reason_of(error), detail, wait_s, ordered.busy_tries))
        self._tasks.start_soon(self._put_back_later, order, wait_s)
        return True

    async def _put_back_later(self, order: OpenOrder[_Ordered], wait_s: float) -> None:
        slot = order.what.slot
        slot.release()
        await anyio.sleep(wait_s)
        slot.continue_at_once()
        self._book.put_back(order)
        self._hand_out()

    async def _renew(self, agent: ServedAgent, number: int) -> None:
        """Get a fresh URL for an order, and send it to the agent that waits for it."""
        order = self._book.find(number)
        url: str | None = None
        if order is not None and order.what.request.refresh is not None:
            try:
                url = order.what.url = await order.what.request.refresh()
            except AsyncdlError as error:
                order.what.renewal_error = error
            except Exception as error:
                # As in one process: it ends the file, and the caller sees it.
                self._book.close(order)
                if not order.what.ended.done():
                    order.what.ended.set_exception(error)
        agent.next_instructions().urls.append(FreshUrl(number, url))

    # Agents.

    async def run(self) -> None:
        """Serve the agents, and watch which workers there are, until it is cancelled.

        Raises: ClusterError, when there has been no worker for too long.
        """
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self._watch_workers)

    async def begin(self) -> None:
        """Wait for a worker, and put agents on all that are there.

        Raises: ClusterError, if one of them cannot be used, or none comes in time.
        """
        workers = await self._first_workers()
        found: dict[str, tuple[AgentLink, ProbeReport]] = {}

        async def open_one(worker: str) -> None:
            try:
                link = await self._open_link(worker)
                found[worker] = link, await link.start()
            except LinkLost as error:
                log.info("%s was not reached: %s", workers[worker], error)

        with ungrouped():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._renew_leases, found)
                async with anyio.create_task_group() as opening:
                    for worker in workers:
                        opening.start_soon(open_one, worker)
                tasks.cancel_scope.cancel()
        self._check(workers, {worker: report for worker, (_, report) in found.items()})
        self._first = [
            self._new_agent(worker, workers[worker], link, report)
            for worker, (link, report) in found.items()
        ]

    async def _renew_leases(self, found: Mapping[str, tuple[AgentLink, ProbeReport]]) -> None:
        """Keep the first agents from stopping while others are not there yet."""
        async with anyio.create_task_group() as tasks:
            while True:
                await anyio.sleep(self._settings.lease_s / 3)
                for link, _ in found.values():
                    tasks.start_soon(_renew_lease, link)

    def _check(self, workers: Mapping[str, str], reports: Mapping[str, ProbeReport]) -> None:
        for worker, report in reports.items():
            if report.problem:
                raise ClusterError(
                    f"{workers[worker]} ({report.host}) cannot be used: {report.problem}",
                    report.remedy,
                )

    async def _first_workers(self) -> Mapping[str, str]:
        missing = MissingWorkers(self._cluster.name, self._settings.patience_s, self._emit)
        while True:
            try:
                if workers := await self._cluster.workers():
                    missing.end()
                    return workers
            except LinkLost as error:
                raise ClusterError(f"{self._cluster.name} is gone: {error}") from error
            await missing.wait("no worker")

    async def _open_link(self, worker: str) -> AgentLink:
        link = await self._cluster.open_agent(worker, self._agent_settings())
        self._links.add(link)
        return link

    def _agent_settings(self) -> AgentSettings:
        settings = self._settings
        name, text = self._marker
        return AgentSettings(
            version=__version__,
            directory="" if settings.store is not None else str(settings.directory),
            marker=name,
            marker_text=text,
            limits=settings.limits,
            certificates=certificates_of(settings.tls),
            lease_s=settings.lease_s,
            shares_connections=settings.shares_connections,
            store=settings.store,
            ignores_interrupts=self._cluster.is_local,
        )

    def _new_agent(
        self, worker: str, name: str, link: AgentLink, report: ProbeReport
    ) -> ServedAgent:
        agent = ServedAgent(worker, name, link, self._settings.lease_s)
        self._agents[worker] = agent
        self._book.join(worker)
        self._emit(WorkerJoined(name, report.host))
        return agent

    async def _watch_workers(self) -> None:
        for agent in self._first:
            self._tasks.start_soon(self._serve, agent)
        self._reshare()
        missing = MissingWorkers(self._cluster.name, self._settings.patience_s, self._emit)
        while True:
            self._changed = anyio.Event()
            reason = await self._look()
            if self._agents:
                missing.end()
                with anyio.move_on_after(LOOK_S):
                    await self._changed.wait()
            else:
                await missing.wait(reason)

    async def _look(self) -> str:
        """Put agents on workers that are new; return what is missing if there is none."""
        try:
            workers = await self._cluster.workers()
        except LinkLost:
            return await self._find_scheduler()
        self._reshare()  # leases end with time
        for worker, name in workers.items():
            if worker not in self._agents.keys() | self._excluded | self._opening:
                self._opening.add(worker)
                self._tasks.start_soon(self._open, worker, name)
        if not workers:
            return "no worker"
        return _NONE_USABLE if workers.keys() <= self._excluded else _NO_RESPONSE

    async def _find_scheduler(self) -> str:
        try:
            await self._cluster.reconnect()
        except LinkLost as error:
            for agent in list(self._agents.values()):
                agent.give_up("the scheduler is gone")
            return f"the scheduler is gone ({error})"
        return "no worker"

    async def _open(self, worker: str, name: str) -> None:
        """Put an agent on a worker that came later; one that cannot be used is left out."""
        try:
            link = await self._open_link(worker)
            report = await link.start()
            self._check({worker: name}, {worker: report})
        except LinkLost as error:
            log.info("%s was not reached: %s", name, error)
            return
        except ClusterError as error:
            self._excluded.add(worker)
            self._emit(Notice(f"{error} It gets no files.", "warning"))
            return
        finally:
            self._opening.discard(worker)
        agent = self._new_agent(worker, name, link, report)
        self._tasks.start_soon(self._serve, agent)
        self._reshare()

    async def _serve(self, agent: ServedAgent) -> None:
        try:
            await agent.serve(self._take_report, self._reshare)
        finally:
            self._forget(agent)

    def _forget(self, agent: ServedAgent) -> None:
        """Give the orders of an agent to others, and hold its share until its lease has ended."""
        if not agent.reason:
            return  # the run ends, and stops it
        del self._agents[agent.worker]
        self._links.discard(agent.link)
        agent.link.forget()
        if not agent.has_ended:
            self._held.add(agent.use, anyio.current_time() + self._settings.lease_s)
        for event in agent.account.close():
            self._emit(event)
        for host in list(self._connections):
            self._connect(agent, ConnectionsInUse(host, 0))
        count = len(self._book.leave(agent.worker))
        self._emit(WorkerLeft(agent.name, agent.reason, count))
        log.warning("%s is gone (%s); others get its %d files", agent.name, agent.reason, count)
        self._reshare()
        self._changed.set()

    def _exclude(self, worker: str, why: str) -> None:
        self._excluded.add(worker)
        agent = self._agents.get(worker)
        if agent is not None:
            self._emit(Notice(why.format(agent.name), "warning"))
            agent.reason = "it gets no files"
            self._book.agents[worker].is_retired = True
            self._tasks.start_soon(_stop, agent.link)

    def _prove(self, agent: ServedAgent) -> None:
        orders = self._book.agents.get(agent.worker)
        if orders is not None:
            orders.is_proven = True

    # Reports.

    def _take_report(self, agent: ServedAgent, report: AgentReport) -> None:
        for event in report.events:
            self._take_event(agent, event)
        for number, waits in report.waits:
            self._note_wait(agent, number, waits)
        for outcome in report.outcomes:
            self._end(agent, outcome)
        for number in report.refused:
            self._tasks.start_soon(self._renew, agent, number)
        if report.in_use != agent.in_use:
            agent.in_use = report.in_use
            if self._is_short:
                self._reshare()
        self._hand_out()
        self._report_activity(agent)

    def _take_event(self, agent: ServedAgent, event: EngineEvent) -> None:
        agent.account.take(event)
        if agent.account.has_bytes:
            self._prove(agent)
        if _is_trouble(event):
            self._suspect(agent)
        lesson = self._lessons.learn(event, anyio.current_time())
        if lesson is not None:
            self._pass_on(agent, lesson)
        if isinstance(event, ConnectionsInUse):
            self._connect(agent, event)
        else:
            self._emit(event)

    def _suspect(self, agent: ServedAgent) -> None:
        """Have another agent try what one cannot fetch that has not fetched anything yet."""
        self._book.absolve(agent.worker)
        for number, order in list(self._book.agents[agent.worker].orders.items()):
            if self._book.suspect(order):
                agent.next_instructions().withdrawn.append(number)

    def _pass_on(self, origin: ServedAgent, lesson: HostLesson) -> None:
        for agent in self._agents.values():
            if agent is not origin:
                agent.next_instructions().lessons.append(lesson)

    def _connect(self, agent: ServedAgent, event: ConnectionsInUse) -> None:
        """Report the connections of all agents to a host."""
        counts = self._connections.setdefault(event.host, {})
        if event.count == counts.get(agent.worker, 0):
            return
        counts[agent.worker] = event.count
        if not event.count:
            del counts[agent.worker]
        self._emit(ConnectionsInUse(event.host, sum(counts.values())))
        if not counts:
            del self._connections[event.host]

    def _note_wait(self, agent: ServedAgent, number: int, waits: bool) -> None:
        """Let another file start while one waits for its host."""
        order = self._book.find(number)
        if order is None or order.agent != agent.worker:
            return
        self._book.note_wait(order, waits=waits)
        if waits:
            order.what.slot.note_end_of_request()
            order.what.slot.release()
        else:
            order.what.slot.continue_at_once()

    def _report_activity(self, agent: ServedAgent) -> None:
        files = len(self._book.agents[agent.worker].orders)
        activity = WorkerActivity(agent.name, files, agent.in_use, agent.account.received_bytes)
        if agent.account.is_due(activity, anyio.current_time()):
            self._emit(activity)

    # Shares.

    def _reshare(self) -> None:
        """Divide the bounds anew, and send each agent what changed for it."""
        bounds = self._settings.bounds
        uses = {worker: agent.use for worker, agent in self._agents.items()}
        shares = divide(bounds, uses, self._held.at(anyio.current_time()))
        self._is_short = sum(share.connections for share in shares.values()) < bounds.connections
        for worker, share in shares.items():
            orders = self._book.agents[worker]
            if share != orders.share:
                orders.share = share
                self._agents[worker].next_instructions().share = share
        self._hand_out()

    async def stop(self) -> None:
        """Stop all agents, and return when they have saved their state, or after a while."""
        for agent in self._agents.values():
            self._emit(WorkerActivity(agent.name, 0, 0, agent.account.received_bytes))
        for host in self._connections:
            self._emit(ConnectionsInUse(host, 0))
        with anyio.move_on_after(STOP_S, shield=True):
            async with anyio.create_task_group() as tasks:
                for link in self._links:
                    tasks.start_soon(_stop, link)


_NO_RESPONSE = "its workers may be busy with other tasks, or paused for lack of memory"
_NONE_USABLE = "none of its workers can be used"
_ONLY_HERE = (
    "{} cannot fetch what other workers can: the service's URLs may be good only from the address"
    " that asked for them, or the file host may not be reachable from there. It gets no files."
)


def _is_trouble(event: EngineEvent) -> bool:
    """Return whether an agent may not be able to reach a host."""
    if isinstance(event, TransferRetry):
        return event.reason == "network"
    return isinstance(event, ServiceWait)


def _may_be_about_address(error: AsyncdlError) -> bool:
    """Return whether another machine may be able to fetch what one could not."""
    is_refused = isinstance(error, HttpStatusError) and error.url_refused
    return is_refused or isinstance(error, NetworkError)


@asynccontextmanager
async def open_fetcher(
    cluster: Cluster, settings: ClusterSettings, placer: Placer, emit: Emit
) -> AsyncIterator[ClusterFetcher]:
    """Put agents on the workers of a cluster; yield what has files fetched by them.

    Afterwards they have stopped, with the state of unfinished files saved.

    Args:
        cluster: Open.
        settings: Of the job.
        placer: Of the job; agents bring files to the same place.
        emit: Receives all events.
    Raises: ClusterError, if a worker cannot be used or none is there; DiskError; StoreError.
    """
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_without_markers, placer)
        await anyio.to_thread.run_sync(leave_marker, placer, marker := new_marker())
        fetcher = ClusterFetcher(cluster, settings, emit, marker)
        stack.push_async_callback(fetcher.stop)
        await fetcher.begin()
        with ungrouped():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fetcher.run)
                yield fetcher
                tasks.cancel_scope.cancel()


async def _without_markers(placer: Placer) -> None:
    with anyio.move_on_after(MARKERS_S, shield=True):
        await anyio.to_thread.run_sync(remove_markers, placer)


async def _renew_lease(link: AgentLink) -> None:
    with suppress(LinkLost):  # seen when it is served
        await link.take(Instructions())


async def _stop(link: AgentLink) -> None:
    with suppress(LinkLost):
        await link.stop()
