"""The one module that knows Dask: a scheduler somewhere, or workers of our own on this machine.

Agents are actors, since a task in a thread can be neither stopped nor asked. Messages go by the
scheduler, which every client reaches; workers may be in a network of their own.
"""

from __future__ import annotations

import importlib
import logging
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import anyio
import msgspec

from asyncdl.cluster.dask_agent import DaskAgent, stay_busy
from asyncdl.cluster.links import ClusterError, LinkLost
from asyncdl.cluster.messages import (
    AgentReport,
    AgentSettings,
    Instructions,
    ProbeReport,
    Sealed,
    open_sealed,
    seal,
)
from asyncdl.errors import ConfigError
from asyncdl.extras import installing

CONNECT_S = 10.0
"""For the first connection to a scheduler."""
RECONNECT_S = 3.0
"""For another one: it is tried again and again."""
LOOK_S = 5.0
"""For the list of workers."""
START_S = 30.0
"""For an agent: a worker may be busy, or import asyncdl from a slow disk."""
HANDSHAKE_S = 2.0
"""For what a scheduler says once it is connected, beyond the time for the connection."""
CALL_S = 30.0
"""For a call to a worker that should respond at once."""
CLOSE_S = 5.0

T = TypeVar("T")


def _distributed() -> Any:
    """Return Dask's package. Raises: ConfigError, if it is not installed."""
    try:
        import distributed
    except ImportError as error:
        raise ConfigError(
            "needs the package distributed",
            key="cluster.engine",
            value="dask",
            allowed=f"the extra dask, by {installing('dask')}",
        ) from error
    return distributed


class DaskCluster:
    """The workers of a Dask scheduler. An asynchronous context manager.

    Args:
        scheduler: Its address, such as ``tcp://10.0.0.1:8786``; ``None`` starts one here, with
            workers of its own.
        workers: How many workers are started here, if any.
    Raises: ConfigError, without Dask; ClusterError, if the scheduler does not respond.
    """

    def __init__(self, scheduler: str | None, workers: int = 1) -> None:
        self.is_local = scheduler is None
        self.name = f"the Dask scheduler at {scheduler}" if scheduler else "the local cluster"
        self._scheduler = scheduler
        self._workers = workers
        self._resources = AsyncExitStack()
        self._client: Any = None
        self._wanted: Any = None
        """A task that no worker is there for."""
        self._dask: Any = None

    async def __aenter__(self) -> Self:
        self._dask = _distributed()
        async with AsyncExitStack() as stack:
            if self._scheduler is None:
                # Its own messages would come between the lines of the display.
                local = self._dask.LocalCluster(
                    n_workers=self._workers,
                    threads_per_worker=1,
                    dashboard_address=None,
                    # Its HTTP server has no pages then, but would want a port of its own.
                    scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                    asynchronous=True,
                    host="127.0.0.1",
                    silence_logs=logging.CRITICAL,
                )
                await stack.enter_async_context(local)
                self._scheduler = local.scheduler_address
            try:
                await self._connect(CONNECT_S)
            except LinkLost as error:
                raise ClusterError(
                    f"{self.name} cannot be reached: {error}",
                    "Check the address, that a scheduler runs there, and for tls:// the"
                    " certificates in Dask's configuration.",
                ) from error
            self._resources = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with anyio.move_on_after(2 * CLOSE_S, shield=True):
            await self._close_client()
            await self._resources.aclose()

    async def _connect(self, limit_s: float) -> None:
        client: Any = None
        try:
            # Dask's own limit is for the connection, not for what should come over it.
            with anyio.fail_after(limit_s + HANDSHAKE_S):
                client = self._dask.Client(
                    self._scheduler, asynchronous=True, set_as_default=False, timeout=limit_s
                )
                self._client = await client
        except Exception as error:  # also of certificates, and of what Dask makes of an address
            if client is not None:
                with anyio.move_on_after(CLOSE_S, shield=True), suppress(Exception):
                    await client.close()
            raise LinkLost(_reason_of(error)) from error

    async def _close_client(self) -> None:
        client, self._client, self._wanted = self._client, None, None
        if client is not None:
            with anyio.move_on_after(CLOSE_S, shield=True), suppress(Exception):
                await client.close()

    async def reconnect(self) -> None:
        """Connect anew: what an old connection knew of actors is lost with its scheduler."""
        await self._close_client()
        await self._connect(RECONNECT_S)

    async def workers(self) -> Mapping[str, str]:
        """Return the addresses and names of the workers. Raises: LinkLost."""
        # Without a scheduler the client tries to reach one for half a minute.
        if self._client is None or self._client.status != "running":
            raise LinkLost("there is no connection")
        with _losing(), anyio.fail_after(LOOK_S):
            identity = await self._client.scheduler.identity(n_workers=-1)
        known = identity["workers"]
        self._want_worker(not known)
        return {address: _name_of(address, known[address].get("name")) for address in known}

    def _want_worker(self, is_wanted: bool) -> None:
        """Have a task wait for a worker: a cluster that adapts to its load starts one for it."""
        if not is_wanted:
            self._wanted = None
        elif self._wanted is None:
            # A function that any worker has, whatever asyncdl it has.
            key = f"asyncdl-wants-a-worker-{secrets.token_hex(6)}"
            self._wanted = self._client.submit(os.getpid, key=key)

    async def open_agent(self, worker: str, settings: AgentSettings) -> DaskLink:
        """Put an actor on a worker. Raises: ClusterError, LinkLost."""
        client = self._client
        if client is None:
            raise LinkLost("there is no connection")
        with _losing(), anyio.fail_after(START_S), client.as_current():
            await _check_import(client, worker)
            name = secrets.token_hex(6)
            submit = partial(client.submit, workers=[worker], allow_other_workers=False)
            sealed = seal(msgspec.structs.replace(settings, name=name))
            future = submit(DaskAgent, sealed, key=f"asyncdl-agent-{name}", actor=True)
            stay = partial(submit, stay_busy, name, key=f"asyncdl-is-at-work-{name}")
            return DaskLink(await future, [future], stay)


async def _check_import(client: Any, worker: str) -> None:
    """Check that a worker can import asyncdl.

    A worker that gets an object of a module that it lacks loses its connection to the scheduler,
    and ends, whoever else may need it.

    Raises: ClusterError, if it cannot.
    """
    future = client.submit(
        importlib.import_module, DaskAgent.__module__, workers=[worker], pure=False
    )
    error = await future.exception()
    if error is not None:
        raise ClusterError(
            f"worker {_address(worker)} has no asyncdl of this version: {error}",
            f"Install asyncdl in the environment of the workers, by {installing('dask')}.",
        ) from error


def _reason_of(error: BaseException) -> str:
    """Return why there is no connection: what is behind the end of Dask's own attempts, too."""
    reason = error
    while isinstance(reason.__cause__, OSError):
        reason = reason.__cause__
    text = str(error) or "it says nothing"
    return text if reason is error or not str(reason) else f"{text} ({reason})"


def _name_of(address: str, name: object) -> str:
    """Return what a worker is called: its name, where it has another one than its address."""
    text = str(name)
    if name is None or text == address:
        return _address(address)
    return f"worker {text}" if text.isdigit() else text


def _address(worker: str) -> str:
    return worker.partition("://")[2]


@contextmanager
def _losing() -> Iterator[None]:
    """Turn whatever a broken connection raises into LinkLost."""
    try:
        yield
    except ClusterError:
        raise
    except Exception as error:
        raise LinkLost(f"{type(error).__name__}: {error}") from error


class DaskLink:
    """The way to an agent that is an actor.

    Args:
        actor: Dask's stand-in for it.
        futures: Keep the actor alive.
        stay: Submits a task that runs as long as the agent.
    """

    def __init__(self, actor: Any, futures: list[Any], stay: Callable[[], Any]) -> None:
        self._actor = actor
        self._futures = futures
        self._stay = stay

    async def start(self) -> ProbeReport:
        """Have the agent check what it needs. Raises: LinkLost."""
        report = await self._call(ProbeReport, "start", START_S)
        if not report.problem:
            with _losing():
                self._futures.append(self._stay())
        return report

    async def take(self, instructions: Instructions) -> None:
        """Give it instructions. Raises: LinkLost."""
        with _losing(), anyio.fail_after(CALL_S):
            await self._actor.take(seal(instructions))

    async def hear(self) -> AgentReport:
        """Wait for its report. Raises: LinkLost."""
        return await self._call(AgentReport, "hear", CALL_S)

    async def stop(self) -> None:
        """Stop its transfers. Raises: LinkLost."""
        with _losing(), anyio.fail_after(CALL_S):
            await self._actor.stop()
        self.forget()

    def forget(self) -> None:
        """Let go of an agent: nothing waits for its worker any more."""
        for future in self._futures:
            future.release()
        self._futures.clear()

    async def _call(self, kind: type[T], method: str, limit_s: float) -> T:
        with _losing(), anyio.fail_after(limit_s):
            sealed: Sealed = await getattr(self._actor, method)()
        return open_sealed(sealed, kind)
