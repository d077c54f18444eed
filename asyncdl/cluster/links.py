"""What the coordinator needs of a cluster: its workers, and a link to an agent on each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from asyncdl.cluster.messages import AgentReport, AgentSettings, Instructions, ProbeReport
from asyncdl.errors import AsyncdlError


class ClusterError(AsyncdlError):
    """The cluster cannot be used, or is gone.

    Args:
        problem: What is wrong, as a sentence without its full stop.
        remedy: What can be done about it, as a sentence.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem}. {remedy}" if remedy else problem)


class LinkLost(Exception):
    """An agent, its worker or the scheduler does not respond any more."""


class AgentLink(Protocol):
    """The way to one agent. Every method raises LinkLost."""

    async def start(self) -> ProbeReport:
        """Have the agent check what it needs, and begin if nothing is wrong."""

    async def take(self, instructions: Instructions) -> None:
        """Give it instructions."""

    async def hear(self) -> AgentReport:
        """Wait until it has something to report; no longer than a third of its lease."""

    async def stop(self) -> None:
        """Stop its transfers, and return when their state is saved."""

    def forget(self) -> None:
        """Let go of it, as it is lost; raises nothing."""


class Cluster(Protocol):
    """Workers, which may come and go."""

    name: str
    """For messages, such as ``the Dask scheduler at tcp://…``."""
    is_local: bool
    """Whether its workers are processes of this machine that were started for this run."""

    async def workers(self) -> Mapping[str, str]:
        """Return the workers that are there: an id for a name to show. Raises: LinkLost."""

    async def reconnect(self) -> None:
        """Look for the scheduler again, after it was lost. Raises: LinkLost, if it is not back."""

    async def open_agent(self, worker: str, settings: AgentSettings) -> AgentLink:
        """Put an agent on a worker.

        Raises: ClusterError, if the worker has no asyncdl, or another version; LinkLost.
        """
