"""One agent, as the coordinator serves it: what is said to it, and what it reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
from anyio import CancelScope

from asyncdl.cluster.agent_account import AgentAccount
from asyncdl.cluster.links import AgentLink, LinkLost
from asyncdl.cluster.messages import AgentReport, Instructions
from asyncdl.cluster.shares import Share

SLACK_S = 2.0
"""An agent that has been silent for this long beyond its lease is given up."""


@dataclass(eq=False, slots=True)
class ServedAgent:
    """An agent, from its first order until it is given up."""

    worker: str
    """Id of its worker."""
    name: str
    """Of its worker, for people."""
    link: AgentLink
    lease_s: float
    account: AgentAccount = field(default_factory=AgentAccount)
    share: Share = field(default_factory=Share)
    """The latest that it has taken."""
    in_use: int = 0
    """Connections, as it reported last."""
    reason: str = ""
    """Why it was given up; empty before."""
    has_ended: bool = False
    """Whether it has stopped for sure."""
    _instructions: Instructions = field(default_factory=Instructions)
    _has_some: anyio.Event = field(default_factory=anyio.Event)
    _scope: CancelScope = field(default_factory=CancelScope)

    @property
    def use(self) -> Share:
        """What it uses, or may use."""
        connections = max(self.in_use, self.share.connections)
        return Share(connections, rate_bytes_s=self.share.rate_bytes_s)

    def next_instructions(self) -> Instructions:
        """Return what is sent next, to be added to."""
        self._has_some.set()
        return self._instructions

    def give_up(self, reason: str) -> None:
        """Serve it no longer."""
        self.reason = self.reason or reason
        self._scope.cancel()

    async def serve(
        self, on_report: Callable[[ServedAgent, AgentReport], None], on_share: Callable[[], None]
    ) -> None:
        """Send instructions and take reports until the agent is given up.

        Args:
            on_report: Takes each report.
            on_share: Called when it has taken another share.
        """
        with self._scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._send, on_share)
                tasks.start_soon(self._hear, on_report)

    async def _send(self, on_share: Callable[[], None]) -> None:
        while True:
            await self._has_some.wait()
            sent, self._instructions = self._instructions, Instructions()
            self._has_some = anyio.Event()
            try:
                await self.link.take(sent)
            except LinkLost as error:
                self.give_up(str(error))
                return
            if sent.share is not None:
                self.share = sent.share
                on_share()

    async def _hear(self, on_report: Callable[[ServedAgent, AgentReport], None]) -> None:
        while not self.has_ended:
            try:
                with anyio.fail_after(self.lease_s + SLACK_S):
                    report = await self.link.hear()
            except LinkLost as error:
                self.give_up(str(error))
                return
            except TimeoutError:
                self.give_up("it does not respond")
                return
            on_report(self, report)
            self.has_ended = report.has_ended
        self.give_up("it has stopped")
