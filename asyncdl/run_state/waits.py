"""What delays a run, and why: waits, and hosts that get fewer connections; now, and so far."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from asyncdl.events import ApiRetry, HostStrain, HostWait, QuotaWait, ServiceBack, ServiceWait
from asyncdl.units import count, duration

MAX_WAITS = 200
"""So many are remembered when they are over; by then the list has made its point."""
MAX_STRAINS = 100
"""The same of times in which a host was under strain."""
TOUCHING_S = 1.0
"""A wait that begins so soon after one for the same thing continues it."""


class WaitKind(StrEnum):
    """What a run waits for."""

    QUOTA = "quota"
    """The window of the download quota."""
    HOST = "host"
    """A file host that asked to be left alone for a while, or cannot be reached."""
    CALL = "call"
    """The next attempt of an API call."""
    OUTAGE = "outage"
    """A service or host that is down."""


class RunWait(Struct):
    """A stretch of time in which a run waits for something."""

    kind: WaitKind
    where: str
    """Host or endpoint; empty for the quota."""
    reason: str
    """Such as ``http-429``; empty for the quota."""
    start_s: float
    """When the run learned of it."""
    end_s: float
    """When it is over, or when the next attempt is made."""
    since_s: float
    """When it began: an outage is reported some time after its first failure."""

    @property
    def what(self) -> str:
        """What is waited for, without the reason."""
        match self.kind:
            case WaitKind.QUOTA:
                return "download quota used up"
            case WaitKind.HOST:
                return f"backoff for {self.where}"
            case WaitKind.CALL:
                return f"retry of {self.where}"
            case WaitKind.OUTAGE:
                return f"{self.where} is down"

    def describe(self, now_s: float) -> str:
        """Return what is waited for, why, and how long it takes or has taken."""
        left = duration(max(0.0, self.end_s - now_s))
        if self.kind is WaitKind.OUTAGE:
            so_far = duration(now_s - self.since_s)
            return f"{self.what} for {so_far}: {self.reason}; next try in {left}"
        return f"{self.what}: {self.reason} ({left})" if self.reason else f"{self.what} ({left})"


class Waits:
    """All waits of a run: those that last, and the first ones of those that are over."""

    def __init__(self) -> None:
        self.history: list[RunWait] = []
        """The first :data:`MAX_WAITS`, in the order in which they began; calls are left out."""
        self._current: dict[tuple[WaitKind, str], RunWait] = {}

    def for_quota(self, event: QuotaWait, now_s: float) -> None:
        """Note that the download quota is used up."""
        self._wait(WaitKind.QUOTA, "", "", now_s, event.wait_s)

    def for_host(self, event: HostWait, now_s: float) -> None:
        """Note that requests to a host wait."""
        self._wait(WaitKind.HOST, event.host, event.reason, now_s, event.wait_s)

    def for_call(self, event: ApiRetry, now_s: float) -> None:
        """Note that a call is retried."""
        self._wait(WaitKind.CALL, event.endpoint, event.reason, now_s, event.wait_s)

    def for_service(self, event: ServiceWait, now_s: float) -> None:
        """Note that a service is down."""
        wait = self._wait(WaitKind.OUTAGE, event.service, event.reason, now_s, event.next_try_s)
        wait.since_s = now_s - event.since_s

    def end_outage(self, event: ServiceBack, now_s: float) -> None:
        """Note that a service is back."""
        wait = self._current.pop((WaitKind.OUTAGE, event.service), None)
        if wait is not None:
            wait.end_s = min(wait.end_s, max(wait.start_s, now_s))

    def _wait(
        self, kind: WaitKind, where: str, reason: str, now_s: float, wait_s: float
    ) -> RunWait:
        wait = self._current.get((kind, where))
        if wait is None or now_s > wait.end_s + TOUCHING_S:
            wait = self._begin(RunWait(kind, where, reason, now_s, now_s, now_s))
        wait.reason, wait.end_s = reason, max(wait.end_s, now_s + wait_s)
        return wait

    def _begin(self, wait: RunWait) -> RunWait:
        self._current = {
            key: known
            for key, known in self._current.items()
            if known.kind is WaitKind.OUTAGE or wait.start_s <= known.end_s + TOUCHING_S
        }
        self._current[wait.kind, wait.where] = wait
        # Retries of calls are short and many; longer waits are outages.
        if wait.kind is not WaitKind.CALL and len(self.history) < MAX_WAITS:
            self.history.append(wait)
        return wait

    def pending(self, now_s: float) -> Iterator[RunWait]:
        """Yield what is waited for now, without outages."""
        for wait in self._current.values():
            if wait.kind is not WaitKind.OUTAGE and wait.end_s > now_s:
                yield wait

    def outages(self) -> Iterator[RunWait]:
        """Yield the services and hosts that are down now."""
        for wait in self._current.values():
            if wait.kind is WaitKind.OUTAGE:
                yield wait


class StrainedHost(Struct):
    """A stretch of time in which a host gets fewer connections than are allowed."""

    host: str
    reason: str
    """What showed the strain first, such as ``http-429``."""
    connections: int
    """At most, from the last change on."""
    fewest: int
    """The same at the worst moment."""
    allowed: int
    """Without strain."""
    start_s: float
    end_s: float | None = None
    """When the host got all of them again; ``None`` before."""

    def describe(self, now_s: float) -> str:
        """Return how many connections the host gets, since when, and why."""
        allowed = count(self.allowed, "connection")
        so_far = duration(now_s - self.start_s)
        return f"{self.host} gets {self.connections} of {allowed} for {so_far}: {self.reason}"


class Strains:
    """All strain of a run: where it lasts, and the first times that are over."""

    def __init__(self) -> None:
        self.current: dict[str, StrainedHost] = {}
        """By host."""
        self.history: list[StrainedHost] = []
        """The first :data:`MAX_STRAINS`, in the order in which they began; those that last, too."""

    def note(self, event: HostStrain, now_s: float) -> None:
        """Note how many connections a host gets from now on."""
        if event.connections < event.allowed:
            strain = self.current.get(event.host) or self._begin(event, now_s)
            strain.connections, strain.allowed = event.connections, event.allowed
            strain.fewest = min(strain.fewest, event.connections)
        elif event.host in self.current:
            strain = self.current.pop(event.host)
            strain.connections, strain.end_s = event.connections, now_s

    def _begin(self, event: HostStrain, now_s: float) -> StrainedHost:
        strain = StrainedHost(
            event.host, event.reason, event.connections, event.connections, event.allowed, now_s
        )
        self.current[event.host] = strain
        if len(self.history) < MAX_STRAINS:
            self.history.append(strain)
        return strain
