"""Which agent has which order, and which one gets the next. Pure.

An agent is *proven* once bytes have come to it. Before, it has one order at a time: the URLs of a
service may be good only from the address that asked for them. What such an agent cannot fetch is
given to another. If that one can, without trouble of its own, the first is no use for this run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from asyncdl.cluster.shares import Share

T = TypeVar("T")

MAX_WAITING = 64
"""Orders of one agent that wait for their hosts."""
AHEAD = 2
"""Orders that an agent has besides those that it works on, and as many again: it must not wait
for the coordinator when a file ends."""


@dataclass(eq=False, slots=True)
class OpenOrder(Generic[T]):
    """An order without an outcome."""

    number: int
    what: T
    """What is ordered, for the coordinator."""
    agent: str = ""
    """Who has it; empty if nobody has."""
    avoided: set[str] = field(default_factory=set)
    """Agents that could not fetch it, and may be the cause."""
    is_asked_for: bool = False
    """Whether its agent is to give it back, unless it works on it."""
    is_resent: bool = False
    """Whether another agent had it, which may have finished it unheard."""


@dataclass(eq=False, slots=True)
class AgentOrders(Generic[T]):
    """The orders of one agent."""

    name: str
    share: Share = field(default_factory=Share)
    orders: dict[int, OpenOrder[T]] = field(default_factory=dict)
    waiting: set[int] = field(default_factory=set)
    """Those of them that wait for their hosts; others may go on meanwhile."""
    is_proven: bool = False
    suspected_for: int | None = None
    """The order that it could not fetch, while another agent tries it."""
    is_retired: bool = False
    """Whether it gets no more orders."""

    @property
    def most(self) -> int:
        """How many orders it may have."""
        if not self.share.connections or self.suspected_for is not None or self.is_retired:
            return 0
        return AHEAD * (self.share.files + 1) if self.is_proven else 1

    @property
    def room(self) -> int:
        """How many more orders it may have; negative after its share has become smaller."""
        if len(self.waiting) >= MAX_WAITING:
            return 0
        waiting = len(self.waiting) if self.is_proven else 0
        return self.most - (len(self.orders) - waiting)

    @property
    def surplus(self) -> int:
        """Orders that wait for others of the agent to end, and that it may be asked for."""
        asked = sum(order.is_asked_for for order in self.orders.values())
        return len(self.orders) - asked - max(1, self.share.files)

    @property
    def load(self) -> float:
        """Orders for each file that it works on at once."""
        return len(self.orders) / max(1, self.share.files)


class OrderBook(Generic[T]):
    """All open orders, those that wait and those that agents have."""

    def __init__(self) -> None:
        self.agents: dict[str, AgentOrders[T]] = {}
        self.waiting: deque[OpenOrder[T]] = deque()
        """Orders that no agent has, the next one first."""
        self._open: dict[int, OpenOrder[T]] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._open)

    def find(self, number: int) -> OpenOrder[T] | None:
        """Return an open order; ``None`` if it has ended."""
        return self._open.get(number)

    def add(self, what: T) -> OpenOrder[T]:
        """Open an order; it waits for an agent."""
        self._last += 1
        order = OpenOrder(self._last, what)
        self._open[order.number] = order
        self.waiting.append(order)
        return order

    def close(self, order: OpenOrder[T]) -> str:
        """Close an order; return the agent that has it, or an empty text."""
        self._open.pop(order.number, None)
        agent = self._take_back(order)
        if not agent and order in self.waiting:
            self.waiting.remove(order)
        return agent

    def _take_back(self, order: OpenOrder[T]) -> str:
        agent, order.agent = order.agent, ""
        if agent in self.agents:
            self.agents[agent].orders.pop(order.number, None)
            self.agents[agent].waiting.discard(order.number)
        return agent

    def put_back(self, order: OpenOrder[T]) -> None:
        """Have an order carried out by whichever agent is next, before all others."""
        if self._open.get(order.number) is not order:
            return
        self._take_back(order)
        self._renumber(order)
        if order not in self.waiting:
            self.waiting.appendleft(order)

    def _renumber(self, order: OpenOrder[T]) -> None:
        """Give an order another number: who had it may still report the end of the old one."""
        del self._open[order.number]
        old, self._last = order.number, self._last + 1
        order.number, order.is_resent, order.is_asked_for = self._last, True, False
        self._open[order.number] = order
        for agent in self.agents.values():
            if agent.suspected_for == old:
                agent.suspected_for = order.number

    def note_wait(self, order: OpenOrder[T], *, waits: bool) -> None:
        """Record that an order waits for its host, or no longer does."""
        agent = self.agents.get(order.agent)
        if agent is not None and waits:
            agent.waiting.add(order.number)
        elif agent is not None:
            agent.waiting.discard(order.number)

    def set_aside(self, order: OpenOrder[T]) -> None:
        """Take an order from its agent, and give it to none until it is put back."""
        self._take_back(order)

    def join(self, name: str) -> AgentOrders[T]:
        """Add an agent, with a share of nothing."""
        self.agents[name] = agent = AgentOrders[T](name)
        return agent

    def leave(self, name: str) -> list[OpenOrder[T]]:
        """Forget an agent; return its orders, which wait again."""
        agent = self.agents.pop(name, None)
        if agent is None:
            return []
        orders = list(agent.orders.values())
        for order in reversed(orders):
            order.agent = ""
            self._renumber(order)
            self.waiting.appendleft(order)
        return orders

    def hand_out(self) -> Iterator[tuple[AgentOrders[T], OpenOrder[T]]]:
        """Give waiting orders to agents with room, the least busy first; yield each pair."""
        passed: list[OpenOrder[T]] = []
        while self.waiting:
            able = [agent for agent in self.agents.values() if agent.room > 0]
            if not able:
                break
            order = self.waiting.popleft()
            self._forgive(order)
            agent = min(
                (agent for agent in able if agent.name not in order.avoided),
                key=lambda agent: agent.load,
                default=None,
            )
            if agent is None:
                passed.append(order)
                continue
            order.agent = agent.name
            agent.orders[order.number] = order
            yield agent, order
        self.waiting.extendleft(reversed(passed))

    def rebalance(self) -> list[tuple[str, int]]:
        """Return which agents are asked to give back which orders, as others have nothing to do.

        Only if no order waits. An agent gives back what it has not begun; each is asked for once.
        """
        asked: list[tuple[str, int]] = []
        if self.waiting:
            return asked
        for idle in self.agents.values():
            for _ in range(min(idle.room, idle.share.files - len(idle.orders))):
                busiest = max(self.agents.values(), key=lambda agent: agent.surplus)
                if busiest is idle or busiest.surplus < 1:
                    break
                order = next(o for o in reversed(busiest.orders.values()) if not o.is_asked_for)
                order.is_asked_for = True
                asked.append((busiest.name, order.number))
        return asked

    def _forgive(self, order: OpenOrder[T]) -> None:
        """Forget whom an order avoids if nobody else is left."""
        if order.avoided and self.agents.keys() <= order.avoided:
            order.avoided.clear()

    # Whether an agent or a file is at fault.

    def suspect(self, order: OpenOrder[T]) -> bool:
        """Have another agent try what an unproven one could not fetch; return whether one can."""
        agent = self.agents.get(order.agent)
        if agent is None or agent.is_proven:
            return False
        others = self.agents.keys() - order.avoided - {agent.name}
        if not others:
            return False
        order.avoided.add(agent.name)
        self.put_back(order)
        agent.suspected_for = order.number
        return True

    def absolve(self, name: str) -> None:
        """Suspect nobody of what an agent, which has trouble itself, now tries in their place."""
        tried = self.agents[name].orders.keys()
        for agent in self.agents.values():
            if agent.suspected_for in tried:
                agent.suspected_for = None

    def judge(self, order: OpenOrder[T], *, is_fetched: bool) -> list[str]:
        """Return the agents that are no use, as another one could fetch an order; clear the others.

        To be called when the order has ended.
        """
        suspects = [a for a in self.agents.values() if a.suspected_for == order.number]
        for agent in suspects:
            agent.suspected_for = None
        return [agent.name for agent in suspects] if is_fetched else []
