"""An agent as Dask runs it: an actor, whose engine has a thread of its own.

Nothing here imports Dask at first: the module is loaded on workers by its name.
"""

from __future__ import annotations

import asyncio
import importlib
import signal
from contextlib import suppress
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec

from asyncdl.cluster.agent_thread import AgentThread
from asyncdl.cluster.messages import (
    AgentReport,
    AgentSettings,
    Instructions,
    Sealed,
    VersionOnly,
    open_sealed,
    seal,
)
from asyncdl.cluster.probing import probe, versions_differ
from asyncdl.system.memory import give_back_large
from asyncdl.version import __version__


def _scratch() -> Path:
    """Return the worker's own folder, which Dask removes, also after a worker that was killed."""
    distributed = importlib.import_module("distributed")
    return Path(distributed.get_worker().local_directory)


class DaskAgent:
    """The actor of one coordinator on one worker.

    Args:
        sealed: :class:`AgentSettings`.
    """

    def __init__(self, sealed: Sealed) -> None:
        self._settings = sealed
        self._thread: AgentThread | None = None

    async def start(self) -> Sealed:
        """Check what is needed, and begin if nothing is wrong; return a :class:`ProbeReport`."""
        version = open_sealed(self._settings, VersionOnly).version
        if version != __version__:
            return seal(versions_differ(version))
        try:
            settings = open_sealed(self._settings, AgentSettings)
        except msgspec.ValidationError:
            return seal(versions_differ(version))
        if settings.ignores_interrupts:
            with suppress(ValueError):  # not the main thread: no signal comes here
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        if settings.store is not None:
            give_back_large()  # parts of uploads; otherwise each thread keeps some
        scratch = _scratch()
        report = await asyncio.to_thread(probe, settings, scratch)
        if not report.problem:
            self._thread = _threads[settings.name] = AgentThread(settings, scratch)
        return seal(report)

    async def take(self, sealed: Sealed) -> None:
        """Follow :class:`Instructions`; without effect after the end, which is reported."""
        if self._thread is not None:
            await self._thread.take(open_sealed(sealed, Instructions))

    async def hear(self) -> Sealed:
        """Return an :class:`AgentReport`, as soon as there is something to report."""
        if self._thread is None:
            return seal(AgentReport(has_ended=True))
        return seal(await self._thread.report())

    async def stop(self) -> None:
        """Stop all transfers, and return when their state is saved."""
        if self._thread is not None:
            await self._thread.stop()


_threads: WeakValueDictionary[str, AgentThread] = WeakValueDictionary()
"""Of the agents in this process, by their names."""


def stay_busy(name: str) -> None:
    """Be a task until an agent has ended, but one that leaves its thread to others.

    Dask sees no work in an actor: it would take the worker for idle, and end it where the cluster
    adapts to its load; and the scheduler, too, after its idle timeout.
    """
    thread = _threads.get(name)
    if thread is not None:
        importlib.import_module("distributed").secede()
        thread.wait()
